//! When a job may start and must have: limits of a kind, quiet hours, idleness, expiry; and what is said about it.

use crate::{
    script::{BEGUN, Script, begin},
    world::{OWNER, STRANGER, Setup, World},
};
use domain::{EventType, FailureReason, JobId, JobState, OwnerId, api::Submit};
use serde_json::{Value, json};
use server::engine::{
    kind_limits::{LimitSetting, by_kind},
    quiet_hours::QuietHours,
};

fn held(steps: u32) -> Value {
    json!({"steps": steps, "step_ms": 0, "hold": true})
}

async fn why(world: &World, id: JobId) -> (String, Value) {
    let row = world.row(id).await;
    let why = world.engine.outlook(&row, None).await.unwrap().unwrap().why;
    (why.code, Value::Object(why.params))
}

async fn submit_as(world: &World, owner: OwnerId, request: Value) -> JobId {
    let submit: Submit = serde_json::from_value(request).unwrap();
    world.engine.submit(owner, submit, None).await.unwrap().job.value.id
}

#[tokio::test]
async fn no_more_of_a_kind_run_than_its_limit_and_the_others_go_on() {
    let limits = ["rehearsal=1".parse::<LimitSetting>().unwrap()];
    let mut setup = Setup::default();
    setup.config.kind_limits = by_kind(limits);
    let world = setup.start().await;
    let first = world.rehearse(held(1)).await;
    let second = world.rehearse(held(1)).await;
    world.wait_state(first, JobState::Running).await;
    let other = world.run_script(1).await;
    world.wait_state(other, JobState::Succeeded).await;
    assert_eq!(world.row(second).await.state, JobState::Queued);
    let (code, params) = why(&world, second).await;
    assert_eq!((code.as_str(), &params["limit"], &params["kind"]), ("kind-limit", &json!(1), &json!("rehearsal")));
    // The end of the first one wakes the producer for the second.
    world.engine.step(OWNER, first).await.unwrap();
    world.wait_state(second, JobState::Running).await;
}

#[tokio::test]
async fn starts_of_a_kind_keep_to_its_rate() {
    let mut setup = Setup::script(Script::none());
    setup.config.kind_limits = by_kind(["script=1/min".parse::<LimitSetting>().unwrap()]);
    let world = setup.start().await;
    let first = world.run_script(1).await;
    world.wait_state(first, JobState::Succeeded).await;
    let second = world.run_script(1).await;
    let other = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    world.wait_state(other, JobState::Succeeded).await;
    assert_eq!(world.row(second).await.state, JobState::Queued);
    let (code, params) = why(&world, second).await;
    assert_eq!((code.as_str(), &params["per_minute"]), ("kind-rate", &json!(1)));
}

#[tokio::test]
async fn one_owners_flood_does_not_keep_anothers_job_waiting() {
    let world = Setup::default().workers(1).start().await;
    let flood = async || submit_as(&world, STRANGER, json!({"kind": "rehearsal", "input": held(1)})).await;
    let running = flood().await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(flood().await);
    }
    let single = world.submit(json!({"kind": "rehearsal", "input": held(1), "priority": -100})).await;
    let queue = world.engine.outlook(&world.row(single).await, None).await.unwrap().unwrap();
    assert!(queue.position <= 2, "a turn or two of the flood's, not fifty: {}", queue.position);
    world.engine.step(STRANGER, running).await.unwrap();
    world.engine.step(STRANGER, waiting[0]).await.unwrap();
    // Its turn came although 49 older ones of a higher priority wait.
    world.wait_state(single, JobState::Running).await;
    let state = world.store.job(STRANGER, waiting[1]).await.unwrap().unwrap().value.state;
    assert_eq!(state, JobState::Queued);
}

#[tokio::test]
async fn a_job_for_quiet_hours_waits_for_them_and_says_so() {
    let now = server::clock::now();
    let time = |ahead_h: i64| now.plus_ms(ahead_h * 3_600_000).to_string()[11..16].to_owned();
    let mut setup = Setup::default();
    setup.config.quiet_hours = QuietHours::parse(&format!("{}-{}", time(2), time(4)), Some("UTC")).unwrap();
    let world = setup.start().await;
    let id = world.submit(json!({"kind": "rehearsal", "input": {"steps": 1}, "run_at": "quiet"})).await;
    let row = world.row(id).await;
    assert_eq!(row.state, JobState::Scheduled);
    let ahead_ms = row.due_at.unwrap().ms_since(now);
    assert!((3_600_000..=2 * 3_600_000).contains(&ahead_ms), "{ahead_ms}");
    let (code, params) = why(&world, id).await;
    assert_eq!((code.as_str(), &params["from"], &params["zone"]), ("quiet-hours", &json!(time(2)), &json!("UTC")));
    // In quiet hours it starts at once.
    let mut setup = Setup::default();
    setup.config.quiet_hours = QuietHours::parse(&format!("{}-{}", time(-2), time(2)), Some("UTC")).unwrap();
    let world = setup.start().await;
    let id = world.submit(json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "run_at": "quiet"})).await;
    world.wait_state(id, JobState::Succeeded).await;
}

#[tokio::test]
async fn a_job_that_waits_for_idleness_starts_when_the_last_other_has_ended() {
    let world = World::new().await;
    let busy = world.rehearse(held(1)).await;
    world.wait_state(busy, JobState::Running).await;
    let idle = world.submit(json!({"kind": "rehearsal", "input": held(1), "run_at": "idle"})).await;
    assert_eq!(why(&world, idle).await, ("idle".to_owned(), json!({"unfinished": 1})));
    let other = world.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    world.wait_state(other, JobState::Succeeded).await;
    assert_eq!(world.row(idle).await.state, JobState::Scheduled, "there is still something else to do");
    world.engine.step(OWNER, busy).await.unwrap();
    world.wait_state(idle, JobState::Running).await;
    assert_eq!(world.story(idle).await, "accepted queued started");
    // With nothing else to do one starts at once, and half of the workers are left for what comes.
    let more = world.submit(json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "run_at": "idle"})).await;
    world.wait_state(more, JobState::Succeeded).await;
}

#[tokio::test]
async fn a_job_that_cannot_start_in_time_expires() {
    let script = Script::new(|ctx| {
        Box::pin(async move {
            begin(ctx).await?;
            ctx.next_step().await?;
            Ok(Value::Null)
        })
    });
    let world = Setup::script(script).workers(1).start().await;
    let busy = world.run_script(1).await;
    world.wait_done(busy, BEGUN).await;
    let late =
        world.submit(json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "start_within_s": 1})).await;
    let (_, params) = why(&world, late).await;
    assert!(params["start_by"].is_string());
    let row = world.wait_state(late, JobState::Failed).await;
    let failure = row.failure.unwrap();
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Expired, "not-started-in-time"));
    assert_eq!(world.data(late, EventType::Failed).await.len(), 1);
    // Its owner can still have it.
    world.engine.step(OWNER, busy).await.unwrap();
    world.engine.retry(OWNER, late, serde_json::from_value(json!({})).unwrap()).await.unwrap();
    world.wait_state(late, JobState::Succeeded).await;
}
