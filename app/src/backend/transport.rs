//! One HTTP call from the browser, and the two things that only a browser can give (its clock, a random key).
//!
//! Used by `backend` alone. On the server every call answers `unreachable`: nothing there should come this way.
//! Invariant: whatever goes wrong comes back as a [`Problem`], and never as a panic.

use domain::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How to send it.
#[derive(Clone, Copy)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
}

/// What to send.
pub(super) struct Request<'a> {
    pub(super) method: Verb,
    pub(super) path: &'a str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl<'a> Request<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Verb::Get, path, headers: Vec::new(), body: None }
    }

    pub(super) fn post(path: &'a str, body: Option<Value>) -> Self {
        Self { method: Verb::Post, path, headers: Vec::new(), body }
    }

    pub(super) fn patch(path: &'a str, body: Value) -> Self {
        Self { method: Verb::Patch, path, headers: Vec::new(), body: Some(body) }
    }
}

/// What came back with a status of success.
pub(super) struct Response {
    pub(super) replayed: bool,
    pub(super) body: String,
}

/// Reads the body.
pub(super) fn read<T: DeserializeOwned>(response: Response) -> Result<T, Problem> {
    domain::read_json(&response.body).map_err(|error| Problem::new(0, "unreadable-answer", error.to_string()))
}

#[cfg(feature = "hydrate")]
pub(super) async fn call(request: Request<'_>) -> Result<Response, Problem> {
    use gloo_net::http::{Method, RequestBuilder};
    send_wrapper::SendWrapper::new(async move {
        let unreachable = |error: gloo_net::Error| Problem::unreachable(error.to_string());
        let method = match request.method {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
        };
        let mut builder = RequestBuilder::new(request.path).method(method).header("accept", "application/json");
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let sent = match &request.body {
            Some(body) => builder.json(body).map_err(unreachable)?.send().await,
            None => builder.send().await,
        };
        let response = sent.map_err(unreachable)?;
        let replayed = response.headers().get("idempotency-replayed").is_some_and(|value| value.contains("true"));
        let (ok, status) = (response.ok(), response.status());
        let body = response.text().await.map_err(unreachable)?;
        if ok { Ok(Response { replayed, body }) } else { Err(problem_of(status, &body)) }
    })
    .await
}

#[cfg(not(feature = "hydrate"))]
#[allow(clippy::unused_async)]
pub(super) async fn call(request: Request<'_>) -> Result<Response, Problem> {
    let _ = (request.method, request.headers, request.body);
    Err(Problem::unreachable(format!("{} is called from the browser only", request.path)))
}

/// The problem in a body, or one made from the status when something in between answered.
#[cfg(feature = "hydrate")]
pub(crate) fn problem_of(status: u16, body: &str) -> Problem {
    domain::read_json::<Problem>(body)
        .ok()
        .filter(|problem| !problem.code.is_empty())
        .unwrap_or_else(|| Problem::new(status, "unexpected-status", format!("the answer was {status}")))
}

#[cfg(feature = "hydrate")]
pub(super) fn random_uuid() -> String {
    let crypto = web_sys::window().and_then(|window| window.crypto().ok());
    // `randomUUID` is there in secure contexts only; a page served over plain HTTP in a local network has none.
    match crypto.filter(|crypto| js_sys::Reflect::has(crypto, &"randomUUID".into()).unwrap_or(false)) {
        Some(crypto) => crypto.random_uuid(),
        None => format!("{:x}-{:x}", js_sys::Date::now() as u64, (js_sys::Math::random() * 9e15) as u64),
    }
}

#[cfg(not(feature = "hydrate"))]
pub(super) fn random_uuid() -> String {
    String::new()
}

#[cfg(feature = "hydrate")]
pub(super) fn clock_ms() -> Option<i64> {
    Some(js_sys::Date::now() as i64)
}

#[cfg(not(feature = "hydrate"))]
pub(super) fn clock_ms() -> Option<i64> {
    None
}
