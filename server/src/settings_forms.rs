//! The forms of the Settings page, of the delivery log, and of a job's notifications: each becomes a call of the API.
//!
//! A form that is right answers 303 with a word on what came of it (`said`); one that is wrong comes again with what was typed and why.
//! Invariant: nothing passes here that the API would refuse (`within`); a secret is in the body of one answer and in no address.

use crate::{
    api::extract::{JobPath, link},
    error::ApiError,
    forms::{Fields, again, local, page_at, read_fields, see_other, value},
    owner::Owner,
    state::AppState,
    ui, within,
};
use axum::{
    extract::{Path, Request, State},
    http::{Method, StatusCode},
    response::Response,
};
use domain::{
    InputError,
    api::job_page,
    push::{Delivery, EndpointState, PushEndpoint, SignatureVerdict, WebhookSecret},
};
use serde_json::{Value, json};

const SETTINGS: &str = "/settings";

/// What a form came to.
enum Done {
    /// Go there, where it is said.
    Said(&'static str),
    /// A secret to show.
    Secret(Box<WebhookSecret>),
}

fn shown(made: WebhookSecret) -> Done {
    Done::Secret(Box::new(made))
}

/// `POST /settings/webhooks`
pub async fn add_webhook(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    answer(state, owner, request, async |state: &AppState, fields: &mut Fields| {
        let body = json!({
            "url": value(fields, "url").unwrap_or_default(),
            "label": value(fields, "label"),
            "events": events(fields),
        });
        within::call(state, owner, Method::POST, "/api/v1/webhooks", Some(body)).await.map(shown)
    })
    .await
}

/// `POST /settings/emails`
pub async fn add_email(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    answer(state, owner, request, async |state: &AppState, fields: &mut Fields| {
        let body = json!({"address": value(fields, "address").unwrap_or_default()});
        let added: PushEndpoint =
            within::call(state, owner, Method::POST, "/api/v1/email-addresses", Some(body)).await?;
        Ok(Done::Said(if added.state == EndpointState::Unconfirmed { "unconfirmed" } else { "added" }))
    })
    .await
}

/// `POST /settings/notifications`
pub async fn save_settings(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    answer(state, owner, request, async |state: &AppState, fields: &mut Fields| {
        let text = |name| value(fields, name).unwrap_or_default();
        let quiet =
            value(fields, "quiet").map(|_| json!({"from": text("from"), "to": text("to"), "zone": text("zone")}));
        let body = json!({
            "quiet": quiet,
            "fallback_after_s": number(fields, "fallback_after_s")?,
            "lang": text("lang"),
        });
        let path = "/api/v1/notification-settings";
        within::call::<Value>(state, owner, Method::PUT, path, Some(body)).await?;
        Ok(Done::Said("saved"))
    })
    .await
}

/// `POST /settings/endpoints/{id}`: what the button that was pressed says
pub async fn change_endpoint(
    State(state): State<AppState>,
    owner: Owner,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    answer(state, owner, request, async |state: &AppState, fields: &mut Fields| {
        // So that the page that comes again knows which of its forms it was.
        fields.push(("endpoint".to_owned(), id.clone()));
        act_on_endpoint(state, owner, &id, fields).await
    })
    .await
}

async fn act_on_endpoint(state: &AppState, owner: Owner, id: &str, fields: &Fields) -> Result<Done, ApiError> {
    let id = segment(id);
    let endpoint = format!("/api/v1/push-endpoints/{id}");
    let patch = async |body: Value| {
        within::call::<Value>(state, owner, Method::PATCH, &endpoint, Some(body)).await.map(|_| Done::Said("saved"))
    };
    match value(fields, "do") {
        Some("save") => {
            let body = json!({
                "label": value(fields, "label").unwrap_or_default(),
                "events": events(fields),
                "when": value(fields, "when").unwrap_or_default(),
                "digest_s": number(fields, "digest_s")?,
            });
            patch(body).await
        }
        Some("pause") => patch(json!({"paused": true})).await,
        Some("resume") => patch(json!({"paused": false})).await,
        Some("test") => {
            within::call::<Value>(state, owner, Method::POST, &format!("{endpoint}/test"), None).await?;
            Ok(Done::Said("tested"))
        }
        Some("remove") => {
            within::call::<Value>(state, owner, Method::DELETE, &endpoint, None).await?;
            Ok(Done::Said("removed"))
        }
        Some("rotate") => {
            let path = format!("/api/v1/webhooks/{id}/rotate");
            within::call(state, owner, Method::POST, &path, None).await.map(shown)
        }
        Some("verify") => verify(state, owner, id, fields).await,
        _ => Err(ApiError::new(StatusCode::BAD_REQUEST, "bad-form", "The form does not say what to do.")),
    }
}

async fn verify(state: &AppState, owner: Owner, id: &str, fields: &Fields) -> Result<Done, ApiError> {
    let text = |name| value(fields, name).unwrap_or_default();
    let malformed = || ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "signature-invalid", "malformed");
    let timestamp: i64 = text("webhook-timestamp").parse().map_err(|_| malformed())?;
    // As it was received: only the browser's line ends are undone, since a form turns each into CR LF.
    let body = fields.iter().rev().find(|(name, _)| name == "body").map(|(_, body)| body.replace("\r\n", "\n"));
    let check = json!({
        "webhook_id": text("webhook-id"),
        "webhook_timestamp": timestamp,
        "webhook_signature": text("webhook-signature"),
        "body": body.unwrap_or_default(),
    });
    let path = format!("/api/v1/webhooks/{id}/verify");
    let verdict: SignatureVerdict = within::call(state, owner, Method::POST, &path, Some(check)).await?;
    if verdict.valid {
        return Ok(Done::Said("verified"));
    }
    let why = verdict.reason.unwrap_or_else(|| "malformed".to_owned());
    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "signature-invalid", why))
}

/// `POST /settings/deliveries/{id}`: sent again, or cancelled
pub async fn act_on_delivery(
    State(state): State<AppState>,
    owner: Owner,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let page = page_at(request.uri().path(), &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        let delivery = format!("/api/v1/deliveries/{}", segment(&id));
        match value(&fields, "do") {
            Some("resend") => {
                let before: Result<domain::push::DeliveryReport, _> =
                    within::call(&state, owner, Method::GET, &delivery, None).await;
                let pending = before.is_ok_and(|report| !report.delivery.state.has_ended());
                let path = format!("{delivery}/resend");
                within::call::<Delivery>(&state, owner, Method::POST, &path, None).await?;
                Ok(if pending { "pending" } else { "resent" })
            }
            Some("cancel") => {
                let path = format!("{delivery}/cancel");
                match within::call::<Value>(&state, owner, Method::POST, &path, None).await {
                    Ok(_) => Ok("cancelled"),
                    Err(error) if error.problem().code == "delivery-ended" => Ok("too-late"),
                    Err(error) => Err(error),
                }
            }
            _ => Err(ApiError::new(StatusCode::BAD_REQUEST, "bad-form", "The form does not say what to do.")),
        }
    };
    match done.await {
        Ok(said) => match local(value(&fields, "back").unwrap_or(SETTINGS)) {
            // A job's page says of itself what came of its own forms; its log says what became of this.
            back if back.starts_with("/jobs/") => see_other(&format!("{back}#notifications-heading")),
            back => see_other(&link(back, &[("said", Some(said))])),
        },
        Err(error) => again(state, page, fields, error).await,
    }
}

/// `POST /jobs/{id}/notifications`: what of one job is told
pub async fn of_job(State(state): State<AppState>, owner: Owner, JobPath(id): JobPath, request: Request) -> Response {
    let page = page_at(&job_page(id), &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        let told = match value(&fields, "told") {
            Some("nothing") => json!([]),
            Some("only") => events(&fields),
            _ => Value::Null,
        };
        let path = format!("/api/v1/jobs/{id}/notifications");
        within::call::<Value>(&state, owner, Method::PUT, &path, Some(json!({"events": told}))).await
    };
    match done.await {
        Ok(_) => see_other(&format!("{}#notifications-heading", job_page(id))),
        Err(error) => again(state, page, fields, error).await,
    }
}

/// Reads the form, does it, and answers with the Settings page.
async fn answer(
    state: AppState,
    owner: Owner,
    request: Request,
    act: impl AsyncFnOnce(&AppState, &mut Fields) -> Result<Done, ApiError>,
) -> Response {
    let page = page_at(request.uri().path(), &request);
    let mut fields = Fields::new();
    let done = async {
        read_fields(&state, owner, request, &mut fields).await?;
        act(&state, &mut fields).await
    };
    match done.await {
        Ok(Done::Said(said)) => see_other(&link(SETTINGS, &[("said", Some(said))])),
        Ok(Done::Secret(secret)) => ui::page_with_secret(state, page, *secret).await,
        Err(error) => again(state, page, fields, error).await,
    }
}

/// The boxes that are ticked, as words.
fn events(fields: &Fields) -> Value {
    fields.iter().filter(|(name, _)| name == "event").map(|(_, word)| Value::from(word.as_str())).collect()
}

fn number(fields: &Fields, name: &'static str) -> Result<u32, ApiError> {
    let wrong = || ApiError::invalid(vec![InputError::new(format!("/{name}"), "wrong-type", "must be a whole number")]);
    value(fields, name).unwrap_or_default().parse().map_err(|_| wrong())
}

/// An id in a path: what is none leads to no resource.
fn segment(id: &str) -> &str {
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') { id } else { "-" }
}
