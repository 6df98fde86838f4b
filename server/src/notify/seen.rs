//! What is known of an owner's devices: what they have seen, and whether one is looking on.
//!
//! Asked by the dispatcher for each delivery that is not sent whatever happens. Remembers nothing of its own: [`Acks`] and [`Presence`] do.

use crate::channels::{Acks, Presence};
use domain::OwnerId;

/// What owners' devices have seen; clones share it.
#[derive(Clone)]
pub struct Watch {
    acks: Acks,
    presence: Presence,
}

/// What is known of one owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// A device that a person could see has acknowledged everything up to there. What only a hidden tab has, nobody has seen.
    pub upto: u64,
    /// A device is live, and may take so many milliseconds from an event to say that it has seen it.
    pub patience_ms: Option<i64>,
}

impl Watch {
    /// Of all owners.
    pub fn new(acks: Acks, presence: Presence) -> Self {
        Self { acks, presence }
    }

    /// Of one.
    pub fn of(&self, owner: OwnerId) -> Seen {
        let upto = self.acks.seen(owner).map_or(0, |seen| seen.visible);
        let patience = self.presence.patience(owner);
        Seen { upto, patience_ms: patience.map(|patience| i64::try_from(patience.as_millis()).unwrap_or(i64::MAX)) }
    }
}
