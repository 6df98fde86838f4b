//! The reader of a stream: takes events in any order and multiplicity, lets each through once, and knows when one is missing.
//!
//! Used by every channel in the browser and by the tests of the server's channels; several channels may feed one reader, which
//! is what makes a switch safe. Pure: no socket, no clock.
//! Invariant: the events let through are exactly the log's from the start position on, in order, less folded progress; a
//! missing one stops it with [`Received::Gap`] until the feed is read again from [`Reader::last`].

use crate::{cursor::Cursor, event::Event};

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// New and next: apply it to its row.
    Applied,
    /// Seen before: drop it.
    Duplicate,
    /// Something before it is missing: fetch again from [`Reader::last`].
    Gap,
    /// Of another epoch: take the snapshot.
    Reset,
}

/// A position in a stream and what was counted on the way, for the continuity badge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    cursor: Cursor,
    /// The position that it started at.
    first: u64,
    /// Events let through.
    pub applied: u64,
    /// Events dropped as seen before (a switch, a reconnect).
    pub duplicates: u64,
    /// Older progress that the server left out for a newer one.
    pub folded: u64,
    /// Times that an event was found missing; each was fetched again, or is [`Reader::open_gap`].
    pub gaps: u64,
    /// Whether an event is missing right now.
    pub open_gap: bool,
}

impl Reader {
    /// A reader that has seen everything up to a cursor.
    pub fn starting_at(cursor: Cursor) -> Self {
        Self { first: cursor.seq, cursor, applied: 0, duplicates: 0, folded: 0, gaps: 0, open_gap: false }
    }

    /// The last position seen, where any channel can go on.
    pub fn last(&self) -> &Cursor {
        &self.cursor
    }

    /// First and last position let through, when there are any: "1…57".
    pub fn span(&self) -> Option<(u64, u64)> {
        (self.cursor.seq > self.first).then_some((self.first + 1, self.cursor.seq))
    }

    /// Takes an event from any channel.
    pub fn receive(&mut self, event: &Event) -> Received {
        if event.epoch != self.cursor.epoch {
            return Received::Reset;
        }
        if event.seq <= self.cursor.seq {
            self.duplicates += 1;
            return Received::Duplicate;
        }
        if event.prev > self.cursor.seq {
            self.gaps += u64::from(!self.open_gap);
            self.open_gap = true;
            return Received::Gap;
        }
        // In one job's feed the positions between are other jobs', not folds.
        if self.cursor.job.is_none() {
            self.folded += event.seq - self.cursor.seq - 1;
        }
        self.cursor.seq = event.seq;
        self.applied += 1;
        self.open_gap = false;
        Received::Applied
    }

    /// Takes a position up to which a channel has said that nothing more follows (`next_cursor` of a poll).
    pub fn advance(&mut self, to: &Cursor) {
        if to.epoch == self.cursor.epoch && to.seq > self.cursor.seq && !self.open_gap {
            self.cursor.seq = to.seq;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EventType, ids::JobId, time::Timestamp};
    use proptest::prelude::*;

    fn event(seq: u64, prev: u64) -> Event {
        Event {
            epoch: "a".into(),
            seq,
            prev,
            job: JobId::from_bytes([0; 16]),
            kind: "rehearsal".into(),
            jseq: seq,
            at: Timestamp(0),
            type_: EventType::Progress,
            data: serde_json::Value::Null,
        }
    }

    proptest! {
        /// Channels are switched, cut and replayed at random; each connection replays from a position at or before the last.
        #[test]
        fn every_event_is_applied_once_and_in_order(replays in prop::collection::vec((0u64..20, 1u64..20, 0u64..4), 1..60)) {
            let mut reader = Reader::starting_at(Cursor::new("a", 0));
            let mut applied = Vec::new();
            for (back, count, lost) in replays {
                let from = reader.last().seq.saturating_sub(back) + lost;
                for seq in from + 1..=from + count {
                    match reader.receive(&event(seq, seq - 1)) {
                        Received::Applied => applied.push(seq),
                        Received::Gap => prop_assert!(seq > reader.last().seq + 1),
                        Received::Duplicate => prop_assert!(seq <= reader.last().seq),
                        Received::Reset => prop_assert!(false),
                    }
                }
            }
            prop_assert_eq!(&applied, &(1..=reader.last().seq).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_fold_is_no_gap_and_a_loss_is_one() {
        let mut reader = Reader::starting_at(Cursor::new("a", 3));
        assert_eq!(reader.receive(&event(7, 3)), Received::Applied);
        assert_eq!((reader.folded, reader.gaps), (3, 0));
        assert_eq!(reader.receive(&event(9, 8)), Received::Gap);
        assert!(reader.open_gap);
        assert_eq!(reader.receive(&event(8, 7)), Received::Applied);
        assert_eq!(reader.receive(&event(9, 8)), Received::Applied);
        assert_eq!((reader.gaps, reader.open_gap, reader.span()), (1, false, Some((4, 9))));
    }

    #[test]
    fn another_epoch_asks_for_the_snapshot() {
        let mut reader = Reader::starting_at(Cursor::new("b", 3));
        assert_eq!(reader.receive(&event(4, 3)), Received::Reset);
    }
}
