//! Cancel, retry, step.

use crate::common::{Server, link, places, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_says_what_it_came_to() {
    let server = Server::start_with(|config| config.engine.workers = 1).await;
    let visitor = server.visitor();
    let running = visitor.held(1).await;
    let queued = visitor.rehearse(json!({"steps": 1})).await;
    let cancel = async |job: &Value| {
        let response = visitor.post(link(job, "cancel")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json::<Value>().await.unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(cancel(&queued).await, "cancelled");
    assert_eq!(cancel(&running).await, "requested");
    let cancelled = visitor.wait_for(&running, "cancelled").await;
    assert_eq!(cancel(&cancelled).await, "too-late", "a finished job");
    assert_eq!(cancel(&queued).await, "too-late");
    assert_eq!(visitor.wait_for(&queued, "cancelled").await["attempt"], json!(0));
    problem(visitor.get(link(&running, "result")).send().await.unwrap(), 409, "job-cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_failed_or_was_cancelled_is_retried() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let running = visitor.held(1).await;
    problem(visitor.post(link(&running, "retry")).send().await.unwrap(), 409, "not-retryable").await;
    visitor.step(&running).await;
    let succeeded = visitor.wait_for(&running, "succeeded").await;
    problem(visitor.post(link(&succeeded, "retry")).send().await.unwrap(), 409, "not-retryable").await;
    problem(visitor.post(&format!("{}/step", link(&succeeded, "self"))).send().await.unwrap(), 409, "job-finished")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_opened_again_as_the_same_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let failed = visitor.finished(json!({"steps": 2, "step_ms": 0, "fail_at": 2})).await;
    let response = visitor.post(link(&failed, "retry")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let reopened: Value = response.json().await.unwrap();
    assert_eq!(reopened["id"], failed["id"]);
    let again =
        visitor.wait_until(&failed, |job| text(job, "state") == "failed" && job["attempt"] != failed["attempt"]).await;
    assert!(again["jseq"].as_u64() > failed["jseq"].as_u64());
    let anew = visitor.post(link(&failed, "retry")).json(&json!({"from": "start"})).send().await.unwrap();
    assert_eq!(anew.status(), StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_input_makes_a_new_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let failed = visitor.finished(json!({"steps": 2, "step_ms": 0, "fail_at": 2})).await;
    let edited = json!({"input": {"steps": 2, "step_ms": 0}});
    let request = visitor.post(link(&failed, "retry")).json(&edited).header("prefer", "wait=30");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let job: Value = response.json().await.unwrap();
    assert_eq!((&job["origin"], text(&job, "state")), (&failed["id"], "succeeded"));
    assert_ne!(job["id"], failed["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_is_wrong_changes_nothing() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let failed = visitor.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1})).await;
    let path = link(&failed, "retry");
    let refuse = async |body: Value| {
        places(&problem(visitor.post(path).json(&body).send().await.unwrap(), 422, "invalid-input").await)
    };
    let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    assert_eq!(refuse(json!({"form": "start"})).await, one("/form", "unknown-field"));
    assert_eq!(refuse(json!({"from": 1})).await, one("/from", "wrong-type"));
    assert_eq!(refuse(json!({"from": "middle"})).await[0].0, "/from");
    assert_eq!(refuse(json!({"input": {"steps": 10_001}})).await, one("/input/steps", "out-of-range"));
    problem(visitor.post(path).body("from=start").send().await.unwrap(), 415, "not-json").await;
    let broken = visitor.post(path).header("content-type", "application/json").body("{");
    problem(broken.send().await.unwrap(), 400, "bad-json").await;
    let unchanged = visitor.json(link(&failed, "self")).await;
    assert_eq!(unchanged["jseq"], failed["jseq"]);
}
