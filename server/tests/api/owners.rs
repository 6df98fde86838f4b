//! Whose is what, and who may ask.

use crate::common::{Server, header, link, problem, text, visitor};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn another_owners_job_is_not_there_on_any_route() {
    let server = Server::start().await;
    let (mine, theirs) = (server.visitor(), server.visitor());
    theirs.finished(json!({"steps": 1, "step_ms": 0})).await;
    let job = mine.held(1).await;
    let path = link(&job, "self");
    for rest in ["", "/result", "/events", "/attempts"] {
        problem(theirs.get(&format!("{path}{rest}")).send().await.unwrap(), 404, "job-not-found").await;
    }
    problem(theirs.get(&format!("{path}/files/rejects.csv")).send().await.unwrap(), 404, "file-not-found").await;
    for rest in ["/cancel", "/retry", "/step"] {
        problem(theirs.post(&format!("{path}{rest}")).send().await.unwrap(), 404, "job-not-found").await;
    }
    let edited = theirs.post(&format!("{path}/retry")).json(&json!({"input": {"steps": 1}})).send().await.unwrap();
    problem(edited, 404, "job-not-found").await;
    for channel in ["/api/v1/events", "/api/v1/stream"] {
        problem(theirs.get(&format!("{channel}?job={}", text(&job, "id"))).send().await.unwrap(), 404, "job-not-found")
            .await;
    }
    assert_eq!(theirs.json("/api/v1/jobs").await["items"].as_array().unwrap().len(), 1);
    let untouched = mine.json(path).await;
    assert_eq!((text(&untouched, "state"), &untouched["jseq"]), ("running", &job["jseq"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_remembered_by_a_signed_cookie_that_only_posts_and_pages_set() {
    let server = Server::start().await;
    let visitor = server.visitor();
    for path in ["/healthz", "/readyz", "/api/v1/jobs", "/api/v1/kinds", "/api/openapi.json", "/api/v1/nothing"] {
        let response = visitor.get(path).send().await.unwrap();
        assert!(!response.headers().contains_key("set-cookie"), "{path}");
    }
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
    let first = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap();
    let cookie = header(&first, "set-cookie").to_owned();
    assert!(cookie.starts_with("meanwhile_owner="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(header(&first, "cache-control"), "private, no-cache");
    let second = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap();
    assert!(!second.headers().contains_key("set-cookie"), "known by now");
    assert_eq!(visitor.json("/api/v1/jobs").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_not_signed_here_is_a_strangers() {
    let mut server = Server::start().await;
    let owner = server.visitor();
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
    let first = owner.post("/api/v1/jobs").json(&body).send().await.unwrap();
    let cookie = header(&first, "set-cookie").split(';').next().unwrap().to_owned();
    server.restart().await;
    let base = server.base.clone();
    let count = async |cookie: &str| {
        let list = visitor(&base).get("/api/v1/jobs").header("cookie", cookie).send().await.unwrap();
        assert_eq!(list.status(), StatusCode::OK);
        list.json::<serde_json::Value>().await.unwrap()["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&cookie).await, 1, "the key outlives a restart");
    // The value is a signature before a UUID: change the last digit of the UUID, then the signature.
    let last = if cookie.ends_with('0') { "1" } else { "0" };
    assert_eq!(count(&format!("{}{last}", &cookie[..cookie.len() - 1])).await, 0);
    assert_eq!(count("meanwhile_owner=0190d3f4-1c2b-7a3d-8e4f-00112233aabb").await, 0);
    assert_eq!(count("meanwhile_owner=%FF").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(1).await;
    let id = text(&job, "id");
    let mut posts = vec![
        "/api/v1/jobs".into(),
        "/api/v1/uploads".into(),
        "/api/v1/ack".into(),
        "/jobs".into(),
        "/preferences".into(),
    ];
    for action in ["cancel", "retry", "step"] {
        posts.extend([format!("/api/v1/jobs/{id}/{action}"), format!("/jobs/{id}/{action}")]);
    }
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        for path in &posts {
            problem(visitor.post(path).header(name, value).send().await.unwrap(), 403, "cross-site").await;
        }
        let patch = visitor.client.request(Method::PATCH, format!("{}/api/v1/products/x", server.base));
        problem(patch.header(name, value).send().await.unwrap(), 403, "cross-site").await;
        let upgrade = visitor.get("/api/v1/ws").header("connection", "upgrade").header("upgrade", "websocket");
        problem(upgrade.header(name, value).send().await.unwrap(), 403, "cross-site").await;
        let read = visitor.get(link(&job, "self")).header(name, value).send().await.unwrap();
        assert_eq!(
            read.status(),
            StatusCode::OK,
            "reading changes nothing, and no page of another site can read the answer"
        );
    }
    assert_eq!(visitor.json(link(&job, "self")).await["jseq"], job["jseq"]);
    for (name, value) in
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", server.base.as_str())]
    {
        let response =
            visitor.post(&format!("{}/cancel", link(&job, "self"))).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{name}: {value}");
    }
}
