//! `POST /api/v1/jobs`.

use crate::common::{Server, header, link, places, problem, text};
use reqwest::{Body, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

const PATH: &str = "/api/v1/jobs";

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_job_is_told_with_its_links_and_cursor() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "hold": true}, "label": "spring list"});
    let response = visitor.post(PATH).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert!(header(&response, "retry-after").parse::<u32>().unwrap() >= 1);
    assert!(!response.headers().contains_key("preference-applied"));
    let location = header(&response, "location").to_owned();
    let job: Value = response.json().await.unwrap();
    assert_eq!(location, format!("/api/v1/jobs/{}", text(&job, "id")));
    assert_eq!(location, link(&job, "self"));
    assert_eq!((text(&job, "label"), &job["input"]), ("spring list", &body["input"]));
    assert_eq!((job["attempt"].as_u64(), job["max_attempts"].as_u64()), (Some(0), Some(3)));
    assert!(text(&job, "cursor").contains('.') && job["queue"]["why"]["code"].is_string());
    let list = visitor.json(PATH).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ends_within_wait_is_answered_at_once() {
    let server = Server::start().await;
    let body = json!({"kind": "rehearsal", "input": {"steps": 2, "step_ms": 1}});
    let request = server.visitor().post(PATH).json(&body).header("prefer", "respond-async, wait=30");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "preference-applied"), "wait=30");
    assert!(!response.headers().contains_key("retry-after"));
    let job: Value = response.json().await.unwrap();
    assert_eq!((text(&job, "state"), &job["result"]), ("succeeded", &json!({"steps": 2})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_end_within_wait_is_answered_202() {
    let server = Server::start().await;
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "hold": true}});
    let request = server.visitor().post(PATH).json(&body).header("prefer", "respond-async, wait=1");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&response, "preference-applied"), "respond-async, wait=1");
    assert_eq!(text(&response.json().await.unwrap(), "state"), "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_cancel_its_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    // To have a cookie that the raw request can carry.
    let first = visitor
        .post(PATH)
        .json(&json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}}))
        .send()
        .await
        .unwrap();
    let cookie = header(&first, "set-cookie").split(';').next().unwrap().to_owned();
    let body = r#"{"kind":"rehearsal","input":{"steps":1,"step_ms":0,"hold":true},"label":"left alone"}"#;
    let mut socket = TcpStream::connect(server.addr()).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nPrefer: wait=60\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + body).as_bytes()).await.unwrap();
    let waiting = async {
        loop {
            let list = visitor.json(&format!("{PATH}?q=left%20alone")).await;
            if let Some(job) = list["items"].as_array().unwrap().first() {
                return job.clone();
            }
        }
    };
    let job = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    visitor.wait_for(&job, "running").await;
    drop(socket);
    visitor.step(&job).await;
    let job = visitor.wait_for(&job, "succeeded").await;
    assert!(job["cancel_requested_at"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_the_same_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let send = |body: Value, key: &'static str| visitor.post(PATH).json(&body).header("idempotency-key", key).send();
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
    let first = send(body.clone(), "\"k-1\"").await.unwrap();
    assert!(!first.headers().contains_key("idempotency-replayed"));
    let first: Value = first.json().await.unwrap();
    visitor.wait_for(&first, "succeeded").await;
    // Other order and white space, the same request; a bare token, the same key.
    let again = visitor.post(PATH).header("content-type", "application/json").header("idempotency-key", "k-1");
    let again = again.body("{ \"input\": {\"step_ms\":0, \"steps\":1}, \"kind\":\"rehearsal\" }").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK, "a finished job");
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    let other = json!({"kind": "rehearsal", "input": {"steps": 2, "step_ms": 0}});
    problem(send(other, "k-1").await.unwrap(), 422, "idempotency-key-reused").await;
    let stranger = server.visitor().post(PATH).json(&body).header("idempotency-key", "k-1").send().await.unwrap();
    assert_ne!(stranger.json::<Value>().await.unwrap()["id"], first["id"], "a key is its owner's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_submit_in_parallel_makes_one_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    visitor.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "hold": true}, "label": "twice"});
    let sends = (0..16).map(|_| visitor.post(PATH).json(&body).header("idempotency-key", "double").send());
    let answers: Vec<Response> = futures_util::future::try_join_all(sends).await.unwrap();
    let replays = answers.iter().filter(|answer| answer.headers().contains_key("idempotency-replayed")).count();
    assert_eq!(replays, 15);
    let list = visitor.json(&format!("{PATH}?q=twice")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_one_is_refused() {
    let server = Server::start().await;
    let body = json!({"kind": "rehearsal", "input": {"steps": 1}});
    for key in ["", "\"\"", "\"open", &"x".repeat(256)] {
        let response = server.visitor().post(PATH).json(&body).header("idempotency-key", key).send().await.unwrap();
        problem(response, 400, "bad-idempotency-key").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_place_by_place() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let refuse = async |body: Value| {
        places(&problem(visitor.post(PATH).json(&body).send().await.unwrap(), 422, "invalid-input").await)
    };
    let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    let rehearsal = |input: Value| json!({"kind": "rehearsal", "input": input});
    assert_eq!(refuse(json!({"kind": "rehearsal"})).await, one("/input", "missing-field"));
    assert_eq!(refuse(json!({"kind": 1, "input": {}})).await, one("/kind", "wrong-type"));
    assert_eq!(
        refuse(json!({"kind": "rehearsal", "input": {"steps": 1}, "lable": "a"})).await,
        one("/lable", "unknown-field")
    );
    assert_eq!(refuse(rehearsal(json!({}))).await, one("/input/steps", "missing-field"));
    assert_eq!(refuse(rehearsal(json!({"steps": "5"}))).await, one("/input/steps", "wrong-type"));
    assert_eq!(refuse(rehearsal(json!({"steps": 5, "stepms": 1}))).await, one("/input/stepms", "unknown-field"));
    assert_eq!(refuse(rehearsal(json!({"steps": 10_001}))).await, one("/input/steps", "out-of-range"));
    for input in [json!([]), json!([5]), json!("x"), json!(null)] {
        assert_eq!(refuse(rehearsal(input)).await, one("/input", "wrong-type"));
    }
    assert_eq!(refuse(json!(["rehearsal", {"steps": 1}])).await, one("", "wrong-type"));
    let import = json!({"kind": "catalogue-import", "input": {"upload": "no id"}});
    assert_eq!(refuse(import).await, one("/input/upload", "wrong-type"));
    for (value, code) in [("soon", "invalid-time"), ("2999-01-01T00:00:00Z", "too-far")] {
        let mut body = rehearsal(json!({"steps": 1}));
        body["run_at"] = json!(value);
        assert_eq!(refuse(body).await, one("/run_at", code));
    }
    for (field, value) in [
        ("priority", json!(101)),
        ("priority", json!(-101)),
        ("start_within_s", json!(0)),
        ("max_attempts", json!(21)),
        ("timeout_s", json!(0)),
    ] {
        let mut body = rehearsal(json!({"steps": 1}));
        body[field] = value;
        assert_eq!(refuse(body).await, one(&format!("/{field}"), "out-of-range"));
    }
    assert_eq!(visitor.json(PATH).await["items"], json!([]), "nothing of it was accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_at_all_is_refused_as_a_problem() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let unknown = visitor.post(PATH).json(&json!({"kind": "no-such", "input": {}})).send().await.unwrap();
    problem(unknown, 404, "unknown-kind").await;
    for broken in ["{", "", "[1,", "{\"kind\":\"rehearsal\",}", "\u{0}"] {
        let request = visitor.post(PATH).header("content-type", "application/json").body(broken);
        problem(request.send().await.unwrap(), 400, "bad-json").await;
    }
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = visitor.post(PATH).header("content-type", media_type).body("{}");
        problem(request.send().await.unwrap(), 415, "not-json").await;
    }
    problem(visitor.post(PATH).body("{}").send().await.unwrap(), 415, "not-json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_is_refused_and_the_client_hears_it() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let huge = format!(r#"{{"kind":"rehearsal","input":{{"steps":1,"x":"{}"}}}}"#, "x".repeat(8 << 20));
    let json = |body: Body| visitor.post(PATH).header("content-type", "application/json").body(body).send();
    problem(json(huge.clone().into()).await.unwrap(), 413, "too-large").await;
    let chunks =
        huge.into_bytes().chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let unannounced = Body::wrap_stream(futures_util::stream::iter(chunks));
    problem(json(unannounced).await.unwrap(), 413, "too-large").await;
    let large = format!(r#"{{"kind":"rehearsal","input":{{"steps":1,"x":"{}"}}}}"#, "x".repeat(300 * 1024));
    assert_eq!(json(large.into()).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE, "an input over 256 KB");
    visitor.rehearse(serde_json::json!({"steps": 1})).await;
}
