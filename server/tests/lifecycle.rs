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

/// Tables and columns in which a value stands.
fn places_of(conn: &Connection, value: &dyn rusqlite::ToSql) -> Vec<String> {
    let mut tables =
        conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() > 8, "{tables:?}");
    let mut places = Vec::new();
    for table in tables {
        let statement = conn.prepare(&format!("SELECT * FROM {table} LIMIT 0")).unwrap();
        for column in statement.column_names() {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} = ?1");
            if conn.query_row(&sql, [value], |row| row.get::<_, i64>(0)).unwrap() > 0 {
                places.push(format!("{table}.{column}"));
            }
        }
    }
    places
}

fn rows(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn files(server: &Server) -> Vec<PathBuf> {
    let entries = ["uploads", "jobs"].map(|folder| fs::read_dir(data(server).join(folder)).unwrap());
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deletes_their_data_leaves_nothing_and_others_keep_theirs() {
    let server = Server::start().await;
    let (mine, theirs) = (server.visitor(), server.visitor());
    let kept = import(&theirs).await;
    let kept_files = files(&server);
    import(&mine).await;
    submit(&mine, "k").await;
    let running = mine.held(2).await;
    let conn = database(&server);
    let uuid: Vec<u8> = conn
        .query_row("SELECT o.uuid FROM owner o JOIN job j ON j.owner = o.id ORDER BY j.id DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(places_of(&conn, &uuid), ["owner.uuid"]);
    let cursor = text(&mine.json("/api/v1/jobs").await, "cursor").to_owned();
    let stream = mine.get(&format!("/api/v1/stream?after={cursor}")).send().await.unwrap();
    let before = ["job", "event", "attempt", "upload", "idempotency"].map(|table| rows(&conn, table));

    let answer = mine.client.delete(format!("{}/api/v1/me", mine.base)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let cookie = header(&answer, "set-cookie").to_owned();
    assert!(cookie.starts_with("meanwhile_owner=;") && cookie.contains("Max-Age=0"), "{cookie}");
    assert!(stream.text().await.unwrap().contains("event: reset"), "the stream says so, and ends");
    assert_eq!(places_of(&conn, &uuid), [""; 0]);
    let owners = rows(&conn, "owner");
    assert_eq!(owners, 1, "the other one");
    // Nothing hangs in the air either: what is left is the other owner's, as it was.
    let left = ["job", "event", "attempt", "upload", "idempotency"].map(|table| rows(&conn, table));
    let id: i64 = conn.query_row("SELECT id FROM owner", [], |row| row.get(0)).unwrap();
    assert!(left < before);
    for (table, column) in [("job", "owner"), ("event", "owner"), ("upload", "owner"), ("idempotency", "owner")] {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} <> ?1");
        assert_eq!(conn.query_row(&sql, [id], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    for table in ["attempt", "job_file", "job_upload", "event"] {
        let sql = format!("SELECT count(*) FROM {table} WHERE job NOT IN (SELECT id FROM job)");
        assert_eq!(conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    assert_eq!(files(&server), kept_files);
    assert_eq!(theirs.json(link(&kept, "self")).await["state"], "succeeded");
    // The visitor is nobody now, and may ask again.
    problem(mine.get(link(&running, "self")).send().await.unwrap(), 404, "job-not-found").await;
    let again = mine.client.delete(format!("{}/api/v1/me", mine.base)).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_ones_data_deletes_it_without_script_and_only_when_confirmed() {
    let server = Server::start_with(|config| config.retention.keep_jobs_days = 21).await;
    let visitor = server.visitor();
    let job = visitor.finished(json!({"steps": 1, "step_ms": 0})).await;
    for (lang, words) in [("en", ["Your data", "21 days", "7 days"]), ("fr", ["Vos données", "21 jours", "7 jours"])] {
        let page = visitor.get("/privacy").header("accept-language", lang).send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"action="/privacy/delete""#), "{page}");
        words.iter().for_each(|word| assert!(page.contains(word), "{word}"));
    }
    assert!(visitor.get("/").send().await.unwrap().text().await.unwrap().contains(r#"href="/privacy""#));
    let post = |form: &'static [(&str, &str)]| {
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = visitor.post("/privacy/delete").header("content-type", "application/x-www-form-urlencoded");
        request.body(body.join("&")).send()
    };
    let unconfirmed = post(&[]).await.unwrap();
    assert_eq!((unconfirmed.status().as_u16(), header(&unconfirmed, "location")), (303, "/privacy?said=confirm"));
    assert_eq!(visitor.json(link(&job, "self")).await["state"], "succeeded");
    let page = visitor.get("/privacy?said=confirm").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("tick the box first"));
    let foreign = visitor.post("/privacy/delete").header("sec-fetch-site", "cross-site").body("confirm=yes");
    problem(foreign.send().await.unwrap(), 403, "cross-site").await;
    let deleted = post(&[("confirm", "yes")]).await.unwrap();
    assert_eq!((deleted.status().as_u16(), header(&deleted, "location")), (303, "/privacy?said=deleted"));
    problem(visitor.get(link(&job, "self")).send().await.unwrap(), 404, "job-not-found").await;
    assert_eq!(rows(&database(&server), "job"), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_for_too_much_is_refused_and_others_are_not() {
    let server = Server::start_with(|config| {
        config.limits.requests_per_s = 1;
        config.limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let server = server.await;
    let visitor = server.visitor();
    let post = |from: &str| visitor.post("/api/v1/ack").header("x-forwarded-for", from).body("{}");
    let mut refused = None;
    // The bucket holds two; however slow this machine is, it does not refill as fast as this asks.
    for _ in 0..1000 {
        let answer = post("192.0.2.1").send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert!(header(&refused, "retry-after").parse::<u32>().unwrap() >= 1);
    problem(refused, 429, "too-many-requests").await;
    assert_ne!(post("192.0.2.2").send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_ne!(post("127.0.0.1").send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS, "the machine itself");
    let reading = visitor.get("/api/v1/jobs").header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
    assert_eq!(reading.status(), StatusCode::OK, "reading is not counted");
    let mut page = None;
    for _ in 0..1000 {
        let form = visitor.post("/preferences").header("x-forwarded-for", "192.0.2.1").body("theme=dark");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let answer = form.header("accept", "text/html").header("accept-language", "fr").send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            page = Some(answer);
            break;
        }
    }
    let page = page.expect("a limit");
    assert!(header(&page, "content-type").starts_with("text/html"));
    let page = page.text().await.unwrap();
    assert!(page.contains("C’était trop à la fois.") && page.contains("Attendez un instant"), "{page}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_told_so_and_one_that_ends_makes_room() {
    let server = Server::start_with(|config| config.limits.connections = 1).await;
    // The first request of all, so that no earlier connection is still being closed.
    let (one, two) = (server.visitor(), server.visitor());
    let stream = one.get("/api/v1/stream").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(two.get("/api/v1/kinds").send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    let refused = two.get("/api/v1/kinds").send().await.unwrap();
    assert!(header(&refused, "retry-after").parse::<u32>().is_ok());
    problem(refused, 503, "too-many-connections").await;
    let page = two.get("/").header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().await.unwrap().contains("Too many connections are open."));
    drop((stream, one));
    let patience = std::time::Instant::now();
    while two.get("/api/v1/kinds").send().await.unwrap().status() != StatusCode::OK {
        assert!(patience.elapsed() < common::PATIENCE, "a connection that has ended still counts");
    }
    server.stop().await;
}
