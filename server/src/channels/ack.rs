//! What each owner's devices have seen: `POST /api/v1/ack`, a WebSocket's `ack`, a poll's `after`.
//!
//! Asked by push before it notifies somebody who already knows. In memory only: after a restart, a notification too many is the cost.
//! Invariant: an owner's position only grows, never beyond the head, and is forgotten an hour after it was last told.

use crate::{api::extract::JsonBody, error::ApiError, events::feed, owner::Owner, state::AppState};
use axum::{extract::State, http::StatusCode};
use domain::{Cursor, OwnerId, api::Ack};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const KEEP: Duration = Duration::from_secs(3600);
const SWEEP_FROM: usize = 1024;

/// The positions seen; clones share them.
#[derive(Clone, Default)]
pub struct Acks {
    owners: Arc<Mutex<Owners>>,
}

#[derive(Default)]
struct Owners {
    seen: HashMap<OwnerId, Seen>,
    sweep_at: usize,
}

/// What an owner has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// On any device.
    pub any: u64,
    /// On a device that a person could see.
    pub visible: u64,
    /// When that was last told.
    pub at: Instant,
}

impl Acks {
    /// Notes that a device has seen everything up to a position, which the caller has judged.
    pub fn note(&self, owner: OwnerId, seq: u64, visible: bool) {
        self.note_at(owner, seq, visible, Instant::now());
    }

    fn note_at(&self, owner: OwnerId, seq: u64, visible: bool, now: Instant) {
        let mut owners = self.lock();
        if owners.seen.len() >= owners.sweep_at.max(SWEEP_FROM) {
            owners.seen.retain(|_, seen| now.duration_since(seen.at) < KEEP);
            owners.sweep_at = owners.seen.len() * 2;
        }
        let seen = owners.seen.entry(owner).or_insert(Seen { any: 0, visible: 0, at: now });
        seen.any = seen.any.max(seq);
        seen.at = now;
        if visible {
            seen.visible = seen.visible.max(seq);
        }
    }

    /// What an owner has seen, if anything was told.
    pub fn seen(&self, owner: OwnerId) -> Option<Seen> {
        self.lock().seen.get(&owner).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /api/v1/ack`: 204.
///
/// # Errors
/// As every JSON body; 400 for what is no position in this owner's whole stream, 410 for one that is not there any more.
pub async fn ack(
    State(app): State<AppState>,
    owner: Owner,
    JsonBody(Ack { cursor, visible }): JsonBody<Ack>,
) -> Result<StatusCode, ApiError> {
    record(&app, owner.id, &cursor, visible).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Judges an acknowledgement and notes it.
///
/// # Errors
/// As [`ack`].
pub async fn record(app: &AppState, owner: OwnerId, cursor: &Cursor, visible: bool) -> Result<(), ApiError> {
    feed::judge(&*app.store, owner, cursor).await?;
    app.acks.note(owner, cursor.seq, visible);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_only_grows_and_is_forgotten_in_the_end() {
        let acks = Acks::default();
        let owner = |number: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            OwnerId::from_bytes(bytes)
        };
        let start = Instant::now();
        for (seq, visible) in [(5, true), (9, false), (7, false)] {
            acks.note_at(owner(0), seq, visible, start);
        }
        let seen = acks.seen(owner(0)).unwrap();
        assert_eq!((seen.any, seen.visible), (9, 5));
        for number in 1..=SWEEP_FROM as u32 {
            acks.note_at(owner(number), 1, true, start + KEEP);
        }
        assert_eq!(acks.seen(owner(0)), None);
    }
}
