//! What the store promises its views.

use super::*;
use domain::{JobState, Timestamp};
use serde_json::json;

fn id(byte: u8) -> JobId {
    JobId::from_bytes([byte; 16])
}

fn event(job: u8, jseq: u64, type_: EventType, data: Value) -> Event {
    let seq = u64::from(job) * 100 + jseq;
    Event {
        epoch: "a".into(),
        seq,
        prev: seq - 1,
        job: id(job),
        kind: "rehearsal".into(),
        jseq,
        at: Timestamp(seq as i64),
        type_,
        data,
    }
}

fn accepted(job: u8) -> Event {
    event(job, 1, EventType::Accepted, json!({"label": null, "max_attempts": 3}))
}

fn started(job: u8) -> Event {
    event(job, 2, EventType::Started, json!({"attempt": 1}))
}

fn progress(job: u8, jseq: u64) -> Event {
    event(job, jseq, EventType::Progress, json!({"done": jseq, "total": 10}))
}

fn row(job: u8, jseq: u64, seq: u64) -> Job {
    let mut row = begin(&accepted(job)).unwrap();
    (row.jseq, row.input) = (jseq, json!({"steps": 5}));
    row.cursor = Some(Cursor::new("a", seq));
    row
}

fn list(epoch: &str, seq: u64, items: Vec<Job>) -> JobList {
    JobList { items, next: None, cursor: Cursor::new(epoch, seq) }
}

fn with_store(act: impl FnOnce(JobStore)) {
    Owner::new().with(|| act(provide_jobs()));
}

fn jseq(store: JobStore, job: u8) -> Option<u64> {
    store.get(id(job)).map(|row| row.with_untracked(|job| job.jseq))
}

#[test]
fn events_make_move_and_order_rows() {
    with_store(|store| {
        store.load(list("a", 0, vec![row(2, 1, 1)]));
        store.apply_all([accepted(7), started(2), accepted(4), started(7), progress(7, 3)]);
        assert_eq!(store.ids().get_untracked(), [id(7), id(4), id(2)]);
        assert_eq!((jseq(store, 7), jseq(store, 2), store.unfinished()), (Some(3), Some(2), 3));
        // Seen before: nothing moves back.
        store.apply(started(7));
        assert_eq!(jseq(store, 7), Some(3));
    });
}

#[test]
fn an_event_of_a_job_that_the_page_does_not_know_asks_for_it() {
    with_store(|store| {
        store.apply(progress(3, 5));
        assert_eq!(store.ids().get_untracked(), []);
        assert_eq!(store.take_wanted(), BTreeSet::from([id(3)]));
        assert_eq!(store.take_wanted(), BTreeSet::new());
    });
}

#[test]
fn what_the_log_cannot_tell_is_asked_for() {
    with_store(|store| {
        store.load(list("a", 0, vec![row(1, 2, 1), row(2, 2, 1)]));
        for job in [1, 2] {
            store.get(id(job)).unwrap().update(|job| job.state = JobState::Running);
        }
        store.apply_all([progress(1, 3), event(1, 4, EventType::Succeeded, json!({"result": {"steps": 5}}))]);
        assert_eq!(store.take_wanted(), BTreeSet::new());
        store.apply(event(2, 3, EventType::Succeeded, json!({"result": null})));
        assert_eq!(store.take_wanted(), BTreeSet::from([id(2)]));
    });
}

#[test]
fn an_older_row_is_ignored_and_the_input_is_kept() {
    with_store(|store| {
        store.apply_all([accepted(1), started(1), progress(1, 3)]);
        store.upsert(row(1, 2, 1));
        let known = store.get(id(1)).unwrap().get_untracked();
        assert_eq!((known.jseq, known.input), (3, json!({"steps": 5})));
        let mut newer = row(1, 5, 1);
        newer.input = Value::Null;
        store.upsert(newer);
        let known = store.get(id(1)).unwrap().get_untracked();
        assert_eq!((known.jseq, known.input), (5, json!({"steps": 5})));
    });
}

#[test]
fn a_snapshot_replaces_what_it_covers_and_loses_nothing_newer() {
    with_store(|store| {
        store.load(list("a", 10, vec![row(2, 9, 10), row(1, 1, 10)]));
        // Submitted while the next snapshot was on its way.
        store.upsert(row(3, 1, 30));
        store.load(list("a", 20, vec![row(2, 4, 20)]));
        assert_eq!(store.ids().get_untracked(), [id(3), id(2)]);
        assert_eq!(jseq(store, 2), Some(9));
        assert_eq!(store.take_wanted(), BTreeSet::from([id(3)]));
    });
}

#[test]
fn a_snapshot_of_another_epoch_moves_rows_back() {
    with_store(|store| {
        store.load(list("a", 10, vec![row(2, 9, 10), row(1, 1, 10)]));
        let held = store.get(id(2)).unwrap();
        store.load(list("b", 5, vec![row(2, 4, 5)]));
        assert_eq!((store.ids().get_untracked(), held.get_untracked().jseq), (vec![id(2)], 4));
    });
}

#[test]
fn rows_beyond_a_full_page_stay_and_are_read_again() {
    with_store(|store| {
        store.load(list("a", 10, vec![row(9, 1, 10)]));
        store.upsert(row(1, 1, 10));
        store.load(JobList {
            next: Some("/api/v1/jobs?before=x".into()),
            ..list("a", 20, vec![row(9, 2, 20), row(5, 1, 20)])
        });
        assert_eq!(store.ids().get_untracked(), [id(9), id(5), id(1)]);
        assert_eq!(store.take_wanted(), BTreeSet::from([id(1)]));
    });
}

#[test]
fn a_log_is_whole_in_order_and_without_repeats() {
    with_store(|store| {
        let log = store.watch_log(id(1));
        store.apply_all([progress(1, 4), progress(2, 1)]);
        store.seed_log(id(1), vec![accepted(1), started(1), progress(1, 3), progress(1, 4)]);
        store.apply_all([progress(1, 4), progress(1, 5)]);
        assert_eq!(log.get_untracked().iter().map(|event| event.jseq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_submit_shows_before_it_is_confirmed_and_once() {
    with_store(|store| {
        store.optimistic("k", "rehearsal", None);
        store.optimistic("l", "rehearsal", Some("list".into()));
        store.optimistic("m", "rehearsal", None);
        store.settle("k", Ok(row(1, 1, 1)));
        store.settle("l", Err(Problem::unreachable("gone")));
        store.settle("m", Err(Problem::invalid(Vec::new())));
        let left = store.unconfirmed().get_untracked();
        assert_eq!(left.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["l"]);
        assert!(left[0].problem.is_some());
        assert_eq!(store.ids().get_untracked(), [id(1)]);
        // Sent again with the same key.
        store.optimistic("l", "rehearsal", Some("list".into()));
        assert_eq!(store.unconfirmed().get_untracked()[0].problem, None);
    });
}

#[test]
fn a_hint_moves_a_job_that_waits_and_none_that_has_started() {
    let why = |code: &str| Why { code: code.into(), params: Default::default() };
    let place = |store: JobStore, job| {
        store
            .get(id(job))
            .unwrap()
            .with_untracked(|job| job.queue.clone().map(|queue| (queue.position, queue.why.code)))
    };
    with_store(|store| {
        store.apply_all([accepted(1)]);
        assert!(store.has_unstarted() && !store.is_hinted(id(1)));
        store.set_position(id(1), 2, None, why("ahead"));
        assert_eq!(place(store, 1), Some((2, "ahead".into())));
        assert!(store.is_hinted(id(1)), "its page need not ask");
        store.apply(started(1));
        store.set_position(id(1), 1, None, why("ahead"));
        assert_eq!(place(store, 1), None, "a hint that comes after the start says nothing");
        assert!(!store.has_unstarted());
    });
}
