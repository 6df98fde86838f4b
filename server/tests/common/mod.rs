//! A server of the test's own on a free port, and visitors that talk to it over HTTP like anybody else.
//!
//! No sleeps: waiting is a long poll of the server, with a bound after which the test fails.
#![allow(dead_code, reason = "each test file uses its share")]

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use server::{
    config::Config,
    startup::{self, Running},
};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a loaded machine, short enough to fail.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    running: Option<Running>,
    pub folder: TempDir,
    pub base: String,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::for_test(folder.path().join("data"));
        change(&mut config);
        let running = startup::start(config).await.unwrap();
        let base = format!("http://{}", running.addr());
        Self { running: Some(running), folder, base }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn addr(&self) -> std::net::SocketAddr {
        self.running().addr()
    }

    /// Somebody who has never been here.
    pub fn visitor(&self) -> Visitor {
        visitor(&self.base)
    }

    /// Stops, and starts again on the same data.
    pub async fn restart(&mut self) {
        self.restart_with(|_| {}).await;
    }

    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        self.running.take().unwrap().stop().await;
        let mut config = Config::for_test(self.folder.path().join("data"));
        change(&mut config);
        let running = startup::start(config).await.unwrap();
        self.base = format!("http://{}", running.addr());
        self.running = Some(running);
    }

    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }
}

/// A browser's worth of cookies.
pub fn visitor(base: &str) -> Visitor {
    let client =
        Client::builder().cookie_store(true).redirect(redirect::Policy::none()).timeout(PATIENCE).build().unwrap();
    Visitor { client, base: base.to_owned() }
}

#[derive(Clone)]
pub struct Visitor {
    pub client: Client,
    pub base: String,
}

impl Visitor {
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// Submits a rehearsal; answers the job as accepted.
    pub async fn rehearse(&self, input: Value) -> Value {
        let response =
            self.post("/api/v1/jobs").json(&json!({"kind": "rehearsal", "input": input})).send().await.unwrap();
        let status = response.status();
        let job: Value = response.json().await.unwrap();
        assert!(status == StatusCode::ACCEPTED || status == StatusCode::OK, "{status}: {job}");
        job
    }

    /// A rehearsal that has started, said so, and waits for its next step: nothing happens to it until then.
    pub async fn held(&self, steps: u32) -> Value {
        self.held_as(json!({"steps": steps, "step_ms": 0, "hold": true})).await
    }

    pub async fn held_as(&self, input: Value) -> Value {
        let job = self.rehearse(input).await;
        self.wait_until(&job, |job| text(job, "state") == "running" && job["progress"]["done"] == 0).await
    }

    pub async fn finished(&self, input: Value) -> Value {
        let job = self.rehearse(input).await;
        self.wait_until(&job, |job| ["succeeded", "failed", "cancelled"].contains(&text(job, "state"))).await
    }

    pub async fn step(&self, job: &Value) {
        let response = self.post(&format!("{}/step", link(job, "self"))).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }

    pub async fn wait_for(&self, job: &Value, state: &str) -> Value {
        self.wait_until(job, |job| text(job, "state") == state).await
    }

    /// Follows a job by long polls until it is as wanted.
    pub async fn wait_until(&self, job: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let (mut etag, started) = (String::from("\"none\""), Instant::now());
        loop {
            assert!(started.elapsed() < PATIENCE, "the job never became what was wanted");
            let request = self.get(&format!("{}?wait=10", link(job, "self"))).header("if-none-match", &etag);
            let response = request.send().await.unwrap();
            if response.status() == StatusCode::NOT_MODIFIED {
                continue;
            }
            assert_eq!(response.status(), StatusCode::OK);
            etag = header(&response, "etag").to_owned();
            let job: Value = response.json().await.unwrap();
            if wanted(&job) {
                return job;
            }
        }
    }
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

pub fn link<'a>(job: &'a Value, name: &str) -> &'a str {
    text(&job["links"], name)
}

pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no header `{name}`")).to_str().unwrap()
}

/// Asserts that an answer is a problem of this status and code, and gives it.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let (found, media_type) = (response.status().as_u16(), response.headers().get("content-type").cloned());
    let body = response.text().await.unwrap();
    assert_eq!(found, status, "{body}");
    assert_eq!(media_type.unwrap(), "application/problem+json", "{body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some(code), Some(status.into())), "{body}");
    for field in ["type", "title", "detail"] {
        assert!(!text(&problem, field).is_empty(), "{body}");
    }
    problem
}

/// The places and codes of a problem's errors.
pub fn places(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| (text(error, "pointer").to_owned(), text(error, "code").to_owned())).collect()
}
