//! Where webhooks arrive: a real HTTP server that notes each message in the order of arrival and answers as a test wants.
//!
//! It lives in the test's process, so it outlives every server that is killed. Waiting is on arrivals.
#![allow(dead_code, reason = "each test file uses its share")]

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, http::Uri, response::IntoResponse};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch};

/// Long enough for a loaded machine, short enough to fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    pub timestamp: i64,
    pub body: Value,
    /// How often this id has arrived there by now.
    pub times: usize,
}

impl Arrival {
    /// The positions that it tells of.
    pub fn seqs(&self) -> Vec<u64> {
        let items = self.body["data"]["items"].as_array().unwrap();
        items.iter().map(|item| item["seq"].as_u64().unwrap()).collect()
    }

    pub fn type_(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }
}

type Answer = Box<dyn Fn(&Arrival) -> (u16, &'static str) + Send + Sync>;

struct Inside {
    arrivals: watch::Sender<Vec<Arrival>>,
    answer: Mutex<Answer>,
    /// Answers leave while it is open.
    gate: watch::Sender<bool>,
}

#[derive(Clone)]
pub struct Receiver {
    inside: Arc<Inside>,
    pub base: String,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let inside = Arc::new(Inside {
            arrivals: watch::Sender::default(),
            answer: Mutex::new(Box::new(|_| (200, ""))),
            gate: watch::Sender::new(true),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inside, base }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// From now on it answers so.
    pub fn answers(&self, answer: impl Fn(&Arrival) -> (u16, &'static str) + Send + Sync + 'static) {
        *self.inside.answer.lock().unwrap() = Box::new(answer);
    }

    /// Takes what comes, and answers nothing until it is opened.
    pub fn hold(&self) {
        self.inside.gate.send_replace(false);
    }

    pub fn open(&self) {
        self.inside.gate.send_replace(true);
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.inside.arrivals.borrow().clone()
    }

    /// What came to a path.
    pub fn at(&self, path: &str) -> Vec<Arrival> {
        self.arrivals().into_iter().filter(|arrival| arrival.path == format!("/{path}")).collect()
    }

    /// Waits until what came is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[Arrival]) -> bool) -> Vec<Arrival> {
        let mut arrivals = self.inside.arrivals.subscribe();
        let found = tokio::time::timeout(PATIENCE, arrivals.wait_for(|arrivals| wanted(arrivals))).await;
        found.unwrap_or_else(|_| panic!("what was wanted did not come: {:?}", self.arrivals())).unwrap().clone()
    }

    /// Waits until so many have come.
    pub async fn so_many(&self, count: usize) -> Vec<Arrival> {
        self.until(move |arrivals| arrivals.len() >= count).await
    }
}

async fn take(State(inside): State<Arc<Inside>>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut arrival = Arrival {
        path: uri.path().to_owned(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        times: 1,
    };
    inside.arrivals.send_modify(|arrivals| {
        let same = |before: &&Arrival| before.id == arrival.id && before.path == arrival.path;
        arrival.times += arrivals.iter().filter(same).count();
        arrivals.push(arrival.clone());
    });
    let mut gate = inside.gate.subscribe();
    // A receiver that is dropped while it holds answers nobody.
    let _ = gate.wait_for(|open| *open).await;
    let (status, said) = (inside.answer.lock().unwrap())(&arrival);
    (StatusCode::from_u16(status).unwrap(), said)
}
