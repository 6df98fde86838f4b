//! Forms without JavaScript: the same engine calls as the API, answered with a page instead of JSON.
//!
//! A form that is right answers 303; one that is wrong comes again, with what was typed and what is wrong with it (422).
//! Knows no markup: [`ui::page_with_form`] renders. Files go to disk while they arrive, like uploads over the API.
//! Invariant: nothing that the API would refuse passes here, and the other way round.

use crate::{
    api::{
        actions::permit_step,
        callbacks::deliver,
        conditional::wait_for_job,
        extract::{JobPath, read_body},
        me,
        uploads::{self, Allowance, is_multipart},
    },
    engine::{IdempotencyKey, Retried},
    error::ApiError,
    owner::Owner,
    state::AppState,
    ui,
};
use app::FormState;
use axum::{
    Form, RequestExt as _,
    body::Body,
    extract::{FromRequest as _, Multipart, Request, State, multipart::Field},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::{
    InputError, JobId,
    api::{CALLBACK_LIMIT, CancelOutcome, Retry, WAIT_LIMIT_S, job_page},
    kinds::{
        form::{FILE_NAME, PREFIX, input_from_form},
        request::request_from_form,
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Text of all fields together, in bytes.
const TEXT_LIMIT: usize = 1 << 20;

/// Names and values, in the order sent.
pub(crate) type Fields = Vec<(String, String)>;

/// `POST /jobs`
pub async fn submit(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    let page = page_at("/", &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        submit_fields(&state, owner, &fields).await
    };
    match done.await {
        Ok((id, said)) => see_other(&saying(id, said.as_deref())),
        Err(error) => again(state, page, fields, error).await,
    }
}

/// The job, and what its page is to say about the answer when that is more than "accepted".
async fn submit_fields(state: &AppState, owner: Owner, fields: &Fields) -> Result<(JobId, Option<String>), ApiError> {
    let asked_at = Instant::now();
    let kind = value(fields, "kind").unwrap_or_default();
    let key = value(fields, "idempotency_key").map(|text| {
        let error = || InputError::new("/idempotency_key", "wrong-type", "must be 1 to 255 visible characters");
        IdempotencyKey::parse(text).ok_or_else(|| ApiError::invalid(vec![error()]))
    });
    let request = request_from_form(kind, fields).map_err(ApiError::invalid)?;
    let submitted = state.engine.submit(owner.id, request, key.transpose()?).await?;
    let row = submitted.job.value;
    let wait = value(fields, "wait").and_then(|text| text.parse().ok()).unwrap_or(0u64).min(WAIT_LIMIT_S);
    wait_for_job(state, owner.id, row.id, Duration::from_secs(wait), |row| row.state.is_terminal()).await?;
    let said = if submitted.replayed {
        Some("replayed".to_owned())
    } else {
        (wait > 0).then(|| format!("waited-{}", asked_at.elapsed().as_millis()))
    };
    Ok((row.id, said))
}

/// `POST /jobs/{id}/cancel`
pub async fn cancel(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath, request: Request) -> Response {
    let page = page_at(&job_page(id), &request);
    let done = async { state.engine.cancel(owner.id, id).await?.ok_or_else(ApiError::job_not_found) };
    match done.await {
        Ok(outcome) => see_other(&saying(
            id,
            Some(match outcome {
                CancelOutcome::Cancelled => "cancelled",
                CancelOutcome::Requested => "requested",
                CancelOutcome::TooLate => "too-late",
            }),
        )),
        Err(error) => again(state, page, Fields::new(), error).await,
    }
}

/// A job's page that says what came of a form.
fn saying(id: JobId, said: Option<&str>) -> String {
    said.map_or_else(|| job_page(id), |said| format!("{}?said={said}", job_page(id)))
}

/// `POST /jobs/{id}/step`
pub async fn step(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath, request: Request) -> Response {
    let page = page_at(&job_page(id), &request);
    match permit_step(&state, owner, id).await {
        Ok(()) => see_other(&job_page(id)),
        Err(error) => again(state, page, Fields::new(), error).await,
    }
}

/// `POST /jobs/{id}/callback`: the owner of a rehearsal plays the third party that it waits for
pub async fn callback(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath, request: Request) -> Response {
    let page = page_at(&job_page(id), &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        let token = value(&fields, "token").unwrap_or_default();
        let body = json!({"answer": value(&fields, "answer")}).to_string();
        if body.len() > CALLBACK_LIMIT {
            return Err(ApiError::too_large(CALLBACK_LIMIT as u64));
        }
        deliver(&state.engine, token, body).await
    };
    match done.await {
        Ok(()) => see_other(&saying(id, Some("called-back"))),
        Err(error) => again(state, page, fields, error).await,
    }
}

/// `POST /jobs/{id}/retry`: as it is, `from=start`, or with edited `input.…` as a new job
pub async fn retry(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath, request: Request) -> Response {
    let mut page = page_at(&job_page(id), &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        retry_fields(&state, owner, id, &fields).await
    };
    match done.await {
        Ok(id) => see_other(&job_page(id)),
        Err(error) => {
            if is_edited(&fields)
                && let Ok(uri) = format!("{}?edit=1", job_page(id)).parse()
            {
                page.uri = uri;
            }
            again(state, page, fields, error).await
        }
    }
}

fn is_edited(fields: &Fields) -> bool {
    fields.iter().any(|(name, _)| name.starts_with(PREFIX))
}

async fn retry_fields(state: &AppState, owner: Owner, id: JobId, fields: &Fields) -> Result<JobId, ApiError> {
    let retry = if is_edited(fields) {
        let job = state.store.job(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
        Retry { from: None, input: Some(input_from_form(&job.value.kind, fields)) }
    } else {
        Retry { from: value(fields, "from").map(str::to_owned), input: None }
    };
    Ok(match state.engine.retry(owner.id, id, retry).await? {
        Retried::Reopened(job) => job.value.id,
        Retried::New(submitted) => submitted.job.value.id,
    })
}

/// `POST /preferences`: language, theme and channel as cookies that the browser's code reads too
pub async fn preferences(request: Request) -> Response {
    let Ok(Form(fields)) = request.extract::<Form<Fields>, _>().await else {
        return ApiError::new(StatusCode::BAD_REQUEST, "bad-form", "The preferences are no form.").into_response();
    };
    let mut response = see_other(local(value(&fields, "next").unwrap_or("/")));
    let mut keep = |name: &str, value: &str| {
        let cookie = format!("{name}={value}; Path=/; Max-Age=34560000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    };
    for (name, words) in [("lang", &["en", "fr"][..]), ("theme", &["auto", "light", "dark"])] {
        if let Some(word) = value(&fields, name).filter(|word| words.contains(word)) {
            keep(name, word);
        }
    }
    match value(&fields, "channel") {
        Some("poll") => {
            let interval = value(&fields, "interval_s").and_then(|text| text.parse().ok()).unwrap_or(5u32);
            keep("channel", &format!("poll:{}", interval.clamp(1, 30)));
        }
        Some(channel @ ("sse" | "ws")) => keep("channel", channel),
        _ => {}
    }
    response
}

/// `POST /privacy/delete`: everything of this owner goes, if the box was ticked
pub async fn delete_data(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    let page = page_at("/privacy", &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        if value(&fields, "confirm") != Some("yes") {
            return Ok("/privacy?said=confirm");
        }
        me::erase(&state, owner.id).await.map(|()| "/privacy?said=deleted")
    };
    match done.await {
        Ok(path) => {
            let mut response = see_other(path);
            if path.ends_with("deleted") {
                state.owners.clear_cookie(response.headers_mut());
            }
            response
        }
        Err(error) => again(state, page, fields, error).await,
    }
}

/// A path of this site, or the home page: a form must not send anybody elsewhere.
pub(crate) fn local(next: &str) -> &str {
    let elsewhere =
        !next.starts_with('/') || next.starts_with("//") || next.contains('\\') || next.contains(char::is_control);
    if elsewhere { "/" } else { next }
}

pub(crate) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The request as if it had asked for a page.
pub(crate) fn page_at(path: &str, request: &Request) -> Parts {
    let (mut parts, _) = Request::new(Body::empty()).into_parts();
    parts.uri = path.parse().unwrap_or(Uri::from_static("/"));
    parts.extensions = request.extensions().clone();
    let told = |name: &header::HeaderName| !matches!(*name, header::CONTENT_LENGTH | header::CONTENT_TYPE);
    let headers = request.headers().iter().filter(|(name, _)| told(name));
    parts.headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect::<HeaderMap>();
    parts
}

/// The page again, with what was typed and what is wrong with it.
pub(crate) async fn again(state: AppState, page: Parts, values: Fields, error: ApiError) -> Response {
    // To a form, a kind that is not there is a wrong field, not a page that is not there.
    let status = if error.problem().code == "unknown-kind" { StatusCode::UNPROCESSABLE_ENTITY } else { error.status() };
    let mut response = ui::page_with_form(state, page, FormState { values, problem: error.into_problem() }).await;
    *response.status_mut() = status;
    response
}

/// The last value of a field that is not empty.
pub(crate) fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let last = fields.iter().rev().find(|(field, _)| field == name);
    last.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// Reads a form. What was read stays in `fields` even when the rest cannot be.
pub(crate) async fn read_fields(
    state: &AppState,
    owner: Owner,
    request: Request,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    if !is_multipart(request.headers()) {
        let (parts, body) = request.into_parts();
        let body = read_body(Request::from_parts(parts.clone(), body), TEXT_LIMIT).await?;
        if body.is_empty() {
            return Ok(());
        }
        let form = Form::<Fields>::from_request(Request::from_parts(parts, Body::from(body)), &()).await;
        let Form(sent) = form.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "bad-form", error.body_text()))?;
        fields.extend(sent);
        return Ok(());
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| uploads::bad_multipart(&error))?;
    let mut room = TEXT_LIMIT;
    while let Some(part) = parts.next_field().await.map_err(|error| uploads::bad_multipart(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        match part.file_name().map(str::to_owned) {
            // A file field that was left empty.
            Some(file) if file.is_empty() => {}
            Some(file) if name.starts_with(PREFIX) => {
                let allowance = Allowance::of(state, owner.id).await?;
                let upload = uploads::receive(state, owner.id, &allowance, &file, part).await?;
                fields.push((name, upload.id.to_string()));
                fields.push((FILE_NAME.to_owned(), file));
            }
            Some(_) => {}
            None => fields.push((name, read_text(part, &mut room).await?)),
        }
    }
    Ok(())
}

async fn read_text(mut part: Field<'_>, room: &mut usize) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| uploads::bad_multipart(&error))? {
        *room = room.checked_sub(chunk.len()).ok_or_else(|| ApiError::too_large(TEXT_LIMIT as u64))?;
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "bad-form", "A field is no UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_sends_nobody_elsewhere() {
        assert_eq!(local("/jobs/1?edit=1"), "/jobs/1?edit=1");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nb"] {
            assert_eq!(local(elsewhere), "/", "{elsewhere}");
        }
    }
}
