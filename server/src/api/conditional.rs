//! Entity tags, and waiting for a job to change.
//!
//! Used by the job and catalogue handlers and by the forms. Waiting subscribes before it reads, so that a change in between wakes it.
//! Invariant: what is answered after a wait was read after the wake-up; a wake-up itself carries nothing.

use crate::{
    state::AppState,
    store::{JobRow, Snapshot, StoreResult},
};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Job, JobId, OwnerId};
use std::time::Duration;
use tokio::time::Instant;

/// Whether `If-None-Match` is there at all.
pub fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH)
}

/// Whether `If-None-Match` names this tag (weak comparison, RFC 9110, section 8.8.3.2).
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let etag = bare(etag);
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == etag)
}

/// 304 with the tag.
pub fn not_modified(etag: &str) -> Response {
    with_etag(StatusCode::NOT_MODIFIED.into_response(), etag)
}

/// Adds the tag to an answer.
pub fn with_etag(mut response: Response, etag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// A job's tag: its own last event. Cursor, position and ETA do not count.
pub fn job_etag(jseq: u64) -> String {
    format!("W/\"{jseq}\"")
}

/// Seconds after which asking again for an unfinished job makes sense: when it can be done at the earliest, within reason.
pub fn retry_after(job: &Job) -> HeaderValue {
    let soonest = job.queue.as_ref().and_then(|queue| queue.eta_s).map_or(1, |[from, _]| from);
    HeaderValue::from(soonest.clamp(1, 30))
}

/// Reads a job until it is as wanted, at most so long. `None`: no such job of this owner.
///
/// # Errors
/// What the store said.
pub async fn wait_for_job(
    state: &AppState,
    owner: OwnerId,
    id: JobId,
    wait: Duration,
    wanted: impl Fn(&JobRow) -> bool,
) -> StoreResult<Option<Snapshot<JobRow>>> {
    if wait.is_zero() {
        return state.store.job(owner, id).await;
    }
    let deadline = Instant::now() + wait;
    let mut heads = state.bus.subscribe(owner);
    loop {
        heads.borrow_and_update();
        let found = state.store.job(owner, id).await?;
        if found.as_ref().is_none_or(|snapshot| wanted(&snapshot.value)) {
            return Ok(found);
        }
        tokio::select! {
            moved = heads.changed() => if moved.is_err() { return Ok(found) },
            () = tokio::time::sleep_until(deadline) => return Ok(found),
            () = state.shutdown.cancelled() => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let known = |text: &str, etag: &str| {
            is_known(&[(header::IF_NONE_MATCH, HeaderValue::from_str(text).unwrap())].into_iter().collect(), etag)
        };
        assert!(known("W/\"9\"", "W/\"9\"") && known("\"8\", \"9\"", "W/\"9\"") && known("*", "\"1\""));
        assert!(!known("W/\"9\"", "W/\"10\"") && !known("9", "W/\"9\""));
        assert!(!is_known(&HeaderMap::new(), "W/\"9\""));
    }
}
