//! `GET /api/v1/suppliers`: whom `supplier-quotes` can ask, and how each of them does.
//!
//! Reads the kind's own directory and breakers; `ui` answers its pages from [`read`] too.

use crate::{
    error::ApiError,
    kinds::supplier_quotes::directory::{Directory, NoSuppliers},
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::kinds::supplier_quotes::SupplierList;

/// The handler.
pub async fn list(State(state): State<AppState>) -> Result<Response, ApiError> {
    let list = read(&state.suppliers).await?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store], Json(list)).into_response())
}

/// The list.
///
/// # Errors
/// 404 `no-suppliers` when the server was started without any, 503 `suppliers-unreachable`.
pub async fn read(directory: &Directory) -> Result<SupplierList, ApiError> {
    directory.describe().await.map_err(|error| match error {
        NoSuppliers::Configured => {
            let detail = "This server was started without suppliers; `--suppliers URL` names their directory.";
            ApiError::new(StatusCode::NOT_FOUND, "no-suppliers", detail)
        }
        NoSuppliers::Reachable => {
            let detail = "The suppliers' directory cannot be read right now.";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "suppliers-unreachable", detail)
        }
    })
}
