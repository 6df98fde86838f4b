//! Told only when needed, and when it suits.

use crate::{common::text, receiver::Receiver, world::*};
use domain::push::{EndpointPatch, NotificationSettings, When};
use serde_json::{Value, json};
use server::clock;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_closed_the_tab_is_told_at_once_and_of_the_end_only() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    visitor.patch(&endpoint, json!({"when": "unseen"})).await;
    let (job, seq) = visitor.told_job().await;
    let arrivals = receiver.so_many(1).await;
    let told = &arrivals[0];
    assert_eq!((told.type_(), told.seqs()), ("job.succeeded", vec![seq]));
    let data = &told.body["data"];
    assert_eq!((text(data, "id"), text(data, "url")), (told.id.as_str(), format!("/jobs/{job}").as_str()));
    assert!(text(data, "cursor").ends_with(&format!(".{seq}")));
    let report = visitor.delivery_in(&told.id, "delivered").await;
    assert_eq!((outcomes(&report), report["delivery"]["attempts"].as_u64()), (vec!["ok".to_owned()], Some(1)));
    assert_eq!(receiver.arrivals().len(), 1);
    server.stop().await;
}

/// A visitor with a stream open, a browser's endpoint and one for programs.
async fn watched(visible: bool) -> (Receiver, String, Value) {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let (seen, always) = (visitor.webhook(&receiver, "unseen").await, visitor.webhook(&receiver, "always").await);
    visitor.patch(&seen, json!({"when": "unseen"})).await;
    let stream = visitor.get("/api/v1/stream").send().await.unwrap();
    let job = visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
    let id = visitor.only_delivery(&seen).await;
    visitor.delivery_until(&id, |report| report["delivery"]["state"] == "held").await;
    let ack = json!({"cursor": job["cursor"], "visible": visible});
    assert_eq!(visitor.post("/api/v1/ack").json(&ack).send().await.unwrap().status(), 204);
    let ended = |report: &Value| ["unneeded", "delivered"].contains(&text(&report["delivery"], "state"));
    let report = visitor.delivery_until(&id, ended).await;
    let other = visitor.only_delivery(&always).await;
    visitor.delivery_in(&other, "delivered").await;
    drop(stream);
    (receiver, id, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pushed_that_a_visible_device_has_shown() {
    let (receiver, _, report) = watched(true).await;
    assert_eq!((&report["delivery"]["state"], &report["delivery"]["reason"]), (&json!("unneeded"), &json!("seen")));
    assert_eq!((report["delivery"]["attempts"].as_u64(), outcomes(&report).len()), (Some(0), 0));
    assert!(receiver.at("unseen").is_empty());
    assert_eq!(receiver.at("always").len(), 1, "a program is told of everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_hidden_tab_has_got_is_pushed() {
    let (receiver, id, report) = watched(false).await;
    assert_eq!(report["delivery"]["state"], "delivered");
    assert_eq!(receiver.at("unseen")[0].id, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_is_told_when_no_browser_was_reached_and_not_otherwise() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let (first, last) = (visitor.webhook(&receiver, "first").await, visitor.webhook(&receiver, "last").await);
    let store = server.running().state().store.clone();
    let owner = owner_of(&server, &first);
    // Shorter than a person may set it.
    let settings = NotificationSettings { fallback_after_s: 1, ..<_>::default() };
    store.set_notification_settings(owner, settings).await.unwrap();
    visitor.patch(&last, json!({"when": "fallback"})).await;
    visitor.told_job().await;
    let told = receiver.until(|arrivals| arrivals.iter().any(|arrival| arrival.path == "/last")).await;
    assert_eq!((told[0].path.as_str(), told[1].path.as_str()), ("/first", "/last"));
    visitor.told_job().await;
    let told = receiver.so_many(3).await;
    let report = visitor.post(&format!("/api/v1/deliveries/{}/report", told[2].id)).json(&json!({"step": "shown"}));
    assert_eq!(report.send().await.unwrap().status(), 204);
    let held = text(&visitor.deliveries(&format!("endpoint={last}&limit=1")).await[0], "id").to_owned();
    let report = visitor.delivery_until(&held, |report| report["delivery"]["state"] == "unneeded").await;
    assert_eq!(report["delivery"]["reason"], "reached");
    let seen = visitor.delivery(&told[2].id).await;
    assert!(seen["delivery"]["received_at"].is_string() && seen["delivery"]["shown_at"].is_string(), "{seen}");
    assert_eq!(receiver.at("last").len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_times_hold_what_is_for_a_person_and_lifting_them_lets_it_go() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let (person, program) = (visitor.webhook(&receiver, "person").await, visitor.webhook(&receiver, "program").await);
    visitor.patch(&person, json!({"when": "unseen"})).await;
    // From an hour ago until two hours from now, wherever that is.
    let time = |hours: i64| clock::now().plus_ms(hours * 3_600_000).to_string()[11..16].to_owned();
    let until = time(2);
    let quiet = json!({"quiet": {"from": time(-1), "to": until, "zone": "UTC"}, "lang": "fr"});
    assert_eq!(visitor.put("/api/v1/notification-settings", quiet.clone()).await.status(), 200);
    assert_eq!(visitor.json("/api/v1/notification-settings").await["quiet"], quiet["quiet"]);
    visitor.told_job().await;
    receiver.so_many(1).await;
    let id = visitor.only_delivery(&person).await;
    let held = visitor.delivery_in(&id, "held").await;
    assert_eq!(held["delivery"]["reason"], "quiet-times");
    assert_eq!(&text(&held["delivery"], "next_at")[11..16], until, "until they end");
    assert_eq!(visitor.endpoint(&program).await["pending"], 0);
    assert_eq!(visitor.put("/api/v1/notification-settings", json!({"lang": "fr"})).await.status(), 200);
    let told = receiver.so_many(2).await;
    assert_eq!((told[1].path.as_str(), told[1].body["data"]["lang"].as_str()), ("/person", Some("fr")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_tells_several_things_at_once() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    let (store, owner) = (server.running().state().store.clone(), owner_of(&server, &endpoint));
    // Shorter than a person may set it, longer than these jobs take.
    let patch = EndpointPatch { digest_s: Some(3), when: Some(When::Always), ..<_>::default() };
    store.change_endpoint(owner, endpoint.parse().unwrap(), patch, clock::now()).await.unwrap();
    let mut seqs = Vec::new();
    for _ in 0..3 {
        seqs.push(visitor.told_job().await.1);
    }
    let told = receiver.so_many(1).await[0].clone();
    assert_eq!((told.type_(), told.seqs()), ("digest", seqs));
    visitor.delivery_in(&told.id, "delivered").await;
    let all = visitor.deliveries(&format!("endpoint={endpoint}")).await;
    assert!(all.iter().all(|one| one["state"] == "delivered"));
    assert_eq!(all.iter().filter(|one| one["within"] == told.id.as_str()).count(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_told_of_as_its_owner_says() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    visitor.webhook(&receiver, "a").await;
    let job = visitor.held(1).await;
    let path = format!("/api/v1/jobs/{}/notifications", text(&job, "id"));
    assert_eq!(visitor.json(&path).await, json!({"events": null}));
    let set = visitor.put(&path, json!({"events": []})).await;
    assert_eq!(set.json::<Value>().await.unwrap(), json!({"events": []}));
    visitor.step(&job).await;
    visitor.wait_for(&job, "succeeded").await;
    let (other, _) = visitor.told_job().await;
    let told = receiver.so_many(1).await;
    assert_eq!(told[0].body["data"]["items"][0]["job"], other.as_str(), "nothing was told of the first one");
    assert!(visitor.deliveries(&format!("job={}", text(&job, "id"))).await.is_empty());
    let refused = visitor.put(&path, json!({"events": ["failed", "progress"]})).await;
    let problem = crate::common::problem(refused, 422, "invalid-input").await;
    assert_eq!(crate::common::places(&problem), [("/events/1".to_owned(), "unknown-value".to_owned())]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_once_is_not_waited_for_and_who_polls_is() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    let owner = owner_of(&server, &endpoint);
    let presence = &server.running().state().presence;
    let cursor = visitor.json("/api/v1/jobs").await["cursor"].clone();
    let cursor = cursor.as_str().unwrap();
    visitor.json(&format!("/api/v1/events?after={cursor}&once=true")).await;
    assert_eq!(presence.patience(owner), None);
    visitor.json(&format!("/api/v1/events?after={cursor}")).await;
    assert!(presence.patience(owner).is_some());
    server.stop().await;
}
