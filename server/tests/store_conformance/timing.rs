//! What time brings: due jobs, dead workers, bounded attempts (4).

use super::fixture::*;
use domain::{EventType, FailureReason, JobState, api::AttemptOutcome};
use server::store::*;

pub async fn what_is_due_is_queued_and_the_next_is_named(bench: Bench) {
    let mut ids = Vec::new();
    for due in [3000, 1000, 2000, 9000] {
        ids.push(bench.accept(NewJob { run_at: Some(at(due)), ..new_job(OWNER) }).await.id);
    }
    assert_eq!(bench.claim("worker", 10, at(10)).await, []);
    assert_eq!(
        bench.store.promote_due(at(3000), 2).await.unwrap(),
        Promoted { count: 2, expired: 0, next_due: Some(at(3000)) }
    );
    let states = [JobState::Scheduled, JobState::Queued, JobState::Queued, JobState::Scheduled];
    for (id, state) in ids.iter().zip(states) {
        let row = bench.row(*id).await;
        assert_eq!((row.state, row.due_at.is_some()), (state, state == JobState::Scheduled));
        assert!(row.run_at.is_some(), "what was submitted stays known");
    }
    assert_eq!(
        bench.store.promote_due(at(3000), 2).await.unwrap(),
        Promoted { count: 1, expired: 0, next_due: Some(at(9000)) }
    );
    bench.assert_sound(OWNER).await;
}

pub async fn a_dead_workers_job_is_queued_again_without_losing_an_attempt(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.heard();
    let rescued = bench.store.rescue(at(10 + LEASE_MS + 1), None, false, 10).await.unwrap();
    assert_eq!(rescued, [Rescued { job: lease.job, state: JobState::Queued }]);
    assert!(bench.heard()[0].claimable);
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.attempt), (JobState::Queued, 0));
    assert_eq!(bench.events(lease.job).await[2].data, r#"{"reason":"lost","attempt":0}"#);
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    assert_eq!(attempts[0].outcome, AttemptOutcome::Lost);
    assert_eq!(bench.claim_one(at(30_000)).await.row.attempt, 1);
    bench.assert_sound(OWNER).await;
}

pub async fn a_live_lease_is_not_rescued_and_neither_is_ones_own(bench: Bench) {
    let lease = bench.running().await.lease;
    assert_eq!(bench.store.rescue(at(10 + LEASE_MS), None, false, 10).await.unwrap(), []);
    // A laptop that was suspended wakes up: the lease is over, but its worker is the one that asks.
    assert_eq!(bench.store.rescue(at(99_999), Some("worker"), false, 10).await.unwrap(), []);
    assert_eq!(bench.store.rescue(at(99_999), Some("another"), false, 10).await.unwrap().len(), 1);
    assert_eq!(bench.store.finish(lease, success(), at(99_999)).await.unwrap(), Err(LeaseLost));
}

pub async fn everything_running_is_rescued_at_start_up(bench: Bench) {
    for _ in 0..3 {
        bench.accept(new_job(OWNER)).await;
    }
    assert_eq!(bench.claim("worker", 3, at(10)).await.len(), 3);
    let bench = bench.restart().await;
    assert_eq!(bench.store.rescue(at(11), None, true, 2).await.unwrap().len(), 2);
    assert_eq!(bench.store.rescue(at(11), None, true, 2).await.unwrap().len(), 1);
    assert_eq!(bench.claim("worker", 3, at(12)).await.len(), 3);
    bench.assert_sound(OWNER).await;
}

pub async fn a_poison_job_ends_crashed(bench: Bench) {
    bench.accept(NewJob { max_attempts: 1, ..new_job(OWNER) }).await;
    let id = crash(&bench, 4).await;
    assert_eq!(bench.row(id).await.state, JobState::Queued);
    crash(&bench, 1).await;
    let row = bench.row(id).await;
    let failure = row.failure.unwrap();
    assert_eq!((row.state, row.attempt), (JobState::Failed, 1));
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Crashed, "worker-died"));
    let log = bench.log(id).await;
    assert_eq!(log[log.len() - 2..], [EventType::AttemptFailed, EventType::Failed]);
    let attempts = bench.store.attempts(OWNER, id).await.unwrap().unwrap();
    assert!(attempts.len() == 5 && attempts.iter().all(|attempt| attempt.outcome == AttemptOutcome::Lost));
    // Its owner can open it again, with a budget of its own.
    bench.store.reopen(OWNER, id, ReopenFrom::Checkpoint, 1, at(0)).await.unwrap();
    crash(&bench, 4).await;
    assert_eq!(bench.row(id).await.state, JobState::Queued);
    bench.assert_sound(OWNER).await;
}

/// Lets the worker of the queued job die some times.
async fn crash(bench: &Bench, times: usize) -> domain::JobId {
    let mut id = None;
    for _ in 0..times {
        id = Some(bench.claim_one(at(10)).await.lease.job);
        come_back(bench).await;
    }
    id.unwrap()
}

/// Its worker has died; after its pause it is queued again.
async fn come_back(bench: &Bench) {
    bench.store.rescue(at(99_999), None, false, 10).await.unwrap();
    bench.store.promote_due(at(999_999), 10).await.unwrap();
}

pub async fn jobs_that_crashed_together_twice_come_back_apart(bench: Bench) {
    for _ in 0..8 {
        bench.accept(new_job(OWNER)).await;
    }
    assert_eq!(bench.claim("worker", 8, at(10)).await.len(), 8);
    let rescued = bench.store.rescue(at(20_000), None, false, 8).await.unwrap();
    assert!(rescued.iter().all(|job| job.state == JobState::Queued), "the first time at once: {rescued:?}");
    assert_eq!(bench.claim("worker", 8, at(20_001)).await.len(), 8);
    let rescued = bench.store.rescue(at(40_000), None, false, 8).await.unwrap();
    assert!(rescued.iter().all(|job| job.state == JobState::Retrying), "{rescued:?}");
    let mut due = Vec::new();
    for job in &rescued {
        let row = bench.row(job.job).await;
        assert_eq!(row.attempt, 0, "a crash takes no attempt");
        due.push(row.due_at.unwrap());
    }
    assert!(due.iter().all(|due| (at(40_500)..=at(41_000)).contains(due)), "{due:?}");
    assert!(due.iter().any(|one| *one != due[0]), "each at a moment of its own: {due:?}");
    bench.assert_sound(OWNER).await;
}

pub async fn a_checkpoint_that_moves_renews_the_crash_budget(bench: Bench) {
    bench.accept(new_job(OWNER)).await;
    let id = crash(&bench, 4).await;
    for text in ["1", "2"] {
        let lease = bench.claim_one(at(10)).await.lease;
        bench.advance(lease, checkpoint(text)).await;
        come_back(&bench).await;
        crash(&bench, 3).await;
        assert_eq!(bench.row(id).await.state, JobState::Queued);
    }
    // The same checkpoint once more is no progress.
    let lease = bench.claim_one(at(10)).await.lease;
    bench.advance(lease, checkpoint("2")).await;
    bench.store.rescue(at(99_999), None, false, 10).await.unwrap();
    assert_eq!(bench.row(id).await.state, JobState::Failed);
    bench.assert_sound(OWNER).await;
}

pub async fn an_attempt_that_ends_by_itself_renews_the_crash_budget(bench: Bench) {
    bench.accept(new_job(OWNER)).await;
    let id = crash(&bench, 4).await;
    let lease = bench.claim_one(at(10)).await.lease;
    bench.finish(lease, Finish::Retry { failure: failure("rain"), at: at(20) }, at(15)).await;
    bench.store.promote_due(at(20), 10).await.unwrap();
    crash(&bench, 4).await;
    assert_eq!(bench.row(id).await.state, JobState::Queued);
    crash(&bench, 1).await;
    assert_eq!(bench.row(id).await.state, JobState::Failed);
    bench.assert_sound(OWNER).await;
}

pub async fn a_rescued_job_heeds_its_cancel(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.store.cancel(OWNER, lease.job, at(20)).await.unwrap();
    let rescued = bench.store.rescue(at(99_999), None, false, 10).await.unwrap();
    assert_eq!(rescued, [Rescued { job: lease.job, state: JobState::Cancelled }]);
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    assert_eq!(attempts[0].outcome, AttemptOutcome::Lost);
    assert_eq!(bench.claim("worker", 1, at(99_999)).await, []);
    bench.assert_sound(OWNER).await;
}

pub async fn a_job_without_attempts_is_failed_by_the_claim(bench: Bench) {
    let exhausted = bench.accept(NewJob { max_attempts: 0, ..new_job(OWNER) }).await.id;
    let fine = bench.accept(new_job(OWNER)).await.id;
    let claimed = bench.claim("worker", 10, at(10)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.lease.job).collect::<Vec<_>>(), [fine]);
    let row = bench.row(exhausted).await;
    assert_eq!((row.state, row.attempt, row.finished_at), (JobState::Failed, 0, Some(at(10))));
    bench.assert_sound(OWNER).await;
}
