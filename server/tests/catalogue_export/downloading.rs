//! The file as an answer: its headers, ranges, conditions, and its end.

use crate::{
    CATALOGUE,
    common::{Server, Visitor, header, link, problem, text},
    download, export, import,
};
use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

async fn exported(format: &str) -> (Server, Visitor, Value) {
    let server = Server::start().await;
    let visitor = server.visitor();
    import(&visitor, CATALOGUE).await;
    let job = export(&visitor, format).await;
    (server, visitor, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_a_file_is_answered_as_one() {
    let (server, visitor, job) = exported("csv").await;
    let path = link(&job, "result");
    let answer = visitor.get(path).send().await.unwrap();
    let (year, month, day) = server::clock::now().date();
    let name = format!("products-{year:04}-{month:02}-{day:02}.csv");
    assert_eq!(
        header(&answer, "content-disposition"),
        format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}")
    );
    assert_eq!(header(&answer, "content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!((header(&answer, "accept-ranges"), header(&answer, "cache-control")), ("bytes", "private, no-cache"));
    assert_eq!(header(&answer, "etag"), format!("\"{}\"", text(&job["result"], "sha256")));
    assert_eq!(header(&answer, "content-length"), job["result"]["size"].to_string());
    let file = answer.bytes().await.unwrap();
    let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, text(&job["result"], "sha256"));
    let head = visitor.client.request(Method::HEAD, format!("{}{path}", server.base)).send().await.unwrap();
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, file.len().to_string().as_str()));
    assert!(header(&head, "content-disposition").contains(&name));
    // Under its own name it is the same file; another visitor's it is not.
    let named = visitor.get(&format!("{}/files/{name}", link(&job, "self"))).send().await.unwrap();
    assert_eq!(named.bytes().await.unwrap(), file);
    problem(server.visitor().get(path).send().await.unwrap(), 404, "job-not-found").await;
    let workbook = export(&visitor, "xlsx").await;
    let answer = visitor.get(link(&workbook, "result")).send().await.unwrap();
    assert!(header(&answer, "content-type").ends_with("spreadsheetml.sheet"));
    assert!(header(&answer, "content-disposition").contains(".xlsx\""));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_goes_on_with_the_same_file_or_begins_anew() {
    let (server, visitor, job) = exported("csv").await;
    let path = link(&job, "result");
    let whole = download(&visitor, &job).await;
    let etag = format!("\"{}\"", text(&job["result"], "sha256"));
    let get = |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(visitor.get(path), |request, (name, value)| request.header(*name, *value));
        async move { request.send().await.unwrap() }
    };
    let rest = get(&[("range", "bytes=100-")]).await;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&rest, "content-range"), format!("bytes 100-{}/{}", whole.len() - 1, whole.len()));
    assert_eq!(header(&rest, "etag"), etag);
    assert_eq!(rest.bytes().await.unwrap().to_vec(), whole[100..]);
    let last = get(&[("range", "bytes=-7"), ("if-range", &etag)]).await;
    assert_eq!(
        (last.status(), last.bytes().await.unwrap().to_vec()),
        (StatusCode::PARTIAL_CONTENT, whole[whole.len() - 7..].to_vec())
    );
    for other in ["\"0\"", &format!("W/{etag}"), "Tue, 24 Nov 2026 22:00:00 GMT"] {
        let anew = get(&[("range", "bytes=100-"), ("if-range", other)]).await;
        assert_eq!((anew.status(), anew.bytes().await.unwrap().to_vec()), (StatusCode::OK, whole.clone()), "{other}");
    }
    for range in ["bytes=0-1,5-6", "lines=1-2"] {
        assert_eq!(get(&[("range", range)]).await.status(), StatusCode::OK, "{range}");
    }
    let beyond = get(&[("range", "bytes=99999999-")]).await;
    assert_eq!(header(&beyond, "content-range"), format!("bytes */{}", whole.len()));
    problem(beyond, 416, "bad-range").await;
    let known = get(&[("if-none-match", &etag), ("range", "bytes=1-")]).await;
    assert_eq!((known.status(), header(&known, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
    assert_eq!(get(&[("if-none-match", "\"0\"")]).await.status(), StatusCode::OK);
    assert_eq!(get(&[("if-match", &etag)]).await.status(), StatusCode::OK);
    problem(get(&[("if-match", "\"0\"")]).await, 412, "precondition-failed").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_export_says_so_and_offers_another() {
    let (server, visitor, job) = exported("csv").await;
    let at = |name: &str| text(&job, name).parse::<domain::Timestamp>().unwrap();
    assert_eq!(at("expires_at").ms_since(at("finished_at")), 7 * 24 * 3600 * 1000);
    let page = async || {
        let page =
            visitor.get(&format!("/jobs/{}", text(&job, "id"))).header("accept", "text/html").send().await.unwrap();
        page.text().await.unwrap()
    };
    let fresh = page().await;
    assert!(fresh.contains(&format!("href=\"{}\"", link(&job, "result"))) && !fresh.contains("data-expired"));
    let conn = Connection::open(server.folder.path().join("data/meanwhile.db")).unwrap();
    conn.busy_timeout(crate::common::PATIENCE).unwrap();
    conn.execute("UPDATE job SET finished_at = finished_at - 8 * 86400000 WHERE kind = 'catalogue-export'", [])
        .unwrap();
    problem(visitor.get(link(&job, "result")).send().await.unwrap(), 410, "result-expired").await;
    let late = page().await;
    assert!(late.contains("data-expired") && late.contains("href=\"/?kind=catalogue-export\""), "{late}");
    assert!(!late.contains(&format!("href=\"{}\"", link(&job, "result"))), "no button that leads nowhere");
    let state = server.running().state();
    let pruned = server::engine::pruner::pass(
        &*state.store,
        &state.files,
        std::time::Duration::from_secs(86_400),
        server::clock::now(),
    );
    assert_eq!(pruned.await.unwrap().files, 1);
    problem(visitor.get(link(&job, "result")).send().await.unwrap(), 410, "result-expired").await;
    let again = export(&visitor, "csv").await;
    assert!(!download(&visitor, &again).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_format_is_pointed_at() {
    let server = Server::start().await;
    for input in
        [serde_json::json!({"format": "pdf"}), serde_json::json!({}), serde_json::json!({"format": "csv", "x": 1})]
    {
        let body = serde_json::json!({"kind": "catalogue-export", "input": input});
        let refused =
            problem(server.visitor().post("/api/v1/jobs").json(&body).send().await.unwrap(), 422, "invalid-input")
                .await;
        assert!(crate::common::places(&refused)[0].0.starts_with("/input"), "{refused}");
    }
    server.stop().await;
}
