//! How attempts end: output, failures of each sort, retries.

use crate::{
    script::Script,
    world::{Setup, World},
};
use domain::{EventType, FailureReason, JobState};
use serde_json::{Value, json};
use server::engine::context::JobError;
use std::time::Duration;

#[tokio::test]
async fn a_job_runs_to_its_output_and_its_log_tells_all_of_it() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 3, "step_ms": 0, "partials": true})).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1));
    assert_eq!(row.output.as_deref(), Some(r#"{"steps":3}"#));
    assert_eq!(row.progress.and_then(|progress| progress.percent()), Some(100));
    assert_eq!(world.story(id).await, "accepted started partial partial partial succeeded");
    assert_eq!(world.data(id, EventType::Partial).await, [json!({"step": 1}), json!({"step": 2}), json!({"step": 3})]);
    assert_eq!(world.data(id, EventType::Progress).await.last().map(|data| data["done"].clone()), Some(json!(3)));
}

#[tokio::test]
async fn a_rehearsal_of_no_steps_succeeds_at_once() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 0, "hold": true})).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.output.as_deref()), (JobState::Succeeded, Some(r#"{"steps":0}"#)));
    let log = world.events(id).await;
    let words: Vec<_> = log.iter().map(|row| row.type_.as_str()).collect();
    assert_eq!(words, ["accepted", "started", "succeeded"], "nothing to report in between");
}

#[tokio::test]
async fn a_transient_failure_is_followed_by_an_attempt_that_goes_on_from_the_checkpoint() {
    let world = World::new().await;
    let input = json!({"steps": 3, "step_ms": 0, "partials": true, "fail_at": 3, "failure": "transient"});
    let id = world.rehearse(input).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 2));
    let story = "accepted started partial partial attempt_failed retry_scheduled queued started partial succeeded";
    assert_eq!(world.story(id).await, story);
    let failure = &world.data(id, EventType::AttemptFailed).await[0]["failure"];
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("rehearsed-transient"), &json!(true)));
}

#[tokio::test]
async fn a_delay_that_the_handler_names_is_kept_and_survives_a_crash() {
    let script = || {
        Script::new(|ctx| {
            Box::pin(async move {
                let error = JobError::transient("busy", "come back later").after(Duration::from_millis(1500));
                if ctx.attempt() == 1 { Err(error) } else { Ok(Value::Null) }
            })
        })
    };
    let world = Setup::script(script()).start().await;
    let id = world.run_script(3).await;
    let due = world.wait_state(id, JobState::Retrying).await.due_at.unwrap();
    let failed = world.attempts(id).await[0].finished_at.unwrap();
    assert!(due.ms_since(failed) >= 1490, "due {} ms after the failure", due.ms_since(failed));
    let world = Setup::script(script()).start_in(world.crash().await).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    let started = world.attempts(id).await[1].started_at;
    assert!(started >= due, "started {} ms too early", due.ms_since(started));
}

#[tokio::test]
async fn a_permanent_failure_ends_the_job_at_once_with_code_and_figures() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 3, "step_ms": 0, "fail_at": 2, "failure": "permanent"})).await;
    let row = world.wait_end(id).await;
    let failure = row.failure.unwrap();
    assert_eq!((row.state, row.attempt, row.resumable), (JobState::Failed, 1, true));
    assert_eq!(
        (failure.reason, failure.code.as_str(), failure.retryable),
        (FailureReason::Error, "rehearsed-permanent", false)
    );
    assert_eq!((failure.attempt, &failure.params["step"]), (1, &json!(2)));
    assert_eq!(world.story(id).await, "accepted started attempt_failed failed");
}

#[tokio::test]
async fn attempts_are_bounded() {
    let script = Script::new(|_| Box::pin(async { Err(JobError::transient("no", "never").after(Duration::ZERO)) }));
    let world = Setup::script(script).start().await;
    let id = world.run_script(2).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt, world.attempts(id).await.len()), (JobState::Failed, 2, 2));
    assert!(row.failure.unwrap().retryable, "its owner may still try again");
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_the_others_go_on() {
    let world = Setup::default().workers(1).start().await;
    let ends = world.submit(json!({"kind": "rehearsal", "max_attempts": 1,
        "input": {"steps": 2, "step_ms": 0, "fail_at": 1, "failure": "panic"}}));
    let ends = ends.await;
    let next = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    let failure = world.wait_end(ends).await.failure.unwrap();
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Error, "handler-panicked"));
    assert_eq!((failure.detail.as_deref(), failure.retryable), (Some("step 1 was to fail"), true));
    assert_eq!(world.wait_end(next).await.state, JobState::Succeeded);
    // With attempts left, the next one gets through.
    let again = world.rehearse(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "panic"})).await;
    let row = world.wait_end(again).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 2));
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_ended() {
    let world = Setup::default().workers(1).start().await;
    let request = json!({"kind": "rehearsal", "timeout_s": 1, "max_attempts": 1,
        "input": {"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "hang"}});
    let id = world.submit(request).await;
    let next = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    let row = world.wait_end(id).await;
    let failure = row.failure.unwrap();
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Timeout, "timed-out"));
    assert_eq!((&failure.params["timeout_s"], failure.retryable), (&json!(1), true));
    assert!(row.finished_at.unwrap().ms_since(row.started_at.unwrap()) >= 1000);
    assert_eq!(world.wait_end(next).await.state, JobState::Succeeded, "its slot is free again");
}

#[tokio::test]
async fn a_handler_that_stops_unasked_has_failed() {
    let world = Setup::script(Script::new(|_| Box::pin(async { Err(JobError::Stopped) }))).start().await;
    let id = world.run_script(3).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.failure.unwrap().code.as_str()), (JobState::Failed, "stopped-unasked"));
}

#[tokio::test]
async fn an_output_that_is_too_large_is_a_failure_and_not_a_row() {
    let script = Script::new(|_| Box::pin(async { Ok(Value::from("x".repeat(5 << 20))) }));
    let world = Setup::script(script).start().await;
    let id = world.run_script(3).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.failure.unwrap().code.as_str()), (JobState::Failed, "output-too-large"));
    assert_eq!(row.output, None);
}

#[tokio::test]
async fn a_hundred_jobs_run_once_each_in_a_log_without_gaps() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(world.rehearse(json!({"steps": 2, "step_ms": 1})).await);
    }
    for id in ids {
        assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
        assert_eq!(world.story(id).await, "accepted started succeeded");
    }
    let mut seen = 0;
    loop {
        let read = world.store.events(crate::world::OWNER, seen, None, 500).await.unwrap();
        for row in &read.rows {
            assert_eq!((row.seq, row.prev), (seen + 1, seen));
            seen = row.seq;
        }
        if !read.more {
            assert_eq!(read.stream.head, seen);
            break;
        }
    }
}
