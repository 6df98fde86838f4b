//! Crashes, lost leases, a busy runtime, and a store that refuses for a while.

use crate::{
    refusing::Refusing,
    script::{BEGUN, Script, begin},
    world::{OWNER, Setup, World, soon},
};
use domain::{EventType, JobState};
use serde_json::{Value, json};
use server::clock;
use std::{
    sync::{Arc, Mutex, atomic::Ordering, mpsc},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

#[tokio::test]
async fn a_crash_costs_neither_the_attempt_nor_the_steps_done() {
    let world = World::new().await;
    let request = json!({"kind": "rehearsal", "max_attempts": 1,
        "input": {"steps": 3, "step_ms": 0, "hold": true, "partials": true}});
    let id = world.submit(request).await;
    for step in 1..=2 {
        world.engine.step(OWNER, id).await.unwrap();
        world.wait_row(id, "a checkpoint", |row| row.resumable).await;
        world.wait_done(id, step).await;
    }
    let world = Setup::default().start_in(world.crash().await).await;
    let restarted = Instant::now();
    world.engine.step(OWNER, id).await.unwrap();
    let row = world.wait_end(id).await;
    assert!(restarted.elapsed() < Duration::from_secs(5), "at once, and not when the dead worker's lease of 12 s ends");
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1));
    assert_eq!(world.story(id).await, "accepted started partial partial released started partial succeeded");
    assert_eq!(world.data(id, EventType::Partial).await, [json!({"step": 1}), json!({"step": 2}), json!({"step": 3})]);
    assert_eq!(world.data(id, EventType::Released).await, [json!({"reason": "lost", "attempt": 0})]);
}

#[tokio::test]
async fn a_handler_whose_lease_is_lost_is_stopped_by_its_own_next_write() {
    let late = Arc::new(Notify::new());
    let go = Arc::clone(&late);
    let script = Script::new(move |ctx| {
        let go = Arc::clone(&go);
        Box::pin(async move {
            ctx.next_step().await?;
            go.notified().await;
            ctx.partial(&json!({})).await?;
            Ok(Value::Null)
        })
    });
    // One worker: nobody else takes the job while the first handler has the slot.
    let world = Setup::script(script).workers(1).start().await;
    let id = world.run_script(3).await;
    world.wait_state(id, JobState::Running).await;
    world.engine.step(OWNER, id).await.unwrap();
    world.store.rescue(clock::now().plus_ms(3_600_000), None, false, 10).await.unwrap();
    late.notify_one();
    world.wait_row(id, "a second claim", |row| row.state == JobState::Running && row.jseq == 4).await;
    assert_eq!(world.story(id).await, "accepted started released started");
    world.engine.step(OWNER, id).await.unwrap();
    late.notify_one();
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    assert_eq!(world.story(id).await, "accepted started released started partial succeeded");
}

#[tokio::test]
async fn an_attempt_that_lost_its_lease_writes_nothing() {
    let runs = Arc::new((Mutex::new(0), Notify::new(), Notify::new()));
    let seen = Arc::clone(&runs);
    let script = Script::new(move |ctx| {
        let runs = Arc::clone(&seen);
        Box::pin(async move {
            let run = {
                let mut count = runs.0.lock().unwrap();
                *count += 1;
                *count
            };
            if run == 1 {
                begin(ctx).await?;
                runs.1.notified().await;
                let late = ctx.partial(&json!({"run": 1})).await;
                runs.2.notify_one();
                late?;
                return Ok(json!("the first"));
            }
            ctx.next_step().await?;
            ctx.partial(&json!({"run": 2})).await?;
            Ok(json!("the second"))
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(3).await;
    world.wait_done(id, BEGUN).await;
    // As if its worker had been dead for an hour.
    let rescued = world.store.rescue(clock::now().plus_ms(3_600_000), None, false, 10).await.unwrap();
    assert_eq!(rescued.len(), 1);
    world.wait_row(id, "a second claim", |row| row.state == JobState::Running && row.jseq >= 5).await;
    runs.1.notify_one();
    // The first one is dropped as soon as the second is registered, or refused by the fence if it was quicker.
    world.engine.step(OWNER, id).await.unwrap();
    let row = world.wait_end(id).await;
    assert_eq!(row.output.as_deref(), Some("\"the second\""));
    assert_eq!(world.story(id).await, "accepted started released started partial succeeded");
    assert_eq!(world.data(id, EventType::Partial).await, [json!({"run": 2})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_whose_threads_are_all_busy_keeps_its_leases() {
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let script = Script::new(move |_| {
        let blocked = Arc::clone(&blocked);
        Box::pin(async move {
            let _ = blocked.lock().unwrap().recv();
            Ok(Value::Null)
        })
    });
    let lease = Duration::from_millis(400);
    let mut setup = Setup { threads: 1, ..Setup::script(script) };
    (setup.config.lease, setup.config.heartbeat) = (lease, lease / 8);
    let world = setup.start().await;
    let id = world.run_script(1).await;
    world.wait_state(id, JobState::Running).await;
    let begin = Instant::now();
    while begin.elapsed() < lease * 4 {
        assert_eq!(world.store.rescue(clock::now(), None, false, 10).await.unwrap(), [], "its lease was not renewed");
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_cancel_that_the_process_did_not_hear_of_arrives_with_the_heartbeat() {
    let mut setup = Setup::default();
    (setup.config.lease, setup.config.heartbeat) = (Duration::from_secs(5), Duration::from_millis(50));
    let world = setup.start().await;
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0, "hold": true})).await;
    world.wait_state(id, JobState::Running).await;
    // Around the engine; what the commit tells is withheld from it.
    world.deaf.store(true, Ordering::SeqCst);
    world.store.cancel(OWNER, id, clock::now()).await.unwrap();
    world.wait_state(id, JobState::Cancelled).await;
}

#[tokio::test]
async fn an_end_that_the_store_refuses_is_told_again_until_it_is_kept() {
    let refusing = Refusing::slot();
    let world = Setup { between: Refusing::between(&refusing), ..Setup::default() }.start().await;
    let refusing = refusing.get().unwrap();
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0, "hold": true})).await;
    world.wait_state(id, JobState::Running).await;
    refusing.refuse_finish.store(true, Ordering::SeqCst);
    world.engine.step(OWNER, id).await.unwrap();
    let mut refused = refusing.refused.subscribe();
    soon("the refusals", refused.wait_for(|count| *count >= 3)).await.unwrap();
    assert_eq!(world.row(id).await.state, JobState::Running);
    refusing.refuse_finish.store(false, Ordering::SeqCst);
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1));
    assert_eq!(world.story(id).await, "accepted started succeeded");
}

#[tokio::test]
async fn a_step_that_the_store_refuses_is_repeated_and_kept_once() {
    let refusing = Refusing::slot();
    let world = Setup { between: Refusing::between(&refusing), ..Setup::default() }.start().await;
    let refusing = refusing.get().unwrap();
    let id = world.rehearse(json!({"steps": 2, "step_ms": 0, "hold": true, "partials": true})).await;
    world.wait_state(id, JobState::Running).await;
    refusing.refuse_advance.store(true, Ordering::SeqCst);
    world.engine.step(OWNER, id).await.unwrap();
    let mut refused = refusing.refused.subscribe();
    soon("the refusals", refused.wait_for(|count| *count >= 3)).await.unwrap();
    refusing.refuse_advance.store(false, Ordering::SeqCst);
    world.engine.step(OWNER, id).await.unwrap();
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    assert_eq!(world.story(id).await, "accepted started partial partial succeeded");
}
