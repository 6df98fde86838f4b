//! Reads: keyset pages, events with their predecessor, positions; each true at its head.

use super::fixture::*;
use domain::{JobId, JobState, OwnerId};
use server::store::*;

pub async fn jobs_come_newest_first_in_keyset_pages(bench: Bench) {
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(bench.accept(new_job(OWNER)).await.id);
        bench.accept(new_job(OTHER)).await;
    }
    ids.reverse();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = bench.store.jobs(OWNER, JobFilter { limit: 3, before, ..JobFilter::default() }).await.unwrap();
        assert_eq!(page.head, 7);
        let Some(last) = page.value.last() else { break };
        before = Some(last.id);
        seen.extend(page.value.into_iter().map(|row| row.id));
    }
    assert_eq!(seen, ids);
    let unknown = JobFilter { limit: 3, before: Some(job_id()), ..JobFilter::default() };
    assert_eq!(bench.store.jobs(OWNER, unknown).await.unwrap().value, []);
}

pub async fn jobs_are_found_by_state_kind_and_text(bench: Bench) {
    let plain = bench.accept(NewJob { label: None, ..new_job(OWNER) }).await.id;
    let percent = bench.accept(NewJob { label: Some("50%_Off".into()), ..new_job(OWNER) }).await.id;
    let other = bench.accept(NewJob { kind: "catalogue-import".into(), label: None, ..new_job(OWNER) }).await.id;
    bench.store.cancel(OWNER, plain, at(1)).await.unwrap();
    let find = async |filter: JobFilter| {
        let found = bench.store.jobs(OWNER, JobFilter { limit: 10, ..filter }).await.unwrap();
        found.value.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let by_text = |q: &str| find(JobFilter { q: Some(q.into()), ..JobFilter::default() });
    let states = vec![JobState::Cancelled, JobState::Running];
    assert_eq!(find(JobFilter { states, ..JobFilter::default() }).await, [plain]);
    assert_eq!(find(JobFilter { kind: Some("catalogue-import".into()), ..JobFilter::default() }).await, [other]);
    assert_eq!(by_text("50%_off").await, [percent]);
    assert_eq!(by_text("%").await, [percent]);
    assert_eq!(by_text("IMPORT").await, [other]);
    assert_eq!(by_text(&plain.to_string()).await, [plain]);
    assert_eq!(by_text(&plain.to_string()[14..]).await, [plain]);
    assert_eq!(by_text("").await.len(), 3);
    assert_eq!(by_text("nowhere").await, [] as [JobId; 0]);
}

pub async fn what_is_unfinished_is_found_in_every_state_and_nobody_elses(bench: Bench) {
    let find = async |states: &[JobState]| {
        let filter = JobFilter { states: states.to_vec(), limit: 10, ..JobFilter::default() };
        let found = bench.store.jobs(OWNER, filter).await.unwrap();
        found.value.into_iter().map(|row| (row.id, row.state)).collect::<Vec<_>>()
    };
    let unfinished: Vec<_> = JobState::ALL.into_iter().filter(|state| !state.is_terminal()).collect();
    assert_eq!(find(&unfinished).await, [], "of an owner whom nobody knows");
    let mut expected = Vec::new();
    for finish in [
        Finish::Succeeded { output: "1".into(), files: Vec::new() },
        Finish::Retry { failure: failure("rain"), at: at(90_000) },
        waits(wait_until(at(90_000)), 0),
    ] {
        let lease = bench.running().await.lease;
        bench.finish(lease, finish, at(15)).await;
        expected.push((lease.job, bench.row(lease.job).await.state));
    }
    let running = bench.running().await.lease.job;
    let scheduled = bench.accept(NewJob { run_at: Some(at(80_000)), ..new_job(OWNER) }).await.id;
    let queued = bench.accept(new_job(OWNER)).await.id;
    bench.accept(new_job(OTHER)).await;
    let last = [(running, JobState::Running), (scheduled, JobState::Scheduled), (queued, JobState::Queued)];
    expected.extend(last);
    expected.retain(|(_, state)| !state.is_terminal());
    expected.reverse();
    assert_eq!(expected.len(), unfinished.len(), "{expected:?}");
    assert_eq!(find(&unfinished).await, expected, "newest first");
    for one in expected {
        assert_eq!(find(&[one.1]).await, [one]);
    }
}

pub async fn events_come_in_pages_and_say_whether_more_follow(bench: Bench) {
    for _ in 0..5 {
        bench.accept(new_job(OWNER)).await;
        bench.accept(new_job(OTHER)).await;
    }
    let read = |after, limit| bench.store.events(OWNER, after, None, limit);
    let page = read(0, 3).await.unwrap();
    let seen: Vec<_> = page.rows.iter().map(|row| (row.prev, row.seq)).collect();
    assert_eq!((seen, page.more), (vec![(0, 1), (1, 2), (2, 3)], true));
    let page = read(3, 2).await.unwrap();
    let seen: Vec<_> = page.rows.iter().map(|row| (row.prev, row.seq)).collect();
    assert_eq!((seen, page.more), (vec![(3, 4), (4, 5)], false));
    assert_eq!(page.stream, StreamState { head: 5, floor: 0 });
    for after in [5, 6, u64::MAX] {
        let page = read(after, 2).await.unwrap();
        assert!(page.rows.is_empty() && !page.more);
    }
}

pub async fn one_jobs_events_name_their_predecessor(bench: Bench) {
    let id = bench.accept(new_job(OWNER)).await.id;
    let lease = bench.claim_one(at(10)).await.lease;
    for done in 1..=6 {
        bench.accept(NewJob { kind: "other".into(), ..new_job(OWNER) }).await;
        bench.advance(lease, Advance { progress: Some(progress(done)), ..Advance::default() }).await;
    }
    // Positions of the job: 1, 2, then every second one.
    let positions = [1, 2, 4, 6, 8, 10, 12, 14];
    for (index, after) in [0].into_iter().chain(positions).enumerate() {
        for (after, limit) in [(after, 3), (after + u64::from(after > 2), 100)] {
            let page = bench.store.events(OWNER, after, Some(id), limit).await.unwrap();
            let rest: Vec<_> = positions[index..].iter().copied().take(limit).collect();
            assert_eq!(page.rows.iter().map(|row| row.seq).collect::<Vec<_>>(), rest);
            assert_eq!(page.more, positions[index..].len() > limit);
            let mut prev = if index == 0 { 0 } else { positions[index - 1] };
            for row in page.rows {
                assert_eq!(row.prev, prev);
                prev = row.seq;
            }
        }
        let page = bench.store.job_events(OWNER, id, index as u64, 2).await.unwrap().unwrap();
        assert!(page.rows.iter().map(|row| row.jseq).eq((index as u64 + 1..=8).take(2)));
        assert_eq!((page.more, page.stream.head), (index < 6, 14));
    }
}

pub async fn an_unknown_owner_has_an_empty_stream(bench: Bench) {
    let stranger = OwnerId::from_bytes([9; 16]);
    bench.accept(new_job(OWNER)).await;
    assert_eq!(bench.store.stream(stranger).await.unwrap(), StreamState::default());
    let read = bench.store.events(stranger, 0, None, 10).await.unwrap();
    assert_eq!(read, EventsRead { rows: Vec::new(), stream: StreamState::default(), more: false });
    let jobs = bench.store.jobs(stranger, JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
    assert_eq!((jobs.value.len(), jobs.head), (0, 0));
}

pub async fn position_and_durations_are_counted(bench: Bench) {
    for took in [100, 200, 300] {
        bench.accept(new_job(OTHER)).await;
        let lease = bench.claim_one(at(1000 + took)).await.lease;
        bench.finish(lease, success(), at(1000 + 2 * took)).await;
    }
    let first = bench.accept(new_job(OTHER)).await;
    let second = bench.accept(NewJob { kind: "other".into(), ..new_job(OWNER) }).await;
    let third = bench.accept(new_job(OWNER)).await;
    let queue = async |job: &JobRow| bench.store.queue(job).await.unwrap();
    let load = |queued, running| Load { queued, running, idle: 0 };
    let expected = QueueState { ahead: 2, load: load(3, 0), running_of_kind: 0, durations_ms: vec![100, 200, 300] };
    assert_eq!(queue(&third).await, expected);
    let expected = QueueState { ahead: 1, load: load(3, 0), running_of_kind: 0, durations_ms: vec![] };
    assert_eq!(queue(&second).await, expected);
    assert_eq!(bench.claim_one(at(9000)).await.lease.job, first.id);
    let expected = QueueState { ahead: 1, load: load(2, 1), running_of_kind: 1, durations_ms: vec![100, 200, 300] };
    assert_eq!(queue(&third).await, expected);
    let running = bench.store.job(OTHER, first.id).await.unwrap().unwrap().value;
    assert_eq!(queue(&running).await.ahead, 0);
    // What is counted in memory is what the database holds.
    let bench = bench.restart().await;
    assert_eq!(bench.store.queue(&third).await.unwrap(), expected);
    assert_eq!(bench.store.load().await.unwrap(), load(2, 1));
}

pub async fn a_snapshot_and_its_head_belong_together(bench: Bench) {
    let store = bench.store.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..300 {
            store.accept(new_job(OWNER), at(0)).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let snapshot = bench.store.jobs(OWNER, JobFilter { limit: 1000, ..JobFilter::default() }).await.unwrap();
        assert_eq!(snapshot.value.len() as u64, snapshot.head);
        let read = bench.store.events(OWNER, 0, None, 1000).await.unwrap();
        assert_eq!(read.rows.len() as u64, read.stream.head);
    }
    writing.await.unwrap();
}

pub async fn the_epoch_survives_reopening(bench: Bench) {
    let epoch = bench.store.epoch().to_owned();
    let cursor = domain::Cursor::new(epoch.clone(), 1);
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    assert_eq!(bench.restart().await.store.epoch(), epoch);
    let another = Bench::open(Sqlite::fresh());
    assert_ne!(another.store.epoch(), epoch);
}

pub async fn a_closed_store_says_so(bench: Bench) {
    bench.store.ping().await.unwrap();
    bench.store.close().await;
    bench.store.close().await;
    assert_eq!(bench.store.ping().await, Err(StoreError::Closed));
    assert_eq!(bench.store.stream(OWNER).await, Err(StoreError::Closed));
    assert_eq!(bench.store.accept(new_job(OWNER), at(0)).await, Err(StoreError::Closed));
}

pub async fn a_data_folder_has_one_process(bench: Bench) {
    assert_eq!(bench.driver.try_open().err(), Some(StoreError::InUse));
    bench.store.ping().await.unwrap();
    bench.store.close().await;
    bench.driver.try_open().unwrap().ping().await.unwrap();
}
