//! Wake-ups: where the head of each owner's stream is now, for those who wait for it to move.
//!
//! The commit listener calls [`Bus::moved`]; feeds and long requests subscribe. Carries no events, so it has no queue to overflow and
//! nothing to lose: whoever wakes up reads the store.
//! Invariant: an owner for whom nobody listens costs nothing for long; entries are dropped at the next move or, in bulk, at a subscribe.

use domain::OwnerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Entries below which cleaning up is not worth a look.
const SWEEP_FROM: usize = 64;

/// The switchboard of wake-ups; clones share it.
#[derive(Clone)]
pub struct Bus {
    owners: Arc<Mutex<Owners>>,
    catalogue: watch::Sender<u64>,
}

struct Owners {
    heads: HashMap<OwnerId, watch::Sender<u64>>,
    sweep_at: usize,
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// A bus that nobody listens to yet.
    pub fn new() -> Self {
        let owners = Owners { heads: HashMap::new(), sweep_at: SWEEP_FROM };
        Self { owners: Arc::new(Mutex::new(owners)), catalogue: watch::Sender::new(0) }
    }

    /// Wakes at every later move of an owner's head. Its first value is not the head: read that from the store, afterwards.
    pub fn subscribe(&self, owner: OwnerId) -> watch::Receiver<u64> {
        let mut owners = self.lock();
        if owners.heads.len() >= owners.sweep_at {
            owners.heads.retain(|_, head| head.receiver_count() > 0);
            // Doubling keeps the cost of sweeping constant per subscribe.
            owners.sweep_at = SWEEP_FROM.max(owners.heads.len() * 2);
        }
        owners.heads.entry(owner).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Tells the new heads of owners. Never blocks for longer than it takes to look them up.
    pub fn moved(&self, heads: &[(OwnerId, u64)]) {
        let mut owners = self.lock();
        for (owner, head) in heads {
            let Some(sender) = owners.heads.get(owner) else { continue };
            if sender.receiver_count() == 0 {
                owners.heads.remove(owner);
            } else {
                advance(sender, *head);
            }
        }
    }

    /// Wakes at every later change of the catalogue's revision. Its first value may be older than the store's.
    pub fn catalogue(&self) -> watch::Receiver<u64> {
        self.catalogue.subscribe()
    }

    /// Tells the catalogue's new revision.
    pub fn catalogue_moved(&self, revision: u64) {
        advance(&self.catalogue, revision);
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
        assert!(bus.lock().heads.len() <= 2 * SWEEP_FROM);
        bus.moved(&(0..10_000).map(|number| (owner(number), 1)).collect::<Vec<_>>());
        assert_eq!(bus.lock().heads.len(), 1);
        assert!(kept.has_changed().unwrap());
    }
}
