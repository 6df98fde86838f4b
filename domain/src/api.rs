//! The answers of the HTTP contract that are no job and no event, and the request to submit one.
//!
//! Written by `server::api`, read by `app::backend`. Flat on purpose: they cross into the WASM.

use crate::{
    cursor::Cursor,
    event::Event,
    ids::{JobId, UploadId},
    job::{Failure, Job},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Largest input of a job, in bytes of JSON.
pub const INPUT_LIMIT: usize = 256 * 1024;
/// Largest `data` of an event, in bytes of JSON.
pub const EVENT_LIMIT: usize = 8 * 1024;
/// Largest output that a job carries inline, in bytes of JSON.
pub const RESULT_LIMIT: usize = 64 * 1024;
/// Largest body of a call-back, in bytes of JSON.
pub const CALLBACK_LIMIT: usize = 64 * 1024;
/// Largest `wait`, in seconds.
pub const WAIT_LIMIT_S: u64 = 60;
/// Highest priority; the lowest is its negative.
pub const PRIORITY_LIMIT: i32 = 100;
/// Furthest that a start can be deferred, and longest `start_within_s`, in seconds: a year.
pub const DEFER_LIMIT_S: u64 = 366 * 86_400;
/// Longest label, in characters.
pub const LABEL_LIMIT: usize = 200;

/// `POST /api/v1/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The type of job.
    pub kind: String,
    /// The kind's own input.
    pub input: Value,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// −100 to 100, higher first among the owner's jobs of this kind; 0 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// When it may start: an RFC 3339 time in UTC, `quiet` (the operator's quiet hours) or `idle` (nothing else to do).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// 1 to 20; 3 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Seconds from when it may start until it must have; past them it fails as `expired`. 1 to 31,622,400 (a year).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_within_s: Option<u64>,
    /// Seconds an attempt may take: 1 to 86,400; 3,600 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
}

/// `POST …/retry`: with nothing, the same job reopened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// `start` to forget the checkpoint, `checkpoint` to use it if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Edited input: a new job with `origin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// A page of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Path of the next page.
    pub next: Option<String>,
}

/// `GET /api/v1/jobs`: the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct JobList {
    /// Newest first.
    pub items: Vec<Job>,
    /// Path of the next page.
    pub next: Option<String>,
    /// The owner's position at which all of it is true.
    pub cursor: Cursor,
}

crate::through_value::read_through_value!(JobList);

/// A page of events, of `GET /api/v1/events` and of one job's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EventPage {
    /// In order.
    pub items: Vec<Event>,
    /// The position after this page.
    pub next_cursor: Cursor,
    /// The stream's head.
    pub head: Cursor,
    /// Whether more follows right now.
    pub more: bool,
}

crate::through_value::read_through_value!(EventPage);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// It still runs.
    Running,
    /// It brought the result.
    Succeeded,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It was given back at a shutdown.
    Released,
    /// Its worker died.
    Lost,
    /// It ended to wait for a call-back.
    Waited,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Attempt {
    /// From 1; one that was released or lost, or that waited, gives its number back.
    pub attempt: u32,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Which worker ran it.
    pub worker: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What went wrong.
    pub failure: Option<Failure>,
}

crate::through_value::read_through_value!(Attempt);

/// What a cancel came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelOutcome {
    /// It ended at once: no worker held it.
    Cancelled,
    /// Its worker is told.
    Requested,
    /// It had ended.
    TooLate,
}

/// Answer of `POST …/cancel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CancelAnswer {
    /// What it came to.
    pub outcome: CancelOutcome,
}

/// `GET /api/v1/kinds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindInfo {
    /// Its name.
    pub name: String,
    /// JSON Schema (draft 2020-12) of the input.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// What it may take.
    pub limits: KindLimits,
}

/// What a job of a kind may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindLimits {
    /// Bytes of input.
    pub input_bytes: u64,
    /// Attempts when the submitter names none.
    pub max_attempts: u32,
    /// Seconds per attempt when the submitter names none.
    pub timeout_s: u64,
    /// Jobs of the kind that may run at once, when limited.
    #[serde(default)]
    pub parallel: Option<u32>,
    /// Jobs of the kind that may start per minute, when limited.
    #[serde(default)]
    pub starts_per_minute: Option<u32>,
}

/// Answer of `POST /api/v1/uploads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// UUIDv7.
    pub id: UploadId,
    /// The file's name as sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hexadecimal SHA-256 of the content.
    pub sha256: String,
}

/// `POST /api/v1/ack`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Everything up to there has been seen.
    pub cursor: Cursor,
    /// Whether a person could see it.
    #[serde(default)]
    pub visible: bool,
}

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Product {
    /// Its name in URLs; unique.
    pub handle: String,
    /// Its name for people.
    pub title: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// What it is.
    pub product_type: Option<String>,
    /// As in the file.
    pub tags: Vec<String>,
    /// Whether customers see it.
    pub published: bool,
    /// In the order in which they came.
    pub variants: Vec<Variant>,
    /// In their own order.
    pub images: Vec<Image>,
    /// Changes with each change of this product.
    pub revision: u64,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What changed it last.
    #[serde(default)]
    pub changed_by: ChangedBy,
    /// Its entity tag, for `If-Match`; the same as in the header `ETag`.
    #[serde(default)]
    pub etag: String,
}

crate::through_value::read_through_value!(Product);

/// What changed a product last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangedBy {
    /// A job that imports.
    #[default]
    Import,
    /// A person, by the form or the API.
    Edit,
}

/// One thing that can be bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Name and value of up to three options, such as `Size`, `Small`.
    pub options: Vec<(String, String)>,
    /// Stock-keeping unit.
    pub sku: Option<String>,
    /// Decimal, in the shop's currency.
    pub price: Option<String>,
    /// Decimal: what it cost before.
    pub compare_at_price: Option<String>,
    /// How many there are.
    pub inventory_qty: Option<i64>,
}

/// A picture of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub src: String,
    /// For those who do not see it.
    pub alt: Option<String>,
}

/// How many jobs of a kind are changing the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changing {
    /// The kind.
    pub kind: String,
    /// Unfinished jobs of it that have started, of any owner.
    pub count: u64,
}

/// `GET /api/v1/products`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ProductPage {
    /// By handle.
    pub items: Vec<Product>,
    /// Path of the next page.
    pub next: Option<String>,
    /// Products in the catalogue (with `q`: that match), counted up to 10,000.
    pub total: u64,
    /// Changes with each change of the catalogue.
    pub revision: u64,
    /// When this was true.
    pub as_of: Timestamp,
    /// Who is changing it.
    pub changing: Vec<Changing>,
}

crate::through_value::read_through_value!(ProductPage);

/// The path of a product's page. A handle is whatever a file says, so everything but the unreserved characters is encoded (RFC 3986).
pub fn product_page(handle: &str) -> String {
    let mut path = String::from("/catalogue/");
    for byte in handle.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => path.push(byte.into()),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

/// The last part of a path of one job, for forms without JavaScript.
pub fn job_page(id: JobId) -> String {
    format!("/jobs/{id}")
}
