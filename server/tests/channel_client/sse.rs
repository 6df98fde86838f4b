//! A client of the server-sent events, reading the text as an `EventSource` does.

use super::{Ask, Got, TestChannel, Visitor};
use domain::{Cursor, Event};
use futures_util::{Stream, StreamExt as _};
use reqwest::{StatusCode, header};
use std::pin::Pin;

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<axum::body::Bytes>> + Send>>;

/// One connection.
pub struct Sse {
    chunks: Chunks,
    text: String,
    /// What to say before anything is read.
    refused: Option<Got>,
    /// Seen on the way.
    pub retry_ms: Option<u64>,
    pub last_id: Option<String>,
    pub headers: header::HeaderMap,
}

impl TestChannel for Sse {
    const STREAMS: bool = true;

    async fn open(visitor: &Visitor, ask: Ask) -> Self {
        Self::connect(visitor.get("/api/v1/stream", &ask)).await
    }

    async fn hear(&mut self) -> Got {
        if let Some(refused) = self.refused.take() {
            return refused;
        }
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(got) = self.read_block(&block) {
                    return got;
                }
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Some(Err(error)) => return Got::Closed(None, error.to_string()),
                None => return Got::Closed(None, String::new()),
            }
        }
    }
}

impl Sse {
    /// Sends a request of one's own making.
    pub async fn connect(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        let status = response.status();
        let (refused, chunks): (_, Chunks) = match status {
            StatusCode::OK => (None, Box::pin(response.bytes_stream())),
            StatusCode::NO_CONTENT => {
                (Some(Got::Closed(Some(204), String::new())), Box::pin(futures_util::stream::empty()))
            }
            _ => (Some(Got::Refused(response.json().await.unwrap())), Box::pin(futures_util::stream::empty())),
        };
        Self { chunks, text: String::new(), refused, retry_ms: None, last_id: None, headers }
    }

    /// One block of fields; `None` when it dispatches nothing.
    fn read_block(&mut self, block: &str) -> Option<Got> {
        let (mut name, mut data) = ("", "");
        let mut id = None;
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").unwrap() {
                ("event", value) => name = value,
                ("data", value) => data = value,
                ("id", value) => id = Some(value.to_owned()),
                ("retry", value) => self.retry_ms = Some(value.parse().unwrap()),
                other => panic!("an unknown field: {other:?}"),
            }
        }
        if data.is_empty() {
            return None;
        }
        if id.is_some() {
            self.last_id = id.clone();
        }
        fn read<T: serde::de::DeserializeOwned>(data: &str) -> T {
            serde_json::from_str(data).unwrap()
        }
        Some(match name {
            "hello" => Got::Hello(read(data)),
            "hb" => {
                assert_eq!(id, None, "a heartbeat is no position");
                Got::Beat(read(data))
            }
            "reset" => Got::Reset(read(data)),
            "drain" => Got::Drain(read(data)),
            "end" => Got::End(read(data)),
            "hint" => {
                assert_eq!(id, None, "a hint is no position");
                Got::Hint(read(data))
            }
            _ => {
                let event: Event = read(data);
                assert_eq!(name, event.type_.as_str());
                let cursor: Cursor = id.expect("every event has an id").parse().unwrap();
                Got::Event(event, cursor)
            }
        })
    }
}
