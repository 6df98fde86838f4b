//! Submitting, listing and reading jobs.
//!
//! Invariant: 202 and 200 mean that the job is durable; a client that goes away while it waits only stops waiting.

use super::{
    conditional::{is_conditional, is_known, job_etag, not_modified, retry_after, wait_for_job, with_etag},
    extract::{JobPath, JsonBody, Params, at_field, link},
    preferences::{Prefer, idempotency_key},
};
use crate::{
    engine::{SubmitError, Submitted},
    error::ApiError,
    owner::Owner,
    representation,
    state::AppState,
    store::JobFilter,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Cursor, JobId, JobState, Problem,
    api::{JobList, Submit, WAIT_LIMIT_S},
};
use std::time::Duration;

const PATH: &str = "/api/v1/jobs";
const PAGE: usize = 50;
const MOST: usize = 200;

/// `POST /api/v1/jobs`
pub async fn submit(
    State(state): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
    JsonBody(submit): JsonBody<Submit>,
) -> Result<Response, ApiError> {
    let key = idempotency_key(&headers)?;
    let submitted = state.engine.submit(owner.id, submit, key).await?;
    accepted(&state, owner, Prefer::of(&headers), submitted).await
}

/// The answer to whatever made a job or found one: 200 when it is finished (within `wait`), else 202.
pub async fn accepted(
    state: &AppState,
    owner: Owner,
    prefer: Prefer,
    mut submitted: Submitted,
) -> Result<Response, ApiError> {
    let replayed = submitted.replayed;
    if !submitted.job.value.state.is_terminal() && !prefer.wait().is_zero() {
        let id = submitted.job.value.id;
        let found = wait_for_job(state, owner.id, id, prefer.wait(), |row| row.state.is_terminal()).await?;
        if let Some(job) = found {
            submitted = Submitted { job, queue: None, replayed };
        }
    }
    let finished = submitted.job.value.state.is_terminal();
    let job = representation::submitted(&state.engine, submitted).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, HeaderValue::from_str(&job.links.self_).map_err(ApiError::internal)?);
    if !finished {
        headers.insert(header::RETRY_AFTER, retry_after(&job));
    }
    if let Some(applied) = prefer.applied(finished) {
        headers.insert("preference-applied", applied);
    }
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    let status = if finished { StatusCode::OK } else { StatusCode::ACCEPTED };
    let etag = job_etag(job.jseq);
    Ok(with_etag((status, headers, Json(job)).into_response(), &etag))
}

/// `GET /api/v1/jobs/{id}?wait=`
pub async fn one(
    State(state): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
    JobPath(id): JobPath,
    params: Params,
) -> Result<Response, ApiError> {
    let wait = params.parsed::<u64>("wait", "a number of seconds")?.unwrap_or(0).min(WAIT_LIMIT_S);
    let conditional = is_conditional(&headers);
    let wanted = |jseq: u64, finished: bool| if conditional { !is_known(&headers, &job_etag(jseq)) } else { finished };
    let found =
        wait_for_job(&state, owner.id, id, Duration::from_secs(wait), |row| wanted(row.jseq, row.state.is_terminal()));
    let snapshot = found.await?.ok_or_else(ApiError::job_not_found)?;
    let etag = job_etag(snapshot.value.jseq);
    let finished = snapshot.value.state.is_terminal();
    let known = conditional && is_known(&headers, &etag);
    let job = representation::job(&state.engine, snapshot).await?;
    let after = retry_after(&job);
    let mut response = if known { not_modified(&etag) } else { with_etag(Json(job).into_response(), &etag) };
    if !finished {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    Ok(response)
}

/// `GET /api/v1/jobs?state=&kind=&q=&limit=&before=`: the snapshot
pub async fn list(State(state): State<AppState>, owner: Owner, params: Params) -> Result<Json<JobList>, ApiError> {
    let limit = params.limit(PAGE, MOST)?;
    let before = params.position::<JobId>("before")?;
    let states = params.text("state").map(states).transpose()?.unwrap_or_default();
    let text = |name| params.text(name).map(str::to_owned);
    // One more than asked for tells whether there is a next page.
    let filter = JobFilter { states, kind: text("kind"), q: text("q"), before, limit: limit + 1 };
    let mut snapshot = state.store.jobs(owner.id, filter).await?;
    let more = snapshot.value.len() > limit;
    snapshot.value.truncate(limit);
    let last = snapshot.value.last().filter(|_| more).map(|row| row.id.to_string());
    let asked = |name| (name, params.text(name));
    let next = last
        .map(|last| link(PATH, &[asked("state"), asked("kind"), asked("q"), asked("limit"), ("before", Some(&last))]));
    let cursor = Cursor::new(state.store.epoch(), snapshot.head);
    let items = representation::jobs(&state.engine, snapshot).await?;
    Ok(Json(JobList { items, next, cursor }))
}

/// One state or several, with commas between.
fn states(text: &str) -> Result<Vec<JobState>, ApiError> {
    let read = |word: &str| {
        JobState::parse(word.trim()).ok_or_else(|| ApiError::bad_query("state", "has a word that is no state"))
    };
    text.split(',').map(read).collect()
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(problem) => refused(*problem),
            SubmitError::Store(error) => error.into(),
        }
    }
}

/// What the engine refused, pointing at the fields themselves.
pub fn refused(mut problem: Problem) -> ApiError {
    problem.errors = problem.errors.into_iter().map(at_field).collect();
    problem.into()
}
