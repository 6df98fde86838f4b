//! A job that waits for the outside: no worker, no attempt, no lost wake-up, nothing delivered twice past a checkpoint.

use crate::{
    script::{BEGUN, Script, begin},
    world::{OWNER, Setup, World, soon},
};
use domain::{EventType, JobId, JobState, api::CancelOutcome};
use serde_json::{Value, json};
use server::{
    clock,
    engine::context::{Callback, JobError, Waiting},
    store::Advance,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

/// Where a rehearsal awaits its call-back.
async fn token(world: &World, id: JobId) -> String {
    let partials = world.data(id, EventType::Partial).await;
    let url =
        partials.iter().rev().find_map(|partial| partial["callback_url"].as_str()).expect("an address").to_owned();
    url.strip_prefix("/api/v1/callbacks/").unwrap().to_owned()
}

async fn call_back(world: &World, token: &str, body: Value) -> bool {
    world.engine.receive_callback(token, body.to_string()).await.unwrap()
}

#[tokio::test]
async fn a_waiting_job_holds_no_worker_and_goes_on_with_its_call_back() {
    let world = Setup::default().workers(1).start().await;
    let id = world.rehearse(json!({"steps": 3, "step_ms": 0, "partials": true, "wait_at": 2})).await;
    let row = world.wait_state(id, JobState::Waiting).await;
    assert_eq!((row.attempt, row.progress.unwrap().done), (1, 1));
    let other = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    assert_eq!(world.wait_end(other).await.state, JobState::Succeeded, "the only worker is free");
    assert_eq!(world.row(id).await.state, JobState::Waiting);
    assert!(call_back(&world, &token(&world, id).await, json!({"price": 7})).await);
    let row = world.wait_end(id).await;
    assert_eq!(row.output.as_deref(), Some(r#"{"steps":3,"callback":{"price":7}}"#));
    assert_eq!(row.attempt, 1, "a wait burns no attempt");
    let story = "accepted started partial partial waiting resumed started partial partial succeeded";
    assert_eq!(world.story(id).await, story);
    let waiting = &world.data(id, EventType::Waiting).await[0];
    assert_eq!(waiting["for"], json!({"code": "rehearsed-callback", "params": {"step": 2}}));
}

#[tokio::test]
async fn a_job_with_one_attempt_may_wait_and_still_run_on() {
    let world = World::new().await;
    let input = json!({"steps": 2, "step_ms": 0, "wait_at": 1});
    let id = world.submit(json!({"kind": "rehearsal", "max_attempts": 1, "input": input})).await;
    let waiting = world.wait_state(id, JobState::Waiting).await;
    assert_eq!(waiting.first_started_at, waiting.started_at);
    assert!(call_back(&world, &token(&world, id).await, json!(null)).await);
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1));
    assert_eq!(row.first_started_at, waiting.started_at, "its time runs from its first start");
}

/// Asks once for each name, and waits until each has answered; its checkpoint is what came, in order.
async fn ask_all(ctx: &server::engine::context::Context, names: &[&str]) -> Result<Value, JobError> {
    let mut answers: Vec<(String, Value)> = ctx.checkpoint().unwrap_or_default();
    let found = ctx.callbacks().await?;
    for body in &found.received {
        answers.push((body.name.clone(), body.read()?));
    }
    let taken = found.received.iter().map(|body| body.id).collect();
    ctx.advance(Advance { checkpoint: Some(json!(answers).to_string()), taken, ..Advance::default() }).await?;
    if answers.len() == names.len() {
        return Ok(json!(answers));
    }
    let until = clock::now().plus_ms(600_000);
    for name in names {
        let known =
            answers.iter().any(|(answer, _)| answer == name) || found.open.iter().any(|open| open.name == *name);
        if !known {
            ctx.partial(&json!({"name": name, "path": ctx.callback_path(name, until).await?})).await?;
        }
    }
    Err(Waiting::until("supplier-callback", until).into())
}

#[tokio::test]
async fn several_addresses_at_once_each_wake_the_job_until_all_have_answered() {
    let names = &["alpha", "beta", "gamma"];
    let script = Script::new(move |ctx| Box::pin(ask_all(ctx, names)));
    let world = Setup::script(script).workers(1).start().await;
    let id = world.run_script(1).await;
    let mut before = world.wait_state(id, JobState::Waiting).await.jseq;
    let paths = world.data(id, EventType::Partial).await;
    for (n, name) in ["gamma", "alpha", "beta"].into_iter().enumerate() {
        let path = paths.iter().find(|partial| partial["name"] == name).unwrap()["path"].as_str().unwrap().to_owned();
        assert!(call_back(&world, path.rsplit('/').next().unwrap(), json!(n)).await);
        if n < 2 {
            let again = |row: &server::store::JobRow| row.state == JobState::Waiting && row.jseq > before;
            before = world.wait_row(id, "its next wait", again).await.jseq;
        }
    }
    let row = world.wait_end(id).await;
    assert_eq!(row.output.as_deref(), Some(r#"[["gamma",0],["alpha",1],["beta",2]]"#));
    assert_eq!(world.data(id, EventType::Partial).await.len(), 3, "nobody was asked twice");
}

#[tokio::test]
async fn a_call_back_that_is_quicker_than_the_wait_is_not_lost() {
    let (asked, go) = (Arc::new(Mutex::new(None::<String>)), Arc::new(Notify::new()));
    let (told, gate) = (Arc::clone(&asked), Arc::clone(&go));
    let script = Script::new(move |ctx| {
        let (told, gate) = (Arc::clone(&told), Arc::clone(&gate));
        Box::pin(async move {
            if let Some(body) = ctx.callbacks().await?.received.first() {
                return body.read();
            }
            let callback = Callback::new("quick", clock::now().plus_ms(600_000))?;
            ctx.advance(Advance { callbacks: vec![callback.address()], ..Advance::default() }).await?;
            *told.lock().unwrap() = Some(callback.path());
            begin(ctx).await?;
            gate.notified().await;
            Err(Waiting::within("supplier-callback", Duration::from_secs(600)).into())
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    world.wait_done(id, BEGUN).await;
    let path = asked.lock().unwrap().clone().unwrap();
    assert!(call_back(&world, path.rsplit('/').next().unwrap(), json!("quick")).await);
    go.notify_one();
    assert_eq!(world.wait_end(id).await.output.as_deref(), Some("\"quick\""));
    assert_eq!(world.story(id).await, "accepted started waiting resumed started succeeded");
}

#[tokio::test]
async fn what_came_is_given_again_after_a_crash_and_never_after_its_checkpoint() {
    let names = &["alpha"];
    let script = || Script::new(move |ctx| Box::pin(ask_all(ctx, names)));
    let world = Setup::script(script()).start().await;
    let id = world.run_script(1).await;
    world.wait_state(id, JobState::Waiting).await;
    let path = world.data(id, EventType::Partial).await[0]["path"].as_str().unwrap().to_owned();
    // The process dies between the call-back and whatever it would have led to.
    world.deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(call_back(&world, path.rsplit('/').next().unwrap(), json!(1)).await);
    let folder = world.crash().await;
    let world = Setup::script(script()).start_in(folder).await;
    assert_eq!(world.wait_end(id).await.output.as_deref(), Some(r#"[["alpha",1]]"#));
    assert_eq!(world.data(id, EventType::Resumed).await, [json!({"by": "callback", "attempt": 0})]);
    assert!(!call_back(&world, path.rsplit('/').next().unwrap(), json!(2)).await);
}

#[tokio::test]
async fn a_deadline_fails_the_job_and_a_retry_asks_anew() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 2, "wait_s": 1})).await;
    let row = world.wait_end(id).await;
    let failure = row.failure.unwrap();
    assert_eq!((row.state, failure.code.as_str(), failure.attempt), (JobState::Failed, "callback-timeout", 1));
    assert_eq!(world.story(id).await, "accepted started partial waiting failed");
    let dead = token(&world, id).await;
    world.engine.retry(OWNER, id, Default::default()).await.unwrap();
    world.wait_state(id, JobState::Waiting).await;
    assert!(!call_back(&world, &dead, json!(1)).await, "of the round before");
    assert!(call_back(&world, &token(&world, id).await, json!(2)).await);
    assert_eq!(world.wait_end(id).await.output.as_deref(), Some(r#"{"steps":2,"callback":2}"#));
}

#[tokio::test]
async fn a_deadline_may_let_the_job_go_on_with_what_it_has() {
    let world = World::new().await;
    let id =
        world.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 2, "wait_s": 1, "wait_timeout": "resume"})).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.output.as_deref(), row.attempt), (JobState::Succeeded, Some(r#"{"steps":2}"#), 1));
    assert_eq!(world.data(id, EventType::Resumed).await, [json!({"by": "timeout", "attempt": 0})]);
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 1})).await;
    world.wait_state(id, JobState::Waiting).await;
    assert_eq!(world.engine.cancel(OWNER, id).await.unwrap(), Some(CancelOutcome::Cancelled));
    assert_eq!(world.row(id).await.state, JobState::Cancelled);
    assert!(!call_back(&world, &token(&world, id).await, json!(1)).await);
}

#[tokio::test]
async fn a_stop_and_a_start_leave_a_waiting_job_as_it_is() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 1})).await;
    world.wait_state(id, JobState::Waiting).await;
    let folder = soon("the stop", world.stop(Duration::from_secs(1))).await;
    let world = Setup::default().start_in(folder).await;
    assert_eq!(world.row(id).await.state, JobState::Waiting);
    assert!(call_back(&world, &token(&world, id).await, json!(1)).await);
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    assert_eq!(world.story(id).await, "accepted started partial waiting resumed started succeeded");
}

#[tokio::test]
async fn a_body_of_another_shape_fails_the_attempt_in_words() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            if let Some(body) = ctx.callbacks().await?.received.first() {
                return body.read::<u32>().map(|number| json!(number));
            }
            let path = ctx.callback_path("number", clock::now().plus_ms(600_000)).await?;
            ctx.partial(&json!({"path": path})).await?;
            Err(Waiting::within("x".repeat(20_000), Duration::from_secs(600)).with("far", "y".repeat(20_000)).into())
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    // However long the words of a wait are, they fit into its event.
    world.wait_state(id, JobState::Waiting).await;
    let path = world.data(id, EventType::Partial).await[0]["path"].as_str().unwrap().to_owned();
    assert!(call_back(&world, path.rsplit('/').next().unwrap(), json!("seven")).await);
    let failure = world.wait_end(id).await.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.retryable), ("unreadable-callback", false));
}

#[tokio::test]
async fn a_handler_that_takes_nothing_of_what_it_saw_waits_for_more_instead_of_spinning() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            let found = ctx.callbacks().await?;
            if found.received.len() == 2 {
                return Ok(json!(found.received.iter().map(|body| &body.body).collect::<Vec<_>>()));
            }
            if found.open.is_empty() {
                for name in ["one", "other"] {
                    let path = ctx.callback_path(name, clock::now().plus_ms(600_000)).await?;
                    ctx.partial(&json!({"path": path})).await?;
                }
            }
            Err(Waiting::within("supplier-callback", Duration::from_secs(600)).into())
        })
    });
    let world = Setup::script(script).start().await;
    let id = world.run_script(1).await;
    let before = world.wait_state(id, JobState::Waiting).await.jseq;
    let paths = world.data(id, EventType::Partial).await;
    let tokens: Vec<_> = paths.iter().map(|path| path["path"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert!(call_back(&world, tokens[0], json!(1)).await);
    world.wait_row(id, "its second wait", |row| row.state == JobState::Waiting && row.jseq > before).await;
    assert!(call_back(&world, tokens[1], json!(2)).await);
    assert_eq!(world.wait_end(id).await.output.as_deref(), Some(r#"["1","2"]"#));
    assert_eq!(
        world.story(id).await,
        "accepted started partial partial waiting resumed started waiting resumed started succeeded"
    );
}
