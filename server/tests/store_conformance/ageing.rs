//! How data ends: retention and its floor, quotas, deletion.

use super::fixture::*;
use domain::{JobId, JobState, OwnerId, Timestamp};
use server::store::*;

const DAY: i64 = 24 * 3600 * 1000;

/// Everything that a pass of the pruner does to jobs.
async fn age(bench: &Bench, ended_before: Timestamp) {
    let mut next = Some(0);
    while let Some(after) = next {
        next = bench.store.prune(ended_before, after, 2).await.unwrap().next;
    }
    while bench.store.sweep(3).await.unwrap().more {}
}

async fn erase(bench: &Bench, owner: OwnerId) -> usize {
    bench.store.disown(owner, at(90)).await.unwrap();
    finish_erasing(bench).await
}

async fn finish_erasing(bench: &Bench) -> usize {
    let mut uploads = 0;
    loop {
        let erased = bench.store.erase(2).await.unwrap();
        uploads += erased.uploads.len();
        if !bench.store.sweep(3).await.unwrap().more && !erased.more {
            return uploads;
        }
    }
}

/// A job that ended then.
async fn ended(bench: &Bench, owner: OwnerId, end: Timestamp) -> JobId {
    bench.accept_at(new_job(owner), at(0)).await;
    let lease = bench.claim_one(at(10)).await.lease;
    bench.finish(lease, success(), end).await;
    lease.job
}

async fn seqs_after(bench: &Bench, after: u64) -> Vec<u64> {
    bench.store.events(OWNER, after, None, 1000).await.unwrap().rows.iter().map(|row| row.seq).collect()
}

pub async fn above_the_floor_nothing_is_missing_in_whatever_order_jobs_end(bench: Bench) {
    // Accepted first and still under way; its events stand below those of jobs that ended long ago.
    let open = bench.running().await;
    let early = ended(&bench, OWNER, at(20)).await;
    bench
        .store
        .advance(open.lease, Advance { progress: Some(progress(1)), ..Advance::default() }, at(21))
        .await
        .unwrap()
        .unwrap();
    let late = ended(&bench, OWNER, at(40 * DAY)).await;
    let head = bench.head().await;
    let log = bench.events(open.lease.job).await;
    age(&bench, at(30 * DAY)).await;
    let stream = bench.store.stream(OWNER).await.unwrap();
    assert_eq!((stream.head, stream.floor), (head, 5), "the last event of the job that went");
    assert_eq!(seqs_after(&bench, stream.floor).await, (6..=head).collect::<Vec<_>>());
    assert_eq!(bench.store.job(OWNER, early).await.unwrap(), None);
    assert_eq!(bench.row(late).await.state, JobState::Succeeded);
    assert_eq!(bench.events(open.lease.job).await, log, "the log of a job that stays is whole");
    // It goes on as if nothing had been.
    bench.finish(open.lease, success(), at(41 * DAY)).await;
    assert_eq!(bench.head().await, head + 1);
    // Once everything has gone, the stream goes on where it was.
    age(&bench, at(50 * DAY)).await;
    let stream = bench.store.stream(OWNER).await.unwrap();
    assert_eq!((stream.head, stream.floor), (head + 1, head + 1));
    bench.accept(new_job(OWNER)).await;
    assert_eq!(seqs_after(&bench, stream.floor).await, [head + 2]);
}

pub async fn a_job_goes_as_a_whole_and_leaves_nothing(bench: Bench) {
    let mine = upload(OWNER, 10, at(0));
    bench.store.add_upload(mine.clone()).await.unwrap();
    let long = format!("\"{}\"", "x".repeat(5000));
    let job = NewJob { uploads: vec![mine.id], input: long.clone(), ..new_job(OWNER) };
    bench.accept(job).await;
    let lease = bench.claim_one(at(10)).await.lease;
    let file = FileRow { name: "rejects.csv".into(), content_type: "text/csv".into(), size: 3, ..FileRow::default() };
    bench.finish(lease, Finish::Succeeded { output: long, files: vec![file] }, at(20)).await;
    assert_eq!(bench.store.expire_uploads(at(2 * DAY), 10).await.unwrap(), [], "a job uses it");
    assert_eq!(bench.store.prune(at(30 * DAY), 0, 10).await.unwrap(), Pruned { jobs: 1, next: None });
    // From here on it is nobody's, although its rows are still there.
    assert_eq!(bench.store.job(OWNER, lease.job).await.unwrap(), None);
    assert_eq!(bench.store.job_events(OWNER, lease.job, 0, 10).await.unwrap(), None);
    assert_eq!(bench.store.job_file(OWNER, lease.job, "rejects.csv").await.unwrap(), None);
    assert_eq!(bench.store.known_jobs(vec![lease.job]).await.unwrap(), []);
    assert_eq!(bench.store.sweep(10).await.unwrap(), Swept { jobs: vec![lease.job], events: 3, more: false });
    assert_eq!(bench.store.expire_uploads(at(2 * DAY), 10).await.unwrap(), [mine.id], "nobody uses it any more");
    // The inner key may be used again: nothing of the old job hangs on it.
    let new = bench.accept(new_job(OWNER)).await;
    assert_eq!(bench.row(new.id).await, new);
    assert_eq!(bench.store.attempts(OWNER, new.id).await.unwrap(), Some(Vec::new()));
    assert_eq!(bench.log(new.id).await.len(), 1);
}

pub async fn a_slice_removes_no_more_than_it_may_and_the_next_goes_on(bench: Bench) {
    for _ in 0..5 {
        ended(&bench, OWNER, at(20)).await;
    }
    bench.accept_at(new_job(OWNER), at(40 * DAY)).await;
    let first = bench.store.prune(at(30 * DAY), 0, 2).await.unwrap();
    assert_eq!((first.jobs, first.next.is_some()), (2, true));
    let swept = bench.store.sweep(4).await.unwrap();
    assert_eq!((swept.jobs.len(), swept.events, swept.more), (1, 4, true), "three of one, one of the other");
    let second = bench.store.prune(at(30 * DAY), first.next.unwrap(), 10).await.unwrap();
    assert_eq!(second, Pruned { jobs: 3, next: None });
    assert_eq!(bench.store.stream(OWNER).await.unwrap().floor, 15);
}

pub async fn a_key_of_yesterday_is_forgotten(bench: Bench) {
    for (name, made) in [("a", at(0)), ("b", at(2 * DAY)), ("c", at(0)), ("d", at(2 * DAY)), ("e", at(0))] {
        bench.accept_at(NewJob { idempotency: key(name, 1, made), ..new_job(OWNER) }, made).await;
    }
    let mut next = bench.store.forget_keys(at(DAY), None, 2).await.unwrap();
    assert_eq!(next.as_ref().map(|(_, key)| key.as_str()), Some("b"));
    while next.is_some() {
        next = bench.store.forget_keys(at(DAY), next, 2).await.unwrap();
    }
    for (name, known) in [("a", false), ("b", true), ("c", false), ("d", true), ("e", false)] {
        // As if keys were valid for ever: what is forgotten is not there.
        let idempotency = Some(Idempotency { valid_since: at(-DAY), ..key(name, 1, at(0)).unwrap() });
        let again = bench.store.accept(NewJob { idempotency, ..new_job(OWNER) }, at(2 * DAY)).await.unwrap();
        assert_eq!(matches!(again, Accepted::Replayed(_)), known, "{name}");
    }
}

pub async fn files_go_before_their_job_but_not_from_under_a_checkpoint(bench: Bench) {
    let file =
        || vec![FileRow { name: "rejects.csv".into(), content_type: "text/csv".into(), size: 3, ..FileRow::default() }];
    let done = bench.running().await.lease;
    bench.finish(done, Finish::Succeeded { output: "{}".into(), files: file() }, at(20)).await;
    let resumable = bench.running().await.lease;
    bench.advance(resumable, checkpoint("1")).await;
    bench.finish(resumable, Finish::Failed { failure: failure("broken"), files: file() }, at(20)).await;
    let young = bench.running().await.lease;
    bench.finish(young, Finish::Succeeded { output: "{}".into(), files: file() }, at(8 * DAY)).await;
    let mut all = vec![done.job, resumable.job, young.job];
    all.sort();
    let mut with_files = bench.store.jobs_with_files(all.clone()).await.unwrap();
    with_files.sort();
    assert_eq!(with_files, all);
    let expired = bench.store.expire_files(at(7 * DAY), 10).await.unwrap();
    assert_eq!(expired, [(done.job, "rejects.csv".to_owned())]);
    assert_eq!(bench.store.expire_files(at(7 * DAY), 10).await.unwrap(), [], "once");
    // The row tells that it was there.
    assert!(bench.store.job_file(OWNER, done.job, "rejects.csv").await.unwrap().is_some());
}

pub async fn an_owner_has_no_more_open_jobs_than_the_policy_allows(bench: Bench) {
    bench.store.set_policy(Policy { open_jobs: 2, ..Policy::default() });
    let accept = |owner| bench.store.accept(new_job(owner), at(0));
    let first = bench.accept(new_job(OWNER)).await;
    let lease = bench.claim_one(at(10)).await.lease;
    bench.accept(NewJob { run_at: Some(at(5000)), ..new_job(OWNER) }).await;
    let head = bench.head().await;
    assert_eq!(accept(OWNER).await.unwrap(), Accepted::TooMany);
    assert_eq!(bench.head().await, head, "what was refused leaves nothing");
    assert!(matches!(accept(OTHER).await.unwrap(), Accepted::Created(..)), "another owner has a quota of their own");
    // Each way of ending makes room, and none makes it twice.
    bench.finish(lease, Finish::Failed { failure: failure("broken"), files: Vec::new() }, at(30)).await;
    assert_eq!(bench.store.cancel(OWNER, first.id, at(31)).await.unwrap(), Some(domain::api::CancelOutcome::TooLate));
    let third = bench.accept(new_job(OWNER)).await;
    assert_eq!(accept(OWNER).await.unwrap(), Accepted::TooMany);
    let reopen = || bench.store.reopen(OWNER, first.id, ReopenFrom::Start, 3, at(40));
    assert_eq!(reopen().await.unwrap(), Reopened::TooMany);
    bench.store.cancel(OWNER, third.id, at(41)).await.unwrap();
    assert!(matches!(reopen().await.unwrap(), Reopened::Reopened(_)));
    assert_eq!(accept(OWNER).await.unwrap(), Accepted::TooMany, "a reopened job counts again");
}

pub async fn uploads_side_by_side_stay_within_the_quota_together(bench: Bench) {
    bench.store.set_policy(Policy { upload_bytes: 100, ..Policy::default() });
    let mut adding = Vec::new();
    for _ in 0..10 {
        let store = bench.store.clone();
        adding.push(tokio::spawn(async move { store.add_upload(upload(OWNER, 30, at(0))).await.unwrap() }));
    }
    let mut added = 0;
    for one in adding {
        added += u32::from(one.await.unwrap());
    }
    assert_eq!((added, bench.store.upload_bytes(OWNER).await.unwrap()), (3, 90));
    assert!(bench.store.add_upload(upload(OWNER, 10, at(0))).await.unwrap(), "exactly full");
    assert!(bench.store.add_upload(upload(OTHER, 100, at(0))).await.unwrap());
}

/// Two of each owner's: one finished, one queued; and one that runs.
async fn busy(bench: &Bench, owner: OwnerId) -> Claimed {
    ended(bench, owner, at(20)).await;
    bench.accept(NewJob { idempotency: key("k", 1, at(0)), ..new_job(owner) }).await;
    let running = bench.claim_one(at(10)).await;
    bench.accept(NewJob { run_at: Some(at(5000)), ..new_job(owner) }).await;
    bench.store.add_upload(upload(owner, 7, at(0))).await.unwrap();
    running
}

pub async fn a_deleted_owner_leaves_no_row_and_others_keep_theirs(bench: Bench) {
    let mine = busy(&bench, OWNER).await.lease;
    let theirs = busy(&bench, OTHER).await.lease;
    bench.accept(new_job(OWNER)).await;
    let all = || JobFilter { limit: 10, ..JobFilter::default() };
    let other = bench.store.jobs(OTHER, all()).await.unwrap();
    bench.heard();
    bench.store.disown(OWNER, at(90)).await.unwrap();
    let heard = bench.heard();
    assert_eq!(heard[0].cancel_requested, [mine.job], "its worker is told");
    // At once, before anything is removed: no read finds it, no lease stands, nothing of it is claimed.
    assert_eq!(bench.store.jobs(OWNER, all()).await.unwrap().value, []);
    assert_eq!(bench.store.stream(OWNER).await.unwrap(), StreamState::default());
    assert_eq!(bench.store.upload_bytes(OWNER).await.unwrap(), 0);
    assert_eq!(bench.store.finish(mine, success(), at(91)).await.unwrap(), Err(LeaseLost));
    assert_eq!(finish_erasing(&bench).await, 1, "one upload's file is to be removed");
    assert_eq!(bench.store.load().await.unwrap(), Load { queued: 0, running: 1, idle: 0 }, "counted in memory, too");
    assert_eq!(bench.store.promote_due(at(9000), 10).await.unwrap().count, 1, "only the other owner's is due");
    assert_eq!(bench.store.jobs(OTHER, all()).await.unwrap().value.len(), other.value.len());
    assert_eq!(bench.store.upload_bytes(OTHER).await.unwrap(), 7);
    bench.finish(theirs, success(), at(92)).await;
    bench.assert_sound(OTHER).await;
    // Again, and for somebody who never was: nothing happens.
    assert_eq!(erase(&bench, OWNER).await, 0);
    // Whoever comes with the same key begins anew.
    let new = bench.accept(NewJob { idempotency: key("k", 2, at(0)), ..new_job(OWNER) }).await;
    assert_eq!((bench.head().await, bench.log(new.id).await.len()), (1, 1));
    bench.assert_sound(OWNER).await;
}

pub async fn a_deletion_that_was_interrupted_is_finished(bench: Bench) {
    busy(&bench, OWNER).await;
    bench.store.disown(OWNER, at(90)).await.unwrap();
    assert!(bench.store.erase(1).await.unwrap().more);
    let bench = bench.restart().await;
    finish_erasing(&bench).await;
    assert_eq!(bench.store.erase(10).await.unwrap(), Erased::default());
    assert_eq!(bench.store.promote_due(at(9000), 10).await.unwrap(), Promoted::default());
    assert_eq!(bench.claim("worker", 10, at(9001)).await, []);
}
