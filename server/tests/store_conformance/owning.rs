//! What an owner does, to own jobs only: cancel, reopen.

use super::fixture::*;
use domain::{EventType, JobState, api::CancelOutcome};
use server::store::*;

pub async fn what_has_not_started_is_cancelled_at_once(bench: Bench) {
    let queued = bench.accept(new_job(OWNER)).await.id;
    let scheduled = bench.accept(NewJob { run_at: Some(at(5000)), ..new_job(OWNER) }).await.id;
    for id in [queued, scheduled] {
        assert_eq!(bench.store.cancel(OWNER, id, at(20)).await.unwrap(), Some(CancelOutcome::Cancelled));
        let row = bench.row(id).await;
        assert_eq!((row.state, row.finished_at, row.due_at), (JobState::Cancelled, Some(at(20)), None));
    }
    let lease = bench.running().await.lease;
    bench.finish(lease, Finish::Retry { failure: failure("rain"), at: at(5000) }, at(30)).await;
    assert_eq!(bench.store.cancel(OWNER, lease.job, at(31)).await.unwrap(), Some(CancelOutcome::Cancelled));
    assert_eq!(bench.claim("worker", 10, at(32)).await, []);
    assert_eq!(bench.store.promote_due(at(99_999), 10).await.unwrap(), Promoted::default());
    bench.assert_sound(OWNER).await;
}

pub async fn a_running_job_is_asked_and_the_answer_repeats(bench: Bench) {
    let lease = bench.running().await.lease;
    for _ in 0..3 {
        assert_eq!(bench.store.cancel(OWNER, lease.job, at(20)).await.unwrap(), Some(CancelOutcome::Requested));
    }
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.cancel_requested_at), (JobState::Running, Some(at(20))));
    assert_eq!(bench.log(lease.job).await[2..], [EventType::CancelRequested]);
    bench.assert_sound(OWNER).await;
}

pub async fn a_finished_job_is_cancelled_too_late(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.finish(lease, success(), at(30)).await;
    let head = bench.head().await;
    assert_eq!(bench.store.cancel(OWNER, lease.job, at(40)).await.unwrap(), Some(CancelOutcome::TooLate));
    assert_eq!(bench.head().await, head);
}

pub async fn another_owners_job_does_not_exist(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.accept(new_job(OTHER)).await;
    let (id, store) = (lease.job, &bench.store);
    assert_eq!(store.job(OTHER, id).await.unwrap(), None);
    assert_eq!(store.attempts(OTHER, id).await.unwrap(), None);
    assert_eq!(store.job_events(OTHER, id, 0, 10).await.unwrap(), None);
    assert_eq!(store.cancel(OTHER, id, at(20)).await.unwrap(), None);
    assert_eq!(store.reopen(OTHER, id, ReopenFrom::Start, 3, at(20)).await.unwrap(), Reopened::Missing);
    assert_eq!(store.events(OTHER, 0, Some(id), 10).await.unwrap().rows, []);
    let theirs = store.jobs(OTHER, JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
    assert!(theirs.value.iter().all(|row| row.owner == OTHER) && theirs.value.len() == 1);
    assert!(store.events(OTHER, 0, None, 10).await.unwrap().rows.iter().all(|event| event.job != id));
    let before = JobFilter { limit: 10, before: Some(id), ..JobFilter::default() };
    assert_eq!(store.jobs(OTHER, before).await.unwrap().value, []);
    assert_eq!(bench.row(id).await.state, JobState::Running);
}

pub async fn a_reopened_job_has_fresh_attempts_and_its_checkpoint(bench: Bench) {
    let lease = bench.running().await.lease;
    let step = Advance { progress: Some(progress(4)), ..checkpoint("4") };
    bench.advance(lease, step).await;
    bench.finish(lease, Finish::Failed { failure: failure("broken"), files: Vec::new() }, at(30)).await;
    assert!(bench.row(lease.job).await.resumable);
    bench.heard();
    let reopened = bench.store.reopen(OWNER, lease.job, ReopenFrom::Checkpoint, 3, at(40)).await.unwrap();
    let Reopened::Reopened(snapshot) = reopened else { panic!("{reopened:?}") };
    assert_eq!((snapshot.head, bench.heard()[0].claimable), (6, true));
    assert_eq!(snapshot.value, bench.row(lease.job).await);
    let row = snapshot.value;
    assert_eq!((row.state, row.attempt, row.max_attempts), (JobState::Queued, 1, 4));
    assert_eq!((row.failure, row.finished_at, row.progress), (None, None, Some(progress(4))));
    let events = bench.events(lease.job).await;
    assert_eq!(events[5].data, r#"{"attempts":4,"from":"checkpoint"}"#);
    let again = bench.claim_one(at(50)).await;
    assert_eq!((again.checkpoint.as_deref(), again.row.attempt), (Some("4"), 2));
    // The lease of the round before is dead.
    assert_eq!(bench.store.finish(lease, success(), at(51)).await.unwrap(), Err(LeaseLost));
    bench.assert_sound(OWNER).await;
}

pub async fn a_job_reopened_from_the_start_forgets(bench: Bench) {
    let lease = bench.running().await.lease;
    let long = "4".repeat(5000);
    bench.advance(lease, Advance { progress: Some(progress(4)), ..checkpoint(&long) }).await;
    bench.store.cancel(OWNER, lease.job, at(21)).await.unwrap();
    bench.finish(lease, Finish::Cancelled, at(30)).await;
    bench.store.reopen(OWNER, lease.job, ReopenFrom::Start, 2, at(40)).await.unwrap();
    let row = bench.row(lease.job).await;
    assert_eq!((row.max_attempts, row.progress, row.resumable), (3, None, false));
    assert_eq!(bench.claim_one(at(50)).await.checkpoint, None);
    // Where there is no checkpoint, asking for it starts anew as well, and the log says so.
    let lease = bench.running().await.lease;
    bench.advance(lease, Advance { progress: Some(progress(4)), ..Advance::default() }).await;
    bench.finish(lease, Finish::Failed { failure: failure("broken"), files: Vec::new() }, at(60)).await;
    bench.store.reopen(OWNER, lease.job, ReopenFrom::Checkpoint, 3, at(70)).await.unwrap();
    assert_eq!(bench.events(lease.job).await.pop().unwrap().data, r#"{"attempts":4,"from":"start"}"#);
    assert_eq!(bench.row(lease.job).await.progress, None);
    bench.assert_sound(OWNER).await;
}

pub async fn only_failed_and_cancelled_jobs_reopen(bench: Bench) {
    let reopen = |id| bench.store.reopen(OWNER, id, ReopenFrom::Start, 3, at(40));
    let scheduled = bench.accept(NewJob { run_at: Some(at(5000)), ..new_job(OWNER) }).await.id;
    assert_eq!(reopen(scheduled).await.unwrap(), Reopened::NotRetryable(JobState::Scheduled));
    let queued = bench.accept(new_job(OWNER)).await.id;
    assert_eq!(reopen(queued).await.unwrap(), Reopened::NotRetryable(JobState::Queued));
    let lease = bench.claim_one(at(10)).await.lease;
    assert_eq!(reopen(lease.job).await.unwrap(), Reopened::NotRetryable(JobState::Running));
    bench.finish(lease, success(), at(30)).await;
    assert_eq!(reopen(lease.job).await.unwrap(), Reopened::NotRetryable(JobState::Succeeded));
    assert_eq!(reopen(job_id()).await.unwrap(), Reopened::Missing);
    bench.assert_sound(OWNER).await;
}
