//! The API of notifications called from within: by the pages that show it, and by the forms that do the same without script.
//!
//! Called by `ui::notifications` and `settings_forms`. It runs the very handlers that a request over HTTP reaches.
//! Invariant: what the API would refuse is refused here, with the same problem.

use crate::{error::ApiError, owner::Owner, router, state::AppState};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, StatusCode, header},
};
use domain::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

/// Larger than any answer of these routes: a page of deliveries, or a report with all its attempts.
const ANSWER_LIMIT: usize = 4 << 20;

/// Calls a route for an owner. An answer without a body reads as `null`.
///
/// # Errors
/// The route's problem.
pub async fn call<T: DeserializeOwned>(
    state: &AppState,
    owner: Owner,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<T, ApiError> {
    let mut request = Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request.body(body).map_err(ApiError::internal)?;
    request.extensions_mut().insert(owner);
    let response = match router::push().with_state(state.clone()).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let bytes = to_bytes(response.into_body(), ANSWER_LIMIT).await.map_err(ApiError::internal)?;
    if !status.is_success() {
        return Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if !problem.code.is_empty() => problem.into(),
            _ => ApiError::new(StatusCode::NOT_FOUND, "not-found", "There is no such resource."),
        });
    }
    let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(bytes).map_err(ApiError::internal)
}
