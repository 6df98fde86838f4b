//! A server that may send to this machine, visitors with webhooks, and shortcuts.

use crate::{
    common::{PATIENCE, Server, Visitor, text},
    receiver::Receiver,
};
use domain::{EndpointId, OwnerId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Instant;

pub async fn server() -> Server {
    Server::start_with(|config| config.push.private_targets = true).await
}

pub async fn server_with_metrics() -> Server {
    Server::start_with(|config| {
        config.push.private_targets = true;
        config.operator.metrics_open = true;
    })
    .await
}

/// Whose an endpoint is, from the table.
pub fn owner_of(server: &Server, endpoint: &str) -> OwnerId {
    let id: EndpointId = endpoint.parse().unwrap();
    let tables = rusqlite::Connection::open(server.folder.path().join("data/meanwhile.db")).unwrap();
    let owner = "SELECT o.uuid FROM endpoint e JOIN owner o ON o.id = e.owner WHERE e.uuid = ?1";
    OwnerId::from_bytes(tables.query_row(owner, [id.as_bytes()], |row| row.get(0)).unwrap())
}

impl Visitor {
    /// A webhook of this visitor; its id.
    pub async fn webhook(&self, receiver: &Receiver, path: &str) -> String {
        let response = self.post("/api/v1/webhooks").json(&json!({"url": receiver.url(path)})).send().await.unwrap();
        let (status, answer) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        text(&answer["endpoint"], "id").to_owned()
    }

    pub async fn endpoint(&self, id: &str) -> Value {
        self.json(&format!("/api/v1/push-endpoints/{id}")).await
    }

    pub async fn patch(&self, endpoint: &str, patch: Value) -> Value {
        let request = self.client.patch(format!("{}/api/v1/push-endpoints/{endpoint}", self.base)).json(&patch);
        let response = request.send().await.unwrap();
        let (status, answer) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    pub async fn put(&self, path: &str, body: Value) -> reqwest::Response {
        self.client.put(format!("{}{path}", self.base)).json(&body).send().await.unwrap()
    }

    pub async fn deliveries(&self, query: &str) -> Vec<Value> {
        self.json(&format!("/api/v1/deliveries?{query}")).await["items"].as_array().unwrap().clone()
    }

    pub async fn delivery(&self, id: &str) -> Value {
        self.json(&format!("/api/v1/deliveries/{id}")).await
    }

    /// Asks for a delivery until it is as wanted; the API has nothing that tells of it.
    pub async fn delivery_until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let found = self.delivery(id).await;
            if wanted(&found) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "it never became what was wanted: {found}");
            tokio::task::yield_now().await;
        }
    }

    pub async fn delivery_in(&self, id: &str, state: &str) -> Value {
        self.delivery_until(id, |found| found["delivery"]["state"] == state).await
    }

    /// A job that has ended; the position of its last event.
    pub async fn told_job(&self) -> (String, u64) {
        let job = self.finished(json!({"steps": 1, "step_ms": 0})).await;
        let cursor = text(&job, "cursor");
        (text(&job, "id").to_owned(), cursor.rsplit('.').next().unwrap().parse().unwrap())
    }

    /// The one delivery to an endpoint.
    pub async fn only_delivery(&self, endpoint: &str) -> String {
        let all = self.deliveries(&format!("endpoint={endpoint}")).await;
        assert_eq!(all.len(), 1, "{all:?}");
        text(&all[0], "id").to_owned()
    }

    pub async fn ask(&self, path: &str) -> reqwest::Response {
        self.post(path).send().await.unwrap()
    }
}

pub fn outcomes(report: &Value) -> Vec<String> {
    report["log"].as_array().unwrap().iter().map(|attempt| text(attempt, "outcome").to_owned()).collect()
}
