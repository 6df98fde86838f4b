//! Waiting for external call-backs: single use, kept until taken, no wake-up lost, no attempt burnt.

use super::fixture::*;
use domain::{EventType, FailureReason, JobState, api::AttemptOutcome, api::CancelOutcome};
use server::store::*;

/// A job that waits until `at(5000)` for the address `hash`; its lease is over.
async fn waiting(bench: &Bench, hash: u8) -> Lease {
    let lease = bench.running().await.lease;
    bench.advance(lease, Advance { checkpoint: Some("1".into()), ..address(hash, "quote", at(9000)) }).await;
    assert_eq!(bench.finish(lease, waits(wait_until(at(5000)), 0), at(30)).await, JobState::Waiting);
    lease
}

pub async fn a_waiting_job_is_queued_by_its_call_back_and_gives_the_attempt_back(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.attempt, row.due_at), (JobState::Waiting, 1, Some(at(5000))));
    assert_eq!(row.waiting.unwrap().until, at(5000));
    assert_eq!(bench.claim("worker", 10, at(40)).await, [], "no worker is held, and none takes it");
    assert_eq!(bench.heard().iter().filter_map(|commit| commit.due).max(), Some(at(5000)), "the scheduler is told");
    assert!(bench.call_back(1, r#"{"price":1}"#, at(50)).await);
    assert!(bench.heard()[0].claimable);
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.attempt, row.due_at, row.waiting), (JobState::Queued, 0, None, None));
    let claimed = bench.claim_one(at(60)).await;
    assert_eq!((claimed.row.attempt, claimed.checkpoint.as_deref()), (1, Some("1")));
    let (received, open) = bench.callbacks(claimed.lease, at(60)).await;
    assert_eq!((received[0].name.as_str(), received[0].body.as_str()), ("quote", r#"{"price":1}"#));
    assert_eq!((received.len(), received[0].received_at, open), (1, at(50), vec![]));
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt, attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, AttemptOutcome::Waited), (1, AttemptOutcome::Running)]);
    let data: Vec<_> = bench.events(lease.job).await.into_iter().map(|event| event.data).collect();
    assert!(data[2].starts_with(r#"{"for":{"code":"rehearsed-callback","params":{}},"until":""#), "{}", data[2]);
    assert_eq!(data[3], r#"{"by":"callback","attempt":0}"#);
    bench.assert_sound(OWNER).await;
}

pub async fn a_call_back_that_comes_before_the_wait_ends_it_at_once(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.advance(lease, address(1, "quote", at(9000))).await;
    assert!(bench.call_back(1, "1", at(20)).await);
    assert_eq!(bench.row(lease.job).await.state, JobState::Running);
    bench.heard();
    assert_eq!(bench.finish(lease, waits(wait_until(at(5000)), 0), at(30)).await, JobState::Queued);
    assert!(bench.heard()[0].claimable);
    use EventType::{Accepted, Resumed, Started, Waiting};
    assert_eq!(bench.log(lease.job).await, [Accepted, Started, Waiting, Resumed]);
    let claimed = bench.claim_one(at(40)).await;
    assert_eq!(claimed.row.attempt, 1);
    assert_eq!(bench.callbacks(claimed.lease, at(40)).await.0[0].body, "1");
    bench.assert_sound(OWNER).await;
}

pub async fn an_address_is_used_once(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    assert!(!bench.call_back(2, "0", at(40)).await, "never given out");
    let calls: Vec<_> = (0..8).map(|n| bench.store.receive_callback([1; 32], n.to_string(), at(50))).collect();
    let mut taken = 0;
    for answer in futures_util::future::join_all(calls).await {
        taken += usize::from(answer.unwrap());
    }
    assert_eq!(taken, 1);
    assert_eq!(bench.log(lease.job).await.iter().filter(|event| **event == EventType::Resumed).count(), 1);
    let lease = bench.claim_one(at(60)).await.lease;
    assert_eq!(bench.callbacks(lease, at(60)).await.0.len(), 1);
    bench.assert_sound(OWNER).await;
}

pub async fn a_call_back_is_delivered_until_a_checkpoint_has_taken_it(bench: Bench) {
    waiting(&bench, 1).await;
    bench.call_back(1, "1", at(50)).await;
    let first = bench.claim_one(at(60)).await.lease;
    let body = bench.callbacks(first, at(60)).await.0.remove(0);
    // Its worker dies having seen it, before its checkpoint.
    bench.store.rescue(at(99_999), None, false, 10).await.unwrap();
    let bench = bench.restart().await;
    let second = bench.claim_one(at(70)).await.lease;
    assert_eq!(bench.callbacks(second, at(70)).await.0, std::slice::from_ref(&body));
    let stale = bench.store.advance(first, Advance { taken: vec![body.id], ..checkpoint("2") }, at(80)).await.unwrap();
    assert_eq!(stale, Err(LeaseLost), "the dead one takes nothing away");
    assert_eq!(bench.callbacks(second, at(80)).await.0, std::slice::from_ref(&body));
    bench.advance(second, Advance { taken: vec![body.id], ..checkpoint("2") }).await;
    bench.store.rescue(at(99_999), None, false, 10).await.unwrap();
    let third = bench.claim_one(at(90)).await;
    assert_eq!(third.checkpoint.as_deref(), Some("2"));
    assert_eq!(bench.callbacks(third.lease, at(90)).await.0, []);
}

pub async fn what_an_attempt_has_seen_does_not_end_its_wait(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.advance(lease, address(1, "a", at(9000))).await;
    bench.advance(lease, address(2, "b", at(9000))).await;
    bench.call_back(1, "1", at(20)).await;
    let seen = bench.callbacks(lease, at(21)).await.0[0].id;
    bench.advance(lease, Advance { taken: vec![seen], ..checkpoint("1") }).await;
    // Or a handler that does not take it would spin.
    assert_eq!(bench.finish(lease, waits(wait_until(at(5000)), seen), at(30)).await, JobState::Waiting);
    bench.call_back(2, "2", at(40)).await;
    let lease = bench.claim_one(at(50)).await.lease;
    let next = bench.callbacks(lease, at(50)).await.0.remove(0);
    assert!(next.id > seen, "a number does not come back once it was taken");
    bench.assert_sound(OWNER).await;
}

pub async fn several_call_backs_come_in_order_and_each_wakes_the_job(bench: Bench) {
    let lease = bench.running().await.lease;
    for hash in 1..=5 {
        bench.advance(lease, address(hash, &format!("supplier-{hash}"), at(9000))).await;
    }
    bench.finish(lease, waits(wait_until(at(5000)), 0), at(30)).await;
    assert!(bench.call_back(4, "4", at(40)).await);
    assert!(bench.call_back(2, "2", at(40)).await, "queued already, and kept");
    let lease = bench.claim_one(at(50)).await.lease;
    let (received, open) = bench.callbacks(lease, at(50)).await;
    assert_eq!(received.iter().map(|body| body.body.as_str()).collect::<Vec<_>>(), ["4", "2"]);
    assert_eq!(open, ["supplier-1", "supplier-3", "supplier-5"]);
    let taken: Vec<_> = received.iter().map(|body| body.id).collect();
    bench.advance(lease, Advance { taken: taken.clone(), ..checkpoint("2 of 5") }).await;
    bench.finish(lease, waits(wait_until(at(6000)), taken[1]), at(60)).await;
    assert!(bench.call_back(5, "5", at(70)).await);
    let lease = bench.claim_one(at(80)).await.lease;
    assert_eq!(bench.callbacks(lease, at(80)).await.0[0].body, "5");
    assert_eq!(bench.finish(lease, success(), at(90)).await, JobState::Succeeded);
    assert!(!bench.call_back(1, "1", at(95)).await, "too late");
    bench.assert_sound(OWNER).await;
}

pub async fn a_wait_that_is_over_fails_the_job(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    assert_eq!(
        bench.store.promote_due(at(4999), 10).await.unwrap(),
        Promoted { count: 0, expired: 0, next_due: Some(at(5000)) }
    );
    assert_eq!(bench.store.promote_due(at(5000), 10).await.unwrap(), Promoted { count: 1, expired: 0, next_due: None });
    let row = bench.row(lease.job).await;
    let failure = row.failure.unwrap();
    assert_eq!((row.state, row.attempt, row.waiting, row.resumable), (JobState::Failed, 1, None, true));
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Timeout, "callback-timeout"));
    assert!(failure.retryable && failure.attempt == 1);
    assert!(!bench.call_back(1, "1", at(5001)).await, "its address has not expired, but its job has ended");
    bench.assert_sound(OWNER).await;
}

pub async fn a_wait_may_be_over_and_the_job_go_on(bench: Bench) {
    let lease = bench.running().await.lease;
    let wait = Wait { on_timeout: OnTimeout::Resume, ..wait_until(at(5000)) };
    bench.finish(lease, waits(wait, 0), at(30)).await;
    bench.heard();
    bench.store.promote_due(at(5000), 10).await.unwrap();
    assert!(bench.heard()[0].claimable);
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.attempt), (JobState::Queued, 0));
    assert_eq!(bench.events(lease.job).await[3].data, r#"{"by":"timeout","attempt":0}"#);
    let lease = bench.claim_one(at(5010)).await.lease;
    assert_eq!(bench.callbacks(lease, at(5010)).await, (vec![], vec![]));
    bench.assert_sound(OWNER).await;
}

pub async fn an_expired_address_takes_nothing(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.advance(lease, address(1, "quote", at(100))).await;
    bench.finish(lease, waits(wait_until(at(5000)), 0), at(30)).await;
    assert!(!bench.call_back(1, "1", at(100)).await);
    assert_eq!(bench.row(lease.job).await.state, JobState::Waiting);
    bench.assert_sound(OWNER).await;
}

pub async fn addresses_die_with_their_job_and_do_not_come_back(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    bench.store.cancel(OWNER, lease.job, at(40)).await.unwrap();
    assert!(!bench.call_back(1, "1", at(50)).await);
    bench.store.reopen(OWNER, lease.job, ReopenFrom::Checkpoint, 3, at(60)).await.unwrap();
    assert!(!bench.call_back(1, "1", at(70)).await, "of an earlier round");
    let next = bench.claim_one(at(80)).await.lease;
    assert_eq!(bench.callbacks(next, at(80)).await, (vec![], vec![]));
    // What came in an earlier round and was not taken is of that round, too.
    bench.advance(next, address(2, "quote", at(9000))).await;
    bench.call_back(2, "2", at(90)).await;
    bench.finish(next, Finish::Failed { failure: failure("rain"), files: Vec::new() }, at(95)).await;
    bench.store.reopen(OWNER, lease.job, ReopenFrom::Checkpoint, 3, at(96)).await.unwrap();
    let last = bench.claim_one(at(97)).await.lease;
    assert_eq!(bench.callbacks(last, at(97)).await, (vec![], vec![]));
    bench.assert_sound(OWNER).await;
}

pub async fn a_waiting_job_is_cancelled_at_once(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    let cancel = bench.store.cancel(OWNER, lease.job, at(40)).await.unwrap();
    assert_eq!(cancel, Some(CancelOutcome::Cancelled));
    let row = bench.row(lease.job).await;
    assert_eq!((row.state, row.attempt, row.due_at, row.waiting), (JobState::Cancelled, 1, None, None));
    assert_eq!(bench.store.promote_due(at(9999), 10).await.unwrap(), Promoted::default());
    bench.assert_sound(OWNER).await;
}

pub async fn a_cancel_that_was_asked_before_wins_over_the_wait(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.advance(lease, address(1, "quote", at(9000))).await;
    bench.store.cancel(OWNER, lease.job, at(20)).await.unwrap();
    bench.call_back(1, "1", at(25)).await;
    assert_eq!(bench.finish(lease, waits(wait_until(at(5000)), 0), at(30)).await, JobState::Cancelled);
    bench.assert_sound(OWNER).await;
}

pub async fn a_waiting_job_survives_a_restart_and_no_worker_rescues_it(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    let bench = bench.restart().await;
    assert_eq!(bench.store.rescue(at(99_999), None, true, 10).await.unwrap(), []);
    assert_eq!(bench.row(lease.job).await.state, JobState::Waiting);
    assert!(bench.call_back(1, "1", at(50)).await);
    let bench = bench.restart().await;
    let lease = bench.claim_one(at(60)).await.lease;
    assert_eq!(bench.callbacks(lease, at(60)).await.0[0].body, "1");
    bench.assert_sound(OWNER).await;
}

pub async fn a_job_may_wait_more_often_than_it_has_attempts(bench: Bench) {
    let id = bench.accept(NewJob { max_attempts: 1, ..new_job(OWNER) }).await.id;
    for round in 1..=3 {
        let claimed = bench.claim_one(at(100)).await;
        assert_eq!((claimed.lease.job, claimed.row.attempt), (id, 1));
        bench.advance(claimed.lease, address(round, "quote", at(9000))).await;
        bench.finish(claimed.lease, waits(wait_until(at(5000)), u64::from(round) - 1), at(110)).await;
        assert!(bench.call_back(round, "1", at(120)).await);
    }
    let lease = bench.claim_one(at(200)).await.lease;
    assert_eq!(bench.callbacks(lease, at(200)).await.0.len(), 3, "none was taken");
    assert_eq!(bench.finish(lease, success(), at(210)).await, JobState::Succeeded);
    bench.assert_sound(OWNER).await;
}

pub async fn a_stale_lease_gets_no_call_backs(bench: Bench) {
    let lease = waiting(&bench, 1).await;
    assert_eq!(bench.store.callbacks(lease, at(40)).await.unwrap(), Err(LeaseLost));
    bench.call_back(1, "1", at(50)).await;
    bench.claim_one(at(60)).await;
    assert_eq!(bench.store.callbacks(lease, at(60)).await.unwrap(), Err(LeaseLost));
    let stale = bench.store.advance(lease, address(3, "quote", at(9000)), at(70)).await.unwrap();
    assert_eq!(stale, Err(LeaseLost));
    assert!(!bench.call_back(3, "3", at(80)).await, "what a stale lease gives out is no address");
}
