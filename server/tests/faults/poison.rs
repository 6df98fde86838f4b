//! A job that kills its process each time it runs: it ends `failed`, reason `crashed`, and its server goes on.

use crate::{
    common::{self, Visitor, link, text},
    ledger::id_of,
    shim::{Boundary::WriteWal, Shim, When::Before},
};
use serde_json::json;

/// As `CRASH_BUDGET` in `store/sqlite/schedule.rs`.
const CRASHES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_process_each_time_ends_crashed_after_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
    let start = || shim.start(&data, |_| {}).unwrap();
    let mut process = start();
    let mut mine = common::visitor(&process.base);
    let request = json!({"kind": "rehearsal", "max_attempts": 1,
        "input": {"steps": 1, "step_ms": 0, "hold": true, "partials": true}});
    let poison = mine.post("/api/v1/jobs").json(&request).send().await.unwrap().json().await.unwrap();
    for _ in 0..CRASHES {
        mine.wait_for(&poison, "running").await;
        // It dies as the step is written, and at nothing that its neighbours do.
        shim.die_at_text(WriteWal, Before, r#"{"step":1}"#);
        let _ = mine.post(&format!("/api/v1/jobs/{}/step", id_of(&poison))).send().await;
        process.wait();
        shim.disarm();
        process = start();
        mine = Visitor { base: process.base.clone(), ..mine };
        mine.finished(json!({"steps": 1, "step_ms": 0})).await;
    }
    let ended = mine.wait_for(&poison, "failed").await;
    assert_eq!((text(&ended["failure"], "reason"), text(&ended["failure"], "code")), ("crashed", "worker-died"));
    let attempts = mine.json(link(&poison, "attempts")).await;
    let outcomes: Vec<_> =
        attempts["items"].as_array().unwrap().iter().map(|attempt| text(attempt, "outcome")).collect();
    assert_eq!(outcomes, ["lost"; CRASHES]);
    process.kill();
    crate::audit::audit(&data).await;
}
