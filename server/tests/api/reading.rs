//! Reading jobs: tags, long polls, pages, results, logs.

use crate::common::{Server, header, link, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_not_changed_is_304() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(1).await;
    let path = link(&job, "self").to_owned();
    let response = visitor.get(&path).send().await.unwrap();
    let etag = header(&response, "etag").to_owned();
    assert_eq!(header(&response, "cache-control"), "private, no-cache");
    assert!(header(&response, "retry-after").parse::<u32>().is_ok());
    let job: Value = response.json().await.unwrap();
    assert_eq!(etag, format!("W/\"{}\"", job["jseq"]));
    // Another job moves the cursor, not this tag.
    visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
    let same = visitor.get(&path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((same.status(), header(&same, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
    visitor.step(&job).await;
    visitor.wait_for(&job, "succeeded").await;
    let changed = visitor.get(&path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert!(!changed.headers().contains_key("retry-after"), "a finished job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_answers_on_change_and_only_then() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(1).await;
    let etag = format!("W/\"{}\"", job["jseq"]);
    let path = format!("{}?wait=1", link(&job, "self"));
    let quiet = visitor.get(&path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(quiet.status(), StatusCode::NOT_MODIFIED, "nothing happened within a second");
    let path = format!("{}?wait=60", link(&job, "self"));
    let started = std::time::Instant::now();
    let (answer, ()) = tokio::join!(visitor.get(&path).header("if-none-match", &etag).send(), visitor.step(&job));
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(started.elapsed().as_secs() < 30, "it came with the change, not with the deadline");
    assert!(answer.json::<Value>().await.unwrap()["jseq"].as_u64() > job["jseq"].as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_without_a_tag_answers_at_the_end() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(2).await;
    let path = format!("{}?wait=60", link(&job, "self"));
    let steps = async {
        visitor.step(&job).await;
        visitor.step(&job).await;
    };
    let (answer, ()) = tokio::join!(visitor.get(&path).send(), steps);
    assert_eq!(text(&answer.unwrap().json().await.unwrap(), "state"), "succeeded");
    problem(visitor.get(&format!("{}?wait=soon", link(&job, "self"))).send().await.unwrap(), 400, "bad-query").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_come_newest_first_in_pages_without_gaps() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let mut submitted = Vec::new();
    for _ in 0..5 {
        submitted.push(visitor.finished(json!({"steps": 1, "step_ms": 0})).await["id"].clone());
    }
    submitted.reverse();
    let mut path = Some("/api/v1/jobs?state=succeeded,failed&kind=rehearsal&limit=2".to_owned());
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(at) = path {
        let page = visitor.json(&at).await;
        assert!(text(&page, "cursor").contains('.'));
        seen.extend(page["items"].as_array().unwrap().iter().map(|job| job["id"].clone()));
        path = page["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((seen, pages), (submitted, 3));
    for (query, count) in
        [("state=failed", 0), ("kind=catalogue-import", 0), ("q=rehears", 5), ("q=100%25", 0), ("limit=100000", 5)]
    {
        let page = visitor.json(&format!("/api/v1/jobs?{query}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, code) in
        [("before=57", "bad-cursor"), ("state=done", "bad-query"), ("limit=0", "bad-query"), ("limit=x", "bad-query")]
    {
        problem(visitor.get(&format!("/api/v1/jobs?{query}")).send().await.unwrap(), 400, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_there_when_the_job_has_succeeded() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(1).await;
    let path = link(&job, "result").to_owned();
    let early = visitor.get(&path).send().await.unwrap();
    assert_eq!(early.status(), StatusCode::ACCEPTED);
    assert!(header(&early, "retry-after").parse::<u32>().unwrap() >= 1);
    visitor.step(&job).await;
    visitor.wait_for(&job, "succeeded").await;
    assert_eq!(visitor.json(&path).await, json!({"steps": 1}));
    let failed = visitor.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1})).await;
    assert_eq!(text(&failed, "state"), "failed");
    problem(visitor.get(link(&failed, "result")).send().await.unwrap(), 409, "job-failed").await;
    let missing = visitor.get(&format!("{}/files/rejects.csv", link(&job, "self"))).send().await.unwrap();
    problem(missing, 404, "file-not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_gap_free_and_read_from_any_position() {
    let server = Server::start().await;
    let visitor = server.visitor();
    visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
    let job = visitor.finished(json!({"steps": 3, "step_ms": 0, "partials": true})).await;
    let path = link(&job, "events");
    let page = visitor.json(path).await;
    let items = page["items"].as_array().unwrap();
    let jseqs: Vec<u64> = items.iter().map(|event| event["jseq"].as_u64().unwrap()).collect();
    assert_eq!(jseqs, (1..=job["jseq"].as_u64().unwrap()).collect::<Vec<_>>());
    assert_eq!((text(&items[0], "type"), text(items.last().unwrap(), "type")), ("accepted", "succeeded"));
    assert_eq!(page["more"], json!(false));
    assert!(text(&page, "next_cursor").ends_with(text(&job, "id")), "marked as this job's");
    let second = visitor.json(&format!("{path}?after=1&limit=1")).await;
    assert_eq!((&second["items"][0], &second["more"]), (&items[1], &json!(true)));
    for after in ["x", "-1", "18446744073709551615", "1.5"] {
        problem(visitor.get(&format!("{path}?after={after}")).send().await.unwrap(), 400, "bad-cursor").await;
    }
    let attempts = visitor.json(link(&job, "attempts")).await;
    assert_eq!(
        (attempts["items"][0]["attempt"].as_u64(), text(&attempts["items"][0], "outcome")),
        (Some(1), "succeeded")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_id_names_no_job() {
    let server = Server::start().await;
    for id in ["57", "0190d3f4-1c2b-7a3d-8e4f-00112233aabb", "%00", "%FF", "..%2F..%2Fowner.key"] {
        let response = server.visitor().get(&format!("/api/v1/jobs/{id}")).send().await.unwrap();
        problem(response, 404, "job-not-found").await;
    }
}
