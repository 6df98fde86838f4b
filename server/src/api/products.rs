//! The catalogue, one for the instance: `GET /api/v1/products` and one product of it.
//!
//! Reads only; jobs change it. Says as of when it is true and who is changing it.
//! Invariant: a tag never stands for two different pages: it has the revision, and who is changing it while someone is.

use super::{
    conditional::{is_known, not_modified, with_etag},
    extract::{Params, link},
};
use crate::{clock, error::ApiError, state::AppState, store::CatalogueState};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::api::ProductPage;

const PATH: &str = "/api/v1/products";
const PAGE: usize = 50;
const MOST: usize = 200;

/// `GET /api/v1/products?q=&limit=&after=`
pub async fn list(State(state): State<AppState>, headers: HeaderMap, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit(PAGE, MOST)?;
    let (q, after) = (params.text("q"), params.text("after"));
    let known = etag(&state.store.catalogue().await?);
    if is_known(&headers, &known) {
        return Ok(not_modified(&known));
    }
    let as_of = clock::now();
    let read = state.store.products(q, after, limit).await?;
    let known = etag(&read.state);
    let asked = params.text("limit");
    let next = read.items.last().filter(|_| read.more);
    let next = next.map(|last| link(PATH, &[("q", q), ("limit", asked), ("after", Some(&last.handle))]));
    let CatalogueState { revision, changing } = read.state;
    let page = ProductPage { items: read.items, next, total: read.total, revision, as_of, changing };
    Ok(with_etag(Json(page).into_response(), &known))
}

/// Of the revision; while jobs change the catalogue, of how many too, since the page tells that.
fn etag(state: &CatalogueState) -> String {
    let changing: u64 = state.changing.iter().map(|changing| changing.count).sum();
    if changing == 0 { format!("W/\"{}\"", state.revision) } else { format!("W/\"{}-{changing}\"", state.revision) }
}

/// `GET /api/v1/products/{handle}`
pub async fn one(
    State(state): State<AppState>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let missing = || ApiError::new(StatusCode::NOT_FOUND, "product-not-found", "There is no product with this handle.");
    let Path(handle) = path.map_err(|_| missing())?;
    let product = state.store.product(&handle).await?.ok_or_else(missing)?;
    let etag = format!("\"{}\"", product.revision);
    if is_known(&headers, &etag) {
        return Ok(not_modified(&etag));
    }
    Ok(with_etag(Json(product).into_response(), &etag))
}

/// `PATCH /api/v1/products/{handle}`: editing is not built yet.
pub async fn edit() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "not-available", "Products cannot be edited in this version.")
        .with_header(header::ALLOW, HeaderValue::from_static("GET,HEAD"))
}
