//! `GET /api/v1/kinds`: what can be submitted.

use crate::state::AppState;
use axum::{Json, extract::State};
use domain::api::{KindInfo, Page};

/// Each kind's name, JSON Schema of input and output, and limits.
pub async fn list(State(state): State<AppState>) -> Json<Page<KindInfo>> {
    Json(Page { items: state.engine.kinds(), next: None })
}
