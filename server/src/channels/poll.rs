//! Polling: `GET /api/v1/events` answers with what follows a cursor, at once or, with `wait`, as soon as there is something.
//!
//! One page of the feed per request. `ETag` names the position after the page (and what is watched beside it), so a client
//! that sends it back gets 304 while nothing follows. Holds nothing between two requests.
//! Invariant: whoever goes on from `next_cursor` misses nothing, whatever the answer's status was.

use super::{ChannelQuery, Watches, follower::CatalogueWatch, positions};
use crate::{
    error::ApiError,
    events::{feed::Feed, wire},
    owner::Owner,
    state::AppState,
    store::{EventRow, JobFilter, StoreError},
};
use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use domain::{JobId, JobState, OwnerId, api::WAIT_LIMIT_S, frame::Hint};
use std::fmt::Write as _;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

/// Seconds until the next poll when nothing is unfinished.
const QUIET_S: u64 = 30;
/// Seconds until the next poll while jobs are under way and nothing is new.
const BUSY_S: u64 = 5;

/// `GET /api/v1/events`.
///
/// # Errors
/// 400 for a bad query or cursor, 404 for another owner's job, 410 `cursor-expired` for a cursor that cannot be continued.
pub async fn events(
    State(app): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
    query: Result<Query<ChannelQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let query = ChannelQuery::read(query)?;
    let watches = query.watches()?;
    let mut watch = if watches.catalogue { Some(CatalogueWatch::open(&app, false).await?) } else { None };
    let mut feed = Feed::open(&app.store, &app.bus, owner.id, query.feed()).await?;
    if query.after.is_some() && query.job.is_none() {
        app.acks.note(owner.id, feed.cursor().seq, false);
    }
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(WAIT_LIMIT_S));
    // Over the limit, a long poll is a short one: that is an answer, too.
    let permit = if wait.is_zero() { None } else { app.limits.admit(owner.id, super::limits::Channel::Poll).ok() };
    let deadline = Instant::now() + if permit.is_some() { wait } else { Duration::ZERO };
    let start = feed.cursor();
    let (mut changed, mut seen) = (false, None);
    loop {
        let rows = feed.page().await?;
        // Empty, the page ends where it began for the client, even if other jobs' events were passed over.
        let end = rows.last().map_or_else(|| start.clone(), |row| feed.cursor_at(row.seq));
        let beside = Beside::look(&app, owner.id, query.job, watch.as_ref(), watches.positions).await?;
        let tag = format!("W/\"{end}{}\"", beside.tag);
        changed |= seen.replace(beside.tag.clone()).is_some_and(|seen: String| seen != beside.tag);
        let known = rows.is_empty() && matches_tag(&headers, &tag);
        // A tag that does not match says that something watched has changed since.
        let stale = watches != Watches::default() && !known && headers.contains_key(header::IF_NONE_MATCH);
        if changed || stale || !rows.is_empty() || feed.over().is_some() || Instant::now() >= deadline {
            let retry_after = retry_after(&app, owner.id, &feed, rows.len(), watch.is_some()).await?;
            // Who looks once (a service worker, a page that is told by push) does not say that it will look again by itself.
            if query.once != Some(true) {
                app.presence.polled(owner.id, Duration::from_secs(retry_after));
            }
            let body = (!known).then(|| write_page(&feed, &rows, beside.hints.as_deref()));
            return Ok(respond(body, &tag, retry_after));
        }
        let change = async {
            match watch.as_mut() {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = timeout_at(deadline, feed.moved()) => {}
            () = change => changed = true,
            // A place in the queue moves without a word of this owner's stream.
            () = sleep_until(Instant::now() + positions::LOOK_EVERY), if beside.places => {}
            () = app.shutdown.cancelled() => {
                // Answered at once, so that the server need not wait for this request to end.
                let body = (!known).then(|| write_page(&feed, &[], beside.hints.as_deref()));
                return Ok(respond(body, &tag, fastrand::u64(1..=BUSY_S)));
            }
        }
    }
}

/// What is watched beside the log, as it is now.
struct Beside {
    /// Part of the tag.
    tag: String,
    /// None when nothing is watched.
    hints: Option<Vec<Hint>>,
    /// Whether there are places that may change by themselves.
    places: bool,
}

impl Beside {
    async fn look(
        app: &AppState,
        owner: OwnerId,
        job: Option<JobId>,
        catalogue: Option<&CatalogueWatch>,
        positions: bool,
    ) -> Result<Self, StoreError> {
        let mut beside = Self { tag: String::new(), hints: None, places: false };
        if let Some(watch) = catalogue {
            beside.tag = watch.tag();
            beside.hints.get_or_insert_default().push(watch.hint());
        }
        if positions {
            let (hints, mark) = positions::present(app, owner, job).await?;
            // Writing into a String cannot fail.
            let _ = write!(beside.tag, "+p{mark:x}");
            beside.places = !hints.is_empty();
            beside.hints.get_or_insert_default().extend(hints);
        }
        Ok(beside)
    }
}

fn write_page(feed: &Feed, rows: &[EventRow], hints: Option<&[Hint]>) -> String {
    let mut body =
        String::with_capacity(128 + rows.iter().map(|row| row.data.len() + wire::ENVELOPE_BYTES).sum::<usize>());
    body.push_str(r#"{"items":"#);
    wire::write_events(&mut body, feed.epoch(), rows);
    // Writing into a String cannot fail.
    let _ = write!(body, r#","next_cursor":"{}","head":"{}","more":{}"#, feed.cursor(), feed.head(), feed.more());
    if let Some(hints) = hints {
        let hints = serde_json::to_string(hints).unwrap_or_default();
        let _ = write!(body, r#","hints":{hints}"#);
    }
    body.push('}');
    body
}

fn respond(body: Option<String>, tag: &str, retry_after: u64) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    match body {
        Some(body) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Body::from(body);
        }
        None => *response.status_mut() = StatusCode::NOT_MODIFIED,
    }
    response
}

/// Weak comparison, as `If-None-Match` has it (RFC 9110, section 13.1.2).
fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = tag.trim_start_matches("W/");
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == opaque)
}

/// Sooner while things move, later when nothing can.
async fn retry_after(
    app: &AppState,
    owner: OwnerId,
    feed: &Feed,
    events: usize,
    watches: bool,
) -> Result<u64, StoreError> {
    if feed.more() {
        return Ok(0);
    }
    if events > 0 {
        return Ok(1);
    }
    if feed.over().is_some() {
        return Ok(QUIET_S);
    }
    let unfinished = JobState::ALL.into_iter().filter(|state| !state.is_terminal()).collect();
    let filter = JobFilter { states: unfinished, limit: 1, ..JobFilter::default() };
    let busy = watches || !app.store.jobs(owner, filter).await?.value.is_empty();
    Ok(if busy { BUSY_S } else { QUIET_S })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_weak_or_strong_and_in_a_list() {
        let judged = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            matches_tag(&headers, "W/\"k3x9.57\"")
        };
        assert!(judged("W/\"k3x9.57\"") && judged("\"k3x9.57\"") && judged("\"x\", W/\"k3x9.57\""));
        assert!(!judged("\"k3x9.5\"") && !judged("W/\"k3x9.58\""));
    }
}
