//! Whether a device of an owner is live: whether it follows the stream, or has polled so lately that it will again.
//!
//! Told by polls; open streams are counted by [`Limits`]. Asked by `notify` before it tells somebody who may be looking on. In memory only.
//! Invariant: a device that follows or polls is live until its next poll is overdue by [`GRACE`]; one that went away is not for longer.

use super::Limits;
use domain::OwnerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a device may take to say that it has seen an event that it was sent at once.
pub const STREAMED: Duration = Duration::from_secs(5);
/// How much later than its interval a poll may come.
const GRACE: Duration = Duration::from_secs(2);
/// Polls further apart than this are two visits, not a rhythm.
const LONGEST: Duration = Duration::from_secs(30);
const SWEEP_FROM: usize = 1024;

/// Who is live; clones share it.
#[derive(Clone)]
pub struct Presence {
    limits: Limits,
    polls: Arc<Mutex<Polls>>,
}

#[derive(Default)]
struct Polls {
    owners: HashMap<OwnerId, Poll>,
    sweep_at: usize,
}

#[derive(Clone, Copy)]
struct Poll {
    at: Instant,
    interval: Duration,
}

impl Presence {
    /// Nobody has polled yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, polls: Arc::default() }
    }

    /// A device polled, and was told to come back after a while.
    pub fn polled(&self, owner: OwnerId, come_back: Duration) {
        self.polled_at(owner, come_back, Instant::now());
    }

    fn polled_at(&self, owner: OwnerId, come_back: Duration, now: Instant) {
        let mut polls = self.lock();
        if polls.owners.len() >= polls.sweep_at.max(SWEEP_FROM) {
            polls.owners.retain(|_, poll| now.duration_since(poll.at) < poll.interval + GRACE);
            polls.sweep_at = polls.owners.len() * 2;
        }
        let before = polls.owners.get(&owner).map(|poll| now.duration_since(poll.at));
        // Its own rhythm, once there is one; what it was told, until then.
        let interval = before.filter(|pause| *pause <= LONGEST).unwrap_or(come_back.min(LONGEST));
        polls.owners.insert(owner, Poll { at: now, interval });
    }

    /// How long after an event a device of the owner may take to say that it has seen it; `None` when none is live.
    pub fn patience(&self, owner: OwnerId) -> Option<Duration> {
        self.patience_at(owner, Instant::now())
    }

    fn patience_at(&self, owner: OwnerId, now: Instant) -> Option<Duration> {
        let streamed = self.limits.has(owner).then_some(STREAMED);
        let polled = self.lock().owners.get(&owner).copied().filter(|poll| {
            let silent = now.duration_since(poll.at);
            silent < poll.interval + GRACE
        });
        streamed.into_iter().chain(polled.map(|poll| poll.interval + GRACE)).max()
    }

    fn lock(&self) -> MutexGuard<'_, Polls> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::limits::Channel, config::ChannelsConfig};

    const OWNER: OwnerId = OwnerId::from_bytes([1; 16]);
    const SECOND: Duration = Duration::from_secs(1);

    fn presence() -> (Presence, Limits, Instant) {
        let limits = Limits::new(&ChannelsConfig::default());
        (Presence::new(limits.clone()), limits, Instant::now())
    }

    #[test]
    fn a_stream_is_live_while_it_is_open() {
        let (presence, limits, now) = presence();
        assert_eq!(presence.patience_at(OWNER, now), None);
        let permit = limits.admit(OWNER, Channel::Sse).ok().unwrap();
        assert_eq!(presence.patience_at(OWNER, now), Some(STREAMED));
        drop(permit);
        assert_eq!(presence.patience_at(OWNER, now), None);
    }

    #[test]
    fn a_poller_is_live_until_its_next_poll_is_overdue() {
        let (presence, _, now) = presence();
        presence.polled_at(OWNER, SECOND * 5, now);
        assert_eq!(presence.patience_at(OWNER, now + SECOND * 6), Some(SECOND * 7));
        assert_eq!(presence.patience_at(OWNER, now + SECOND * 7), None);
        presence.polled_at(OWNER, SECOND * 5, now + SECOND * 3);
        assert_eq!(presence.patience_at(OWNER, now + SECOND * 4), Some(SECOND * 5), "by its own rhythm of three");
        presence.polled_at(OWNER, SECOND * 30, now + SECOND * 100);
        assert_eq!(presence.patience_at(OWNER, now + SECOND * 101), Some(SECOND * 32), "a visit of its own");
    }

    #[test]
    fn what_is_remembered_of_those_who_went_is_forgotten() {
        let (presence, _, now) = presence();
        for number in 0..=SWEEP_FROM as u32 {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            presence.polled_at(OwnerId::from_bytes(bytes), SECOND, now + SECOND * number);
        }
        assert!(presence.lock().owners.len() < 10);
    }
}
