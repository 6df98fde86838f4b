//! The product form without JavaScript: the same edit as `PATCH`, answered with a page.
//!
//! Beside `forms`, whose ways of reading and answering it uses. What the form means, what it changed and what conflicts is
//! `domain::catalogue::Draft`'s, on both sides.
//! Invariant: nothing is saved unless the tag in the form is the product's; else the form comes again (412) with what was typed and, beside
//! each field that both sides changed, what is there now.

use crate::{
    api::products::{self, not_found, revision_of},
    error::ApiError,
    forms::{Fields, again, page_at, read_fields, see_other, value},
    owner::Owner,
    representation,
    state::AppState,
    store::Expected,
};
use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::{
    Problem,
    api::product_page,
    catalogue::draft::{Draft, ETAG},
};

/// `POST /catalogue/{handle}`
pub async fn save(
    State(state): State<AppState>,
    owner: Owner,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(handle)) = path else { return not_found().into_response() };
    let path = product_page(&handle);
    let page = page_at(&path, &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        save_fields(&state, &handle, &fields).await
    };
    match done.await {
        Ok(changed) => see_other(&format!("{path}?said={}", if changed { "saved" } else { "unchanged" })),
        Err(error) => again(state, page, fields, error).await,
    }
}

/// Whether anything was changed.
async fn save_fields(state: &AppState, handle: &str, fields: &Fields) -> Result<bool, ApiError> {
    let product = state.store.product(handle).await?.ok_or_else(not_found)?;
    let product = representation::product(state.store.epoch(), product);
    let Some(tag) = value(fields, ETAG) else {
        let detail = "The form does not say which state of the product it is about.";
        return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", detail));
    };
    let seen = revision_of(state.store.epoch(), tag).filter(|revision| *revision == product.revision);
    let Some(seen) = seen else { return Err(changed()) };
    let edit = Draft::posted(product, fields).edit().map_err(ApiError::invalid)?;
    match products::save(state, handle, Expected::Revisions(vec![seen]), edit).await {
        Ok(after) => Ok(after.revision != seen),
        // It changed while the form was read.
        Err(error) if error.problem().code == "product-changed" => Err(changed()),
        Err(error) => Err(error),
    }
}

/// The page reads the product itself, so the problem need not carry it.
fn changed() -> ApiError {
    Problem::new(412, "product-changed", "The product has changed since the form was made.").into()
}
