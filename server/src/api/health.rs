//! `GET /healthz` and `GET /readyz`, for whoever starts and balances servers.

use crate::{error::ApiError, state::AppState};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// The process lives.
pub async fn live() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({"status": "ok"}))).into_response()
}

/// Store and workers do their work, and the server is not about to stop.
pub async fn ready(State(state): State<AppState>) -> Result<Response, ApiError> {
    if state.shutdown.is_cancelled() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The server is about to stop."));
    }
    state.store.ping().await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(json!({"status": "ready"}))).into_response())
}
