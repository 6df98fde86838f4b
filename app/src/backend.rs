//! The one way to the service: direct calls while the server renders, the public HTTP API from the browser.
//!
//! Pages and channels call the free functions; `server::ui` implements [`Backend`] and puts it into the context. Decides
//! nothing: answers and problems pass through as they come.
//! Invariant: both ways give the same values for the same owner, so that hydration finds what the server rendered.

// A problem goes to a page as it came; a box around it would be opened at once.
#![allow(clippy::result_large_err)]

pub mod notifications;
pub mod operations;
mod transport;

#[cfg(feature = "hydrate")]
pub(crate) use transport::problem_of;

use domain::{
    EventType, Job, JobId, JobState, Problem,
    api::{
        Attempt, CancelAnswer, CancelOutcome, EventPage, JobList, KindInfo, Page, Product, ProductPage, Retry, Submit,
    },
    catalogue::ProductEdit,
    job::Links,
    kinds::supplier_quotes::SupplierList,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{pin::Pin, sync::Arc};
use transport::{Request, call, read};

/// What a call on [`Backend`] gives.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// The service as the server's renderer reaches it, bound to the owner of the request.
pub trait Backend: Send + Sync {
    /// Jobs, newest first.
    fn jobs(&self, query: JobsQuery) -> Answer<JobList>;
    /// One job.
    fn job(&self, id: JobId) -> Answer<Job>;
    /// One job's log after a position of its own.
    fn job_events(&self, id: JobId, after_jseq: u64, limit: u32) -> Answer<EventPage>;
    /// One job's attempts, oldest first.
    fn attempts(&self, id: JobId) -> Answer<Vec<Attempt>>;
    /// Every kind that the service runs.
    fn kinds(&self) -> Answer<Vec<KindInfo>>;
    /// Products by handle.
    fn products(&self, q: Option<String>, after: Option<String>) -> Answer<ProductPage>;
    /// Whom `supplier-quotes` asks.
    fn suppliers(&self) -> Answer<SupplierList>;
    /// One product.
    fn product(&self, handle: String) -> Answer<Product>;
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobsQuery {
    /// Any of these; empty for all.
    pub states: Vec<JobState>,
    /// Only those before this one.
    pub before: Option<JobId>,
    /// At most so many; [`PAGE_SIZE`] without it.
    pub limit: Option<u32>,
}

/// Jobs on a page.
pub const PAGE_SIZE: u32 = 25;
/// Events of a job's log in one answer.
pub const LOG_PAGE: u32 = 500;

/// The server's [`Backend`], from the context.
#[cfg(not(feature = "hydrate"))]
fn direct() -> Result<Arc<dyn Backend>, Problem> {
    leptos::prelude::use_context::<Arc<dyn Backend>>().ok_or_else(|| Problem::unreachable("no backend in this context"))
}

/// In the browser there is none.
#[cfg(feature = "hydrate")]
fn direct() -> Result<Arc<dyn Backend>, Problem> {
    Err(Problem::unreachable("the browser goes through HTTP"))
}

const IN_BROWSER: bool = cfg!(feature = "hydrate");

/// Jobs, newest first, with the cursor at which they are true.
///
/// # Errors
/// The service's problem, or `unreachable`.
pub async fn jobs(query: JobsQuery) -> Result<JobList, Problem> {
    if !IN_BROWSER {
        return direct()?.jobs(query).await;
    }
    let mut path = format!("/api/v1/jobs?limit={}", query.limit.unwrap_or(PAGE_SIZE));
    if !query.states.is_empty() {
        let words: Vec<_> = query.states.iter().map(|state| state.as_str()).collect();
        path.push_str(&format!("&state={}", words.join(",")));
    }
    if let Some(before) = query.before {
        path.push_str(&format!("&before={before}"));
    }
    read(call(Request::get(&path)).await?)
}

/// One job.
///
/// # Errors
/// `not-found`, another problem of the service, or `unreachable`.
pub async fn job(id: JobId) -> Result<Job, Problem> {
    if !IN_BROWSER {
        return direct()?.job(id).await;
    }
    read(call(Request::get(&Links::of(id).self_)).await?)
}

/// One job's log after a position of its own.
///
/// # Errors
/// As [`job`].
pub async fn job_events(id: JobId, after_jseq: u64, limit: u32) -> Result<EventPage, Problem> {
    if !IN_BROWSER {
        return direct()?.job_events(id, after_jseq, limit).await;
    }
    read(call(Request::get(&format!("{}?after={after_jseq}&limit={limit}", Links::of(id).events))).await?)
}

/// One job's attempts, oldest first.
///
/// # Errors
/// As [`job`].
pub async fn attempts(id: JobId) -> Result<Vec<Attempt>, Problem> {
    if !IN_BROWSER {
        return direct()?.attempts(id).await;
    }
    read::<Page<Attempt>>(call(Request::get(&Links::of(id).attempts)).await?).map(|page| page.items)
}

/// Every kind that the service runs.
///
/// # Errors
/// As [`job`].
pub async fn kinds() -> Result<Vec<KindInfo>, Problem> {
    if !IN_BROWSER {
        return direct()?.kinds().await;
    }
    read::<Page<KindInfo>>(call(Request::get("/api/v1/kinds")).await?).map(|page| page.items)
}

/// Products by handle.
///
/// # Errors
/// As [`job`].
pub async fn products(q: Option<String>, after: Option<String>) -> Result<ProductPage, Problem> {
    if !IN_BROWSER {
        return direct()?.products(q, after).await;
    }
    let mut path = String::from("/api/v1/products?limit=50");
    for (name, value) in [("q", q), ("after", after)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(&value)));
        }
    }
    read(call(Request::get(&path)).await?)
}

/// Whom `supplier-quotes` asks, and how each of them does.
///
/// # Errors
/// `no-suppliers`, `suppliers-unreachable`, or as [`job`].
pub async fn suppliers() -> Result<SupplierList, Problem> {
    if !IN_BROWSER {
        return direct()?.suppliers().await;
    }
    read(call(Request::get("/api/v1/suppliers")).await?)
}

/// One product.
///
/// # Errors
/// `product-not-found`, another problem of the service, or `unreachable`.
pub async fn product(handle: String) -> Result<Product, Problem> {
    if !IN_BROWSER {
        return direct()?.product(handle).await;
    }
    read(call(Request::get(&format!("/api/v1/products/{}", encode(&handle)))).await?)
}

/// Changes a product that is as its tag says. Browser only.
///
/// # Errors
/// `product-changed` with the product as it is, `invalid-input` with its places, another problem of the service, or `unreachable`.
pub async fn edit_product(product: &Product, edit: &ProductEdit) -> Result<Product, Problem> {
    let path = format!("/api/v1/products/{}", encode(&product.handle));
    let mut request = Request::patch(&path, to_value(edit));
    request.headers.push(("if-match", product.etag.clone()));
    read(call(request).await?)
}

/// Submits a job; the flag says whether the same request was accepted before. Browser only.
///
/// # Errors
/// `invalid-input` with its places, another problem of the service, or `unreachable`.
pub async fn submit(submit: &Submit, idempotency_key: &str, wait: Option<u64>) -> Result<(Job, bool), Problem> {
    let mut request = Request::post("/api/v1/jobs", Some(to_value(submit)));
    request.headers.push(("idempotency-key", format!("\"{idempotency_key}\"")));
    request.headers.push(("prefer", wait.map_or("respond-async".to_owned(), |s| format!("respond-async, wait={s}"))));
    let answer = call(request).await?;
    let replayed = answer.replayed;
    Ok((read(answer)?, replayed))
}

/// Asks to cancel a job. Browser only.
///
/// # Errors
/// As [`job`].
pub async fn cancel(id: JobId) -> Result<CancelOutcome, Problem> {
    read::<CancelAnswer>(call(Request::post(&Links::of(id).cancel, None)).await?).map(|answer| answer.outcome)
}

/// Opens a job again, or makes a new one of edited input. Browser only.
///
/// # Errors
/// `not-retryable`, `invalid-input`, another problem of the service, or `unreachable`.
pub async fn retry(id: JobId, retry: &Retry) -> Result<Job, Problem> {
    read(call(Request::post(&Links::of(id).retry, Some(to_value(retry)))).await?)
}

/// Lets a held rehearsal take its next step. Browser only.
///
/// # Errors
/// As [`job`].
pub async fn step(id: JobId) -> Result<(), Problem> {
    call(Request::post(&format!("{}/step", Links::of(id).self_), None)).await.map(|_| ())
}

/// Sends a call-back to the address that a rehearsal told its owner. Browser only.
///
/// # Errors
/// `callback-not-found`, another problem of the service, or `unreachable`.
pub async fn call_back(path: &str, body: Value) -> Result<(), Problem> {
    call(Request::post(path, Some(body))).await.map(|_| ())
}

/// A job's output that was too large for the row. Browser only; elsewhere the link is offered.
///
/// # Errors
/// As [`job`].
pub async fn result(id: JobId) -> Result<Value, Problem> {
    read(call(Request::get(&Links::of(id).result)).await?)
}

fn to_value(body: &impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or(Value::Null)
}

/// A fresh random key for a form. The server's comes from the context, so this runs only outside hydration.
pub fn fresh_key() -> String {
    transport::random_uuid()
}

/// Milliseconds since 1970 by the browser's clock; `None` on the server, which passes its own time along.
pub fn browser_clock_ms() -> Option<i64> {
    transport::clock_ms()
}

/// Percent-encodes a value for a query (RFC 3986, everything but the unreserved characters).
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Whether an event changes a job's list of attempts.
pub fn touches_attempts(type_: EventType) -> bool {
    type_.is_terminal()
        || matches!(
            type_,
            EventType::Started
                | EventType::AttemptFailed
                | EventType::Released
                | EventType::RetryScheduled
                | EventType::Waiting
        )
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn a_value_in_a_query_is_encoded_byte_by_byte() {
        assert_eq!(encode("thé & lait"), "th%C3%A9%20%26%20lait");
    }
}
