//! A client that polls, with `wait`.

use super::{Ask, Got, TestChannel, Visitor};
use domain::{
    Cursor, Problem,
    api::EventPage,
    frame::{Hint, Reset},
};
use reqwest::{StatusCode, header};
use std::collections::VecDeque;

/// Asks again and again, each time after the last `next_cursor`.
pub struct Poll {
    visitor: Visitor,
    ask: Ask,
    etag: Option<String>,
    ready: VecDeque<Got>,
}

impl TestChannel for Poll {
    const STREAMS: bool = false;

    async fn open(visitor: &Visitor, ask: Ask) -> Self {
        let mut poll = Self { visitor: visitor.clone(), ask, etag: None, ready: VecDeque::new() };
        if poll.ask.after.is_none() || !poll.ask.watch.is_empty() {
            // The first answer says where the head is, and the tag what is known of the catalogue.
            poll.request(0).await;
        }
        poll
    }

    async fn hear(&mut self) -> Got {
        loop {
            if let Some(got) = self.ready.pop_front() {
                return got;
            }
            self.request(20).await;
        }
    }
}

impl Poll {
    async fn request(&mut self, wait: u64) {
        let mut request = self.visitor.get(&format!("/api/v1/events?wait={wait}"), &self.ask);
        if let Some(etag) = &self.etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = request.send().await.unwrap();
        self.etag = response.headers().get(header::ETAG).map(|tag| tag.to_str().unwrap().to_owned());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return,
            _ => {
                let problem: Problem = response.json().await.unwrap();
                self.ready.push_back(match problem.snapshot.clone() {
                    Some(snapshot) => Got::Reset(Reset { snapshot, reason: problem.code }),
                    None => Got::Refused(problem),
                });
                return;
            }
        }
        let body: serde_json::Value = response.json().await.unwrap();
        if let Some(hints) = body.get("hints") {
            let hints: Vec<Hint> = serde_json::from_value(hints.clone()).unwrap();
            self.ready.extend(hints.into_iter().map(Got::Hint));
        }
        let page: EventPage = serde_json::from_value(body).unwrap();
        let last = page.items.len().saturating_sub(1);
        for (index, event) in page.items.into_iter().enumerate() {
            let inner = Cursor { epoch: event.epoch.clone(), seq: event.seq, job: self.ask.job };
            let cursor = if index == last { page.next_cursor.clone() } else { inner };
            self.ready.push_back(Got::Event(event, cursor));
        }
        self.ask.after = Some(page.next_cursor.to_string());
    }
}
