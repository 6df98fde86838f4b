//! The operator's routes: every owner's jobs by filter, what there is to do, and actions on one, a few, or all that match.
//!
//! Every handler takes [`Operator`] first, so that nobody else learns anything, not even whether a job is there. The pages answer from
//! the same functions (`ui::operations`), the forms act through the same engine calls (`operations_forms`).
//! Invariant: an answer without the token or a session is 401 before the request is looked at.

use super::{
    conditional::{is_known, not_modified, with_etag},
    extract::{JobPath, JsonBody, Params, link},
};
use crate::{
    clock,
    engine::{Engine, RetryError},
    error::ApiError,
    metrics::{CONTENT_TYPE, Gauges},
    operator::Operator,
    owner::Owner,
    representation,
    state::AppState,
    store::{EventRow, Scope, json},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Event, InputError, JobId, Problem,
    operations::{
        Acted, Action, BulkRequest, Filter, JobReport, Matched, Overview, PAGE_SIZE, RowPage, SELECTION_LIMIT,
        Selection,
    },
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

const PATH: &str = "/api/v1/operations/jobs";
const MOST: usize = 200;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Events at each end of a job's log that a report holds.
const LOG_ENDS: u64 = 200;

/// `GET /api/v1/operations`
pub async fn overview(_: Operator, State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    fresh(&headers, &overview_of(&state.engine).await?)
}

/// What there is to do, of every kind.
///
/// # Errors
/// What the store said.
pub async fn overview_of(engine: &Engine) -> Result<Overview, ApiError> {
    let mut kinds = engine.store().kind_loads(clock::now().plus_ms(-DAY_MS)).await?;
    for name in engine.registry().names() {
        if !kinds.iter().any(|load| load.kind == name) {
            kinds.push(domain::operations::KindLoad { kind: name.to_owned(), ..Default::default() });
        }
    }
    kinds.sort_by(|a, b| a.kind.cmp(&b.kind));
    let workers_busy = kinds.iter().map(|load| load.running).sum();
    Ok(Overview { kinds, workers_busy, workers: engine.workers() as u64 })
}

/// `GET /api/v1/operations/jobs?state=&kind=&reason=&code=&owner=&q=&since=&limit=&before=`
pub async fn list(
    _: Operator,
    State(state): State<AppState>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let filter = filter_of(&params)?;
    let limit = params.limit(PAGE_SIZE, MOST)?;
    let before = params.position::<i64>("before")?;
    let mut page = page_of(&state.engine, filter.clone(), before, limit).await?;
    page.next = page.before.map(|before| {
        let (before, limit) = (before.to_string(), params.text("limit"));
        let pairs = filter.to_pairs();
        let mut query: Vec<_> = pairs.iter().map(|(name, value)| (*name, Some(value.as_str()))).collect();
        query.extend([("limit", limit), ("before", Some(before.as_str()))]);
        link(PATH, &query)
    });
    fresh(&headers, &page)
}

/// A page of the list, without the link to the next one.
///
/// # Errors
/// What the store said.
pub async fn page_of(engine: &Engine, filter: Filter, before: Option<i64>, limit: usize) -> Result<RowPage, ApiError> {
    let found = engine.store().operated(Scope::listed(filter), before, limit).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for row in found.items {
        items.push(representation::operated(engine, row).await?);
    }
    Ok(RowPage { items, next: None, before: found.next })
}

/// `GET /api/v1/operations/count?action=&…`
pub async fn count(_: Operator, State(state): State<AppState>, params: Params) -> Result<Json<Matched>, ApiError> {
    let action = params.text("action").and_then(Action::parse);
    let action = action.ok_or_else(|| ApiError::bad_query("action", "must be `retry` or `cancel`"))?;
    Ok(Json(count_of(&state.engine, action, filter_of(&params)?).await?))
}

/// How many jobs a bulk action would take now.
///
/// # Errors
/// A filter that the action does not fit, or what the store said.
pub async fn count_of(engine: &Engine, action: Action, filter: Filter) -> Result<Matched, ApiError> {
    let as_of = clock::now();
    let matched = engine.count_matching(Engine::bulk_scope(action, filter, as_of)?).await?;
    Ok(Matched { matched, as_of })
}

/// `GET /api/v1/operations/jobs/{id}`
pub async fn one(
    _: Operator,
    State(state): State<AppState>,
    headers: HeaderMap,
    JobPath(id): JobPath,
) -> Result<Response, ApiError> {
    fresh(&headers, &report_of(&state.engine, id).await?)
}

/// All there is to see of a job.
///
/// # Errors
/// 404, or what the store said.
pub async fn report_of(engine: &Engine, id: JobId) -> Result<JobReport, ApiError> {
    let store = engine.store();
    let found = store.operated_job(id).await?.ok_or_else(ApiError::job_not_found)?;
    let owner = found.row.owner;
    let snapshot = store.job(owner, id).await?.ok_or_else(ApiError::job_not_found)?;
    let last = snapshot.value.jseq;
    let attempts = store.attempts(owner, id).await?.unwrap_or_default();
    let mut log = Vec::new();
    for after in [0, last.saturating_sub(LOG_ENDS).max(LOG_ENDS)] {
        if after < last {
            let read = store.job_events(owner, id, after, LOG_ENDS as usize).await?;
            log.extend(read.into_iter().flat_map(|read| read.rows).map(|row| event(store.epoch(), row)));
        }
    }
    let attempts = attempts.into_iter().map(representation::attempt).collect();
    let row = representation::operated(engine, found).await?;
    let job = representation::job(engine, snapshot).await?;
    Ok(JobReport { row, job, attempts, log })
}

fn event(epoch: &str, row: EventRow) -> Event {
    let EventRow { seq, prev, job, kind, jseq, at, type_, data } = row;
    Event { epoch: epoch.to_owned(), seq, prev, job, kind, jseq, at, type_, data: json(&data) }
}

/// `POST /api/v1/operations/retry`: at most 200 jobs by name
pub async fn retry(
    operator: Operator,
    state: State<AppState>,
    body: JsonBody<Selection>,
) -> Result<Response, ApiError> {
    act(operator, &state, Action::Retry, body.0).await
}

/// `POST /api/v1/operations/cancel`: likewise
pub async fn cancel(
    operator: Operator,
    state: State<AppState>,
    body: JsonBody<Selection>,
) -> Result<Response, ApiError> {
    act(operator, &state, Action::Cancel, body.0).await
}

async fn act(_: Operator, state: &AppState, action: Action, selection: Selection) -> Result<Response, ApiError> {
    let items = act_on(&state.engine, action, &selection.jobs).await?;
    Ok(Json(domain::api::Page { items, next: None }).into_response())
}

/// Does one thing to a few jobs; what became of each is told one by one.
///
/// # Errors
/// 422 for none or too many, or what the store said: then the jobs named first may have been done.
pub async fn act_on(engine: &Engine, action: Action, jobs: &[JobId]) -> Result<Vec<Acted>, ApiError> {
    if jobs.is_empty() || jobs.len() > SELECTION_LIMIT {
        return Err(ApiError::invalid(vec![InputError::out_of_range("/jobs", 1, SELECTION_LIMIT as u64)]));
    }
    let mut acted = Vec::with_capacity(jobs.len());
    for &job in jobs {
        let outcome = match engine.operate(action, job).await {
            Ok(word) => word.to_owned(),
            Err(RetryError::Refused(problem)) => problem.code,
            Err(RetryError::Store(error)) => return Err(error.into()),
        };
        acted.push(Acted { job, outcome });
    }
    Ok(acted)
}

/// `POST /api/v1/operations/bulk`: 202 with the job that does it, which belongs to whoever asks
pub async fn bulk(
    _: Operator,
    State(state): State<AppState>,
    owner: Owner,
    JsonBody(request): JsonBody<BulkRequest>,
) -> Result<Response, ApiError> {
    let submitted = state.engine.submit_bulk(owner.id, request).await?;
    let job = representation::submitted(&state.engine, submitted).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, HeaderValue::from_str(&job.links.self_).map_err(ApiError::internal)?);
    Ok((StatusCode::ACCEPTED, headers, Json(job)).into_response())
}

/// `GET /metrics`: for the operator's Bearer, or for everybody if the setting says so
pub async fn metrics(
    State(state): State<AppState>,
    operator: Result<Operator, ApiError>,
) -> Result<Response, ApiError> {
    if !state.config.operator.metrics_open {
        operator?;
    }
    let gauges = Gauges {
        store: state.store.statistics(),
        workers: state.engine.workers(),
        streams: state.limits.by_channel(),
        connections: state.throttle.connections(),
        outbox: state.store.outbox_load().await?,
        now: Some(clock::now()),
    };
    let text = state.engine.metrics().text(&gauges);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

fn filter_of(params: &Params) -> Result<Filter, ApiError> {
    Filter::from_pairs(params.pairs()).map_err(|errors| ApiError::from(Problem::invalid(errors)))
}

/// 304 when the asker has it already, by a tag of what it says.
fn fresh(headers: &HeaderMap, value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(value).map_err(ApiError::internal)?;
    let digest = Sha256::digest(&body);
    let etag = digest.iter().take(12).fold("W/\"".to_owned(), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    if is_known(headers, &etag) {
        return Ok(not_modified(&etag));
    }
    Ok(with_etag(([(header::CONTENT_TYPE, "application/json")], body).into_response(), &etag))
}
