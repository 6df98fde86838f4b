//! What an owner does to a job that is there: cancel, retry, step.
//!
//! Invariant: each can be repeated; the answer says what it came to, and a job of another owner is not there.

use super::{
    extract::{JobPath, OptionalJson},
    jobs::{accepted, refused},
    preferences::Prefer,
};
use crate::{
    engine::{Retried, RetryError, Submitted},
    error::ApiError,
    owner::Owner,
    representation,
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{
    JobId,
    api::{CancelAnswer, Retry},
};

/// `POST /api/v1/jobs/{id}/cancel`
pub async fn cancel(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath) -> Result<Response, ApiError> {
    let outcome = state.engine.cancel(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    Ok((StatusCode::ACCEPTED, Json(CancelAnswer { outcome })).into_response())
}

/// `POST /api/v1/jobs/{id}/retry`, with or without a body
pub async fn retry(
    State(state): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
    JobPath(id): JobPath,
    OptionalJson(retry): OptionalJson<Retry>,
) -> Result<Response, ApiError> {
    let submitted = match state.engine.retry(owner.id, id, retry.unwrap_or_default()).await? {
        Retried::Reopened(job) => Submitted { job, queue: None, replayed: false },
        Retried::New(submitted) => submitted,
    };
    accepted(&state, owner, Prefer::of(&headers), submitted).await
}

/// `POST /api/v1/jobs/{id}/step`: 202 with the job; its handler takes the step when it gets there
pub async fn step(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath) -> Result<Response, ApiError> {
    permit_step(&state, owner, id).await?;
    let snapshot = state.store.job(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    let job = representation::job(&state.engine, snapshot).await?;
    Ok((StatusCode::ACCEPTED, Json(job)).into_response())
}

/// Lets a held job take one step.
///
/// # Errors
/// 404 when it is not there, 409 `job-finished` when there is no step left to take.
pub async fn permit_step(state: &AppState, owner: Owner, id: JobId) -> Result<(), ApiError> {
    if state.engine.step(owner.id, id).await? {
        return Ok(());
    }
    match state.store.job(owner.id, id).await? {
        Some(_) => {
            Err(ApiError::new(StatusCode::CONFLICT, "job-finished", "The job has ended and takes no more steps."))
        }
        None => Err(ApiError::job_not_found()),
    }
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Refused(problem) if problem.status == 404 && problem.code == "not-found" => {
                Self::job_not_found()
            }
            RetryError::Refused(problem) => refused(*problem),
            RetryError::Store(error) => error.into(),
        }
    }
}
