//! Suppliers' answers on polling, Server-Sent Events and WebSocket: each is told before the next one may come, in that order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod channel_client;
mod common;
#[path = "supplier_quotes/world.rs"]
mod world;

use channel_client::{Ask, Got, Poll, Server, Sse, TestChannel, Ws};
use domain::{
    Event, EventType,
    kinds::supplier_quotes::{Line, LineState},
};
use serde_json::{Value, json};
use world::{NEVER, Suppliers, asking};

/// The next line of the job that has this state.
async fn line<C: TestChannel>(channel: &mut C, state: LineState) -> Line {
    loop {
        match channel.next().await {
            Got::Event(Event { type_: EventType::Partial, data, .. }, _) => {
                let line: Line = serde_json::from_value(data).unwrap();
                if line.state == state {
                    return line;
                }
            }
            Got::Event(..) | Got::Hello(_) | Got::Beat(_) | Got::Hint(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn answers_are_told_as_they_come<C: TestChannel>() {
    let suppliers = Suppliers::start().await;
    suppliers.set_all(json!({"latency_ms": NEVER})).await;
    suppliers.set("echo", json!({"latency_ms": 0, "mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let base = suppliers.base.clone();
    let server = Server::start_with(|config| config.suppliers = asking(&base)).await;
    let (visitor, _) = server.visitor().await;
    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream())).await;
    let body = json!({"kind": "supplier-quotes", "input": {"handles": ["mug"], "within_s": 600}});
    let answer = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let job: Value = answer.json().await.unwrap();
    assert_eq!(line(&mut channel, LineState::Promised).await.supplier, "echo");
    for id in ["cobalt", "alba", "echo", "dune", "borealis"] {
        suppliers.set(id, json!({"latency_ms": 0, "call_back_delay_ms": 0})).await;
        let told = line(&mut channel, LineState::Answered).await;
        assert_eq!((told.supplier.as_str(), told.offers.len()), (id, 1));
    }
    loop {
        match channel.next().await {
            Got::Event(event, _) if event.type_ == EventType::Succeeded => {
                return assert_eq!(event.job.to_string(), job["id"].as_str().unwrap());
            }
            Got::Event(..) | Got::Hello(_) | Got::Beat(_) | Got::Hint(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_told_as_they_come_by_polling() {
    answers_are_told_as_they_come::<Poll>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_told_as_they_come_by_server_sent_events() {
    answers_are_told_as_they_come::<Sse>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_told_as_they_come_by_websocket() {
    answers_are_told_as_they_come::<Ws>().await;
}
