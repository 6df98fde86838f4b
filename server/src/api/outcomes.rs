//! What came of a job: its result, its files, its log and its attempts.
//!
//! Answers only what is its owner's; another one's job is 404 like one that never was.
//! Invariant: a file is served only when a committed row names it, so no path from a request ever reaches the disk.

use super::{
    conditional::retry_after,
    downloads,
    extract::{JobPath, Params},
};
use crate::{
    error::ApiError, events::wire::write_events, owner::Owner, representation, state::AppState, store::EventsRead,
};
use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Cursor, JobId, JobState, api::Page};

/// Events on a page of a job's log.
const LOG_PAGE: usize = 500;

/// `GET /api/v1/jobs/{id}/result`: the output, or the file of a kind whose result is one.
pub async fn result(
    State(state): State<AppState>,
    owner: Owner,
    JobPath(id): JobPath,
    request: Request,
) -> Result<Response, ApiError> {
    let snapshot = state.store.job(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    match snapshot.value.state {
        JobState::Succeeded => {
            if let Some(row) = state.store.result_file(owner.id, id).await? {
                return downloads::serve(&state, &snapshot.value, &row, request).await;
            }
            let output = snapshot.value.output.unwrap_or_else(|| "null".to_owned());
            Ok(([(header::CONTENT_TYPE, "application/json")], output).into_response())
        }
        JobState::Failed => {
            let detail = snapshot.value.failure.and_then(|failure| failure.detail.or(Some(failure.code)));
            let detail =
                format!("The job failed and has no result: {}", detail.unwrap_or_else(|| "see the job".to_owned()));
            Err(ApiError::new(StatusCode::CONFLICT, "job-failed", detail))
        }
        JobState::Cancelled => {
            Err(ApiError::new(StatusCode::CONFLICT, "job-cancelled", "The job was cancelled and has no result."))
        }
        _ => {
            let job = representation::job(&state.engine, snapshot).await?;
            let headers = [(header::RETRY_AFTER, retry_after(&job))];
            Ok((StatusCode::ACCEPTED, headers, Json(job)).into_response())
        }
    }
}

/// `GET /api/v1/jobs/{id}/files/{name}`, in whole or in ranges
pub async fn file(
    State(state): State<AppState>,
    owner: Owner,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let missing =
        || ApiError::new(StatusCode::NOT_FOUND, "file-not-found", "There is no such file of a job of this owner.");
    let Path((id, name)) = path.map_err(|_| missing())?;
    let id: JobId = id.parse().map_err(|_| missing())?;
    let row = state.store.job_file(owner.id, id, &name).await?.ok_or_else(missing)?;
    let job = state.store.job(owner.id, id).await?.ok_or_else(missing)?.value;
    downloads::serve(&state, &job, &row, request).await
}

/// `GET /api/v1/jobs/{id}/events?after=<jseq>&limit=`
pub async fn log(
    State(state): State<AppState>,
    owner: Owner,
    JobPath(id): JobPath,
    params: Params,
) -> Result<Response, ApiError> {
    let after = params.position::<u64>("after")?.unwrap_or(0);
    let limit = params.limit(LOG_PAGE, LOG_PAGE)?;
    // What no store can hold is no position that an answer gave.
    let after = i64::try_from(after).map_err(|_| ApiError::bad_cursor())?.unsigned_abs();
    let read = state.store.job_events(owner.id, id, after, limit).await?.ok_or_else(ApiError::job_not_found)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], log_page(state.store.epoch(), id, &read)).into_response())
}

/// The events as the store wrote them; both cursors are marked as this job's.
fn log_page(epoch: &str, id: JobId, read: &EventsRead) -> String {
    let head = Cursor { job: Some(id), ..Cursor::new(epoch, read.stream.head) };
    let next = read.rows.last().filter(|_| read.more).map_or_else(|| head.clone(), |last| head.at(last.seq));
    let mut page = String::from("{\"items\":");
    write_events(&mut page, epoch, &read.rows);
    page.push_str(&format!(",\"next_cursor\":\"{next}\",\"head\":\"{head}\",\"more\":{}}}", read.more));
    page
}

/// `GET /api/v1/jobs/{id}/attempts`
pub async fn attempts(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath) -> Result<Response, ApiError> {
    let rows = state.store.attempts(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    let items = rows.into_iter().map(representation::attempt).collect();
    Ok(Json(Page { items, next: None }).into_response())
}
