//! Every error answer, as `application/problem+json` (RFC 9457).
//!
//! Handlers return `Result<_, ApiError>`; the router answers unknown routes, wrong methods and panics with it too.
//! Invariant: whatever goes wrong, the body is a problem with a stable `code`; what a driver said goes to the log, not to a visitor.

use crate::store::StoreError;
use axum::{
    body::BodyDataStream,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{InputError, Problem, problem::PROBLEM_JSON};
use futures_util::StreamExt as _;
use std::{any::Any, time::Duration};

/// A problem on its way out.
#[derive(Debug)]
pub struct ApiError {
    // Boxed: it travels in every handler's `Result`.
    problem: Box<Problem>,
    headers: HeaderMap,
}

impl ApiError {
    /// A status, a code and one English sentence.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Problem::new(status.as_u16(), code, detail).into()
    }

    /// 422 with the places that are wrong.
    pub fn invalid(errors: Vec<InputError>) -> Self {
        Problem::invalid(errors).into()
    }

    /// 404 for a job that is not there or another owner's.
    pub fn job_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "job-not-found", "There is no such job of this owner.")
    }

    /// 400 for a cursor or page position that no answer gave.
    pub fn bad_cursor() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-cursor", "The position is none that an answer of this server gave.")
    }

    /// 400 for a query parameter that cannot be read.
    pub fn bad_query(name: &str, detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-query", format!("The query parameter `{name}` {detail}."))
    }

    /// 413 for a body beyond a limit.
    pub fn too_large(limit: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("The body is larger than {limit} bytes."))
    }

    /// 500; what happened goes to the log.
    pub fn internal(log: impl std::fmt::Display) -> Self {
        tracing::error!(error = %log, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed at this; it has been noted.")
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// What will be answered.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What will be answered, to be shown on a page instead.
    pub fn into_problem(self) -> Problem {
        *self.problem
    }

    /// A header of the answer.
    pub fn header(&self, name: &header::HeaderName) -> Option<HeaderValue> {
        self.headers.get(name).cloned()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), headers: HeaderMap::new() }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::DiskFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full; nothing of this was kept.")
            }
            StoreError::Locked | StoreError::InUse | StoreError::Closed | StoreError::Driver(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "The store does not answer right now; nothing of this was kept.",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&*self.problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        headers.extend(self.headers);
        response
    }
}

/// 404 of a route that is not there.
pub async fn no_such_route() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not-found", "There is no such resource; GET /api/openapi.json lists them.")
}

/// 405; the router adds `Allow`.
pub async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The resource does not take this method.")
}

/// 500 of a handler that panicked.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    // The panic hook has written where and why.
    ApiError::internal("a handler panicked").into_response()
}

/// Goes on reading a refused body for a while, in the background: closing at once would reset the connection, and the client,
/// still sending, would never see why.
pub fn discard(mut body: BodyDataStream) {
    const AT_MOST: usize = 64 << 20;
    tokio::spawn(tokio::time::timeout(Duration::from_secs(10), async move {
        let mut seen = 0;
        while let Some(Ok(chunk)) = body.next().await {
            seen += chunk.len();
            if seen > AT_MOST {
                break;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::to_bytes, http::Request, routing::get};
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn answered(response: Response) -> (u16, String, Problem) {
        let (parts, body) = response.into_parts();
        let media_type = parts.headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let problem = serde_json::from_slice(&to_bytes(body, 10_000).await.unwrap()).unwrap();
        (parts.status.as_u16(), media_type, problem)
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_500() {
        async fn panics() -> StatusCode {
            panic!("secret")
        }
        let router = Router::new().route("/", get(panics)).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
        let (status, media_type, problem) = answered(response).await;
        assert_eq!((status, media_type.as_str(), problem.code.as_str()), (500, PROBLEM_JSON, "internal"));
        assert!(!problem.detail.contains("secret"));
    }

    #[tokio::test]
    async fn a_store_that_fails_says_when_to_come_back_and_not_what_the_driver_said() {
        let response = ApiError::from(StoreError::Driver("no such table: job".into())).into_response();
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        let (status, _, problem) = answered(response).await;
        assert_eq!((status, problem.code.as_str()), (503, "store-unavailable"));
        assert!(!problem.detail.contains("table"));
        let (status, _, problem) = answered(ApiError::from(StoreError::DiskFull).into_response()).await;
        assert_eq!((status, problem.code.as_str()), (507, "disk-full"));
    }
}
