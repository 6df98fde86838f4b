//! `DELETE /api/v1/me`: everything of an owner goes, now.
//!
//! The form on the page of one's data comes here too, by [`erase`]. Idempotent: who has nothing is answered the same.
//! Invariant: the answer means that no row of the owner's is left in the store, and that no worker can write one any more.

use crate::{engine::pruner, error::ApiError, owner::Owner, state::AppState, store::StoreError};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::OwnerId;

/// The handler.
///
/// # Errors
/// What the store said; what was begun is then finished by the pruner.
pub async fn delete(State(state): State<AppState>, owner: Owner) -> Result<Response, ApiError> {
    erase(&state, owner.id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    state.owners.clear_cookie(response.headers_mut());
    Ok(response)
}

/// Deletes everything of an owner: rows, events, uploads, files, keys.
///
/// # Errors
/// As [`delete`].
pub async fn erase(state: &AppState, owner: OwnerId) -> Result<(), ApiError> {
    let (store, files) = (state.store.clone(), state.files.clone());
    // A task of its own, so that it comes to its end although the client may have gone.
    let erasing = tokio::spawn(async move {
        store.disown(owner, crate::clock::now()).await?;
        pruner::remove_nobodys(&*store, &files).await
    });
    match erasing.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(StoreError::Closed.into()),
    }
}
