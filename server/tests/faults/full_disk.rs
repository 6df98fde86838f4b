//! A disk without room: refused with a reason, nothing kept by half, nothing lost that was accepted; then it goes on.

use crate::{
    audit::audit,
    common::{self, problem, text},
    shim::Shim,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_what_was_accepted_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
    let process = shim.start(&data, |_| {}).unwrap();
    let mine = common::visitor(&process.base);
    let held = mine.held_as(json!({"steps": 2, "step_ms": 0, "hold": true, "partials": true})).await;
    shim.fill_disk(true);
    let submit =
        || mine.post("/api/v1/jobs").json(&json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}})).send();
    problem(submit().await.unwrap(), 507, "disk-full").await;
    problem(mine.post("/api/v1/uploads").body("Handle,Title\n").send().await.unwrap(), 507, "disk-full").await;
    problem(mine.post(common::link(&held, "cancel")).send().await.unwrap(), 507, "disk-full").await;
    assert!(!mine.get("/readyz").send().await.unwrap().status().is_success(), "it cannot take jobs, and says so");
    // What it has is still told, and the step is kept trying.
    mine.step(&held).await;
    assert_eq!(text(&mine.json(common::link(&held, "self")).await, "state"), "running");
    assert_eq!(std::fs::read_dir(data.join("uploads")).unwrap().count(), 0, "nothing is left of a refused upload");
    shim.fill_disk(false);
    mine.wait_until(&held, |job| job["progress"]["done"] == 1).await;
    mine.step(&held).await;
    assert_eq!(mine.wait_for(&held, "succeeded").await["attempt"], 1);
    assert_eq!(text(&mine.finished(json!({"steps": 1, "step_ms": 0})).await, "state"), "succeeded");
    let jobs = mine.json("/api/v1/jobs").await;
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2, "what was refused is not there");
    process.kill();
    audit(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_while_the_disk_is_full_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, shim) = (folder.path().join("data"), Shim::new(folder.path()));
    let process = shim.start(&data, |_| {}).unwrap();
    let mine = common::visitor(&process.base);
    let held = mine.held_as(json!({"steps": 2, "step_ms": 0, "hold": true, "partials": true})).await;
    shim.fill_disk(true);
    mine.step(&held).await;
    process.kill();
    assert!(shim.start(&data, |_| {}).is_none(), "it cannot recover yet, and does not pretend to");
    shim.fill_disk(false);
    let process = shim.start(&data, |_| {}).unwrap();
    let mine = common::Visitor { base: process.base.clone(), ..mine };
    for done in 1..=2 {
        mine.step(&held).await;
        mine.wait_until(&held, |job| job["progress"]["done"] == done).await;
    }
    assert_eq!(mine.wait_for(&held, "succeeded").await["attempt"], 1);
    process.kill();
    audit(&data).await;
}
