//! `kill -9` and stops of the real binary while suppliers are asked or owe a call-back: nobody is asked twice, the job ends once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;
#[path = "supplier_quotes/world.rs"]
mod world;

use common::{Visitor, text, visitor};
use process::Process;
use serde_json::{Value, json};
use std::path::Path;
use world::{NEVER, Suppliers, ask, failed, lines, offering, stands, times};

/// A server that asks these suppliers, where the one before it listened.
fn start(data: &Path, suppliers: &Suppliers, before: Option<&str>) -> Process {
    let listen = before.map_or("127.0.0.1:0", |base| base.strip_prefix("http://").unwrap());
    let base = suppliers.base.clone();
    Process::start_at(listen, data, |command| {
        command.args(["--suppliers", &base]);
    })
    .expect("the server says where it listens")
}

/// A job with an answer, whose other supplier owes its call-back.
async fn waiting(mine: &Visitor, suppliers: &Suppliers) -> Value {
    suppliers.set("echo", json!({"mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let job = ask(mine, json!({"handles": ["mug"], "suppliers": ["alba", "echo"], "within_s": 600})).await;
    mine.wait_for(&job, "waiting").await
}

async fn finished_once(mine: &Visitor, suppliers: &Suppliers, job: &Value) {
    let done = mine.wait_for(job, "succeeded").await;
    assert_eq!((offering(&done), failed(&done), &done["attempt"]), (vec!["alba", "echo"], vec![], &json!(1)));
    for once in ["waiting", "resumed", "succeeded"] {
        assert_eq!(times(mine, job, once).await, 1, "{once}");
    }
    let lines = lines(mine, job).await;
    for supplier in ["alba", "echo"] {
        let of_one = lines.iter().filter(|line| line["supplier"] == supplier && line["state"] == "answered");
        assert_eq!(of_one.count(), 1, "{lines:?}");
        assert_eq!(suppliers.count(supplier, "asked").await, 1, "{supplier} is not asked again");
    }
    assert_eq!(suppliers.count("echo", "delivered").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_finishes_the_job_once_though_the_server_was_killed_while_it_waited() {
    let (folder, suppliers) = (tempfile::tempdir().unwrap(), Suppliers::start().await);
    let data = folder.path().join("data");
    let first = start(&data, &suppliers, None);
    let mine = visitor(&first.base);
    let job = waiting(&mine, &suppliers).await;
    let base = first.base.clone();
    first.kill();
    let second = start(&data, &suppliers, Some(&base));
    assert_eq!(text(&mine.json(&format!("/api/v1/jobs/{}", text(&job, "id"))).await, "state"), "waiting");
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    finished_once(&mine, &suppliers, &job).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_that_finds_no_server_comes_again_and_finishes_the_job_once() {
    let (folder, suppliers) = (tempfile::tempdir().unwrap(), Suppliers::start().await);
    let data = folder.path().join("data");
    let mut first = start(&data, &suppliers, None);
    let mine = visitor(&first.base);
    let job = waiting(&mine, &suppliers).await;
    let base = first.base.clone();
    first.signal("TERM");
    first.wait();
    // It is due now, and there is nobody to take it.
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    let second = start(&data, &suppliers, Some(&base));
    finished_once(&mine, &suppliers, &job).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_committed_is_not_asked_for_again_after_a_kill_and_the_others_are() {
    let (folder, suppliers) = (tempfile::tempdir().unwrap(), Suppliers::start().await);
    let data = folder.path().join("data");
    suppliers.set("borealis", json!({"latency_ms": NEVER})).await;
    suppliers.set("echo", json!({"mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let first = start(&data, &suppliers, None);
    let mine = visitor(&first.base);
    let input = json!({"handles": ["mug"], "suppliers": ["alba", "borealis", "echo"], "within_s": 600});
    let job = ask(&mine, input).await;
    stands(&mine, &job, "alba", "answered").await;
    stands(&mine, &job, "echo", "promised").await;
    let base = first.base.clone();
    first.kill();
    let second = start(&data, &suppliers, Some(&base));
    suppliers.counts("borealis", "asked", 2).await;
    suppliers.set("borealis", json!({"latency_ms": 0})).await;
    mine.wait_for(&job, "waiting").await;
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    let done = mine.wait_for(&job, "succeeded").await;
    assert_eq!((offering(&done), &done["attempt"]), (vec!["alba", "borealis", "echo"], &json!(1)));
    assert_eq!((suppliers.count("alba", "asked").await, suppliers.count("echo", "asked").await), (1, 1));
    drop(second);
}
