//! A wall clock that jumps, forward a day and back an hour, under a server that works and over its restart.
//!
//! Leases and due times are moments of the wall clock, so a jump ends leases early and puts off retries; neither may take a job from
//! a worker that lives, run one twice, or lose one.

use crate::{
    common::{self, Visitor, text},
    ledger::Ledger,
    shim::Shim,
};
use serde_json::json;
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;

/// Some work of every course, then long enough for the rescuer to have looked once.
async fn work(ledger: &Arc<Ledger>, mine: &Visitor) {
    let enough = ledger.accepted() + 60;
    ledger.load(8, move |ledger| ledger.accepted() >= enough).await;
    mine.finished(json!({"steps": 1, "step_ms": 1500})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_takes_no_job_from_its_worker_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
    let process = shim.start(&data, |_| {}).unwrap();
    let mine = common::visitor(&process.base);
    let held = mine.held_as(json!({"steps": 3, "step_ms": 0, "hold": true, "partials": true})).await;
    let ledger = Ledger::open(&process, 2).await;
    work(&ledger, &mine).await;
    for jump in [24 * HOUR_MS, -HOUR_MS] {
        shim.shift_clock(jump);
        work(&ledger, &mine).await;
        mine.step(&held).await;
        mine.wait_until(&held, |job| job["progress"]["done"] != 0 && job["state"] == "running").await;
    }
    mine.wait_until(&held, |job| job["progress"]["done"] == 2).await;
    // Its leases lie in the future of the clock that the next one finds.
    ledger.pause();
    process.kill();
    shim.shift_clock(-2 * HOUR_MS);
    let process = shim.start(&data, |_| {}).unwrap();
    ledger.serve_from(&process);
    let mine = Visitor { base: process.base.clone(), ..mine };
    work(&ledger, &mine).await;
    // Right again: what was put off by the jumps back is due.
    shim.shift_clock(0);
    work(&ledger, &mine).await;
    mine.step(&held).await;
    assert_eq!(mine.wait_for(&held, "succeeded").await["attempt"], 1);
    let log = mine.json(common::link(&held, "events")).await;
    let types = log["items"].as_array().unwrap().iter().map(|event| text(event, "type"));
    let told: Vec<_> = types.filter(|word| *word != "progress").collect();
    let story = ["accepted", "started", "partial", "partial", "released", "started", "partial", "succeeded"];
    assert_eq!(told, story, "taken back once, after the kill");
    ledger.settle().await;
    process.kill();
    ledger.audit(&data).await;
}
