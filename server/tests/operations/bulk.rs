//! Bulk actions: every job once, whatever happens in between; never one that came after their moment, never themselves.

use super::{Operator, TOKEN, id, start_with};
use crate::{
    common::{Server, Visitor, text, visitor},
    process::Process,
};
use domain::{JobId, OwnerId, Timestamp};
use serde_json::{Value, json};
use server::store::{Finish, NewJob, Quota, Store, sqlite::SqliteStore};
use std::{path::Path, sync::Arc};

fn new_job(owner: OwnerId) -> NewJob {
    NewJob {
        id: JobId::from_bytes(uuid::Uuid::now_v7().into_bytes()),
        owner,
        kind: "rehearsal".to_owned(),
        label: None,
        // Opened again it succeeds at once: one that held its worker would keep the bulk job from going on.
        input: json!({"steps": 0}).to_string(),
        max_attempts: 1,
        timeout_ms: 3_600_000,
        priority: 0,
        run_at: None,
        deferral: None,
        start_by: None,
        origin: None,
        uploads: Vec::new(),
        idempotency: None,
    }
}

/// Failed jobs of one owner, made in the data folder before a server starts on it.
async fn make_failed(data: &Path, jobs: usize, owner: OwnerId) {
    std::fs::create_dir_all(data).unwrap();
    let store: Arc<SqliteStore> = SqliteStore::open(data).unwrap();
    // Of a minute ago: what ended long ago is removed by the server when it starts.
    let mut now = server::clock::now().plus_ms(-60_000);
    let failure: domain::Failure =
        serde_json::from_value(json!({"reason": "error", "code": "made-to-fail", "params": {},
        "detail": null, "retryable": true, "attempt": 1}))
        .unwrap();
    for _ in (0..jobs).step_by(1_000) {
        let accepts = (0..1_000).map(|_| store.accept(new_job(owner), now));
        futures_util::future::join_all(accepts).await;
        now = now.plus_ms(1);
        let claimed =
            store.claim("w", &[Quota::unlimited("rehearsal")], 1_000, now, now.plus_ms(60_000)).await.unwrap();
        assert_eq!(claimed.len(), 1_000);
        let failed = claimed
            .iter()
            .map(|job| store.finish(job.lease, Finish::Failed { failure: failure.clone(), files: Vec::new() }, now));
        futures_util::future::join_all(failed).await;
    }
    store.close().await;
}

async fn count(operator: &Operator, query: &str) -> u64 {
    operator.read(&format!("/count?{query}")).await["matched"].as_u64().unwrap()
}

/// Done, skipped and looked at, as the job's own progress tells.
fn worked(job: &Value) -> u64 {
    job["progress"]["done"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_are_retried_by_a_job_that_a_cancel_stops_half_way_and_that_goes_on_where_it_stopped() {
    const JOBS: usize = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_failed(&data, JOBS, OwnerId::from_bytes([7; 16])).await;
    let process = Process::start_as(&data, |command| {
        command.env("MEANWHILE_OPERATOR_TOKEN", TOKEN);
    })
    .unwrap();
    let operator = Operator(visitor(&process.base));
    assert_eq!(count(&operator, "action=retry&state=failed&code=made-to-fail").await, JOBS as u64);
    // Paced, so that there is a middle to stop it in.
    let request =
        json!({"action": "retry", "filter": {"state": ["failed"], "code": "made-to-fail"}, "per_second": 800});
    let bulk: Value = operator.post("/bulk", &request).send().await.unwrap().json().await.unwrap();
    operator.0.wait_until(&bulk, |job| (1..JOBS as u64).contains(&worked(job))).await;
    operator.0.post(&format!("/api/v1/jobs/{}/cancel", id(&bulk))).send().await.unwrap();
    let stopped = operator.0.wait_until(&bulk, |job| ["cancelled", "succeeded"].contains(&text(job, "state"))).await;
    let left = count(&operator, "action=retry&state=failed&code=made-to-fail").await;
    assert_eq!(text(&stopped, "state"), "cancelled", "it was cancelled half-way");
    assert!(left > 0 && left < JOBS as u64, "{left} are left");
    assert_eq!(worked(&stopped) + left, JOBS as u64, "what was done stays and is told");
    // Others were served meanwhile, and are now.
    let other = visitor(&process.base);
    other.rehearse(json!({"steps": 0})).await;

    // An operator opens it again: it goes on from its checkpoint, also after a kill.
    let again = operator.post("/retry", &json!({"jobs": [bulk["id"]]})).send().await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["items"][0]["outcome"], "retried");
    let from = worked(&stopped);
    operator.0.wait_until(&bulk, |job| worked(job) > from).await;
    process.kill();
    let process = Process::start_as(&data, |command| {
        command.env("MEANWHILE_OPERATOR_TOKEN", TOKEN);
    })
    .unwrap();
    let operator = Operator(Visitor { base: process.base.clone(), ..operator.0 });
    let done = operator.0.wait_for(&bulk, "succeeded").await;
    assert_eq!(done["result"], json!({"matched": JOBS, "done": JOBS, "skipped": 0}), "counted once each");
    assert_eq!(count(&operator, "action=retry&state=failed&code=made-to-fail").await, 0);
    let reopened = operator.ids("?owner=07070707-0707-0707-0707-070707070707&limit=100").await;
    assert_eq!(reopened.len(), 100);
    for job in reopened {
        let report = operator.read(&format!("/jobs/{job}")).await;
        let times = report["log"].as_array().unwrap().iter().filter(|event| event["type"] == "reopened").count();
        assert_eq!(times, 1, "opened again once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_after_the_moment_is_left_alone() {
    let (server, operator) = start_with(|config| config.engine.workers = 2).await;
    let mine = server.visitor();
    let fails = json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"});
    let before = mine.finished(fails.clone()).await;
    let moment = text(&operator.read("/count?action=retry").await, "as_of").to_owned();
    // The clock counts milliseconds: what fails in the very same one counts as before.
    let mut after = mine.finished(fails.clone()).await;
    while text(&after, "finished_at") <= moment.as_str() {
        after = mine.finished(fails.clone()).await;
    }
    let request = json!({"action": "retry", "filter": {"kind": "rehearsal"}, "as_of": moment});
    let bulk: Value = operator.post("/bulk", &request).send().await.unwrap().json().await.unwrap();
    operator.0.wait_for(&bulk, "succeeded").await;
    mine.wait_until(&before, |job| text(job, "state") == "failed" && job["attempt"] == json!(2)).await;
    assert_eq!(mine.json(&format!("/api/v1/jobs/{}", id(&after))).await["attempt"], json!(1));
    // A moment to come is no moment: it would take in what has not failed yet.
    let request = json!({"action": "retry", "filter": {"kind": "rehearsal"}, "as_of": "2100-01-01T00:00:00Z"});
    let bulk: Value = operator.post("/bulk", &request).send().await.unwrap().json().await.unwrap();
    assert!(text(&bulk["input"], "as_of") < "2099");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_everything_ends_what_waits_and_runs_and_spares_itself() {
    let (server, operator) = start_with(|config| config.engine.workers = 3).await;
    let (one, two) = (server.visitor(), server.visitor());
    let running = one.held(1).await;
    let waiting = two.rehearse(json!({"steps": 1, "wait_at": 1})).await;
    two.wait_for(&waiting, "waiting").await;
    let deferred = json!({"kind": "rehearsal", "input": {"steps": 1}, "run_at": "2100-01-01T00:00:00Z"});
    let refused = one.post("/api/v1/jobs").json(&deferred).send().await.unwrap().status();
    assert_eq!(refused.as_u16(), 422, "that far ahead nothing can be deferred");
    let idle = json!({"kind": "rehearsal", "input": {"steps": 1}, "run_at": "idle"});
    let scheduled: Value = one.post("/api/v1/jobs").json(&idle).send().await.unwrap().json().await.unwrap();
    let bulk = operator.bulk("cancel", json!({})).await;
    let done = operator.0.wait_for(&bulk, "succeeded").await;
    assert_eq!(done["result"], json!({"matched": 3, "done": 3, "skipped": 0}));
    one.wait_for(&running, "cancelled").await;
    two.wait_for(&waiting, "cancelled").await;
    one.wait_for(&scheduled, "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_changed_between_the_look_and_the_batch_is_skipped_and_a_batch_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let owner = OwnerId::from_bytes([7; 16]);
    make_failed(&data, 1_000, owner).await;
    let store: Arc<SqliteStore> = SqliteStore::open(&data).unwrap();
    let (store, now): (&dyn Store, _) = (&*store, Timestamp(1_800_000_000_000));
    use domain::operations::{Action, Filter};
    use server::store::{Advance, BulkBatch, BulkCheckpoint, ReopenFrom, Scope};
    let scope = Scope::of_action(Action::Retry, Filter::default(), now).unwrap();
    let found = store.matching(scope.clone(), None, 48).await.unwrap();
    assert_eq!(found.items.len(), 48);
    store.reopen(owner, found.items[0], ReopenFrom::Start, 3, now).await.unwrap();
    let bulk =
        NewJob { kind: "bulk-retry".to_owned(), input: "{}".to_owned(), ..new_job(OwnerId::from_bytes([9; 16])) };
    store.accept(bulk, now).await.unwrap();
    let claimed = store.claim("w", &[Quota::unlimited("bulk-retry")], 1, now, now.plus_ms(60_000)).await.unwrap();
    let lease = claimed[0].lease;
    let batch = BulkBatch {
        action: Action::Retry,
        jobs: found.items.clone(),
        as_of: now,
        fresh_attempts: 3,
        before: BulkCheckpoint { matched: 1_000, ..BulkCheckpoint::default() },
        next: found.next,
    };
    let step = Advance { bulk: Some(batch.clone()), ..Advance::default() };
    let at = store.advance(lease, step.clone(), now).await.unwrap().unwrap().bulk.unwrap();
    assert_eq!((at.done, at.skipped, at.position, at.complete), (47, 1, found.next, false));
    // The same batch again, as after an answer that was lost: every job has been opened, so nothing is done twice.
    let again = store.advance(lease, step, now).await.unwrap().unwrap().bulk.unwrap();
    assert_eq!((again.done, again.skipped), (0, 48));
    // A lease that is lost acts upon nothing.
    let rest = store.matching(scope.clone(), found.next, 48).await.unwrap();
    let stale = server::store::Lease { token: lease.token + 1, ..lease };
    let step = Advance { bulk: Some(BulkBatch { jobs: rest.items.clone(), ..batch }), ..Advance::default() };
    assert!(store.advance(stale, step, now).await.unwrap().is_err());
    assert_eq!(store.matching(scope, found.next, 48).await.unwrap().items, rest.items);
    store.close().await;
}

/// For looking at by hand (`--ignored`): how long pages over a million jobs take, and what a bulk action does to accepts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; prints figures"]
async fn figures_over_a_million_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_failed(&data, 1_000_000, OwnerId::from_bytes([7; 16])).await;
    let (server, operator) = start_with(|config| config.data = data).await;
    for query in [
        "",
        "?state=failed",
        "?state=failed&kind=rehearsal",
        "?code=made-to-fail",
        "?code=nothing",
        "?reason=timeout",
        "?state=running",
        "?state=queued",
        "?state=succeeded",
        "?q=nothing",
        "?owner=07070707-0707-0707-0707-070707070707&state=queued",
    ] {
        let started = std::time::Instant::now();
        operator.read(&format!("/jobs{query}")).await;
        println!("{:>8.1} ms  {query}", started.elapsed().as_secs_f64() * 1000.0);
    }
    for path in ["", "/count?action=retry"] {
        let started = std::time::Instant::now();
        operator.read(path).await;
        println!("{:>8.1} ms  {path}", started.elapsed().as_secs_f64() * 1000.0);
    }
    let mine = server.visitor();
    let bulk = operator.bulk("retry", json!({"kind": "rehearsal"})).await;
    operator.0.wait_until(&bulk, |job| worked(job) > 0).await;
    let mut waits = Vec::new();
    let until = std::time::Instant::now();
    while until.elapsed().as_secs() < 5 {
        let started = std::time::Instant::now();
        mine.rehearse(json!({"steps": 0})).await;
        waits.push(started.elapsed());
    }
    waits.sort();
    println!(
        "{} accepts during a bulk retry, p50 {:?}, p99 {:?}",
        waits.len(),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100]
    );
    let at = operator.0.json(&format!("/api/v1/jobs/{}", id(&bulk))).await;
    println!("jobs retried meanwhile: {}", worked(&at));
    let _: Server = server;
}
