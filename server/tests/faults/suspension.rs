//! A server that is stopped for longer than its leases last (`SIGSTOP`, a suspended laptop) and goes on.
//!
//! Its own jobs still run when it wakes up, so it must not take them back. It sleeps past a turn of the rescuer, too, so that rescuer
//! and heartbeat wake at once and in any order: hence several rounds.

use crate::{
    audit::{column, database},
    common::{self, text},
    ledger::Ledger,
    process::Process,
};
use serde_json::json;
use server::clock;
use std::time::{Duration, Instant};

const ROUNDS: usize = 6;
/// The rescuer looks once in this time (`SCAN` in `engine/rescuer.rs`).
const SCAN_MS: i64 = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_slept_past_its_leases_goes_on_with_its_own_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start_as(&data, |command| {
        command.env("MEANWHILE_LEASE_MS", "400").env("MEANWHILE_HEARTBEAT_MS", "200");
    });
    let process = process.unwrap();
    let visitor = common::visitor(&process.base);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(visitor.held_as(json!({"steps": ROUNDS, "step_ms": 0, "hold": true, "partials": true})).await);
    }
    let ledger = Ledger::open(&process, 2).await;
    let conn = database(&data);
    for round in 1..=ROUNDS {
        let enough = ledger.accepted() + 60;
        let load = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.load(8, move |ledger| ledger.accepted() >= enough).await }
        });
        ledger.wait_accepted(enough - 30).await;
        process.signal("STOP");
        let started = Instant::now();
        // What the sleeper cannot renew is over when the clock says so.
        let over = column::<i64>(&conn, "SELECT max(lease_until) FROM job WHERE state = 'running'")[0] + SCAN_MS;
        while clock::now().0 <= over {
            assert!(started.elapsed() < Duration::from_secs(60), "the leases never end");
            std::thread::yield_now();
        }
        process.signal("CONT");
        load.await.unwrap();
        for job in &held {
            visitor.step(job).await;
            visitor.wait_until(job, |job| job["progress"]["done"] == round).await;
        }
    }
    // By the end of this one, the rescuer has looked once more.
    visitor.finished(json!({"steps": 1, "step_ms": SCAN_MS + 500})).await;
    for job in &held {
        assert_eq!(visitor.wait_for(job, "succeeded").await["attempt"], 1);
        let log = visitor.json(common::link(job, "events")).await;
        let types: Vec<_> = log["items"].as_array().unwrap().iter().map(|event| text(event, "type")).collect();
        assert!(!types.contains(&"released"), "it was taken back from a worker that lives: {types:?}");
    }
    ledger.settle().await;
    process.kill();
    ledger.audit(&data).await;
}
