//! `meanwhile backup` and `meanwhile restore`, with the real binary: what was there at the moment of the copy is there afterwards, and
//! no client goes on in it with a hole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;

use common::{Visitor, link, problem, text, visitor};
use process::{Process, command};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output};

fn said(output: &Output, success: bool) -> String {
    let (words, other) = if success { (&output.stdout, &output.stderr) } else { (&output.stderr, &output.stdout) };
    let words = String::from_utf8(words.clone()).unwrap();
    assert_eq!(output.status.success(), success, "{words}{}", String::from_utf8_lossy(other));
    assert_eq!(words.trim().lines().count(), 1, "one sentence: {words}");
    words
}

async fn import(visitor: &Visitor) -> Value {
    let upload = visitor.post("/api/v1/uploads").body("Handle,Title\na,A\nb,\n").send().await.unwrap();
    let upload: Value = upload.json().await.unwrap();
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let job: Value = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    visitor.wait_for(&job, "succeeded").await
}

async fn all_events(visitor: &Visitor, epoch: &str) -> Vec<Value> {
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
async fn a_backup_under_load_restores_to_one_moment_and_old_cursors_are_reset() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, other) = (folder.path().join("data"), folder.path().join("copy"), folder.path().join("other"));
    let first = Process::start(&data);
    let mine = visitor(&first.base);
    let held = mine.held(3).await;
    mine.step(&held).await;
    mine.wait_until(&held, |job| job["progress"]["done"] == 1).await;
    let imported = import(&mine).await;
    // Somebody goes on submitting all the while.
    let busy = mine.clone();
    let load = tokio::spawn(async move {
        for _ in 0..200 {
            busy.rehearse(json!({"steps": 2, "step_ms": 0})).await;
        }
    });
    let sentence = said(&tokio::task::block_in_place(|| command("backup", &copy, &data)), true);
    assert!(sentence.contains(" jobs and 2 files from"), "{sentence}");
    load.await.unwrap();
    let later = mine.rehearse(json!({"steps": 1, "step_ms": 0})).await;
    let old = text(&mine.json("/api/v1/jobs").await, "cursor").to_owned();
    // Not over anything, and not from half a copy.
    said(&command("backup", &copy, &data), false);
    said(&command("restore", &copy, &data), false);
    let half = folder.path().join("half");
    fs::create_dir(&half).unwrap();
    fs::copy(copy.join("meanwhile.db"), half.join("meanwhile.db")).unwrap();
    assert!(said(&command("restore", &half, &other), false).contains("no complete backup"));
    first.kill();

    said(&command("restore", &copy, &other), true);
    let second = Process::start(&other);
    let mine = Visitor { base: second.base.clone(), ..mine };
    // The same cookie opens the same jobs; what came after the copy is not there; what was running runs again.
    let job = mine.wait_for(&held, "running").await;
    assert_eq!((&job["progress"]["done"], &job["attempt"]), (&json!(1), &json!(1)));
    problem(mine.get(link(&later, "self")).send().await.unwrap(), 404, "job-not-found").await;
    let file = mine.get(text(&imported["result"], "rejects")).send().await.unwrap();
    assert!(file.status().is_success() && file.text().await.unwrap().contains("title-missing"));
    assert_eq!(fs::read_dir(other.join("uploads")).unwrap().count(), 1);
    // Every cursor of before is of another epoch; the new ones have no hole.
    problem(mine.get(&format!("/api/v1/events?after={old}")).send().await.unwrap(), 410, "cursor-expired").await;
    let stream = mine.get(&format!("/api/v1/stream?after={old}")).send().await.unwrap().text().await.unwrap();
    assert!(stream.contains("event: reset") && stream.contains("unknown-epoch"), "{stream}");
    mine.step(&held).await;
    mine.step(&held).await;
    mine.wait_for(&held, "succeeded").await;
    let list = mine.json("/api/v1/jobs?limit=1").await;
    let epoch = text(&list, "cursor").split('.').next().unwrap();
    assert_ne!(epoch, old.split('.').next().unwrap());
    let seqs: Vec<_> = all_events(&mine, epoch).await.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_needs_no_server_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, other) = (folder.path().join("data"), folder.path().join("copy"), folder.path().join("other"));
    let nothing = said(&command("backup", &copy, &data), false);
    assert!(nothing.contains("There is no database"), "{nothing}");
    let first = Process::start(&data);
    let mine = visitor(&first.base);
    let imported = import(&mine).await;
    first.kill();
    let rejects = Path::new("jobs").join(text(&imported, "id")).join("rejects.csv");
    fs::remove_file(data.join(&rejects)).unwrap();
    let output = command("backup", &copy, &data);
    let listed = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(listed.trim(), format!("missing in the data folder: {}", rejects.display()));
    assert!(said(&output, true).contains("1 missing ones left out"));
    said(&command("restore", &copy, &other), true);
    let second = Process::start(&other);
    let mine = Visitor { base: second.base.clone(), ..mine };
    problem(mine.get(text(&imported["result"], "rejects")).send().await.unwrap(), 410, "file-lost").await;
}
