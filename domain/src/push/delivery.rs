//! A delivery: one notification to one push endpoint, with every attempt and what became of it.

use super::{EndpointKind, words};
use crate::{
    ids::{DeliveryId, EndpointId, JobId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where a delivery stands. The last four end it; only its owner's `resend` leads on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Not yet due: a device may still say that it has seen the event, or quiet hours or a digest hold it.
    Held,
    /// Due, and waiting for its turn.
    Queued,
    /// An attempt is under way.
    Sending,
    /// An attempt failed; the next is due at `next_at`.
    Retrying,
    /// The receiver, or the push service or mail server that it uses, took it.
    Delivered,
    /// Not sent, since a device of the owner had seen the event (`seen`), or another endpoint was reached (`reached`).
    Unneeded,
    /// Not delivered, and no more attempts (`reason`).
    GaveUp,
    /// Its owner wanted it no more.
    Cancelled,
}
words!(DeliveryState {
    Held = "held",
    Queued = "queued",
    Sending = "sending",
    Retrying = "retrying",
    Delivered = "delivered",
    Unneeded = "unneeded",
    GaveUp = "gave-up",
    Cancelled = "cancelled",
});

impl DeliveryState {
    /// Whether nothing more happens to it by itself.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Delivered | Self::Unneeded | Self::GaveUp | Self::Cancelled)
    }
}

/// A delivery, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id, the same at every attempt: `webhook-id`, and how a receiver knows a message that came twice.
    pub id: DeliveryId,
    /// Where to.
    pub endpoint: EndpointId,
    /// How that is reached.
    pub endpoint_kind: EndpointKind,
    /// What its owner calls it.
    pub endpoint_label: String,
    /// Which job it tells of; none for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// What it tells: the event's type, `test` or `confirm`.
    pub event: String,
    /// The event's position in its owner's stream; 0 without one.
    pub seq: u64,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it is held, was not sent, is tried again or was given up, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts that were begun.
    pub attempts: u32,
    /// The HTTP or SMTP status of the latest attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the event was committed.
    pub created_at: Timestamp,
    /// When something happens to it next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// When the browser said that it has received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// When it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_at: Option<Timestamp>,
    /// When it was clicked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicked_at: Option<Timestamp>,
    /// The message that brought it, when a digest told it together with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DeliveryId>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// Milliseconds that it took; none while it is under way or when it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// What the other side said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `ok`, or why it failed, as a code.
    pub outcome: String,
    /// The beginning of what the other side said, or what the system said: for whoever looks for the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `GET /api/v1/deliveries/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// The delivery.
    pub delivery: Delivery,
    /// Every attempt, oldest first.
    pub log: Vec<DeliveryAttempt>,
    /// Of a webhook: the request as it is signed now, to copy and to verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<SignedRequest>,
}

/// A webhook's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedRequest {
    /// Always `POST` to it.
    pub url: String,
    /// `webhook-id`.
    pub webhook_id: String,
    /// `webhook-timestamp`, in seconds since 1970.
    pub webhook_timestamp: i64,
    /// `webhook-signature`.
    pub webhook_signature: String,
    /// The body, byte by byte as it is signed.
    pub body: String,
}

/// `POST /api/v1/webhooks/{id}/verify`: is this signature ours?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureCheck {
    /// `webhook-id`.
    pub webhook_id: String,
    /// `webhook-timestamp`.
    pub webhook_timestamp: i64,
    /// `webhook-signature`.
    pub webhook_signature: String,
    /// The body.
    pub body: String,
}

/// The answer: whether one of the signatures is made with a secret of this webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignatureVerdict {
    /// Whether it is.
    pub valid: bool,
    /// Why not, as a code: `other-secret`, `too-old`, `malformed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /api/v1/deliveries/{id}/report`: what a browser did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserReport {
    /// What.
    pub step: BrowserStep,
}

/// What a browser did with a message; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrowserStep {
    /// It was decrypted.
    Received,
    /// A notification was shown.
    Shown,
    /// It was clicked.
    Clicked,
}
words!(BrowserStep { Received = "received", Shown = "shown", Clicked = "clicked" });
