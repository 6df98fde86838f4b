//! Call-backs: the token is the right, and whatever is wrong with it is answered the same.

use crate::common::{Server, Visitor, link, places, problem, text};
use domain::api::CALLBACK_LIMIT;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const FORM: &str = "application/x-www-form-urlencoded";

/// Somebody without cookies.
fn third_party(server: &Server, path: &str) -> RequestBuilder {
    Client::new().post(format!("{}{path}", server.base))
}

/// A rehearsal that waits, and where it awaits its call-back.
async fn waiting(visitor: &Visitor) -> (Value, String) {
    let job = visitor.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 2})).await;
    let job = visitor.wait_for(&job, "waiting").await;
    let path = address(visitor, &job).await;
    (job, path)
}

async fn address(visitor: &Visitor, job: &Value) -> String {
    let log = visitor.json(link(job, "events")).await;
    let events = log["items"].as_array().unwrap().iter().rev();
    events.clone().find_map(|event| event["data"]["callback_url"].as_str()).expect("an address").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_needs_nothing_but_its_token_and_counts_once() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let (job, path) = waiting(&visitor).await;
    let waiting = &job["waiting"];
    assert_eq!((text(&waiting["for"], "code"), &waiting["for"]["params"]), ("rehearsed-callback", &json!({"step": 2})));
    assert!(text(waiting, "until") > text(&job, "created_at"));
    assert_eq!((text(&job["queue"]["why"], "code"), &job["queue"]["eta_s"]), ("waiting", &Value::Null));
    // As a page of another site would send it: a right that a cookie does not give, a missing cookie cannot take.
    let request =
        third_party(&server, &path).header("origin", "https://supplier.example").header("sec-fetch-site", "cross-site");
    let answer = request.json(&json!({"price": 7})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(!answer.headers().contains_key("set-cookie"));
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!((&done["result"], &done["attempt"]), (&json!({"steps": 2, "callback": {"price": 7}}), &json!(1)));
    assert_eq!(done["waiting"], Value::Null);
    problem(third_party(&server, &path).json(&json!({"price": 7})).send().await.unwrap(), 404, "callback-not-found")
        .await;
}

/// All of an answer that a stranger can see, but the date.
async fn seen(answer: Response) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers().iter().filter(|(name, _)| name.as_str() != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status().as_u16(), headers, answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_used_and_dead_tokens_get_one_and_the_same_answer() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let (used_job, used) = waiting(&visitor).await;
    third_party(&server, &used).json(&json!(1)).send().await.unwrap();
    visitor.wait_for(&used_job, "succeeded").await;
    let (cancelled_job, cancelled) = waiting(&visitor).await;
    let answer = visitor.post(link(&cancelled_job, "cancel")).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"outcome": "cancelled"}));
    assert_eq!(visitor.json(link(&cancelled_job, "self")).await["state"], "cancelled", "at once");
    let expiring = visitor.rehearse(json!({"steps": 2, "step_ms": 0, "wait_at": 1, "wait_s": 1})).await;
    let failed = visitor.wait_for(&expiring, "failed").await;
    assert_eq!(text(&failed["failure"], "code"), "callback-timeout");
    let expired = address(&visitor, &expiring).await;
    let made_up = "/api/v1/callbacks/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut answers = Vec::new();
    for path in [made_up, "/api/v1/callbacks/x", "/api/v1/callbacks/%F0%9F%A6%80", &used, &cancelled, &expired] {
        answers.push(seen(third_party(&server, path).json(&json!(1)).send().await.unwrap()).await);
    }
    assert_eq!(answers[0].0, 404);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_a_good_token_is_told_what_is_wrong_with_the_body() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let (job, path) = waiting(&visitor).await;
    let made_up = "/api/v1/callbacks/made-up";
    let json = |path: &str, body: Vec<u8>| {
        third_party(&server, path).header("content-type", "application/json").body(body).send()
    };
    let too_large = format!("\"{}\"", "x".repeat(CALLBACK_LIMIT));
    for (body, status, code) in [
        (&b""[..], 400, "bad-json"),
        (b"{", 400, "bad-json"),
        (b"{} {}", 400, "bad-json"),
        (b"'x'", 400, "bad-json"),
        (b"\"\xff\"", 400, "bad-json"),
        ("[".repeat(1000).as_bytes(), 400, "bad-json"),
        (too_large.as_bytes(), 413, "too-large"),
    ] {
        problem(json(&path, body.to_vec()).await.unwrap(), status, code).await;
        problem(json(made_up, body.to_vec()).await.unwrap(), 404, "callback-not-found").await;
    }
    for (media_type, body) in [("text/plain", "1"), (FORM, "a=b")] {
        let post = |path: &str| third_party(&server, path).header("content-type", media_type).body(body).send();
        problem(post(&path).await.unwrap(), 415, "not-json").await;
        problem(post(made_up).await.unwrap(), 404, "callback-not-found").await;
    }
    for path in [path.as_str(), made_up] {
        let get = Client::new().get(format!("{}{path}", server.base)).send().await.unwrap();
        problem(get, 405, "method-not-allowed").await;
    }
    // None of it has used the token up, and the largest body there may be is taken.
    let largest = format!("\"{}\"", "x".repeat(CALLBACK_LIMIT - 2));
    assert_eq!(json(&path, largest.into_bytes()).await.unwrap().status(), StatusCode::NO_CONTENT);
    visitor.wait_for(&job, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn call_backs_that_do_not_end_take_no_more_than_their_places() {
    let server = Server::start().await;
    let (_, path) = waiting(&server.visitor()).await;
    let (_, other) = waiting(&server.visitor()).await;
    let broken = |path: &str| third_party(&server, path).header("content-type", "application/json").body("{").send();
    let mut held = Vec::new();
    loop {
        let mut socket = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        held.push(socket);
        let answer = broken(&other).await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
            problem(answer, 429, "too-many-requests").await;
            break;
        }
        problem(answer, 400, "bad-json").await;
        assert!(held.len() < 200, "there is a limit");
    }
    // Who has no token takes no place, and learns nothing of there being none.
    problem(broken("/api/v1/callbacks/made-up").await.unwrap(), 404, "callback-not-found").await;
    server.visitor().finished(json!({"steps": 1, "step_ms": 0})).await;
    // A place that is given back is free.
    let mut first = held.remove(0);
    first.write_all(b"\"all of i").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    let answer = third_party(&server, &path).json(&json!(1)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_is_wrong_with_its_wait() {
    let server = Server::start().await;
    let submit = async |input: Value| {
        let request = json!({"kind": "rehearsal", "input": input});
        problem(server.visitor().post("/api/v1/jobs").json(&request).send().await.unwrap(), 422, "invalid-input").await
    };
    let wrong = submit(json!({"steps": 2, "wait_at": 3, "wait_s": 0})).await;
    let at = |pointer: &str, code: &str| (format!("/input/{pointer}"), code.to_owned());
    assert_eq!(places(&wrong), [at("wait_at", "out-of-range"), at("wait_s", "out-of-range")]);
    let wrong = submit(json!({"steps": 2, "wait_at": 1, "wait_timeout": "never"})).await;
    assert_eq!(text(&wrong["errors"][0], "pointer"), "/input/wait_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_rehearsal_sends_its_call_back_by_a_form() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let (job, path) = waiting(&visitor).await;
    let page = visitor.get(&format!("/jobs/{}", text(&job, "id"))).send().await.unwrap().text().await.unwrap();
    let token = path.rsplit('/').next().unwrap();
    assert!(page.contains(token), "the page has the form");
    let form = format!("/jobs/{}/callback", text(&job, "id"));
    let post = async |token: &str| {
        visitor.post(&form).header("content-type", FORM).body(format!("token={token}&answer=yes")).send().await.unwrap()
    };
    let refused = post("made-up").await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert!(refused.text().await.unwrap().contains("Nothing awaits a call-back here"), "in words, on the page");
    let sent = post(token).await;
    assert_eq!(
        (sent.status(), sent.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, &*format!("/jobs/{}?said=called-back", text(&job, "id")))
    );
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(done["result"]["callback"], json!({"answer": "yes"}));
    let cross = visitor
        .post(&form)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", FORM)
        .body(format!("token={token}"))
        .send()
        .await
        .unwrap();
    problem(cross, 403, "cross-site").await;
}
