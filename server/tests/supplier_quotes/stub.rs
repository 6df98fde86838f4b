//! A supplier of the test's own, `stub`, for what no simulated one does: it answers as the test says, and tells what it was asked.

use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{net::TcpListener, task::JoinHandle};

/// What it was asked: key and question.
pub type Asked = Arc<Mutex<Vec<(String, Value)>>>;

type Script = Arc<dyn Fn(usize, Value) -> Response + Send + Sync>;

pub struct Stub {
    pub base: String,
    pub asked: Asked,
    serving: JoinHandle<()>,
}

impl Stub {
    /// One that answers its nth question (from 0) by a script.
    pub async fn start(script: impl Fn(usize, Value) -> Response + Send + Sync + 'static) -> Self {
        let asked = Asked::default();
        let list =
            async || Json(json!({"items": [{"id": "stub", "name": "Stub"}], "control": "https://evil.example/"}));
        let router = Router::new()
            .route("/suppliers", get(list))
            .route("/suppliers/stub/quotes", post(quotes))
            .with_state((asked.clone(), Arc::new(script) as Script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, asked, serving }
    }

    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn quotes(
    State((asked, script)): State<(Asked, Script)>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let n = {
        let mut asked = asked.lock().unwrap();
        asked.push((key, question.clone()));
        asked.len() - 1
    };
    script(n, question)
}

/// Prices that are right.
pub fn offers(price: &str) -> Value {
    json!({"offers": [{"handle": "mug", "price": price, "currency": "EUR", "delivery_days": 2}]})
}

pub fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let mut response = body.to_owned().into_response();
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
