//! How attempts and jobs end: once per round (6), with what came of it.

use super::fixture::*;
use domain::{EventType, FailureReason, JobState, api::AttemptOutcome, api::CancelOutcome, api::EVENT_LIMIT};
use server::store::*;

pub async fn success_is_kept_with_its_output_and_files(bench: Bench) {
    let lease = bench.running().await.lease;
    let file = FileRow { name: "rejects.csv".into(), content_type: "text/csv".into(), size: 12, ..FileRow::default() };
    let finish = Finish::Succeeded { output: r#"{"steps":5}"#.into(), files: vec![file.clone()] };
    assert_eq!(bench.finish(lease, finish, at(30)).await, JobState::Succeeded);
    let bench = bench.restart().await;
    let row = bench.row(lease.job).await;
    assert_eq!(
        (row.state, row.output.as_deref(), row.finished_at),
        (JobState::Succeeded, Some(r#"{"steps":5}"#), Some(at(30)))
    );
    assert_eq!(bench.events(lease.job).await[2].data, r#"{"result":{"steps":5}}"#);
    assert_eq!(bench.store.job_file(OWNER, lease.job, "rejects.csv").await.unwrap(), Some(file));
    assert_eq!(bench.store.job_file(OWNER, lease.job, "absent").await.unwrap(), None);
    assert_eq!(bench.store.job_file(OTHER, lease.job, "rejects.csv").await.unwrap(), None);
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].outcome, attempts[0].finished_at), (AttemptOutcome::Succeeded, Some(at(30))));
    assert_eq!((attempts[0].worker.as_str(), attempts[0].started_at), ("worker", at(10)));
    bench.assert_sound(OWNER).await;
}

pub async fn a_large_output_is_on_the_row_but_not_in_the_log(bench: Bench) {
    for size in [EVENT_LIMIT - 13, EVENT_LIMIT - 12, 60_000, 500_000] {
        let lease = bench.running().await.lease;
        let output = format!("\"{}\"", "x".repeat(size));
        let in_event = output.len() + r#"{"result":}"#.len() <= EVENT_LIMIT;
        bench.finish(lease, Finish::Succeeded { output: output.clone(), files: Vec::new() }, at(30)).await;
        let data = bench.events(lease.job).await.pop().unwrap().data;
        assert_eq!(data.len() > 2, in_event, "{size}");
        assert_eq!(bench.row(lease.job).await.output, Some(output));
    }
    bench.assert_sound(OWNER).await;
}

pub async fn a_transient_failure_comes_back_when_it_is_due(bench: Bench) {
    let lease = bench.running().await.lease;
    let retry = Finish::Retry { failure: failure("rain"), at: at(5000) };
    assert_eq!(bench.finish(lease, retry, at(30)).await, JobState::Retrying);
    let row = bench.row(lease.job).await;
    assert_eq!((row.due_at, row.failure, row.attempt), (Some(at(5000)), Some(failure("rain")), 1));
    assert_eq!(bench.claim("worker", 1, at(4999)).await, []);
    assert_eq!(
        bench.store.promote_due(at(4999), 10).await.unwrap(),
        Promoted { count: 0, expired: 0, next_due: Some(at(5000)) }
    );
    assert_eq!(bench.store.promote_due(at(5000), 10).await.unwrap(), Promoted { count: 1, expired: 0, next_due: None });
    let again = bench.claim_one(at(5001)).await;
    assert_eq!((again.row.attempt, again.row.due_at), (2, None));
    bench.finish(again.lease, success(), at(5002)).await;
    assert_eq!(bench.row(lease.job).await.failure, None);
    use EventType as E;
    let log = [E::Accepted, E::Started, E::AttemptFailed, E::RetryScheduled, E::Queued, E::Started, E::Succeeded];
    assert_eq!(bench.log(lease.job).await, log);
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt, attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, AttemptOutcome::Failed), (2, AttemptOutcome::Succeeded)]);
    assert_eq!(attempts[0].failure, Some(failure("rain")));
    bench.assert_sound(OWNER).await;
}

pub async fn the_last_attempt_fails_for_good(bench: Bench) {
    bench.accept(NewJob { max_attempts: 1, ..new_job(OWNER) }).await;
    let lease = bench.claim_one(at(10)).await.lease;
    let retry = Finish::Retry { failure: failure("rain"), at: at(5000) };
    assert_eq!(bench.finish(lease, retry, at(30)).await, JobState::Failed);
    let row = bench.row(lease.job).await;
    assert_eq!((row.due_at, row.failure, row.finished_at), (None, Some(failure("rain")), Some(at(30))));
    assert_eq!(bench.log(lease.job).await[2..], [EventType::AttemptFailed, EventType::Failed]);
    bench.assert_sound(OWNER).await;
}

pub async fn a_permanent_failure_ends_at_once_and_its_event_fits(bench: Bench) {
    let lease = bench.running().await.lease;
    let mut long = failure("broken");
    long.reason = FailureReason::Rejected;
    long.detail = Some("\u{1}".repeat(100_000));
    let file = FileRow { name: "rejects.csv".into(), content_type: "text/csv".into(), size: 12, ..FileRow::default() };
    let failed = Finish::Failed { failure: long, files: vec![file.clone()] };
    assert_eq!(bench.finish(lease, failed, at(30)).await, JobState::Failed);
    assert!(bench.events(lease.job).await.iter().all(|event| event.data.len() <= EVENT_LIMIT));
    let failure = bench.row(lease.job).await.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.reason), ("broken", FailureReason::Rejected));
    assert_eq!(bench.store.job_file(OWNER, lease.job, "rejects.csv").await.unwrap(), Some(file));
    bench.assert_sound(OWNER).await;
}

pub async fn a_released_attempt_does_not_count(bench: Bench) {
    let lease = bench.running().await.lease;
    bench.heard();
    assert_eq!(bench.finish(lease, Finish::Released, at(30)).await, JobState::Queued);
    assert!(bench.heard()[0].claimable);
    assert_eq!(bench.row(lease.job).await.attempt, 0);
    assert_eq!(bench.events(lease.job).await[2].data, r#"{"reason":"drain","attempt":0}"#);
    let again = bench.claim_one(at(40)).await;
    assert_eq!(again.row.attempt, 1);
    let attempts = bench.store.attempts(OWNER, lease.job).await.unwrap().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt, attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, AttemptOutcome::Released), (1, AttemptOutcome::Running)]);
    bench.assert_sound(OWNER).await;
}

pub async fn exactly_one_of_cancel_finish_and_rescue_wins(bench: Bench) {
    for _ in 0..40 {
        let lease = bench.running().await.lease;
        let (finisher, rescuer, canceller) = (bench.store.clone(), bench.store.clone(), bench.store.clone());
        let finish = tokio::spawn(async move { finisher.finish(lease, success(), at(90_000)).await.unwrap() });
        let rescue = tokio::spawn(async move { rescuer.rescue(at(90_000), None, false, 10).await.unwrap() });
        let cancel = tokio::spawn(async move { canceller.cancel(OWNER, lease.job, at(90_000)).await.unwrap() });
        let (finished, rescued, cancelled) = (finish.await.unwrap(), rescue.await.unwrap(), cancel.await.unwrap());
        let log = bench.log(lease.job).await;
        let ends = log.iter().filter(|event| event.is_terminal() || **event == EventType::Released).count();
        let row = bench.row(lease.job).await;
        match (finished, rescued.as_slice()) {
            (Ok(state), []) => assert_eq!((state, row.state), (JobState::Succeeded, JobState::Succeeded)),
            (Err(LeaseLost), [Rescued { job, state }]) => {
                assert_eq!(*job, lease.job);
                let requested = cancelled == Some(CancelOutcome::Requested);
                assert_eq!(*state == JobState::Cancelled, requested);
            }
            other => panic!("both or none won: {other:?}"),
        }
        // A job that was taken back may have been cancelled in the queue after that.
        let expected = if log.contains(&EventType::Released) && row.state == JobState::Cancelled { 2 } else { 1 };
        assert_eq!(ends, expected, "{log:?}");
        bench.store.cancel(OWNER, lease.job, at(90_001)).await.unwrap();
    }
    bench.assert_sound(OWNER).await;
}

pub async fn success_wins_over_a_cancel_that_came_too_late(bench: Bench) {
    let lease = bench.running().await.lease;
    assert_eq!(bench.store.cancel(OWNER, lease.job, at(20)).await.unwrap(), Some(CancelOutcome::Requested));
    assert_eq!(bench.finish(lease, success(), at(30)).await, JobState::Succeeded);
    assert_eq!(bench.row(lease.job).await.cancel_requested_at, None);
    assert_eq!(bench.store.cancel(OWNER, lease.job, at(40)).await.unwrap(), Some(CancelOutcome::TooLate));
    bench.assert_sound(OWNER).await;
}

pub async fn a_retry_after_a_cancel_becomes_cancelled(bench: Bench) {
    let retry = Finish::Retry { failure: failure("rain"), at: at(5000) };
    for finish in [retry, Finish::Cancelled, Finish::Released] {
        let lease = bench.running().await.lease;
        bench.store.cancel(OWNER, lease.job, at(20)).await.unwrap();
        assert_eq!(bench.finish(lease, finish, at(30)).await, JobState::Cancelled);
        let row = bench.row(lease.job).await;
        assert_eq!((row.due_at, row.cancel_requested_at, row.finished_at), (None, None, Some(at(30))));
    }
    assert_eq!(bench.store.promote_due(at(99_999), 10).await.unwrap(), Promoted::default());
    bench.assert_sound(OWNER).await;
}
