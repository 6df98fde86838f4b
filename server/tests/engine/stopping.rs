//! Cancel in every state, and what a stop of the process does to running jobs.

use crate::{
    script::{BEGUN, Script, begin},
    world::{OWNER, STRANGER, Setup, World, soon},
};
use domain::{EventType, JobState, api::CancelOutcome};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

/// Says that it has begun, then ignores everything.
fn stubborn() -> Script {
    Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            std::future::pending().await
        })
    })
}

fn held(steps: u32) -> Value {
    json!({"steps": steps, "step_ms": 0, "hold": true})
}

#[tokio::test]
async fn a_job_that_has_not_started_is_cancelled_at_once() {
    let world = Setup::default().workers(1).start().await;
    let running = world.rehearse(held(1)).await;
    world.wait_state(running, JobState::Running).await;
    let queued = world.rehearse(json!({"steps": 1})).await;
    assert_eq!(world.engine.cancel(STRANGER, queued).await.unwrap(), None);
    assert_eq!(world.engine.cancel(OWNER, queued).await.unwrap(), Some(CancelOutcome::Cancelled));
    assert_eq!(world.engine.cancel(OWNER, queued).await.unwrap(), Some(CancelOutcome::TooLate));
    assert_eq!(world.story(queued).await, "accepted cancelled");
}

#[tokio::test]
async fn a_running_job_stops_at_its_next_await() {
    let world = World::new().await;
    let id = world.rehearse(held(2)).await;
    world.wait_state(id, JobState::Running).await;
    assert!(world.engine.step(OWNER, id).await.unwrap());
    world.wait_done(id, 1).await;
    let asked = Instant::now();
    assert_eq!(world.engine.cancel(OWNER, id).await.unwrap(), Some(CancelOutcome::Requested));
    world.wait_state(id, JobState::Cancelled).await;
    assert!(asked.elapsed() < Duration::from_secs(3), "told by the commit, not by the heartbeat 4 s later");
    assert_eq!(world.story(id).await, "accepted started cancel_requested cancelled");
}

#[tokio::test]
async fn a_handler_that_ignores_a_cancel_is_dropped_and_its_slot_is_free() {
    let script = stubborn();
    let world = Setup::script(script).workers(1).cancel_grace(Duration::from_millis(50)).start().await;
    let id = world.run_script(3).await;
    world.wait_done(id, BEGUN).await;
    let next = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    assert_eq!(world.engine.cancel(OWNER, id).await.unwrap(), Some(CancelOutcome::Requested));
    world.wait_state(id, JobState::Cancelled).await;
    assert_eq!(world.wait_end(next).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_does_not_lose_the_output() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            ctx.stopped().await;
            Ok(json!({"done": true}))
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(3).await;
    world.wait_done(id, BEGUN).await;
    world.engine.cancel(OWNER, id).await.unwrap();
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.output.as_deref()), (JobState::Succeeded, Some(r#"{"done":true}"#)));
    assert_eq!(world.engine.cancel(OWNER, id).await.unwrap(), Some(CancelOutcome::TooLate));
}

#[tokio::test]
async fn a_retry_that_would_follow_a_cancel_does_not() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            ctx.stopped().await;
            Err(server::engine::context::JobError::transient("no", "failed while stopping").after(Duration::ZERO))
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(3).await;
    world.wait_done(id, BEGUN).await;
    world.engine.cancel(OWNER, id).await.unwrap();
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Cancelled, 1));
}

#[tokio::test]
async fn a_handler_that_blocks_its_thread_is_fenced_and_keeps_its_slot() {
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let script = Script::new(move |ctx| {
        let blocked = Arc::clone(&blocked);
        Box::pin(async move {
            begin(ctx).await?;
            let _ = blocked.lock().unwrap().recv();
            ctx.partial(&json!({"late": true})).await?;
            Ok(Value::Null)
        })
    });
    let world =
        Setup { threads: 4, ..Setup::script(script) }.workers(1).cancel_grace(Duration::from_millis(50)).start().await;
    let id = world.run_script(3).await;
    world.wait_done(id, BEGUN).await;
    let next = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    world.engine.cancel(OWNER, id).await.unwrap();
    world.wait_state(id, JobState::Cancelled).await;
    assert_eq!(world.row(next).await.state, JobState::Queued);
    release.send(()).unwrap();
    assert_eq!(world.wait_end(next).await.state, JobState::Succeeded, "the slot came back with the thread");
    assert_eq!(world.story(id).await, "accepted started cancel_requested cancelled");
}

#[tokio::test]
async fn a_drain_hands_a_job_back_without_burning_its_attempt() {
    let world = World::new().await;
    let id = world.submit(json!({"kind": "rehearsal", "input": held(2), "max_attempts": 1})).await;
    world.wait_state(id, JobState::Running).await;
    world.engine.step(OWNER, id).await.unwrap();
    world.wait_done(id, 1).await;
    soon("the stop", world.engine.stop(Duration::from_secs(20))).await;
    let row = world.row(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Queued, 0));
    let released = world.data(id, EventType::Released).await;
    assert_eq!(released, [json!({"reason": "drain", "attempt": 0})]);

    let world = Setup::default().start_in(world.crash().await).await;
    world.engine.step(OWNER, id).await.unwrap();
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1));
}

#[tokio::test]
async fn a_drain_does_not_wait_longer_than_its_grace() {
    let script = stubborn();
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    world.wait_done(id, BEGUN).await;
    soon("the stop", world.engine.stop(Duration::from_millis(50))).await;
    assert_eq!(world.row(id).await.state, JobState::Queued);
}

#[tokio::test]
async fn a_job_that_ends_within_the_grace_of_a_drain_has_ended() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            ctx.stopped().await;
            Ok(json!("finished first"))
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    world.wait_done(id, BEGUN).await;
    soon("the stop", world.engine.stop(Duration::from_secs(20))).await;
    assert_eq!(world.row(id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn nothing_is_claimed_after_a_stop() {
    let world = World::new().await;
    soon("the stop", world.engine.stop(Duration::from_secs(1))).await;
    assert!(!world.engine.is_ready());
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    assert_eq!(world.row(id).await.state, JobState::Queued);
    let world = Setup::default().start_in(world.stop(Duration::ZERO).await).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
}
