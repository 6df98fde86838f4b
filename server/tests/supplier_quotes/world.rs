//! The simulated suppliers in the test's own process, a server that asks them, and words for what both say.
#![allow(dead_code, reason = "each test file uses its share")]

use crate::common::{PATIENCE, Server, Visitor, link, text};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use server::{
    config::{Config, SuppliersConfig},
    kinds::supplier_quotes::{ask::Patience, breaker::BreakerConfig},
    suppliers::{self, Running},
};
use std::time::{Duration, Instant};

/// Beyond every test: only what a test releases comes.
pub const NEVER: u64 = 600_000;

pub struct Suppliers {
    running: Running,
    pub base: String,
    client: Client,
}

impl Suppliers {
    /// Five that answer at once.
    pub async fn start() -> Self {
        let running = suppliers::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base = running.url();
        let suppliers = Self { running, base, client: Client::new() };
        suppliers.set_all(json!({"latency_ms": 0, "error_rate": 0, "mode": "answer", "call_back_delay_ms": 0})).await;
        suppliers
    }

    /// The only five there are.
    pub const IDS: [&str; 5] = ["alba", "borealis", "cobalt", "dune", "echo"];

    pub async fn set(&self, id: &str, change: Value) {
        let answer = self.send("PATCH", &format!("/suppliers/{id}/settings"), &change).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    pub async fn set_all(&self, change: Value) {
        for id in Self::IDS {
            self.set(id, change.clone()).await;
        }
    }

    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let method = method.parse().unwrap();
        self.client.request(method, format!("{}{path}", self.base)).json(body).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// What a supplier has counted.
    pub async fn count(&self, id: &str, what: &str) -> u64 {
        let told: Value = self.get(&format!("/suppliers/{id}")).await.json().await.unwrap();
        told["counts"][what].as_u64().unwrap()
    }

    /// Asks the simulator until it has counted so many.
    pub async fn counts(&self, id: &str, what: &str, wanted: u64) {
        let started = Instant::now();
        while self.count(id, what).await != wanted {
            assert!(started.elapsed() < PATIENCE, "{id} never counted {wanted} {what}");
            tokio::task::yield_now().await;
        }
    }

    /// A server that asks them, patient with each but with nothing else.
    pub async fn server(&self) -> Server {
        self.server_with(|_| {}).await
    }

    pub async fn server_with(&self, change: impl FnOnce(&mut Config)) -> Server {
        Server::start_with(|config| {
            config.suppliers = asking(&self.base);
            change(config);
        })
        .await
    }
}

/// Time-outs that nothing runs into by chance, pauses that nobody waits for.
pub fn asking(base: &str) -> SuppliersConfig {
    SuppliersConfig {
        base: Some(base.to_owned()),
        patience: Patience { per_try: PATIENCE, tries: 3, first_pause: Duration::from_millis(2) },
        breaker: BreakerConfig { failures: 100, ..BreakerConfig::default() },
    }
}

/// Asks for prices; answers the job as accepted.
pub async fn ask(visitor: &Visitor, input: Value) -> Value {
    let answer = submit(visitor, input).await;
    assert!([200, 202].contains(&answer.status().as_u16()), "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

pub async fn submit(visitor: &Visitor, input: Value) -> Response {
    visitor.post("/api/v1/jobs").json(&json!({"kind": "supplier-quotes", "input": input})).send().await.unwrap()
}

/// The whole course of a job that must succeed: it, and the lines of its suppliers.
pub async fn quotes(visitor: &Visitor, input: Value) -> (Value, Vec<Value>) {
    let job = ask(visitor, input).await;
    let job = visitor.wait_until(&job, |job| ["succeeded", "failed", "cancelled"].contains(&text(job, "state"))).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let lines = lines(visitor, &job).await;
    (job, lines)
}

pub async fn log(visitor: &Visitor, job: &Value) -> Vec<Value> {
    visitor.json(link(job, "events")).await["items"].as_array().unwrap().clone()
}

pub async fn lines(visitor: &Visitor, job: &Value) -> Vec<Value> {
    log(visitor, job)
        .await
        .into_iter()
        .filter(|event| event["type"] == "partial")
        .map(|event| event["data"].clone())
        .collect()
}

/// Waits until a supplier stands so.
pub async fn stands(visitor: &Visitor, job: &Value, supplier: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let lines = lines(visitor, job).await;
        if let Some(line) = lines.into_iter().find(|line| line["supplier"] == supplier && line["state"] == state) {
            return line;
        }
        assert!(started.elapsed() < PATIENCE, "{supplier} was never {state}");
        let known = visitor.json(link(job, "self")).await;
        let etag = format!("W/\"{}\"", known["jseq"]);
        // Held until the job has moved on.
        let path = format!("{}?wait=5", link(job, "self"));
        visitor.get(&path).header("if-none-match", etag).send().await.unwrap();
    }
}

/// Suppliers and why they failed, as the output has them.
pub fn failed(job: &Value) -> Vec<(&str, &str)> {
    let failed = job["result"]["failed"].as_array().unwrap();
    failed.iter().map(|failed| (text(failed, "supplier"), text(failed, "reason"))).collect()
}

/// Suppliers in the order of their offers.
pub fn offering(job: &Value) -> Vec<&str> {
    let mut suppliers: Vec<_> =
        job["result"]["offers"].as_array().unwrap().iter().map(|offer| text(offer, "supplier")).collect();
    suppliers.dedup();
    suppliers
}

/// How often an event is in the log.
pub async fn times(visitor: &Visitor, job: &Value, event: &str) -> usize {
    log(visitor, job).await.iter().filter(|one| one["type"] == event).count()
}
