//! The delivery log: what its owner sees and does, and what nobody else does.

use crate::{
    common::{problem, text},
    receiver::Receiver,
    world::*,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_explains_a_failing_webhook_from_first_try_to_resend() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    receiver.answers(|_| (400, "no such order"));
    let (job, _) = visitor.told_job().await;
    let id = receiver.so_many(1).await[0].id.clone();
    let report = visitor
        .delivery_until(&id, |report| ["gave-up", "retrying"].contains(&text(&report["delivery"], "state")))
        .await;
    assert_eq!((&report["log"][0]["status"], &report["log"][0]["detail"]), (&json!(400), &json!("no such order")));
    assert!(report["log"][0]["took_ms"].is_u64() && report["request"]["webhook_signature"].is_string(), "{report}");
    // Either way it ends, by its owner's wish if not by itself.
    if report["delivery"]["state"] == "retrying" {
        assert!(report["delivery"]["next_at"].is_string());
        assert_eq!(visitor.ask(&format!("/api/v1/deliveries/{id}/cancel")).await.status(), 202);
    }
    receiver.answers(|_| (200, ""));
    let again = visitor.ask(&format!("/api/v1/deliveries/{id}/resend")).await;
    assert_eq!(again.status(), 202);
    assert_eq!(text(&again.json::<Value>().await.unwrap(), "id"), id);
    let report = visitor.delivery_in(&id, "delivered").await;
    assert_eq!(outcomes(&report).last().map(String::as_str), Some("ok"));
    assert_eq!(receiver.arrivals()[1].id, id, "the same id, so that it counts once");
    for query in [format!("job={job}"), format!("endpoint={endpoint}"), String::new()] {
        assert_eq!(visitor.deliveries(&query).await.len(), 1, "{query}");
    }
    let late = visitor.ask(&format!("/api/v1/deliveries/{id}/cancel")).await;
    problem(late, 409, "delivery-ended").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_waits_can_be_cancelled() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    visitor.patch(&endpoint, json!({"when": "fallback"})).await;
    visitor.told_job().await;
    let id = visitor.only_delivery(&endpoint).await;
    let cancelled = visitor.ask(&format!("/api/v1/deliveries/{id}/cancel")).await;
    assert_eq!(cancelled.status(), 202);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["state"], "cancelled");
    assert_eq!(visitor.endpoint(&endpoint).await["pending"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_log_lead_to_all_of_it() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    visitor.webhook(&receiver, "a").await;
    for _ in 0..5 {
        visitor.told_job().await;
    }
    let (mut next, mut found) = (Some("/api/v1/deliveries?limit=2".to_owned()), Vec::new());
    while let Some(path) = next {
        let page = visitor.json(&path).await;
        found.extend(page["items"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert!(found.len() == 5 && found.is_sorted_by(|newer, older| newer > older), "{found:?}");
    for (query, code) in
        [("job=x", "bad-query"), ("endpoint=x", "bad-query"), ("before=x", "bad-cursor"), ("limit=0", "bad-query")]
    {
        problem(visitor.get(&format!("/api/v1/deliveries?{query}")).send().await.unwrap(), 400, code).await;
    }
    let nobodys = "00000000-0000-7000-8000-000000000000";
    problem(visitor.get(&format!("/api/v1/deliveries?job={nobodys}")).send().await.unwrap(), 404, "job-not-found")
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_its_owners_alone() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let (visitor, other) = (server.visitor(), server.visitor());
    visitor.webhook(&receiver, "a").await;
    let (job, _) = visitor.told_job().await;
    let id = receiver.so_many(1).await[0].id.clone();
    for id in [id.as_str(), "x", "00000000-0000-7000-8000-000000000000"] {
        let path = format!("/api/v1/deliveries/{id}");
        problem(other.get(&path).send().await.unwrap(), 404, "delivery-not-found").await;
        for verb in ["resend", "cancel"] {
            problem(other.ask(&format!("{path}/{verb}")).await, 404, "delivery-not-found").await;
        }
        let report = other.post(&format!("{path}/report")).json(&json!({"step": "clicked"}));
        problem(report.send().await.unwrap(), 404, "delivery-not-found").await;
    }
    problem(other.get(&format!("/api/v1/deliveries?job={job}")).send().await.unwrap(), 404, "job-not-found").await;
    let path = format!("/api/v1/jobs/{job}/notifications");
    problem(other.get(&path).send().await.unwrap(), 404, "job-not-found").await;
    problem(other.put(&path, json!({"events": []})).await, 404, "job-not-found").await;
    assert!(other.deliveries("").await.is_empty());
    let report = visitor.post(&format!("/api/v1/deliveries/{id}/report")).json(&json!({"step": "eaten"}));
    problem(report.send().await.unwrap(), 422, "invalid-input").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_obeyed_are_refused_with_their_places() {
    let server = server().await;
    let visitor = server.visitor();
    let path = "/api/v1/notification-settings";
    let usual = json!({"fallback_after_s": 120, "lang": "en"});
    assert_eq!(visitor.json(path).await, usual);
    let wrong = json!({"quiet": {"from": "8", "to": "25:00", "zone": "UTC"}, "fallback_after_s": 1, "lang": "xx"});
    let refused = problem(visitor.put(path, wrong).await, 422, "invalid-input").await;
    let places: Vec<_> = crate::common::places(&refused).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["/quiet", "/fallback_after_s", "/lang"]);
    problem(visitor.put(path, json!({"quite": null})).await, 422, "invalid-input").await;
    assert_eq!(visitor.json(path).await, usual, "nothing of it was kept");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_an_owner_deletes_everything_nothing_is_sent_any_more() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    visitor.webhook(&receiver, "a").await;
    receiver.answers(|_| (503, ""));
    visitor.told_job().await;
    let id = receiver.so_many(1).await[0].id.clone();
    visitor.delivery_in(&id, "retrying").await;
    let gone = visitor.client.delete(format!("{}/api/v1/me", visitor.base)).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    let tables = rusqlite::Connection::open(server.folder.path().join("data/meanwhile.db")).unwrap();
    for table in ["endpoint", "delivery", "delivery_attempt", "push_lane", "owner_push", "job_push"] {
        let rows: i64 = tables.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_counted() {
    let (server, receiver) = (server_with_metrics().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    visitor.told_job().await;
    let id = receiver.so_many(1).await[0].id.clone();
    visitor.delivery_in(&id, "delivered").await;
    visitor.patch(&endpoint, json!({"when": "fallback"})).await;
    visitor.told_job().await;
    let metrics = visitor.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "meanwhile_push_attempts_total{kind=\"webhook\",outcome=\"ok\"} 1",
        "meanwhile_push_seconds_count{kind=\"webhook\"} 1",
        "meanwhile_push_deliveries{kind=\"webhook\",state=\"queued\"} 1",
        "meanwhile_push_oldest_due_seconds 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    server.stop().await;
}
