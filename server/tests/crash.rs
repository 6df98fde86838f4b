//! `kill -9` on the real binary: what was accepted is there afterwards, and goes on from its checkpoint.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;

use common::{Visitor, link, text, visitor};
use process::Process;
use serde_json::{Value, json};
use std::process::Command;

/// A whole stream by polling, from its start.
async fn whole_stream(visitor: &Visitor) -> Vec<Value> {
    let list = visitor.json("/api/v1/jobs").await;
    let epoch = text(&list, "cursor").split('.').next().unwrap().to_owned();
    let (mut cursor, mut events) = (format!("{epoch}.0"), Vec::new());
    loop {
        let page = visitor.json(&format!("/api/v1/events?after={cursor}&fold=false")).await;
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        cursor = text(&page, "next_cursor").to_owned();
        if page["more"] == json!(false) {
            return events;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_jobs_survive_kill_nine_and_go_on_from_their_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Process::start(&data);
    let mine = visitor(&first.base);
    let held = mine.held_as(json!({"steps": 3, "step_ms": 0, "hold": true, "partials": true})).await;
    for done in 1..=2 {
        mine.step(&held).await;
        mine.wait_until(&held, |job| job["progress"]["done"] == done).await;
    }
    // Some run, some wait; the last are accepted just before the kill.
    let mut accepted = vec![text(&held, "id").to_owned()];
    for _ in 0..30 {
        accepted.push(text(&mine.rehearse(json!({"steps": 2, "step_ms": 1})).await, "id").to_owned());
    }
    first.kill();

    let second = Process::start(&data);
    let mine = Visitor { base: second.base.clone(), ..mine };
    let resumed = mine.wait_for(&held, "running").await;
    assert_eq!(resumed["progress"]["done"], json!(2), "progress is kept");
    mine.step(&held).await;
    let finished = mine.wait_for(&held, "succeeded").await;
    assert_eq!(finished["attempt"], json!(1), "the crash of a worker burns no attempt");
    for id in &accepted {
        mine.wait_for(&json!({"links": {"self": format!("/api/v1/jobs/{id}")}}), "succeeded").await;
    }

    let log = mine.json(link(&held, "events")).await;
    let log = log["items"].as_array().unwrap();
    let jseqs: Vec<_> = log.iter().map(|event| event["jseq"].as_u64().unwrap()).collect();
    assert_eq!(jseqs, (1..=jseqs.len() as u64).collect::<Vec<_>>(), "the job's log is gap-free");
    let steps =
        log.iter().filter(|event| event["type"] == "partial").map(|event| event["data"]["step"].as_u64().unwrap());
    assert_eq!(steps.collect::<Vec<_>>(), [1, 2, 3], "no step was lost or taken twice");
    assert!(log.iter().any(|event| event["type"] == "released" && event["data"]["reason"] == "lost"));

    let events = whole_stream(&mine).await;
    let seqs: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(
        seqs,
        (1..=seqs.len() as u64).collect::<Vec<_>>(),
        "the owner's stream is gap-free, and nothing is doubled"
    );
    for kind in ["accepted", "succeeded"] {
        let mut jobs: Vec<_> =
            events.iter().filter(|event| event["type"] == kind).map(|event| text(event, "job").to_owned()).collect();
        jobs.sort();
        let mut expected = accepted.clone();
        expected.sort();
        assert_eq!(jobs, expected, "each job is {kind} once");
    }
}

/// Where a rehearsal awaits its call-back.
async fn awaited(visitor: &Visitor, job: &Value) -> String {
    let log = visitor.json(link(job, "events")).await;
    let mut events = log["items"].as_array().unwrap().iter();
    events.find_map(|event| event["data"]["callback_url"].as_str()).expect("an address").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_and_its_call_back_survive_kill_nine_and_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Process::start(&data);
    let mine = visitor(&first.base);
    let input = json!({"steps": 3, "step_ms": 0, "partials": true, "wait_at": 2});
    let mut jobs = Vec::new();
    for _ in 0..12 {
        let job = mine.rehearse(input.clone()).await;
        mine.wait_for(&job, "waiting").await;
        jobs.push((awaited(&mine, &job).await, job));
    }
    // Killed while all of them wait.
    first.kill();

    let second = Process::start(&data);
    let mine = Visitor { base: second.base.clone(), ..mine };
    let call_back = async |mine: &Visitor, path: &str, n: usize| {
        let answer = reqwest::Client::new().post(format!("{}{path}", mine.base)).json(&json!(n)).send().await.unwrap();
        answer.status().as_u16()
    };
    for (_, job) in &jobs {
        assert_eq!(text(&mine.json(link(job, "self")).await, "state"), "waiting");
    }
    for (n, (path, _)) in jobs.iter().enumerate().take(6) {
        assert_eq!(call_back(&mine, path, n).await, 204);
    }
    // Killed with call-backs taken a moment ago: what they led to may have begun, ended, or not even be queued for a worker.
    second.kill();

    let third = Process::start(&data);
    let mine = Visitor { base: third.base.clone(), ..mine };
    for (n, (path, _)) in jobs.iter().enumerate() {
        assert_eq!(
            call_back(&mine, path, n).await,
            if n < 6 { 404 } else { 204 },
            "a call-back that was answered is kept"
        );
    }
    for (n, (_, job)) in jobs.iter().enumerate() {
        let done = mine.wait_for(job, "succeeded").await;
        assert_eq!((&done["result"], &done["attempt"]), (&json!({"steps": 3, "callback": n}), &json!(1)));
        let log = mine.json(link(job, "events")).await;
        let log = log["items"].as_array().unwrap();
        for once in ["waiting", "resumed", "succeeded"] {
            assert_eq!(log.iter().filter(|event| event["type"] == once).count(), 1, "{once}: {log:?}");
        }
        let steps: Vec<_> = log.iter().filter_map(|event| event["data"]["step"].as_u64()).collect();
        assert_eq!(steps, [1, 2, 3], "no step was lost or taken twice");
    }
}

#[test]
fn a_start_in_vain_says_why_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(&folder.path().join("data"));
    let address = first.base.strip_prefix("http://").unwrap();
    let start = |data: &str, listen: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meanwhile"));
        let output = command.arg("--data").arg(folder.path().join(data)).args(["--listen", listen]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
        String::from_utf8(output.stderr).unwrap()
    };
    let in_use = start("data", "127.0.0.1:0");
    assert!(in_use.contains("is in use by another meanwhile") && in_use.trim().lines().count() == 1, "{in_use}");
    let taken = start("other", address);
    // Before it, the log says where the operator's token is.
    let sentence = taken.trim().lines().last().unwrap();
    assert!(sentence.contains(address) && sentence.contains("is in use"), "{taken}");
}

#[test]
fn sigterm_stops_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&folder.path().join("data"));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0));
}
