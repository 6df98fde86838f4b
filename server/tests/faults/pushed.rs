//! What is told survives every death: `kill -9` at random moments while messages are under way, and death between what a receiver got
//! and what the store knows of it.
//!
//! The receiver is the test's and outlives every server; what it got, and in which order, is held against the log in the end.
//! Short among the tests; `cargo xtask ledger --push --kills 100` sets the size by a variable and shows the last line.

use crate::{
    audit::{column, database},
    common::{self, Visitor, text},
    process::Process,
    receiver::Receiver,
    shim::{
        Boundary::{SyncWal, WriteWal},
        Shim,
        When::{After, Before},
    },
};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    process::Command,
    time::Instant,
};
use tokio::task::JoinSet;

const OWNERS: usize = 4;
const CLIENTS: usize = 3;
/// Endpoints of each owner.
const ENDPOINTS: usize = 2;
/// A kill comes after so many more arrivals, at most.
const BETWEEN: usize = 60;

/// Webhooks may go to the test.
fn locally(command: &mut Command) {
    command.arg("--private-targets").env("MEANWHILE_LOG", "error");
}

struct Owner {
    visitor: Visitor,
    endpoints: Vec<String>,
}

async fn webhook(visitor: &Visitor, url: &str) -> String {
    let response = visitor.post("/api/v1/webhooks").json(&json!({ "url": url })).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    text(&answer["endpoint"], "id").to_owned()
}

/// All pages of a list.
async fn all(visitor: &Visitor, path: &str) -> Vec<Value> {
    let (mut next, mut items) = (Some(path.to_owned()), Vec::new());
    while let Some(path) = next {
        let page = visitor.json(&path).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        next = page["next"].as_str().map(str::to_owned);
    }
    items
}

/// Submits until the server is gone, or enough has arrived.
async fn submit(visitor: Visitor) {
    loop {
        let job = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
        match visitor.post("/api/v1/jobs").header("prefer", "wait=1").json(&job).send().await {
            // Paced by the jobs' own ends, so that messages do not pile up behind the load.
            Ok(answer) if answer.status() == 202 => {}
            Ok(answer) => assert_eq!(answer.status(), 200, "{:?}", answer.text().await),
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_notification_arrives_under_its_id_and_in_order_however_often_the_server_is_killed() {
    let kills = std::env::var("MEANWHILE_LEDGER_PUSH_KILLS").map_or(6, |text| text.parse().expect("a number of kills"));
    let (started, folder, receiver) = (Instant::now(), tempfile::tempdir().unwrap(), Receiver::start().await);
    // Some fail once, so that retries are among what a death meets.
    receiver
        .answers(|arrival| if arrival.times == 1 && arrival.seqs()[0] % 23 == 0 { (500, "once") } else { (200, "") });
    let data = folder.path().join("data");
    let mut process = Process::start_as(&data, locally).unwrap();
    let mut owners = Vec::new();
    for number in 0..OWNERS {
        let visitor = common::visitor(&process.base);
        let mut endpoints = Vec::new();
        for endpoint in 0..ENDPOINTS {
            endpoints.push(webhook(&visitor, &receiver.url(&format!("{number}-{endpoint}"))).await);
        }
        owners.push(Owner { visitor, endpoints });
    }
    for _ in 0..kills {
        let mut load = JoinSet::new();
        for owner in &owners {
            (0..CLIENTS).for_each(|_| drop(load.spawn(submit(owner.visitor.clone()))));
        }
        let moment = receiver.arrivals().len() + fastrand::usize(1..=BETWEEN);
        receiver.so_many(moment).await;
        process.kill();
        while let Some(ended) = load.join_next().await {
            ended.unwrap();
        }
        process = Process::start_as(&data, locally).unwrap();
        owners.iter_mut().for_each(|owner| owner.visitor.base.clone_from(&process.base));
    }
    let told = settle(&owners).await;
    process.kill();
    let arrivals = receiver.arrivals();
    let distinct: HashSet<_> = arrivals.iter().map(|arrival| arrival.id.clone()).collect();
    assert_eq!(distinct, told.iter().cloned().collect(), "each that was told arrived, and nothing else did");
    for (number, owner) in owners.iter().enumerate() {
        for endpoint in 0..owner.endpoints.len() {
            assert_in_order(&receiver, &format!("{number}-{endpoint}"));
        }
    }
    let again = arrivals.len() - distinct.len();
    let cut = audit(&data);
    println!(
        "push: {kills} kills, {} notifications to {} endpoints, 0 lost, 0 out of order; {} arrivals, {again} of them once more under \
         the same id; {cut} attempts cut off; {:.0} s",
        distinct.len(),
        OWNERS * ENDPOINTS,
        arrivals.len(),
        started.elapsed().as_secs_f64()
    );
}

/// Waits until nothing is to be sent; answers the ids of all deliveries, each of which was delivered, one for each job and endpoint.
async fn settle(owners: &[Owner]) -> Vec<String> {
    let mut told = Vec::new();
    for Owner { visitor, endpoints } in owners {
        let started = Instant::now();
        for job in all(visitor, "/api/v1/jobs?limit=200").await {
            visitor.wait_for(&job, "succeeded").await;
        }
        let jobs = all(visitor, "/api/v1/jobs?limit=200").await.len();
        for endpoint in endpoints {
            while visitor.json(&format!("/api/v1/push-endpoints/{endpoint}")).await["pending"] != 0 {
                assert!(started.elapsed() < common::PATIENCE, "something is left behind");
                tokio::task::yield_now().await;
            }
            let deliveries = all(visitor, &format!("/api/v1/deliveries?limit=200&endpoint={endpoint}")).await;
            assert_eq!(deliveries.len(), jobs, "one for each job");
            for one in deliveries {
                assert_eq!(one["state"], "delivered", "{one}");
                told.push(text(&one, "id").to_owned());
            }
        }
    }
    told
}

/// First arrivals in the order of the stream; the same bytes under the same id.
fn assert_in_order(receiver: &Receiver, path: &str) {
    let (mut last, mut bodies) = (0, HashMap::new());
    for arrival in receiver.at(path) {
        if let Some(body) = bodies.insert(arrival.id.clone(), arrival.body.clone()) {
            assert_eq!(body, arrival.body, "{path}: another message under the same id");
            continue;
        }
        let seq = arrival.seqs()[0];
        assert!(seq > last, "{path}: {seq} arrived for the first time after {last}");
        last = seq;
    }
}

/// Nothing is left under way, and each attempt that was begun stands in the log. Answers how many were cut off.
fn audit(data: &Path) -> i64 {
    const NONE: [(&str, &str); 5] = [
        ("a lane is left without deliveries", "SELECT endpoint FROM push_lane"),
        ("an attempt is under way that nobody makes", "SELECT id FROM delivery WHERE lease_until IS NOT NULL"),
        ("a delivery waits and has ended", "SELECT id FROM delivery WHERE lane IS NOT NULL"),
        (
            "attempts and their log do not match",
            "SELECT id FROM delivery WHERE attempts <> (SELECT count(*) FROM delivery_attempt a WHERE a.delivery = delivery.id)",
        ),
        (
            "an event was told twice, or one that should have been was not",
            "SELECT e.id FROM endpoint e JOIN event v ON v.owner = e.owner AND v.type = 'succeeded'
          WHERE (SELECT count(*) FROM delivery d WHERE d.endpoint = e.id AND d.seq = v.seq) <> 1",
        ),
    ];
    let conn = database(data);
    for (rule, query) in NONE {
        let found: Vec<i64> = column(&conn, query);
        assert!(found.is_empty(), "{rule}: {:?}", &found[..found.len().min(5)]);
    }
    column(&conn, "SELECT count(*) FROM delivery_attempt WHERE outcome = 'cut-off'")[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_send_and_commit_sends_again_under_the_same_id_and_no_other_death_does() {
    // What is written at that moment, and what comes of a death before or after it: arrivals, and the attempts in the log.
    let cases = [
        (WriteWal, Before, "sending", 1, vec!["ok"]),
        (SyncWal, After, "sending", 1, vec!["cut-off", "ok"]),
        (WriteWal, Before, "rain in the log", 2, vec!["cut-off", "ok"]),
        (SyncWal, After, "rain in the log", 2, vec!["server-error", "ok"]),
    ];
    for (boundary, when, written, arrivals, log) in cases {
        let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
        receiver.answers(|arrival| if arrival.times == 1 { (503, "rain in the log") } else { (200, "") });
        if written == "sending" {
            receiver.answers(|_| (200, ""));
        }
        let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
        let mut process = shim.start(&data, locally).unwrap();
        let mut visitor = common::visitor(&process.base);
        let endpoint = webhook(&visitor, &receiver.url("a")).await;
        shim.die_at_text(boundary, when, written);
        // Its answer may be on the way already.
        let job = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}});
        let _ = visitor.post("/api/v1/jobs").json(&job).send().await;
        process.wait();
        shim.disarm();
        process = shim.start(&data, locally).unwrap();
        visitor.base.clone_from(&process.base);
        let came = receiver.so_many(arrivals).await;
        let started = Instant::now();
        while visitor.json(&format!("/api/v1/push-endpoints/{endpoint}")).await["pending"] != 0 {
            assert!(started.elapsed() < common::PATIENCE, "something is left behind");
            tokio::task::yield_now().await;
        }
        assert_eq!(receiver.arrivals().len(), arrivals, "death {when:?} {boundary:?} of {written}");
        assert!(came.iter().all(|arrival| arrival.id == came[0].id && arrival.body == came[0].body));
        let report = visitor.json(&format!("/api/v1/deliveries/{}", came[0].id)).await;
        let outcomes: Vec<_> = report["log"].as_array().unwrap().iter().map(|one| text(one, "outcome")).collect();
        assert_eq!(outcomes, log, "death {when:?} {boundary:?} of {written}");
    }
}
