//! What came of a job: its result, its files, its log and its attempts.
//!
//! Answers only what is its owner's; another one's job is 404 like one that never was.
//! Invariant: a file is served only when a committed row names it, so no path from a request ever reaches the disk.

use super::{
    conditional::retry_after,
    extract::{JobPath, Params, percent_encode},
};
use crate::{
    clock,
    error::ApiError,
    events::wire::write_events,
    owner::Owner,
    representation,
    state::AppState,
    store::{EventsRead, FileRow},
};
use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Cursor, JobId, JobState, api::Page};
use tower_http::services::ServeFile;

/// Events on a page of a job's log.
const LOG_PAGE: usize = 500;

/// `GET /api/v1/jobs/{id}/result`
pub async fn result(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath) -> Result<Response, ApiError> {
    let snapshot = state.store.job(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    match snapshot.value.state {
        JobState::Succeeded => {
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
    let expires = job.finished_at.map(|at| state.store.policy().expires_at(at, true, job.resumable));
    if expires.is_some_and(|at| at < clock::now()) {
        let detail =
            "The file was kept for as long as results are, and is gone; the job's `expires_at` says since when.";
        return Err(ApiError::new(StatusCode::GONE, "result-expired", detail));
    }
    let served = ServeFile::new(state.files.job_dir(id).join(&row.name)).try_call(request).await;
    let mut response = served.map_err(ApiError::internal)?.map(Body::new);
    match response.status() {
        // A row without its bytes: of a backup that lacked them, or somebody's hand in the data folder.
        StatusCode::NOT_FOUND => {
            let detail = "The job made this file, but it is not on the server's disk any more; run the job again to make it anew.";
            return Err(ApiError::new(StatusCode::GONE, "file-lost", detail));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let error = ApiError::new(response.status(), "bad-range", "The file has no such range.");
            let range = response.headers_mut().remove(header::CONTENT_RANGE);
            return Err(range.into_iter().fold(error, |error, range| error.with_header(header::CONTENT_RANGE, range)));
        }
        _ => {}
    }
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&row.content_type).map_err(ApiError::internal)?);
    }
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition(&row)).map_err(ApiError::internal)?);
    Ok(response)
}

/// To be saved under its own name (RFC 6266): once in ASCII, once as it is.
fn disposition(row: &FileRow) -> String {
    let plain: String = row
        .name
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || "-_. ".contains(char) { char } else { '_' })
        .collect();
    let mut disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    percent_encode(&mut disposition, &row.name);
    disposition
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
