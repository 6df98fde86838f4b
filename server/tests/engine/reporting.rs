//! Progress, partial results, checkpoints and steps.

use crate::{
    script::{BEGUN, Script, begin},
    world::{OWNER, STRANGER, Setup, World},
    wrapped_store::{Call, Interpose, WrappedStore},
};
use domain::{EventType, JobState, Progress};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use server::store::StoreResult;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

fn done(done: u64) -> Progress {
    Progress { done, total: None, unit: None, note: None }
}

#[tokio::test]
async fn progress_is_thinned_out_and_its_last_value_kept() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            for step in 1..=10_000 {
                ctx.progress(done(step)).await?;
            }
            Ok(Value::Null)
        })
    });
    let world = Setup::script(script).start().await;
    let begin = Instant::now();
    let id = world.run_script(1).await;
    let row = world.wait_end(id).await;
    let reported = world.data(id, EventType::Progress).await;
    let most = 2 + begin.elapsed().as_millis() / 250;
    assert!(reported.len() as u128 <= most, "{} events, at most {most}", reported.len());
    assert_eq!(reported[0]["done"], 1);
    assert_eq!(reported.last().unwrap()["done"], 10_000);
    assert_eq!(row.progress.unwrap().done, 10_000);
}

#[tokio::test]
async fn withheld_progress_is_told_when_the_handler_goes_quiet() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            ctx.progress(done(1)).await?;
            ctx.progress(done(2)).await?;
            ctx.next_step().await?;
            Ok(Value::Null)
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    assert_eq!(world.wait_done(id, 2).await.state, JobState::Running);
    world.engine.step(OWNER, id).await.unwrap();
    world.wait_state(id, JobState::Succeeded).await;
    assert_eq!(world.data(id, EventType::Progress).await.len(), 2);
}

#[tokio::test]
async fn a_held_job_takes_a_step_for_each_permit_of_its_owner() {
    let world = Setup::default().workers(1).start().await;
    let first = world.rehearse(json!({"steps": 1, "step_ms": 0, "hold": true})).await;
    let id = world.rehearse(json!({"steps": 3, "step_ms": 0, "hold": true, "partials": true})).await;
    // One before it has started; it counts.
    assert!(world.engine.step(OWNER, id).await.unwrap());
    assert!(!world.engine.step(STRANGER, id).await.unwrap());
    assert!(world.engine.step(OWNER, first).await.unwrap());
    world.wait_done(id, 1).await;
    assert!(world.engine.step(OWNER, id).await.unwrap());
    world.wait_done(id, 2).await;
    assert_eq!(world.row(id).await.state, JobState::Running);
    assert!(world.engine.step(OWNER, id).await.unwrap());
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    assert!(!world.engine.step(OWNER, id).await.unwrap(), "it has ended");
    assert_eq!(world.data(id, EventType::Partial).await.len(), 3);
}

/// Holds back a read of a job until the test lets it go, from the second one on.
#[derive(Default)]
struct SlowSecondLook {
    reads: AtomicU32,
    go: Notify,
}

impl Interpose for SlowSecondLook {
    async fn around<T: Send>(&self, call: Call, inner: BoxFuture<'_, StoreResult<T>>) -> StoreResult<T> {
        if call == Call::Job && self.reads.fetch_add(1, Ordering::SeqCst) > 0 {
            self.go.notified().await;
        }
        inner.await
    }
}

#[tokio::test]
async fn the_step_that_ends_a_job_counts_as_taken() {
    let slow = Arc::new(SlowSecondLook::default());
    let between = Arc::clone(&slow);
    let setup =
        Setup { between: Box::new(|store| Arc::new(WrappedStore::new(store, between))), ..Setup::default().workers(1) };
    let world = setup.start().await;
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0, "hold": true})).await;
    let stepped = tokio::spawn({
        let engine = world.engine.clone();
        async move { engine.step(OWNER, id).await }
    });
    world.wait_state(id, JobState::Succeeded).await;
    slow.go.notify_one();
    assert!(stepped.await.unwrap().unwrap(), "the job took it, and ended by it");
}

#[tokio::test]
async fn a_partial_that_does_not_fit_into_an_event_fails_the_job_for_good() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            ctx.partial(&json!({"text": "x".repeat(8000)})).await?;
            ctx.partial(&json!({"text": "x".repeat(8192)})).await?;
            Ok(Value::Null)
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(3).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.failure.unwrap().code.as_str()), (JobState::Failed, "partial-too-large"));
    assert_eq!(world.data(id, EventType::Partial).await.len(), 1);
}

#[tokio::test]
async fn a_handler_learns_of_a_cancel_at_its_next_call() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            ctx.stopped().await;
            for call in [
                ctx.progress(done(1)).await,
                ctx.save(&1).await,
                ctx.next_step().await,
                ctx.sleep(std::time::Duration::ZERO).await,
            ] {
                assert!(call.is_err());
            }
            ctx.partial(&json!({})).await?;
            Ok(Value::Null)
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    world.wait_done(id, BEGUN).await;
    world.engine.cancel(OWNER, id).await.unwrap();
    world.wait_state(id, JobState::Cancelled).await;
    assert_eq!(world.story(id).await, "accepted started cancel_requested cancelled");
}

#[tokio::test]
async fn a_world_without_jobs_has_nothing_to_step() {
    let world = World::new().await;
    assert!(!world.engine.step(OWNER, domain::JobId::from_bytes([9; 16])).await.unwrap());
}
