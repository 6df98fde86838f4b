//! `POST /api/v1/callbacks/{token}`: a third party answers what a job has asked.
//!
//! Asks for no cookie and no owner, since the token is the right, and refuses no other site's page for the same reason: a page acts
//! in nobody's name here. Sets no cookie either.
//! Invariants: whatever is wrong with a token (made up, used, expired, its job ended), the answer is the same 404 after the same work,
//! one look at an index, whatever the body is; only who has a good token is told what is wrong with the body, or can hold a place.

use super::extract::{is_json, not_json, read_body};
use crate::{
    engine::Engine,
    error::{ApiError, discard},
    state::AppState,
};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::api::CALLBACK_LIMIT;
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Call-backs that are read at the same time: what they hold in memory is bounded (4 MB).
const AT_ONCE: usize = 64;
/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Counts the call-backs that are being read.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A path for the log, which more people read than may answer a job.
pub fn without_token(path: &str) -> &str {
    const BASES: [&str; 3] = ["/api/v1/callbacks/", "/mail/confirm/", "/mail/unsubscribe/"];
    BASES.into_iter().find(|base| path.starts_with(base)).unwrap_or(path)
}

/// The handler: 204 once the call-back is durable.
pub async fn receive(
    State(state): State<AppState>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    if !state.engine.awaits_callback(&token).await? {
        discard(request.into_body().into_data_stream());
        return Err(not_found());
    }
    let Ok(_place) = state.callbacks.0.try_acquire() else {
        let detail = "Too many call-backs arrive at once.";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail));
    };
    if !is_json(request.headers()) {
        return Err(not_json());
    }
    let body = tokio::time::timeout(ARRIVES_WITHIN, read_body(request, CALLBACK_LIMIT)).await.map_err(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body did not arrive within 10 seconds.")
    })??;
    let json: &RawValue = serde_json::from_slice(&body).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad-json", format!("The body is no JSON: {error}."))
    })?;
    deliver(&state.engine, &token, json.get().to_owned()).await?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::NO_CONTENT, [no_store]).into_response())
}

/// Hands a body (JSON) to the job behind a token.
///
/// # Errors
/// 404 `callback-not-found`, which says nothing of why.
pub async fn deliver(engine: &Engine, token: &str, body: String) -> Result<(), ApiError> {
    if engine.receive_callback(token, body).await? { Ok(()) } else { Err(not_found()) }
}

fn not_found() -> ApiError {
    let detail = "Nothing awaits a call-back here, or not any more.";
    ApiError::new(StatusCode::NOT_FOUND, "callback-not-found", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_logged() {
        assert_eq!(without_token("/api/v1/callbacks/c2VjcmV0"), "/api/v1/callbacks/");
        assert_eq!(without_token("/mail/unsubscribe/c2VjcmV0"), "/mail/unsubscribe/");
        assert_eq!(without_token("/mail/confirm/c2VjcmV0"), "/mail/confirm/");
        assert_eq!(without_token("/api/v1/jobs"), "/api/v1/jobs");
    }
}
