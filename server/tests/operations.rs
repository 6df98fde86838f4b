//! The operator's routes over real sockets: who may use them, what each filter finds, and that bulk actions do each job once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;

#[path = "operations/bulk.rs"]
mod bulk;
#[path = "operations/filters.rs"]
mod filters;
#[path = "operations/metrics.rs"]
mod metrics;
#[path = "operations/rights.rs"]
mod rights;

use common::{Server, Visitor};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub const TOKEN: &str = "the-operators-own-token";

/// Somebody with the token, and a cookie jar of their own.
pub struct Operator(pub Visitor);

impl Operator {
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.0.get(&format!("/api/v1/operations{path}")).bearer_auth(TOKEN)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.0.post(&format!("/api/v1/operations{path}")).bearer_auth(TOKEN).json(body)
    }

    pub async fn read(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The ids of a page of jobs.
    pub async fn ids(&self, query: &str) -> Vec<String> {
        ids(&self.read(&format!("/jobs{query}")).await)
    }

    /// Submits a bulk action; answers its job.
    pub async fn bulk(&self, action: &str, filter: Value) -> Value {
        let response = self.post("/bulk", &json!({"action": action, "filter": filter})).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

pub fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

pub fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

pub async fn start() -> (Server, Operator) {
    start_with(|_| {}).await
}

pub async fn start_with(change: impl FnOnce(&mut server::config::Config)) -> (Server, Operator) {
    let server = Server::start_with(|config| {
        config.operator.token = Some(TOKEN.to_owned());
        change(config);
    })
    .await;
    let operator = Operator(server.visitor());
    (server, operator)
}
