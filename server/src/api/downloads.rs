//! A job's file as an answer: whole or in ranges, with the tag by which a broken download goes on.
//!
//! Called by `outcomes` once a committed row has named the file; `ServeFile` reads it.
//! Invariant: a range is only answered of the content that the client has the beginning of (RFC 9110, section 13.1.5): with an `If-Range`
//! that is not this file's tag the whole file comes.

use super::{
    conditional::{is_known, not_modified, with_etag},
    extract::percent_encode,
};
use crate::{
    clock,
    error::ApiError,
    state::AppState,
    store::{FileRow, JobRow},
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use tower_http::services::ServeFile;

/// Answers a file of a job, or says that it has expired or is lost.
///
/// # Errors
/// 410 `result-expired` and `file-lost`, 412 `precondition-failed`, 416 `bad-range`.
pub async fn serve(state: &AppState, job: &JobRow, row: &FileRow, mut request: Request) -> Result<Response, ApiError> {
    let expires = job.finished_at.map(|at| state.store.policy().expires_at(at, true, job.resumable));
    if expires.is_some_and(|at| at < clock::now()) {
        let detail =
            "The file was kept for as long as results are, and is gone; the job's `expires_at` says since when.";
        return Err(ApiError::new(StatusCode::GONE, "result-expired", detail));
    }
    let etag =
        row.sha256.map(|hash| format!("\"{}\"", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    if let Some(etag) = &etag {
        if request.headers().contains_key(header::IF_MATCH) && !matches(request.headers(), etag) {
            let detail = "The file is another than the one that `If-Match` names.";
            return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail));
        }
        if is_known(request.headers(), etag) {
            return Ok(not_modified(etag));
        }
    }
    narrow(request.headers_mut(), etag.as_deref());
    let served = ServeFile::new(state.files.job_dir(job.id).join(&row.name)).try_call(request).await;
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
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition(row)).map_err(ApiError::internal)?);
    Ok(match etag {
        Some(etag) => with_etag(response, &etag),
        None => response,
    })
}

/// Leaves of the conditions and ranges what [`ServeFile`] is to look at.
fn narrow(headers: &mut HeaderMap, etag: Option<&str>) {
    // The tag decides where there is one (RFC 9110, section 13.1.3).
    if headers.contains_key(header::IF_NONE_MATCH) {
        headers.remove(header::IF_MODIFIED_SINCE);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A date may be the same for two contents.
    let same =
        headers.get(header::IF_RANGE).is_none_or(|_| etag.is_some() && text(header::IF_RANGE).map(str::trim) == etag);
    // Several ranges at once, or another unit: the whole file is as good an answer.
    let one = text(header::RANGE).is_some_and(|range| range.trim_start().starts_with("bytes=") && !range.contains(','));
    if !(same && one) {
        headers.remove(header::RANGE);
    }
}

/// Whether `If-Match` names this tag.
fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|tag| tag.trim() == "*" || tag.trim() == etag)
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
