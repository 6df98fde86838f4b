//! The message that a delivery carries: a hint with the position to catch up from.
//!
//! Made by `server::notify` out of the delivery's row, the same at every attempt; read by `public/sw.js`, webhooks' receivers and, in words, mails.
//! Invariant: below [`MESSAGE_LIMIT`] bytes of JSON, so that it fits into one record of RFC 8291.

use crate::{
    event::EventType,
    ids::{DeliveryId, JobId},
    job::JobState,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Largest message, in bytes of JSON: what every push service takes (RFC 8030, section 7.2: 4096) less the encryption's own.
pub const MESSAGE_LIMIT: usize = 3_900;
/// Jobs that a digest names; it counts the others.
pub const DIGEST_NAMES: usize = 10;

/// What a browser gets, encrypted, and what stands in `data` of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PushMessage {
    /// The delivery.
    pub id: DeliveryId,
    /// `job.<event type>`, `digest`, `test` or `confirm`.
    #[serde(rename = "type")]
    pub type_: String,
    /// When it happened.
    pub at: Timestamp,
    /// In the owner's language (`lang`): what a notification says in bold.
    pub title: String,
    /// And below it.
    pub body: String,
    /// `en` or `fr`.
    pub lang: String,
    /// Path of the page to open.
    pub url: String,
    /// Everything up to here is worth reading; none for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What happened, newest last; one unless it is a digest.
    pub items: Vec<PushItem>,
    /// How many more a digest tells of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PushItem {
    /// The job.
    pub job: JobId,
    /// Its kind.
    pub kind: String,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What happened.
    pub event: EventType,
    /// The event's position in its owner's stream.
    pub seq: u64,
    /// Where the job stands by it.
    pub state: JobState,
    /// Why it failed, as a code, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}
