//! Sets of event types as bits of an integer, in the order of [`NOTIFIABLE`].
//!
//! Used by every file of this folder, and by the log, which asks whether anything is told before it looks any further.
//! Invariant: the order of `NOTIFIABLE` is part of the database's format; a later version only appends.

use domain::{EventType, push::NOTIFIABLE};

/// The owner has an active endpoint.
pub(super) const ACTIVE: i64 = 1 << 32;
/// Something was said of one of the owner's jobs.
pub(super) const OF_JOBS: i64 = 1 << 33;

/// The bit of a type; 0 for one that is never told.
pub(super) fn bit(event: EventType) -> i64 {
    NOTIFIABLE.iter().position(|known| *known == event).map_or(0, |at| 1 << at)
}

/// The set as bits.
pub(super) fn of(events: &[EventType]) -> i64 {
    events.iter().fold(0, |bits, event| bits | bit(*event))
}

/// The types in a set, in the order of a job's life.
pub(super) fn events(bits: i64) -> Vec<EventType> {
    NOTIFIABLE.into_iter().filter(|event| bits & bit(*event) != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_survives_its_bits_and_what_is_never_told_has_none() {
        assert_eq!(events(of(&[EventType::Failed, EventType::Started])), [EventType::Started, EventType::Failed]);
        assert_eq!(of(&[EventType::Progress]), 0);
        assert_eq!(events(of(&NOTIFIABLE) | ACTIVE | OF_JOBS), NOTIFIABLE);
    }

    #[test]
    fn the_bits_in_databases_mean_what_they_meant() {
        assert_eq!(of(&[EventType::Started]), 1);
        assert_eq!(of(&[EventType::Succeeded]), 16);
        assert_eq!(of(&[EventType::Cancelled]), 64);
    }
}
