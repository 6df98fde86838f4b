//! Push from outside: endpoints added over HTTP, jobs that end, and what then arrives.

use crate::{
    common::{PATIENCE, Server, Visitor, header, places, problem, text},
    mail::{self, Sink},
    push_service::{Browser, claims},
    receiver::{Does, Receiver, Seen},
    webhooks::judged,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::config::{Config, PushConfig};
use std::time::Instant;

fn open(config: &mut Config) {
    config.push = PushConfig { private_targets: true, services: vec!["127.0.0.1".into()], ..PushConfig::default() };
}

async fn added(visitor: &Visitor, path: &str, body: Value) -> Value {
    let response = visitor.post(path).json(&body).send().await.unwrap();
    let (status, location) = (response.status(), response.headers().get("location").cloned());
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let endpoint = body.get("endpoint").unwrap_or(&body);
    assert_eq!(location.unwrap().to_str().unwrap(), format!("/api/v1/push-endpoints/{}", text(endpoint, "id")));
    body
}

/// Asks until the newest delivery is as wanted.
async fn delivery(visitor: &Visitor, wanted: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let list = visitor.json("/api/v1/deliveries").await;
        if let Some(found) = list["items"].as_array().unwrap().iter().find(|one| wanted(one)) {
            return found.clone();
        }
        assert!(started.elapsed() < PATIENCE, "{list}");
        tokio::task::yield_now().await;
    }
}

async fn refused(visitor: &Visitor, path: &str, body: Value, place: &str, code: &str) {
    let problem = problem(visitor.post(path).json(&body).send().await.unwrap(), 422, "invalid-input").await;
    assert!(places(&problem).contains(&(place.to_owned(), code.to_owned())), "{body}: {problem}");
}

fn check(seen: &Seen) -> Value {
    json!({
        "webhook_id": seen.header("webhook-id").unwrap(),
        "webhook_timestamp": seen.header("webhook-timestamp").unwrap().parse::<i64>().unwrap(),
        "webhook_signature": seen.header("webhook-signature").unwrap(),
        "body": seen.text(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_how_a_job_ended_signed_and_once_more_on_request() {
    let server = Server::start_with(open).await;
    let me = server.visitor();
    let receiver = Receiver::start(Does::Answer(204, "", "")).await;
    let made = added(&me, "/api/v1/webhooks", json!({"url": receiver.url("/hook"), "events": ["succeeded"]})).await;
    let secret = STANDARD.decode(text(&made, "secret").strip_prefix("whsec_").unwrap()).unwrap();
    let job = me.finished(json!({"steps": 0})).await;
    let [seen] = receiver.seen_so_many(1).await.try_into().unwrap();
    assert_eq!(judged(&secret, &seen, seen.text()), "ok", "the specification's library");
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["url"]),
        (&"job.succeeded".into(), &format!("/jobs/{}", text(&job, "id")).into())
    );
    assert_eq!(body["data"]["title"], "Rehearsal is done");
    let done = delivery(&me, |one| one["state"] == "delivered").await;
    assert_eq!(Some(text(&done, "id")), seen.header("webhook-id"));

    // The log has the request, and the page that verifies takes it and nothing else.
    let report = me.json(&format!("/api/v1/deliveries/{}", text(&done, "id"))).await;
    assert_eq!((&report["request"]["body"], &report["request"]["webhook_id"]), (&seen.text().into(), &done["id"]));
    let path = format!("/api/v1/webhooks/{}", text(&made["endpoint"], "id"));
    let verify = async |check: &Value| -> Value {
        me.post(&format!("{path}/verify")).json(check).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(verify(&check(&seen)).await, json!({"valid": true}));
    let mut forged = check(&seen);
    forged["body"] = seen.text().replace("succeeded", "failed").into();
    assert_eq!(verify(&forged).await, json!({"valid": false, "reason": "other-secret"}));

    // Another secret; both sign for a day.
    let rotated: Value = me.post(&format!("{path}/rotate")).send().await.unwrap().json().await.unwrap();
    assert!(text(&rotated, "secret") != text(&made, "secret") && rotated["previous_until"].is_string());
    let again = me.post(&format!("/api/v1/deliveries/{}/resend", text(&done, "id"))).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    let second = receiver.seen_so_many(2).await[1].clone();
    assert_eq!((second.header("webhook-id"), &second.body), (seen.header("webhook-id"), &seen.body));
    assert_eq!(judged(&secret, &second, second.text()), "ok");
    let fresh = STANDARD.decode(text(&rotated, "secret").strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(judged(&fresh, &second, second.text()), "ok");

    // No other answer has a secret.
    for path in
        ["/api/v1/push-endpoints".to_owned(), format!("/api/v1/push-endpoints/{}", text(&made["endpoint"], "id"))]
    {
        let answer = me.json(&path).await.to_string();
        assert!(!answer.contains("whsec_") && !answer.contains(text(&made, "secret").trim_start_matches("whsec_")));
    }
    problem(
        me.post("/api/v1/webhooks").json(&json!({"url": receiver.url("/hook")})).send().await.unwrap(),
        409,
        "webhook-exists",
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_explained_from_the_first_try() {
    let server = Server::start_with(open).await;
    let me = server.visitor();
    let receiver = Receiver::start(Does::Answer(500, "", "out of paper")).await;
    let made = added(&me, "/api/v1/webhooks", json!({"url": receiver.url("/"), "label": " Printer "})).await;
    assert_eq!(made["endpoint"]["label"], "Printer");
    me.finished(json!({"steps": 0})).await;
    let failing = delivery(&me, |one| one["state"] == "retrying").await;
    assert_eq!(
        (&failing["reason"], &failing["status"], &failing["attempts"]),
        (&"server-error".into(), &500.into(), &1.into())
    );
    let report = me.json(&format!("/api/v1/deliveries/{}", text(&failing, "id"))).await;
    assert_eq!(
        (&report["log"][0]["outcome"], &report["log"][0]["detail"]),
        (&"server-error".into(), &"out of paper".into())
    );
    // It says that it is no more: nothing else is sent there.
    receiver.does(Does::Answer(410, "", ""));
    me.post(&format!("/api/v1/push-endpoints/{}/test", text(&made["endpoint"], "id"))).send().await.unwrap();
    delivery(&me, |one| one["event"] == "test" && one["state"] == "gave-up").await;
    let endpoint = me.json(&format!("/api/v1/push-endpoints/{}", text(&made["endpoint"], "id"))).await;
    assert_eq!((&endpoint["state"], &endpoint["reason"]), (&"gone".into(), &"gone".into()));
    let again =
        me.post(&format!("/api/v1/push-endpoints/{}/test", text(&made["endpoint"], "id"))).send().await.unwrap();
    problem(again, 409, "endpoint-off").await;
    server.stop().await;
}

fn subscription(service: &Receiver, path: &str, browser: &Browser) -> Value {
    json!({
        "endpoint": service.url(path), "expirationTime": null,
        "keys": {"p256dh": URL_SAFE_NO_PAD.encode(browser.p256dh()), "auth": URL_SAFE_NO_PAD.encode(&browser.auth)},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_away_is_told_and_one_that_is_no_more_is_forgotten() {
    let mut server = Server::start_with(open).await;
    let me = server.visitor();
    let service = Receiver::start(Does::Answer(201, "", "")).await;
    let browser = Browser::new(&[5; 32], &[6; 16]);
    let offer = me.json("/api/v1/push").await;
    let made = added(&me, "/api/v1/push-subscriptions", subscription(&service, "/push/secret", &browser)).await;
    assert_eq!(text(&made, "address"), service.url(""), "the rest of it is a secret");
    // The same once more is the same.
    let again = me
        .post("/api/v1/push-subscriptions")
        .json(&subscription(&service, "/push/secret", &browser))
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.unwrap()["id"], made["id"]);
    // Whoever submits is live for a moment; told at once all the same.
    let path = format!("/api/v1/push-endpoints/{}", text(&made, "id"));
    let patched = me.client.patch(format!("{}{path}", me.base)).json(&json!({"when": "always"})).send().await.unwrap();
    assert_eq!(patched.status(), StatusCode::OK);
    let job = me.finished(json!({"steps": 0})).await;
    let [seen] = service.seen_so_many(1).await.try_into().unwrap();
    claims(&seen, &service.url(""), text(&offer, "web_push_key"), server::clock::now().0 / 1000);
    let read: Value = serde_json::from_slice(&browser.decrypt(&seen.body).unwrap()).unwrap();
    assert_eq!((&read["type"], &read["items"][0]["job"]), (&"job.succeeded".into(), &job["id"]));

    // The key is kept: no subscription is void after a restart.
    delivery(&me, |one| one["state"] == "delivered").await;
    server.restart().await;
    let me = Visitor { base: server.base.clone(), ..me };
    assert_eq!(me.json("/api/v1/push").await["web_push_key"], offer["web_push_key"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsubscribed_browser_is_gone_and_comes_back_by_subscribing() {
    let server = Server::start_with(open).await;
    let me = server.visitor();
    let service = Receiver::start(Does::Answer(410, "", "")).await;
    let browser = Browser::new(&[5; 32], &[6; 16]);
    let made = added(&me, "/api/v1/push-subscriptions", subscription(&service, "/push/1", &browser)).await;
    let path = format!("/api/v1/push-endpoints/{}", text(&made, "id"));
    me.post(&format!("{path}/test")).send().await.unwrap();
    delivery(&me, |one| one["state"] == "gave-up").await;
    assert_eq!(me.json(&path).await["state"], "gone");
    let again =
        me.post("/api/v1/push-subscriptions").json(&subscription(&service, "/push/1", &browser)).send().await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["state"], "active");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_address_is_asked_first_then_told_and_one_click_ends_it() {
    let mut sink = Sink::start().await;
    let smtp = sink.url.clone();
    let server = Server::start_with(|config| {
        config.push.smtp = Some(smtp);
        config.push.mail_from = Some("Meanwhile <no-reply@shop.example>".into());
    })
    .await;
    let me = server.visitor();
    assert_eq!(me.json("/api/v1/push").await["email_from"], "no-reply@shop.example");
    let made = added(&me, "/api/v1/email-addresses", json!({"address": "Jo@Shop.example"})).await;
    assert_eq!((&made["state"], &made["address"]), (&"unconfirmed".into(), &"Jo@shop.example".into()));
    let asked = sink.mail().await;
    assert_eq!(mail::header(&asked, "Subject"), "Shall Meanwhile write to you?");
    let path = format!("/api/v1/push-endpoints/{}", text(&made, "id"));
    let always = me.client.patch(format!("{}{path}", me.base)).json(&json!({"when": "always"})).send().await.unwrap();
    assert_eq!(always.status(), StatusCode::OK);
    // Nothing is told to whom nobody asked; a test neither.
    me.finished(json!({"steps": 0})).await;
    problem(me.post(&format!("{path}/test")).send().await.unwrap(), 409, "endpoint-off").await;

    // Whoever reads the mail is somebody else to this server: no cookie.
    let reader = reqwest::Client::new();
    let link = |mail: &Value, part: &str| {
        let plain = mail["plain"].as_str().unwrap();
        plain.lines().find(|line| line.contains(part)).unwrap().trim().to_owned()
    };
    let confirm = link(&asked, "/mail/confirm/");
    for _ in 0..2 {
        let page = reader.get(&confirm).send().await.unwrap();
        assert_eq!((header(&page, "cache-control"), header(&page, "referrer-policy")), ("no-store", "no-referrer"));
        assert!(page.headers().get("set-cookie").is_none());
        let html = page.text().await.unwrap();
        assert!(html.contains("<form method=\"post\">") && html.contains("Jo@shop.example"), "{html}");
    }
    assert_eq!(me.json(&path).await["state"], "unconfirmed", "a program that opens links confirms nothing");
    let page = reader.post(&confirm).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("is confirmed"));
    assert_eq!(me.json(&path).await["state"], "active");

    let job = me.finished(json!({"steps": 0})).await;
    let told = sink.mail().await;
    assert_eq!(mail::header(&told, "Subject"), "Rehearsal is done", "the first after the question");
    assert!(told["plain"].as_str().unwrap().contains(&format!("{}/jobs/{}", server.base, text(&job, "id"))));

    // RFC 8058: what the mail program does, from the header alone.
    let unsubscribe = mail::header(&told, "List-Unsubscribe").trim_matches(['<', '>']).to_owned();
    assert_eq!(mail::header(&told, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let page = reader.get(&unsubscribe).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(me.json(&path).await["state"], "active", "looking ends nothing");
    let done = reader.post(&unsubscribe).form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    let gone = me.json(&path).await;
    assert_eq!((&gone["state"], &gone["reason"]), (&"gone".into(), &"unsubscribed".into()));
    // And the old link does not bring it back.
    reader.post(&confirm).send().await.unwrap();
    assert_eq!(me.json(&path).await["state"], "gone");
    let stranger = reader.get(format!("{}/mail/confirm/{}", server.base, "A".repeat(43))).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_have_an_address_flooded_with_questions() {
    let sink = Sink::start().await;
    let smtp = sink.url.clone();
    let server = Server::start_with(|config| {
        config.push.smtp = Some(smtp);
        config.push.mail_from = Some("no-reply@shop.example".into());
    })
    .await;
    let mut refused = 0;
    for _ in 0..6 {
        let stranger = server.visitor();
        let response =
            stranger.post("/api/v1/email-addresses").json(&json!({"address": "jo@shop.example"})).send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(header(&response, "retry-after").parse::<u64>().unwrap() > 3600);
            problem(response, 429, "too-many-confirmations").await;
            refused += 1;
        }
    }
    assert_eq!(refused, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_endpoint_says_why_and_where() {
    let server = Server::start().await;
    let me = server.visitor();
    assert_eq!(me.json("/api/v1/push").await["private_webhooks"], false);
    for (url, code) in [
        ("http://hooks.example/", "not-https"),
        ("https://127.0.0.1/", "private-address"),
        ("https://0x7f.1/", "private-address"),
        ("https://[::ffff:10.0.0.1]/", "private-address"),
        ("https://169.254.169.254/latest/meta-data", "private-address"),
        ("https://localhost/", "private-address"),
        ("https://u:p@hooks.example/", "user-in-url"),
        ("hooks", "not-a-url"),
        (&format!("https://hooks.example/{}", "x".repeat(3000)), "too-long"),
        ("https://no-such-host.invalid/", "unknown-host"),
    ] {
        refused(&me, "/api/v1/webhooks", json!({"url": url}), "/url", code).await;
    }
    let url = "https://1.1.1.1/";
    refused(&me, "/api/v1/webhooks", json!({"url": url, "label": "x".repeat(101)}), "/label", "too-long").await;
    refused(&me, "/api/v1/webhooks", json!({"url": url, "events": ["progress"]}), "/events/0", "unknown-value").await;
    refused(&me, "/api/v1/webhooks", json!({"url": url, "extra": 1}), "/extra", "unknown-field").await;
    refused(&me, "/api/v1/webhooks", json!({}), "/url", "missing-field").await;

    let keys = json!({"p256dh": URL_SAFE_NO_PAD.encode(Browser::new(&[5; 32], &[6; 16]).p256dh()), "auth": URL_SAFE_NO_PAD.encode([6; 16])});
    let subscribe = |endpoint: &str, keys: &Value| json!({"endpoint": endpoint, "keys": keys});
    for endpoint in [
        "https://push.example/x",
        "http://fcm.googleapis.com/x",
        "https://127.0.0.1/x",
        "https://fcm.googleapis.com.example/x",
    ] {
        refused(&me, "/api/v1/push-subscriptions", subscribe(endpoint, &keys), "/endpoint", "not-a-push-service").await;
    }
    let known = "https://fcm.googleapis.com/fcm/send/x";
    refused(
        &me,
        "/api/v1/push-subscriptions",
        subscribe(known, &json!({"p256dh": "AAAA", "auth": keys["auth"]})),
        "/keys/p256dh",
        "not-a-key",
    )
    .await;
    refused(
        &me,
        "/api/v1/push-subscriptions",
        subscribe(known, &json!({"p256dh": keys["p256dh"], "auth": "AAAA"})),
        "/keys/auth",
        "not-a-key",
    )
    .await;
    let made = added(&me, "/api/v1/push-subscriptions", subscribe(known, &keys)).await;
    assert_eq!(made["address"], "https://fcm.googleapis.com");

    problem(
        me.post("/api/v1/email-addresses").json(&json!({"address": "jo@shop.example"})).send().await.unwrap(),
        409,
        "no-mail-server",
    )
    .await;

    // Another owner's endpoint is not there, whatever is done to it.
    let stranger = server.visitor();
    let path = format!("/api/v1/push-endpoints/{}", text(&made, "id"));
    for response in [
        stranger.get(&path).send().await.unwrap(),
        stranger.client.patch(format!("{}{path}", me.base)).json(&json!({"paused": true})).send().await.unwrap(),
        stranger.client.delete(format!("{}{path}", me.base)).send().await.unwrap(),
        stranger.post(&format!("{path}/test")).send().await.unwrap(),
        stranger.post(&format!("/api/v1/webhooks/{}/rotate", text(&made, "id"))).send().await.unwrap(),
        me.post(&format!("/api/v1/webhooks/{}/rotate", text(&made, "id"))).send().await.unwrap(),
        me.get("/api/v1/push-endpoints/x").send().await.unwrap(),
    ] {
        problem(response, 404, "endpoint-not-found").await;
    }
    for (patch, place, code) in [
        (json!({"digest_s": 59}), "/digest_s", "out-of-range"),
        (json!({"digest_s": 86_401}), "/digest_s", "out-of-range"),
        (json!({"label": " "}), "/label", "missing-field"),
        (json!({"events": ["accepted"]}), "/events/0", "unknown-value"),
        (json!({"when": "never"}), "/when", "wrong-type"),
    ] {
        let response = me.client.patch(format!("{}{path}", me.base)).json(&patch).send().await.unwrap();
        let said = problem(response, 422, "invalid-input").await;
        assert_eq!(places(&said), [(place.to_owned(), code.to_owned())], "{patch}");
    }
    let removed = me.client.delete(format!("{}{path}", me.base)).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert_eq!(me.json("/api/v1/push-endpoints").await["items"], json!([]));
    server.stop().await;
}
