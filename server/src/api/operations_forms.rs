//! The operator's forms: signing in and out, acting on the jobs that were ticked, and on all that a filter matches.
//!
//! They work without script and with it. The same engine calls as `operations`, answered with a page; what is refused comes back
//! as the page with what is wrong.
//! Invariant: but for signing in, nothing here is done without a session; a token that was typed is never shown again.

use super::operations::act_on;
use crate::{
    error::ApiError,
    forms::{Fields, again, local, page_at, read_fields, see_other, value},
    operator::{Operator, OperatorKey, address_of},
    owner::Owner,
    state::AppState,
};
use axum::{
    extract::{Request, State},
    http::{header, request::Parts},
    response::Response,
};
use domain::{
    InputError, JobId,
    api::job_page,
    operations::{Action, BulkRequest, Filter},
};

const PAGE: &str = "/operations";

/// `POST /operations/sign-in`
pub async fn sign_in(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    let page = page_at("/operations/sign-in", &request);
    let mut fields = Fields::new();
    let read = read_fields(&state, owner, request, &mut fields).await;
    let next = value(&fields, "next").unwrap_or(PAGE).to_owned();
    let judged = read.and_then(|()| {
        let token = value(&fields, "token").unwrap_or_default();
        state.operator.check(token, address_of(&page, &state)).map_err(ApiError::from)
    });
    match judged {
        Ok(()) => {
            let mut response = see_other(local(&next));
            state.operator.set_cookie(response.headers_mut());
            response
        }
        Err(error) => {
            let kept = error.header(&header::RETRY_AFTER);
            let mut response = again(state, page, vec![("next".to_owned(), next)], error).await;
            if let Some(wait) = kept {
                response.headers_mut().insert(header::RETRY_AFTER, wait);
            }
            response
        }
    }
}

/// `POST /operations/sign-out`
pub async fn sign_out() -> Response {
    let mut response = see_other("/operations/sign-in?said=signed-out");
    OperatorKey::clear_cookie(response.headers_mut());
    response
}

/// `POST /operations/act`: `one=<action>:<id>` of a row's button, or `action` with every `job` that was ticked
pub async fn act(
    operator: Result<Operator, ApiError>,
    State(state): State<AppState>,
    owner: Owner,
    request: Request,
) -> Response {
    let page = page_at(PAGE, &request);
    let mut fields = Fields::new();
    let done = async {
        operator?;
        read_fields(&state, owner, request, &mut fields).await?;
        act_fields(&state, &fields).await
    };
    match done.await {
        Ok(said) => {
            let back = local(value(&fields, "back").unwrap_or(PAGE));
            let separator = if back.contains('?') { '&' } else { '?' };
            see_other(&format!("{back}{separator}said={said}"))
        }
        Err(error) => refused(state, page, error).await,
    }
}

/// What was done, as `retry-<done>-<left>`, for the page to say.
async fn act_fields(state: &AppState, fields: &Fields) -> Result<String, ApiError> {
    let (action, jobs) = match value(fields, "one").and_then(|one| one.split_once(':')) {
        Some((word, id)) => (Action::parse(word), vec![id]),
        None => {
            let ticked = fields.iter().filter(|(name, _)| name == "job").map(|(_, id)| id.as_str());
            (value(fields, "action").and_then(Action::parse), ticked.collect())
        }
    };
    let wrong = |pointer: &str| ApiError::invalid(vec![InputError::new(pointer, "missing-field", "this is needed")]);
    let action = action.ok_or_else(|| wrong("/action"))?;
    let jobs: Vec<JobId> = jobs.into_iter().map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong("/jobs"))?;
    if jobs.is_empty() {
        return Ok("nothing-ticked".to_owned());
    }
    let acted = act_on(&state.engine, action, &jobs).await?;
    let fits = |outcome: &str| matches!(outcome, "retried" | "cancelled" | "requested");
    let done = acted.iter().filter(|acted| fits(&acted.outcome)).count();
    Ok(format!("{}-{done}-{}", action.as_str(), acted.len() - done))
}

/// `POST /operations/bulk`: after the page that says how many there are
pub async fn bulk(
    operator: Result<Operator, ApiError>,
    State(state): State<AppState>,
    owner: Owner,
    request: Request,
) -> Response {
    let page = page_at(PAGE, &request);
    let mut fields = Fields::new();
    let done = async {
        operator?;
        read_fields(&state, owner, request, &mut fields).await?;
        let wrong = |pointer| ApiError::invalid(vec![InputError::new(pointer, "wrong-type", "does not fit here")]);
        let action = value(&fields, "action").and_then(Action::parse).ok_or_else(|| wrong("/action"))?;
        let as_of = value(&fields, "as_of").map(str::parse).transpose().map_err(|_| wrong("/as_of"))?;
        let per_second = value(&fields, "per_second").map(str::parse).transpose().map_err(|_| wrong("/per_second"))?;
        let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let filter = Filter::from_pairs(pairs).map_err(ApiError::invalid)?;
        Ok::<_, ApiError>(state.engine.submit_bulk(owner.id, BulkRequest { action, filter, as_of, per_second }).await?)
    };
    match done.await {
        Ok(submitted) => see_other(&job_page(submitted.job.value.id)),
        Err(error) => refused(state, page, error).await,
    }
}

/// To the form for signing in, or the list with what is wrong.
async fn refused(state: AppState, page: Parts, error: ApiError) -> Response {
    if matches!(error.problem().status, 401) {
        return see_other("/operations/sign-in");
    }
    again(state, page, Fields::new(), error).await
}
