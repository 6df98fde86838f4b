//! Folding: for a reader that lags, an older `progress` is left out when a newer one of the same job follows in the page.
//!
//! Called by [`super::feed`] alone. Progress is absolute, so nothing is lost by it; nothing else is ever left out.
//! Invariant: an event after a fold names as `prev` what the first event left out named, so a fold is no gap to the reader, and a
//! hole in the log is not papered over by one.

use crate::store::EventRow;
use domain::{EventType, JobId};
use std::collections::HashMap;

/// Leaves out what a newer progress replaces.
pub fn fold(mut rows: Vec<EventRow>) -> Vec<EventRow> {
    let mut newest: HashMap<JobId, u64> = HashMap::new();
    let mut folds = false;
    for row in rows.iter().filter(|row| row.type_ == EventType::Progress) {
        folds |= newest.insert(row.job, row.seq).is_some();
    }
    if !folds {
        return rows;
    }
    // `seq` of the event just left out and the `prev` that the next one takes over.
    let mut left_out: Option<(u64, u64)> = None;
    rows.retain_mut(|row| {
        if let Some((seq, prev)) = left_out.take()
            && row.prev == seq
        {
            row.prev = prev;
        }
        let replaced = row.type_ == EventType::Progress && newest.get(&row.job).is_some_and(|&newest| newest > row.seq);
        if replaced {
            left_out = Some((row.seq, row.prev));
        }
        !replaced
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn row(seq: u64, job: u8, type_: EventType) -> EventRow {
        let job = JobId::from_bytes([job; 16]);
        EventRow {
            seq,
            prev: seq - 1,
            job,
            kind: "rehearsal".into(),
            jseq: seq,
            at: Timestamp(0),
            type_,
            data: "{}".into(),
        }
    }

    fn links(rows: &[EventRow]) -> Vec<(u64, u64)> {
        rows.iter().map(|row| (row.prev, row.seq)).collect()
    }

    #[test]
    fn only_progress_of_the_same_job_is_left_out_and_prev_declares_it() {
        use EventType::{Partial, Progress, Started};
        let rows = vec![
            row(4, 1, Progress),
            row(5, 2, Progress),
            row(6, 1, Progress),
            row(7, 1, Partial),
            row(8, 1, Progress),
            row(9, 3, Started),
        ];
        assert_eq!(links(&fold(rows)), [(3, 5), (5, 7), (7, 8), (8, 9)]);
    }

    #[test]
    fn a_page_with_one_progress_a_job_is_left_alone() {
        let rows = vec![row(1, 1, EventType::Progress), row(2, 2, EventType::Progress)];
        assert_eq!(links(&fold(rows)), [(0, 1), (1, 2)]);
    }

    #[test]
    fn a_hole_next_to_a_fold_stays_visible() {
        let rows = vec![row(4, 1, EventType::Progress), row(6, 1, EventType::Progress)];
        assert_eq!(links(&fold(rows)), [(5, 6)], "5 was never read: a reader at 3 must see a gap");
    }

    proptest! {
        #[test]
        fn a_fold_is_a_chain_that_keeps_all_but_replaced_progress(kinds in prop::collection::vec((0u8..3, prop::bool::ANY), 1..40)) {
            let rows: Vec<_> = (1..).zip(&kinds).map(|(seq, &(job, progress))| {
                row(seq, job, if progress { EventType::Progress } else { EventType::Partial })
            }).collect();
            let folded = fold(rows.clone());
            let mut position = 0;
            for row in &folded {
                prop_assert_eq!(row.prev, position);
                position = row.seq;
            }
            prop_assert_eq!(position, rows.len() as u64);
            for row in &rows {
                let newer = rows.iter().any(|other| other.seq > row.seq && other.job == row.job && other.type_ == EventType::Progress);
                let kept = folded.iter().any(|other| other.seq == row.seq);
                prop_assert_eq!(kept, row.type_ != EventType::Progress || !newer);
            }
        }
    }
}
