//! `GET /metrics`: for the operator, or for everybody where the setting says so.

use super::{TOKEN, start, start_with};
use crate::common::{header, problem};
use serde_json::json;

fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no `{line}` in {text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_with_the_token_counts_what_was_done() {
    let (server, operator) = start().await;
    let mine = server.visitor();
    mine.finished(json!({"steps": 1, "step_ms": 0})).await;
    mine.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"})).await;
    let held = mine.held(1).await;
    problem(mine.get("/metrics").send().await.unwrap(), 401, "operator-required").await;
    let response = operator.0.get("/metrics").bearer_auth(TOKEN).send().await.unwrap();
    assert!(header(&response, "content-type").starts_with("text/plain; version=0.0.4"));
    assert!(!response.headers().contains_key("set-cookie"), "a scraper is no visitor");
    let text = response.text().await.unwrap();
    assert_eq!(value(&text, r#"meanwhile_jobs{kind="rehearsal",state="running"}"#), 1.0);
    assert_eq!(value(&text, r#"meanwhile_jobs_accepted_total{kind="rehearsal"}"#), 3.0);
    assert_eq!(value(&text, r#"meanwhile_jobs_finished_total{kind="rehearsal",outcome="succeeded"}"#), 1.0);
    assert_eq!(value(&text, r#"meanwhile_jobs_finished_total{kind="rehearsal",outcome="failed"}"#), 1.0);
    assert_eq!(value(&text, r#"meanwhile_attempt_seconds_count{kind="rehearsal"}"#), 2.0);
    assert_eq!(value(&text, "meanwhile_workers_busy"), 1.0);
    assert!(value(&text, "meanwhile_commits_total") > 0.0);
    assert!(value(&text, r#"meanwhile_http_answers_total{status="2xx"}"#) > 0.0);
    assert!(value(&text, r#"meanwhile_http_answers_total{status="4xx"}"#) > 0.0);
    mine.step(&held).await;
    mine.wait_for(&held, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_metrics_need_no_token() {
    let (server, _) = start_with(|config| config.operator.metrics_open = true).await;
    assert_eq!(server.visitor().get("/metrics").send().await.unwrap().status().as_u16(), 200);
}
