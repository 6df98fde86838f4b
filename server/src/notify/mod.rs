//! Push: takes deliveries from the outbox and sends them, apart from the workers that run jobs.
//!
//! [`dispatcher`] claims what is due from `store::Outbox`, asks [`schedule`] whether it is to be sent now (what devices have seen: [`seen`];
//! which hosts are left alone: [`circuit`]), has [`render`] make the message and gives it to the [`Sender`] of its kind. Started by `startup`; nothing of the engine knows it, and it knows nothing of the engine, so that it can become a
//! process of its own where the store is shared.
//! Invariants: an answer is awaited for a bounded time and read to a bounded length; nothing that a receiver does delays another
//! endpoint, a job or a request; every attempt ends with a line in the log, by its outcome or as `cut-off`.

pub mod circuit;
pub mod confirmations;
pub mod dispatcher;
pub mod email;
pub mod http;
pub mod render;
pub mod schedule;
pub mod seen;
pub mod senders;
pub mod signature;
pub mod target;
pub mod vapid;
pub mod web_push;
pub mod webhook;
pub mod words;

use crate::store::EndpointRow;
use async_trait::async_trait;
use domain::{Timestamp, push::PushMessage};
use std::time::Duration;

/// Sends messages to endpoints of one kind.
#[async_trait]
pub trait Sender: Send + Sync + 'static {
    /// Makes one attempt. Bounded in time by the sender itself; never panics on what the other side says.
    async fn send(&self, endpoint: &EndpointRow, message: &PushMessage, now: Timestamp) -> Report;
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the other side said, if it said anything: an HTTP or SMTP status.
    pub status: Option<u16>,
    /// `ok`, or why it failed, as a stable code: `timeout`, `no-connection`, `bad-certificate`, `forbidden-address`, `redirected`,
    /// `refused` (4xx), `server-error` (5xx), `too-many-requests`, `too-large`, `gone`, `unreadable-answer`, `no-mail-server`, …
    pub outcome: &'static str,
    /// The beginning of what was said, at most 500 characters, for whoever looks for the cause.
    pub detail: Option<String>,
    /// What it means.
    pub verdict: Verdict,
}

/// What a report means for the delivery and its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Delivered,
    /// May work later; not before so long, when the other side said so (`Retry-After`).
    Retry {
        /// Least pause.
        after: Option<Duration>,
        /// Whether it says something about the host (no connection, time-out, 5xx), rather than about this message or endpoint.
        blames_host: bool,
    },
    /// This message will never be taken; the endpoint may take others.
    Rejected,
    /// The endpoint is no more.
    Gone,
}
