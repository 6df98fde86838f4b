//! Death at every boundary of a commit, of a checkpoint, of a file's arrival and of an answer.
//!
//! Where a process dies matters only by what it has done to the disk and told its peers by then, so the boundaries are its system
//! calls: before the first write of a commit (as before BEGIN, or between the commands and COMMIT), within it, before it is synced,
//! after (and before the listener), before an answer leaves (after the listener), after; likewise for checkpoints and uploads.

use crate::{
    audit::{column, database},
    common::{self, Visitor, text},
    ledger::{Ledger, id_of},
    process::Process,
    shim::{
        Boundary::{self, *},
        Shim,
        When::{self, *},
    },
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where, and up to how many such calls later.
const BOUNDARIES: [(Boundary, When, u32); 18] = [
    (WriteWal, Before, 200),
    (WriteWal, Halfway, 200),
    (WriteWal, After, 200),
    (SyncWal, Before, 50),
    (SyncWal, After, 50),
    (Send, Before, 100),
    (Send, After, 100),
    (WriteDatabase, Before, 200),
    (WriteDatabase, Halfway, 200),
    (WriteDatabase, After, 200),
    (SyncDatabase, Before, 1),
    (SyncDatabase, After, 1),
    (SyncOther, Before, 3),
    (SyncOther, After, 3),
    (Rename, Before, 2),
    (Rename, After, 2),
    (SyncWal, Before, 3),
    (SyncWal, After, 3),
];
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_boundary_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
    let mut process = shim.start(&data, |_| {}).unwrap();
    let ledger = Ledger::open(&process, 4).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut load = tokio::spawn({
        let (ledger, over) = (Arc::clone(&ledger), Arc::clone(&over));
        async move { ledger.load(CLIENTS, move |_| over.load(Ordering::SeqCst)).await }
    });
    for (boundary, when, within) in BOUNDARIES {
        shim.die_at(boundary, when, fastrand::u32(1..=within));
        tokio::select! {
            died = tokio::task::spawn_blocking(move || process.wait()) => drop(died.unwrap()),
            ended = &mut load => panic!("the load ended before {when:?} {boundary:?}: {ended:?}"),
        }
        ledger.pause();
        shim.disarm();
        process = shim.start(&data, |_| {}).unwrap();
        ledger.serve_from(&process);
    }
    over.store(true, Ordering::SeqCst);
    load.await.unwrap();
    let settled = ledger.settle().await;
    process.kill();
    ledger.audit(&data).await;
    assert!(settled.resent > 0 && settled.uploads > 0, "{settled:?}");
}

/// A server that is about to die, and somebody who talks to it.
struct Scene {
    _folder: tempfile::TempDir,
    data: PathBuf,
    shim: Shim,
    visitor: Visitor,
    process: Process,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
        let process = shim.start(&data, |_| {}).unwrap();
        let visitor = common::visitor(&process.base);
        visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
        Self { _folder: folder, data, shim, visitor, process }
    }

    /// After its death.
    fn again(&mut self) {
        self.process.wait();
        self.shim.disarm();
        self.process = self.shim.start(&self.data, |_| {}).unwrap();
        self.visitor.base = self.process.base.clone();
    }

    async fn submit(&self, input: Value) -> reqwest::Result<reqwest::Response> {
        let body = json!({"kind": "rehearsal", "input": input, "label": "the one"});
        self.visitor.post("/api/v1/jobs").header("idempotency-key", "one").json(&body).send().await
    }

    /// How often each type stands in the job's log.
    async fn story(&self, job: &Value) -> String {
        let log = self.visitor.json(common::link(job, "events")).await;
        let types = log["items"].as_array().unwrap().iter().map(|event| text(event, "type").to_owned());
        types.filter(|word| word != "progress").collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn an_accept_that_was_not_committed_never_was_and_its_key_is_free() {
    let mut scene = Scene::new().await;
    scene.shim.die_at_text(WriteWal, Before, "the one");
    assert!(scene.submit(json!({"steps": 1, "step_ms": 0})).await.is_err());
    scene.again();
    let repeated = scene.submit(json!({"steps": 1, "step_ms": 0})).await.unwrap();
    assert!(repeated.status() == 202 && !repeated.headers().contains_key("idempotency-replayed"));
    scene.visitor.wait_for(&repeated.json().await.unwrap(), "succeeded").await;
    assert_eq!(scene.visitor.json("/api/v1/jobs").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_accept_that_was_committed_and_not_answered_is_what_its_key_finds() {
    let mut scene = Scene::new().await;
    scene.shim.die_at_text(SyncWal, After, "the one");
    assert!(scene.submit(json!({"steps": 1, "step_ms": 0})).await.is_err());
    scene.again();
    let repeated = scene.submit(json!({"steps": 1, "step_ms": 0})).await.unwrap();
    assert!(repeated.headers().contains_key("idempotency-replayed"), "{}", repeated.status());
    scene.visitor.wait_for(&repeated.json().await.unwrap(), "succeeded").await;
    assert_eq!(scene.visitor.json("/api/v1/jobs").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_finish_that_was_not_committed_is_reached_again_and_one_that_was_is_not() {
    for (boundary, when, story) in [
        (WriteWal, Before, "accepted started released started succeeded"),
        (SyncWal, After, "accepted started succeeded"),
    ] {
        let mut scene = Scene::new().await;
        let job: Value =
            scene.submit(json!({"steps": 7, "step_ms": 0, "hold": true})).await.unwrap().json().await.unwrap();
        scene.visitor.wait_for(&job, "running").await;
        for done in 1..=6 {
            scene.visitor.step(&job).await;
            scene.visitor.wait_until(&job, |job| job["progress"]["done"] == done).await;
        }
        scene.shim.die_at_text(boundary, when, r#"{"result":{"steps":7}"#);
        // Its answer may be on the way already.
        let _ = scene.visitor.post(&format!("/api/v1/jobs/{}/step", id_of(&job))).send().await;
        scene.again();
        assert_eq!(scene.visitor.wait_for(&job, "succeeded").await["attempt"], 1);
        assert_eq!(scene.story(&job).await, story, "death {when:?} {boundary:?}");
    }
}

#[tokio::test]
async fn an_upload_that_got_its_name_and_no_row_is_swept() {
    let mut scene = Scene::new().await;
    scene.shim.die_at(Rename, After, 1);
    assert!(scene.visitor.post("/api/v1/uploads").body("Handle,Title\n").send().await.is_err());
    scene.again();
    assert_eq!(column::<i64>(&database(&scene.data), "SELECT count(*) FROM upload"), [0]);
    assert_eq!(names(&scene.data.join("uploads")), [""; 0], "a file that nobody can ever name takes no room");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
