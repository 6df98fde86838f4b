//! Wake-ups: where the head of each owner's stream is now, for those who wait for it to move.
//!
//! The commit listener calls [`Bus::committed`]; feeds and long requests subscribe. A wake-up carries no events, so there is no queue to
//! overflow and nothing to lose: whoever wakes up reads on, from the newest events that are kept here ([`super::tail`]) or the store.
//! Invariant: an owner for whom nobody listens costs nothing for long; entries are dropped at the next move or, in bulk, at a subscribe.

use super::tail::Tail;
use crate::store::{EventRow, EventsRead};
use domain::OwnerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::watch;

/// Entries below which cleaning up is not worth a look.
const SWEEP_FROM: usize = 64;

/// The switchboard of wake-ups; clones share it.
#[derive(Clone)]
pub struct Bus {
    owners: Arc<Mutex<Owners>>,
    catalogue: watch::Sender<Catalogue>,
}

/// How the catalogue stands, as far as commits have told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Its revision; 0 before the first change that was told.
    pub revision: u64,
    /// Jobs that are changing it; `None` before the first of them began or stopped.
    pub changing: Option<u64>,
}

struct Owners {
    streams: HashMap<OwnerId, Stream>,
    sweep_at: usize,
}

/// An owner's stream that somebody listens to.
struct Stream {
    head: watch::Sender<u64>,
    tail: Tail,
}

impl Stream {
    fn is_heard(&self) -> bool {
        self.head.receiver_count() > 0
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// A bus that nobody listens to yet.
    pub fn new() -> Self {
        let owners = Owners { streams: HashMap::new(), sweep_at: SWEEP_FROM };
        Self { owners: Arc::new(Mutex::new(owners)), catalogue: watch::Sender::new(Catalogue::default()) }
    }

    /// Wakes at every later move of an owner's head. Its first value is not the head: read that from the store, afterwards.
    pub fn subscribe(&self, owner: OwnerId) -> watch::Receiver<u64> {
        let mut owners = self.lock();
        if owners.streams.len() >= owners.sweep_at {
            owners.streams.retain(|_, stream| stream.is_heard());
            // Doubling keeps the cost of sweeping constant per subscribe.
            owners.sweep_at = SWEEP_FROM.max(owners.streams.len() * 2);
        }
        let new = || Stream { head: watch::Sender::new(0), tail: Tail::default() };
        owners.streams.entry(owner).or_insert_with(new).head.subscribe()
    }

    /// Keeps new events, durable since a moment, for those who listen, then wakes them. Never blocks for longer than it takes to look the
    /// owners up.
    pub fn committed(&self, heads: &[(OwnerId, u64)], events: &[(OwnerId, EventRow)], at: Option<Instant>) {
        if !events.is_empty() {
            let mut owners = self.lock();
            for (owner, event) in events {
                if let Some(stream) = owners.streams.get_mut(owner).filter(|stream| stream.is_heard()) {
                    stream.tail.push(event, at);
                }
            }
        }
        self.moved(heads);
    }

    /// Everything of an owner's stream after a position, at most `limit`, if the newest events reach from there to `head`; and when the
    /// first of it was committed.
    pub fn tail(
        &self,
        owner: OwnerId,
        position: u64,
        head: u64,
        limit: usize,
    ) -> Option<(EventsRead, Option<Instant>)> {
        self.lock().streams.get(&owner)?.tail.after(position, head, limit)
    }

    /// Tells the new heads of owners. Never blocks for longer than it takes to look them up.
    pub fn moved(&self, heads: &[(OwnerId, u64)]) {
        let mut owners = self.lock();
        for (owner, head) in heads {
            let Some(stream) = owners.streams.get(owner) else { continue };
            if stream.is_heard() {
                advance(&stream.head, *head);
            } else {
                owners.streams.remove(owner);
            }
        }
    }

    /// Wakes at every later change of the catalogue's revision and of how many jobs are changing it. Its first value may be older than
    /// the store's.
    pub fn catalogue(&self) -> watch::Receiver<Catalogue> {
        self.catalogue.subscribe()
    }

    /// Tells the catalogue's new revision, how many jobs are changing it now, or both.
    pub fn catalogue_moved(&self, revision: Option<u64>, changing: Option<u64>) {
        self.catalogue.send_if_modified(|known| {
            let before = *known;
            known.revision = known.revision.max(revision.unwrap_or(0));
            known.changing = changing.or(known.changing);
            *known != before
        });
    }

    /// Nothing panics under the lock; should it ever, waking on is right.
    fn lock(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves only forward, so that a late message of an older commit wakes nobody.
fn advance(sender: &watch::Sender<u64>, to: u64) {
    sender.send_if_modified(|value| {
        let forward = to > *value;
        if forward {
            *value = to;
        }
        forward
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: u16) -> OwnerId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        OwnerId::from_bytes(bytes)
    }

    #[test]
    fn a_move_wakes_its_owner_only_and_only_forward() {
        let bus = Bus::new();
        let (mut mine, theirs) = (bus.subscribe(owner(1)), bus.subscribe(owner(2)));
        bus.moved(&[(owner(1), 5)]);
        assert!(mine.has_changed().unwrap() && !theirs.has_changed().unwrap());
        assert_eq!(*mine.borrow_and_update(), 5);
        bus.moved(&[(owner(1), 4)]);
        assert!(!mine.has_changed().unwrap());
    }

    #[test]
    fn owners_without_listeners_are_forgotten() {
        let bus = Bus::new();
        let kept = bus.subscribe(owner(0));
        for number in 1..10_000 {
            drop(bus.subscribe(owner(number)));
        }
        assert!(bus.lock().streams.len() <= 2 * SWEEP_FROM);
        bus.moved(&(0..10_000).map(|number| (owner(number), 1)).collect::<Vec<_>>());
        assert_eq!(bus.lock().streams.len(), 1);
        assert!(kept.has_changed().unwrap());
    }
}
