//! What is accepted, what is refused and how, keys, and retries by the owner.

use crate::world::{OWNER, STRANGER, Setup, World};
use domain::{JobId, JobState, OwnerId, Problem, UploadId, api::Retry};
use serde_json::{Value, json};
use server::{
    clock,
    engine::{IdempotencyKey, Retried, RetryError, SubmitError, Submitted},
    store::UploadRow,
};

async fn submit(world: &World, owner: OwnerId, request: Value, key: &str) -> Result<Submitted, Box<Problem>> {
    let key = IdempotencyKey::parse(key);
    match world.engine.submit(owner, serde_json::from_value(request).unwrap(), key).await {
        Ok(submitted) => Ok(submitted),
        Err(SubmitError::Refused(problem)) => Err(problem),
        Err(SubmitError::Store(error)) => panic!("{error}"),
    }
}

async fn retry(world: &World, id: JobId, request: Value) -> Result<Retried, Box<Problem>> {
    match world.engine.retry(OWNER, id, serde_json::from_value::<Retry>(request).unwrap()).await {
        Ok(retried) => Ok(retried),
        Err(RetryError::Refused(problem)) => Err(problem),
        Err(RetryError::Store(error)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_same_request_twice_with_a_key_is_one_job() {
    let world = World::new().await;
    let request = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "label": "spring"});
    let first = submit(&world, OWNER, request.clone(), "k-1").await.unwrap();
    assert!(!first.replayed);
    let id = first.job.value.id;
    world.wait_end(id).await;
    let again = submit(&world, OWNER, request.clone(), "\"k-1\"").await.unwrap();
    assert_eq!((again.replayed, again.job.value.id, again.job.value.state), (true, id, JobState::Succeeded));
    // A default that is spelled out makes it another request: the fingerprint is of what was sent.
    let mut other = request.clone();
    other["max_attempts"] = json!(3);
    let refused = submit(&world, OWNER, other, "k-1").await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (422, "idempotency-key-reused"));
    let strangers = submit(&world, STRANGER, request.clone(), "k-1").await.unwrap();
    assert!(!strangers.replayed && strangers.job.value.id != id, "keys are each owner's own");
    assert_ne!(submit(&world, OWNER, request, "k-2").await.unwrap().job.value.id, id);
}

#[tokio::test]
async fn a_double_click_makes_one_job_even_at_the_same_moment() {
    let world = World::new().await;
    let request = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
    let submits = (0..20).map(|_| submit(&world, OWNER, request.clone(), "click"));
    let made = futures_util::future::join_all(submits).await;
    let mut ids: Vec<_> = made.iter().map(|made| made.as_ref().unwrap().job.value.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(made.iter().filter(|made| !made.as_ref().unwrap().replayed).count(), 1);
}

#[tokio::test]
async fn what_cannot_be_accepted_is_refused_with_its_place() {
    let world = World::new().await;
    let refused = async |request| {
        let problem = submit(&world, OWNER, request, "").await.unwrap_err();
        let first = problem.errors.first().cloned();
        (
            problem.status,
            problem.code.clone(),
            first.map(|error| format!("{} {}", error.pointer, error.code)).unwrap_or_default(),
        )
    };
    let expect = |status, code: &str, place: &str| (status, code.to_owned(), place.to_owned());
    assert_eq!(refused(json!({"kind": "nope", "input": {}})).await, expect(404, "unknown-kind", ""));
    let large = json!({"kind": "rehearsal", "input": {"steps": "x".repeat(256 * 1024)}});
    assert_eq!(refused(large).await, expect(413, "input-too-large", ""));
    for (request, place) in [
        (json!({"kind": "rehearsal", "input": {"steps": 10_001}}), "/input/steps out-of-range"),
        (json!({"kind": "rehearsal", "input": {"steps": "5"}}), "/input/steps wrong-type"),
        (json!({"kind": "rehearsal", "input": {}}), "/input missing-field"),
        (json!({"kind": "rehearsal", "input": {"steps": 1, "stepz": 1}}), "/input/stepz unknown-field"),
        (json!({"kind": "rehearsal", "input": {"steps": 1}, "priority": 101}), "/priority out-of-range"),
        (json!({"kind": "rehearsal", "input": {"steps": 1}, "run_at": "soon"}), "/run_at invalid-time"),
        (json!({"kind": "rehearsal", "input": {"steps": 1}, "timeout_s": 0}), "/timeout_s out-of-range"),
    ] {
        assert_eq!(refused(request).await, expect(422, "invalid-input", place));
    }
    assert_eq!(world.store.stream(OWNER).await.unwrap().head, 0, "nothing was accepted");
}

#[tokio::test]
async fn a_label_is_trimmed_and_an_empty_one_is_none() {
    let world = World::new().await;
    for (sent, kept) in [("  spring list ", Some("spring list")), ("   ", None)] {
        let request = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "label": sent});
        let made = submit(&world, OWNER, request, "").await.unwrap();
        assert_eq!(made.job.value.label.as_deref(), kept);
    }
}

#[tokio::test]
async fn a_failed_job_goes_on_from_its_checkpoint_when_its_owner_retries_it() {
    let world = World::new().await;
    let request = json!({"kind": "rehearsal", "max_attempts": 1,
        "input": {"steps": 3, "step_ms": 0, "partials": true, "fail_at": 3, "failure": "transient"}});
    let id = world.submit(request).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Failed);
    let Retried::Reopened(job) = retry(&world, id, json!({})).await.unwrap() else { panic!("not reopened") };
    assert_eq!((job.value.id, job.value.max_attempts), (id, 4));
    world.wait_state(id, JobState::Succeeded).await;
    let story = "accepted started partial partial attempt_failed failed reopened started partial succeeded";
    assert_eq!(world.story(id).await, story);
    let refused = retry(&world, id, json!({})).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (409, "not-retryable"));
}

#[tokio::test]
async fn a_retry_from_the_start_forgets_the_checkpoint() {
    let world = World::new().await;
    let request = json!({"kind": "rehearsal", "max_attempts": 1,
        "input": {"steps": 2, "step_ms": 0, "partials": true, "fail_at": 2, "failure": "transient"}});
    let id = world.submit(request).await;
    world.wait_state(id, JobState::Failed).await;
    retry(&world, id, json!({"from": "start"})).await.unwrap();
    world.wait_state(id, JobState::Succeeded).await;
    assert_eq!(
        world.story(id).await,
        "accepted started partial attempt_failed failed reopened started partial partial succeeded"
    );
}

#[tokio::test]
async fn edited_input_makes_one_new_job_with_its_origin() {
    let world = Setup::default().start().await;
    let request = json!({"kind": "rehearsal", "label": "spring", "timeout_s": 60,
        "input": {"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"}});
    let id = world.submit(request).await;
    world.wait_state(id, JobState::Failed).await;
    let edited = json!({"input": {"steps": 1, "step_ms": 0}});
    let Retried::New(made) = retry(&world, id, edited.clone()).await.unwrap() else { panic!("not a new job") };
    let row = world.wait_end(made.job.value.id).await;
    assert_eq!((row.state, row.origin, row.timeout_ms), (JobState::Succeeded, Some(id), 60_000));
    assert_eq!(row.label.as_deref(), Some("spring"));
    assert_eq!(world.row(id).await.state, JobState::Failed, "the old one stays as it was");
    let Retried::New(again) = retry(&world, id, edited).await.unwrap() else { panic!("not a new job") };
    assert!(again.replayed && again.job.value.id == row.id, "a double click is one job");
}

#[tokio::test]
async fn a_retry_that_cannot_be_is_refused() {
    let world = World::new().await;
    let unknown = JobId::from_bytes([9; 16]);
    for request in [json!({}), json!({"input": {"steps": 1}})] {
        assert_eq!(retry(&world, unknown, request).await.unwrap_err().status, 404);
    }
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0, "hold": true})).await;
    for request in [json!({}), json!({"input": {"steps": 1}})] {
        assert_eq!(retry(&world, id, request).await.unwrap_err().code, "not-retryable");
    }
    for request in [json!({"from": "middle"}), json!({"from": "start", "input": {"steps": 1}})] {
        let refused = retry(&world, id, request).await.unwrap_err();
        assert_eq!((refused.status, refused.errors[0].pointer.as_str()), (422, "/from"));
    }
}

#[tokio::test]
async fn a_stranger_can_neither_cancel_nor_retry() {
    let world = World::new().await;
    let id = world.rehearse(json!({"steps": 1, "step_ms": 0, "fail_at": 1})).await;
    world.wait_state(id, JobState::Failed).await;
    assert_eq!(world.engine.cancel(STRANGER, id).await.unwrap(), None);
    match world.engine.retry(STRANGER, id, Retry::default()).await {
        Err(RetryError::Refused(problem)) => assert_eq!(problem.status, 404),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_upload_counts_by_its_content_and_must_be_the_owners() {
    let world = World::new().await;
    let [first, again, other, strangers] = [1, 2, 3, 4].map(|byte| UploadId::from_bytes([byte; 16]));
    for (id, owner, content) in [(first, OWNER, 7), (again, OWNER, 7), (other, OWNER, 8), (strangers, STRANGER, 7)] {
        let upload =
            UploadRow { id, owner, name: "p.csv".into(), size: 1, sha256: [content; 32], created_at: clock::now() };
        world.store.add_upload(upload).await.unwrap();
    }
    let request = |id: UploadId| json!({"kind": "script", "input": {"upload": id}});
    let made = submit(&world, OWNER, request(first), "k").await.unwrap();
    let replayed = submit(&world, OWNER, request(again), "k").await.unwrap();
    assert_eq!((replayed.replayed, replayed.job.value.id), (true, made.job.value.id));
    assert_eq!(submit(&world, OWNER, request(other), "k").await.unwrap_err().code, "idempotency-key-reused");
    for key in ["", "another"] {
        let refused = submit(&world, OWNER, request(strangers), key).await.unwrap_err();
        assert_eq!(
            (refused.errors[0].pointer.as_str(), refused.errors[0].code.as_str()),
            ("/input/upload", "upload-missing")
        );
    }
}
