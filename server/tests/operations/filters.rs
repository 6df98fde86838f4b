//! What each filter finds, in pages that stay what they are while jobs come.

use super::{id, ids, start, start_with};
use crate::common::{problem, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_finds_what_it_names_of_every_owner() {
    let (server, operator) = start_with(|config| config.engine.workers = 3).await;
    let (one, two) = (server.visitor(), server.visitor());
    let permanent = one.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"})).await;
    let panicked = json!({"kind": "rehearsal", "label": "spring % list", "max_attempts": 1,
        "input": {"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "panic"}});
    let panicked: Value = two.post("/api/v1/jobs").json(&panicked).send().await.unwrap().json().await.unwrap();
    two.wait_for(&panicked, "failed").await;
    let succeeded = one.finished(json!({"steps": 1, "step_ms": 0})).await;
    let cancelled = two.rehearse(json!({"steps": 1, "wait_at": 1})).await;
    two.wait_for(&cancelled, "waiting").await;
    two.post(&format!("/api/v1/jobs/{}/cancel", id(&cancelled))).send().await.unwrap();
    let waiting = one.rehearse(json!({"steps": 1, "wait_at": 1})).await;
    one.wait_for(&waiting, "waiting").await;
    let running = [one.held(1).await, one.held(1).await, two.held(1).await];
    let queued = two.rehearse(json!({"steps": 1})).await;
    let deferred = json!({"kind": "rehearsal", "input": {"steps": 1}, "run_at": "idle"});
    let scheduled: Value = one.post("/api/v1/jobs").json(&deferred).send().await.unwrap().json().await.unwrap();
    let all: Vec<String> = [&permanent, &panicked, &succeeded, &cancelled, &waiting]
        .into_iter()
        .chain(&running)
        .chain([&queued, &scheduled])
        .map(id)
        .rev()
        .collect();
    assert_eq!(operator.ids("").await, all, "everybody's, newest first");
    let found = async |query: &str, jobs: &[&Value]| {
        let expected: BTreeSet<String> = jobs.iter().map(|job| id(job)).collect();
        let found = operator.ids(query).await;
        assert!(found.is_sorted_by(|a, b| a > b), "newest first");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    };
    found("?state=failed", &[&permanent, &panicked]).await;
    found("?state=cancelled", &[&cancelled]).await;
    found("?state=succeeded", &[&succeeded]).await;
    found("?state=waiting", &[&waiting]).await;
    found("?state=running", &[&running[0], &running[1], &running[2]]).await;
    found("?state=queued", &[&queued]).await;
    found("?state=scheduled", &[&scheduled]).await;
    found("?state=failed,cancelled,waiting", &[&permanent, &panicked, &cancelled, &waiting]).await;
    found("?state=succeeded,failed", &[&permanent, &panicked, &succeeded]).await;
    found("?code=handler-panicked", &[&panicked]).await;
    found("?code=rehearsed-permanent&state=failed&kind=rehearsal", &[&permanent]).await;
    found("?code=rehearsed-permanent&state=cancelled", &[]).await;
    found("?reason=error&state=failed", &[&permanent, &panicked]).await;
    found("?reason=timeout", &[]).await;
    found("?kind=catalogue-import", &[]).await;
    found("?kind=catalogue-import&state=failed", &[]).await;
    found("?q=spring%20%25", &[&panicked]).await;
    found(&format!("?q={}", id(&waiting)), &[&waiting]).await;
    found(&format!("?q={}&state=failed", id(&waiting)), &[]).await;
    let owner = operator.read(&format!("/jobs/{}", id(&panicked))).await["row"]["owner"].as_str().unwrap().to_owned();
    found(&format!("?owner={owner}"), &[&panicked, &cancelled, &running[2], &queued]).await;
    found(&format!("?owner={owner}&state=failed"), &[&panicked]).await;
    found("?owner=0190d3f4-1c2b-7a3d-8e4f-00112233aabb", &[]).await;
    let ended = text(&two.json(&format!("/api/v1/jobs/{}", id(&panicked))).await, "finished_at").to_owned();
    found(&format!("?state=failed&since={ended}"), &[&panicked]).await;
    found("?state=failed&since=2100-01-01T00:00:00Z", &[]).await;

    let page = operator.read("/jobs").await;
    let row =
        |job: &Value| page["items"].as_array().unwrap().iter().find(|row| row["id"] == job["id"]).unwrap().clone();
    assert!(text(&row(&running[0])["lease"], "worker").starts_with("w-"));
    assert_eq!(row(&queued)["lease"], Value::Null);
    assert_eq!(row(&scheduled)["queue"]["why"]["code"], "idle");
    assert_eq!(row(&waiting)["waiting"]["for"]["code"], "rehearsed-callback");
    assert_eq!(row(&permanent)["failure"]["code"], "rehearsed-permanent");
    let overview = operator.read("").await;
    let rehearsal = overview["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == "rehearsal").unwrap();
    for (name, count) in
        [("scheduled", 1), ("queued", 1), ("running", 3), ("waiting", 1), ("retrying", 0), ("failed_last_day", 2)]
    {
        assert_eq!(rehearsal[name], json!(count), "{name}: {rehearsal}");
    }
    assert_eq!(rehearsal["oldest_queued_at"], queued["created_at"]);
    assert_eq!((&overview["workers_busy"], &overview["workers"]), (&json!(3), &json!(3)));

    let report = operator.read(&format!("/jobs/{}", id(&panicked))).await;
    assert_eq!(report["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(report["log"].as_array().unwrap().last().unwrap()["type"], "failed");
    problem(operator.get("/jobs/0190d3f4-1c2b-7a3d-8e4f-00112233aabb").send().await.unwrap(), 404, "job-not-found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_in_a_filter_is_pointed_at() {
    let (_server, operator) = start().await;
    for (query, pointer) in [
        ("?state=late", "/state"),
        ("?reason=luck", "/reason"),
        ("?owner=me", "/owner"),
        ("?since=yesterday", "/since"),
    ] {
        let problem = problem(operator.get(&format!("/jobs{query}")).send().await.unwrap(), 422, "invalid-input").await;
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    problem(operator.get("/jobs?before=x").send().await.unwrap(), 400, "bad-cursor").await;
    problem(operator.get("/count").send().await.unwrap(), 400, "bad-query").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_together_are_the_whole_list_though_jobs_come_in_between() {
    let (server, operator) = start().await;
    let mine = server.visitor();
    let fail =
        async || id(&mine.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"})).await);
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.insert(0, fail().await);
        mine.finished(json!({"steps": 0})).await;
    }
    for query in ["state=failed", "code=rehearsed-permanent&kind=rehearsal", "q=rehearsal&state=failed"] {
        let (mut found, mut next) = (Vec::new(), format!("/jobs?{query}&limit=3"));
        loop {
            let page = operator.read(&next).await;
            assert!(page["items"].as_array().unwrap().len() <= 3);
            found.extend(ids(&page));
            // A newcomer belongs to a page before the first one, and must move none of the others.
            fail().await;
            let Some(link) = page["next"].as_str() else { break };
            next = link.strip_prefix("/api/v1/operations").unwrap().to_owned();
        }
        let since_before: Vec<_> = found.iter().filter(|id| expected.contains(id)).cloned().collect();
        assert_eq!(since_before, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_not_changed_is_not_sent_again() {
    let (server, operator) = start().await;
    server.visitor().finished(json!({"steps": 0})).await;
    let first = operator.get("/jobs").send().await.unwrap();
    let etag = crate::common::header(&first, "etag").to_owned();
    let again = operator.get("/jobs").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status().as_u16(), 304);
    server.visitor().finished(json!({"steps": 0})).await;
    let changed = operator.get("/jobs").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(changed.status().as_u16(), 200);
}
