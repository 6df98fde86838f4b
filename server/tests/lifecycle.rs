//! How data ends, from outside: what is old goes and says so, what nobody names is swept, quotas hold, deletion is complete.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{Server, Visitor, header, link, problem, text};
use domain::{JobId, UploadId};
use reqwest::{Response, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use server::engine::pruner;
use std::{fs, path::PathBuf, time::Duration};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn data(server: &Server) -> PathBuf {
    server.folder.path().join("data")
}

fn database(server: &Server) -> Connection {
    let conn = Connection::open(data(server).join("meanwhile.db")).unwrap();
    conn.busy_timeout(common::PATIENCE).unwrap();
    conn
}

/// Lets time pass for everything that has ended.
fn age(server: &Server, days: i64) {
    let sql = "UPDATE job SET finished_at = finished_at - ?1, created_at = created_at - ?1";
    database(server).execute(sql, [days * DAY_MS]).unwrap();
}

async fn prune(server: &Server) -> pruner::Tally {
    let state = server.running().state();
    pruner::pass(&*state.store, &state.files, Duration::from_secs(DAY_MS as u64 / 1000), server::clock::now())
        .await
        .unwrap()
}

async fn submit(visitor: &Visitor, key: &str) -> Response {
    let body = json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0, "hold": true}});
    visitor.post("/api/v1/jobs").header("idempotency-key", key).json(&body).send().await.unwrap()
}

/// An import that rejected a row, so that it has a file.
async fn import(visitor: &Visitor) -> Value {
    let upload = visitor.post("/api/v1/uploads").body("Handle,Title\na,A\nb,\n").send().await.unwrap();
    let upload: Value = upload.json().await.unwrap();
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let job: Value = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    visitor.wait_for(&job, "succeeded").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_file_says_when_it_expires_and_then_that_it_has() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = import(&visitor).await;
    let file = text(&job["result"], "rejects").to_owned();
    assert_eq!(visitor.get(&file).send().await.unwrap().status(), StatusCode::OK);
    let at = |name: &str| text(&job, name).parse::<domain::Timestamp>().unwrap();
    assert_eq!(at("expires_at").ms_since(at("finished_at")), 7 * DAY_MS);
    let plain = visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
    assert_ne!(plain["expires_at"], Value::Null);
    age(&server, 8);
    // Already before anything has been removed.
    problem(visitor.get(&file).send().await.unwrap(), 410, "result-expired").await;
    let folder = data(&server).join("jobs").join(text(&job, "id"));
    assert!(folder.join("rejects.csv").exists());
    assert_eq!(prune(&server).await.files, 1);
    assert!(!folder.join("rejects.csv").exists());
    problem(visitor.get(&file).send().await.unwrap(), 410, "result-expired").await;
    assert_eq!(visitor.get(link(&job, "result")).send().await.unwrap().status(), StatusCode::OK, "the output stays");
    // The job itself goes later, with its upload and its folder.
    age(&server, 23);
    let tally = prune(&server).await;
    assert_eq!(tally.jobs, 2);
    problem(visitor.get(link(&job, "self")).send().await.unwrap(), 404, "job-not-found").await;
    assert!(!folder.exists());
    assert_eq!(visitor.json("/api/v1/jobs").await["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_without_a_row_is_swept_and_the_rest_stays() {
    let mut server = Server::start().await;
    let visitor = server.visitor();
    let job = import(&visitor).await;
    let (uploads, jobs) = (data(&server).join("uploads"), data(&server).join("jobs"));
    // A rename whose row was never committed, an upload in the middle, a folder of a job that has gone, half a file of one that has not.
    let orphan = uploads.join(UploadId::from_bytes([9; 16]).to_string());
    let partial = uploads.join(format!("{}.partial", UploadId::from_bytes([8; 16])));
    let folder = jobs.join(JobId::from_bytes([9; 16]).to_string());
    let half = jobs.join(text(&job, "id")).join("export.csv.partial");
    fs::create_dir(&folder).unwrap();
    for path in [&orphan, &partial, &folder.join("rejects.csv"), &half, &uploads.join("README")] {
        fs::write(path, b"left").unwrap();
    }
    let state = server.running().state();
    assert_eq!(pruner::sweep_files(&*state.store, &state.files, Duration::from_secs(3600)).await.unwrap(), 0);
    assert!(orphan.exists() && partial.exists(), "it may be one whose row is just being committed");
    server.restart().await;
    assert!(![&orphan, &partial, &folder, &half].iter().any(|path| path.exists()));
    assert!(jobs.join(text(&job, "id")).join("rejects.csv").exists() && uploads.join("README").exists());
    assert_eq!(fs::read_dir(&uploads).unwrap().count(), 2, "the job's own upload, and what is none of ours");
    let visitor = Visitor { base: server.base.clone(), ..visitor };
    let file = text(&job["result"], "rejects").to_owned();
    assert_eq!(visitor.get(&file).send().await.unwrap().status(), StatusCode::OK);
    // The other way round: a row without its file says so.
    fs::remove_file(jobs.join(text(&job, "id")).join("rejects.csv")).unwrap();
    problem(visitor.get(&file).send().await.unwrap(), 410, "file-lost").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_too_many_is_told_when_to_come_back_and_a_repeat_is_none() {
    let server = Server::start_with(|config| config.retention.open_jobs = 2).await;
    let visitor = server.visitor();
    let first: Value = submit(&visitor, "1").await.json().await.unwrap();
    assert_eq!(submit(&visitor, "2").await.status(), StatusCode::ACCEPTED);
    let refused = submit(&visitor, "3").await;
    assert!(header(&refused, "retry-after").parse::<u32>().is_ok());
    problem(refused, 429, "too-many-jobs").await;
    assert_eq!(submit(&visitor, "1").await.status(), StatusCode::ACCEPTED, "the same request is the same job");
    assert_eq!(submit(&server.visitor(), "3").await.status(), StatusCode::ACCEPTED, "others are not affected");
    visitor.post(link(&first, "cancel")).send().await.unwrap();
    visitor.wait_for(&first, "cancelled").await;
    assert_eq!(submit(&visitor, "3").await.status(), StatusCode::ACCEPTED);
    problem(visitor.post(link(&first, "retry")).send().await.unwrap(), 429, "too-many-jobs").await;
    server.stop().await;
}
