//! Where the events of all links meet: one reader lets each through once, and what it lets through waits for the next frame.
//!
//! Fed by `channels::Conductor::receive`, emptied into the job store once per frame. Pure: no socket, no timer.
//! Invariant: the queue holds exactly the events that the reader has let through and the store has not had, in order.

use crate::state::live::Continuity;
use domain::{Cursor, Event, Reader, Received};

/// What is to be done after taking something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// An event is missing: read the feed again from [`Inbox::last`].
    Gap,
    /// The cursor is worthless: take the snapshot.
    Reset,
}

/// Reader and queue.
#[derive(Debug)]
pub struct Inbox {
    reader: Reader,
    queue: Vec<Event>,
    /// The stream's head as last heard.
    head: u64,
    resets: u64,
}

impl Inbox {
    /// An inbox that has seen everything up to a cursor.
    pub fn starting_at(cursor: Cursor) -> Self {
        Self { head: cursor.seq, reader: Reader::starting_at(cursor), queue: Vec::new(), resets: 0 }
    }

    /// The last position let through: where any link opens.
    pub fn last(&self) -> &Cursor {
        self.reader.last()
    }

    /// Takes events of any link. After a gap the rest is dropped, since it will be read again.
    pub fn receive(&mut self, events: Vec<Event>) -> Verdict {
        for event in events {
            let seq = event.seq;
            match self.reader.receive(&event) {
                Received::Applied => self.queue.push(event),
                Received::Duplicate => {}
                Received::Gap => {
                    self.head = self.head.max(seq);
                    return Verdict::Gap;
                }
                Received::Reset => return Verdict::Reset,
            }
            self.head = self.head.max(seq);
        }
        Verdict::Fine
    }

    /// Takes a link's word that it has written everything up to `cursor`, of a stream that ends at `head`.
    pub fn position(&mut self, cursor: &Cursor, head: &Cursor) -> Verdict {
        let last = self.reader.last();
        if cursor.epoch != last.epoch {
            return Verdict::Reset;
        }
        self.head = head.seq.max(last.seq);
        if cursor.seq > last.seq { Verdict::Gap } else { Verdict::Fine }
    }

    /// Takes the word of a page that nothing is left out up to `cursor`.
    pub fn advance(&mut self, cursor: &Cursor) {
        self.reader.advance(cursor);
    }

    /// Takes what waits for the store.
    pub fn drain(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.queue)
    }

    /// Goes on from a snapshot; what was counted starts anew, except how often that happened.
    pub fn restart(&mut self, cursor: Cursor) {
        *self = Self { resets: self.resets + 1, ..Self::starting_at(cursor) };
    }

    /// Events that the server has and the page has not.
    pub fn lag(&self) -> u64 {
        self.head.saturating_sub(self.reader.last().seq)
    }

    /// What was counted.
    pub fn continuity(&self) -> Continuity {
        Continuity::of(&self.reader, self.resets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{EventType, JobId, Timestamp};

    fn event(epoch: &str, seq: u64) -> Event {
        Event {
            epoch: epoch.into(),
            seq,
            prev: seq - 1,
            job: JobId::from_bytes([0; 16]),
            kind: "rehearsal".into(),
            jseq: seq,
            at: Timestamp(0),
            type_: EventType::Progress,
            data: serde_json::Value::Null,
        }
    }

    fn seqs(inbox: &mut Inbox) -> Vec<u64> {
        inbox.drain().iter().map(|event| event.seq).collect()
    }

    #[test]
    fn two_links_at_once_apply_each_event_once() {
        let mut inbox = Inbox::starting_at(Cursor::new("a", 4));
        assert_eq!(inbox.receive(vec![event("a", 5), event("a", 6)]), Verdict::Fine);
        assert_eq!(inbox.receive(vec![event("a", 5), event("a", 6), event("a", 7)]), Verdict::Fine);
        assert_eq!(seqs(&mut inbox), [5, 6, 7]);
        let counted = inbox.continuity();
        assert_eq!((counted.span, counted.gaps, counted.duplicates), (Some((5, 7)), 0, 2));
    }

    #[test]
    fn a_lost_event_is_asked_for_and_heals() {
        let mut inbox = Inbox::starting_at(Cursor::new("a", 4));
        assert_eq!(inbox.receive(vec![event("a", 6), event("a", 7)]), Verdict::Gap);
        assert_eq!((seqs(&mut inbox), inbox.lag()), (vec![], 2));
        assert_eq!(inbox.receive(vec![event("a", 5), event("a", 6), event("a", 7)]), Verdict::Fine);
        assert_eq!(seqs(&mut inbox), [5, 6, 7]);
        let counted = inbox.continuity();
        assert_eq!((counted.gaps, counted.open_gap, inbox.lag()), (1, false, 0));
    }

    #[test]
    fn a_heartbeat_beyond_the_last_event_reveals_a_loss() {
        let mut inbox = Inbox::starting_at(Cursor::new("a", 4));
        let at = |seq| Cursor::new("a", seq);
        assert_eq!(inbox.position(&at(4), &at(9)), Verdict::Fine);
        assert_eq!(inbox.lag(), 5);
        assert_eq!(inbox.position(&at(6), &at(9)), Verdict::Gap);
        inbox.advance(&at(6));
        assert_eq!(inbox.position(&at(6), &at(6)), Verdict::Fine);
        assert_eq!(inbox.lag(), 0);
    }

    #[test]
    fn another_epoch_leads_to_the_snapshot_and_on_from_it() {
        let mut inbox = Inbox::starting_at(Cursor::new("a", 4));
        assert_eq!(inbox.receive(vec![event("b", 5)]), Verdict::Reset);
        assert_eq!(inbox.position(&Cursor::new("b", 1), &Cursor::new("b", 1)), Verdict::Reset);
        inbox.restart(Cursor::new("b", 1));
        assert_eq!(inbox.receive(vec![event("b", 2)]), Verdict::Fine);
        assert_eq!((seqs(&mut inbox), inbox.continuity().resets), (vec![2], 1));
    }
}
