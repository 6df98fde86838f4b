//! The newest events of a stream that somebody listens to, so that many readers, or one that keeps up, need not ask the store.
//!
//! Kept by [`super::bus`] for each owner with listeners, filled by each commit, read by feeds. A cache and nothing else: what is not in
//! it is in the store.
//! Invariant: its events have no gap; it answers only a reader to whom it can give everything up to the head that woke the reader.

use crate::store::{EventRow, EventsRead, StreamState};
use std::{collections::VecDeque, time::Instant};

/// Most events kept.
const EVENTS: usize = 32;
/// Most bytes of their data kept.
const BYTES: usize = 16 * 1024;

/// The newest events, in order.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Each with the moment of its commit.
    rows: VecDeque<(EventRow, Option<Instant>)>,
    bytes: usize,
}

impl Tail {
    /// Adds an event that was committed. One that does not follow the last begins anew: a wake-up before it was lost.
    pub(super) fn push(&mut self, row: &EventRow, at: Option<Instant>) {
        if self.rows.back().is_some_and(|(last, _)| last.seq + 1 != row.seq) {
            self.rows.clear();
            self.bytes = 0;
        }
        self.bytes += row.data.len();
        self.rows.push_back((row.clone(), at));
        while self.rows.len() > EVENTS || self.bytes > BYTES {
            let Some((oldest, _)) = self.rows.pop_front() else { break };
            self.bytes -= oldest.data.len();
        }
    }

    /// All events after a position, at most `limit`, and when the first of them was committed; `None` when they do not reach from there to
    /// `head`.
    pub(super) fn after(&self, position: u64, head: u64, limit: usize) -> Option<(EventsRead, Option<Instant>)> {
        let (first, last) = (self.rows.front()?.0.seq, self.rows.back()?.0.seq);
        if position + 1 < first || position >= last || last < head {
            return None;
        }
        let skip = usize::try_from(position + 1 - first).ok()?;
        let at = self.rows.get(skip)?.1;
        let rows: Vec<_> = self.rows.iter().skip(skip).take(limit).map(|(row, _)| row.clone()).collect();
        let more = rows.last().is_some_and(|row| row.seq < last);
        // Nothing between the position and the last event is missing, so no floor can have passed it.
        Some((EventsRead { rows, stream: StreamState { head: last, floor: 0 }, more }, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{EventType, JobId, Timestamp};

    fn row(seq: u64, data: &str) -> EventRow {
        EventRow {
            seq,
            prev: seq - 1,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq: seq,
            at: Timestamp(0),
            type_: EventType::Partial,
            data: data.into(),
        }
    }

    fn tail(seqs: impl IntoIterator<Item = u64>) -> Tail {
        let mut tail = Tail::default();
        seqs.into_iter().for_each(|seq| tail.push(&row(seq, "{}"), None));
        tail
    }

    fn seqs(read: Option<(EventsRead, Option<Instant>)>) -> Option<Vec<u64>> {
        read.map(|(read, _)| read.rows.iter().map(|row| row.seq).collect())
    }

    #[test]
    fn a_reader_gets_everything_up_to_the_head_that_woke_it_or_nothing() {
        let tail = tail(5..=8);
        assert_eq!(seqs(tail.after(4, 8, 100)), Some(vec![5, 6, 7, 8]));
        assert_eq!(seqs(tail.after(6, 7, 100)), Some(vec![7, 8]), "it may be further than the wake-up");
        assert_eq!(seqs(tail.after(3, 8, 100)), None, "4 is in the store only");
        assert_eq!(seqs(tail.after(6, 9, 100)), None, "9 was committed and is not here");
        assert_eq!(seqs(tail.after(8, 8, 100)), None, "nothing follows: the store says so, and where the floor is");
        let (page, _) = tail.after(4, 8, 2).unwrap();
        assert_eq!((page.rows.len(), page.more, page.stream.head), (2, true, 8));
    }

    #[test]
    fn an_event_that_does_not_follow_begins_anew() {
        let tail = tail([5, 6, 9]);
        assert_eq!(seqs(tail.after(5, 9, 100)), None);
        assert_eq!(seqs(tail.after(8, 9, 100)), Some(vec![9]));
    }

    #[test]
    fn what_is_read_together_is_as_old_as_its_first_event() {
        let (now, second) = (Instant::now(), std::time::Duration::from_secs(1));
        let mut tail = Tail::default();
        tail.push(&row(1, "{}"), Some(now));
        tail.push(&row(2, "{}"), Some(now + second));
        assert_eq!(tail.after(0, 2, 100).unwrap().1, Some(now));
        assert_eq!(tail.after(1, 2, 100).unwrap().1, Some(now + second));
    }

    #[test]
    fn it_stays_small() {
        assert_eq!(tail(1..=1000).rows.len(), EVENTS);
        let mut tail = Tail::default();
        (1..=100).for_each(|seq| tail.push(&row(seq, &"x".repeat(8000)), None));
        assert!(tail.bytes <= BYTES && tail.rows.len() == 2);
    }
}
