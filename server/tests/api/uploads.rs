//! `POST /api/v1/uploads`.

use crate::common::{PATIENCE, Server, places, problem, text};
use reqwest::{Body, StatusCode, multipart};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const PATH: &str = "/api/v1/uploads";
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn kept(server: &Server) -> Vec<PathBuf> {
    fs::read_dir(server.folder.path().join("data/uploads")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_kept_whole_whichever_way_it_comes() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let raw = visitor.post(&format!("{PATH}?name=spring%20list.csv")).body("abc").send().await.unwrap();
    assert_eq!(raw.status(), StatusCode::CREATED);
    let raw: Value = raw.json().await.unwrap();
    assert_eq!((text(&raw, "name"), raw["size"].as_u64(), text(&raw, "sha256")), ("spring list.csv", Some(3), ABC));
    let part = multipart::Part::text("abc").file_name("../../list.csv");
    let form = multipart::Form::new().text("before", "ignored").part("file", part);
    let sent = visitor.post(PATH).multipart(form).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::CREATED);
    let sent: Value = sent.json().await.unwrap();
    assert_eq!((text(&sent, "name"), text(&sent, "sha256")), ("list.csv", ABC));
    let mut contents: Vec<_> = kept(&server).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    contents.dedup();
    assert_eq!((kept(&server).len(), contents), (2, vec!["abc".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_file_is_refused() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let form = multipart::Form::new().text("other", "abc");
    let missing = problem(visitor.post(PATH).multipart(form).send().await.unwrap(), 422, "invalid-input").await;
    assert_eq!(places(&missing), [("/file".to_owned(), "missing-field".to_owned())]);
    let headless = visitor.post(PATH).header("content-type", "multipart/form-data").body("abc");
    problem(headless.send().await.unwrap(), 400, "upload-cut").await;
    let cut = visitor.post(PATH).header("content-type", "multipart/form-data; boundary=b");
    let cut = cut.body("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc");
    problem(cut.send().await.unwrap(), 400, "upload-cut").await;
    assert_eq!(kept(&server), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_in_the_middle_leaves_nothing() {
    let server = Server::start().await;
    let mut socket = TcpStream::connect(server.addr()).await.unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[b'x'; 100_000]).await.unwrap();
    let arriving = tokio::time::timeout(PATIENCE, async {
        while kept(&server).is_empty() {
            tokio::task::yield_now().await;
        }
    });
    arriving.await.expect("the file begins to arrive");
    socket.shutdown().await.unwrap();
    // The server may say why before it closes; either way it has let go of the connection then.
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let gone = tokio::time::timeout(PATIENCE, async {
        while !kept(&server).is_empty() {
            tokio::task::yield_now().await;
        }
    });
    gone.await.expect("the partial file is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_size_and_quota_hold_announced_or_not() {
    let server = Server::start_with(|config| {
        config.uploads.max_bytes = 1000;
        config.uploads.quota_bytes = 1500;
    });
    let server = server.await;
    let visitor = server.visitor();
    let chunked = |count: usize| {
        let chunks: Vec<_> = (0..count).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100])).collect();
        Body::wrap_stream(futures_util::stream::iter(chunks))
    };
    problem(visitor.post(PATH).body("x".repeat(1001)).send().await.unwrap(), 413, "too-large").await;
    problem(visitor.post(PATH).body(chunked(11)).send().await.unwrap(), 413, "too-large").await;
    let part = multipart::Part::text("x".repeat(1001)).file_name("a");
    let form = multipart::Form::new().part("file", part);
    problem(visitor.post(PATH).multipart(form).send().await.unwrap(), 413, "too-large").await;
    assert_eq!(kept(&server), Vec::<PathBuf>::new());
    assert_eq!(visitor.post(PATH).body(chunked(10)).send().await.unwrap().status(), StatusCode::CREATED);
    problem(visitor.post(PATH).body("x".repeat(501)).send().await.unwrap(), 507, "quota-exceeded").await;
    problem(visitor.post(PATH).body(chunked(6)).send().await.unwrap(), 507, "quota-exceeded").await;
    assert_eq!(server.visitor().post(PATH).body("x".repeat(501)).send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(kept(&server).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_can_be_used_by_its_owner_only() {
    let server = Server::start().await;
    let (mine, theirs) = (server.visitor(), server.visitor());
    let upload: Value = mine.post(PATH).body("Handle,Title\na,A\n").send().await.unwrap().json().await.unwrap();
    let body = json!({"kind": "catalogue-import", "input": {"upload": upload["id"]}});
    let refused = problem(theirs.post("/api/v1/jobs").json(&body).send().await.unwrap(), 422, "invalid-input").await;
    assert_eq!(places(&refused)[0].0, "/input/upload");
    assert_eq!(mine.post("/api/v1/jobs").json(&body).send().await.unwrap().status(), StatusCode::ACCEPTED);
}
