//! `/api/v1/webhooks`: programs to tell, the secrets that their messages are signed with, and whether a signature is one of ours.
//!
//! Looking at, changing and removing one is `push_endpoints`, as for every other kind.
//! Invariant: a secret is in the answer that makes it and in no other.

use super::{
    extract::JsonBody,
    notification_settings::judge_events,
    push_endpoints::{Id, at, each_once, endpoint, fresh, leads_somewhere, not_found, read_label, shown, too_many},
};
use crate::{
    clock,
    error::ApiError,
    notify::{signature, target::host_of, webhook},
    owner::Owner,
    state::AppState,
    store::{Added, Target},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::push::{EndpointKind, NewWebhook, ROTATION_S, SignatureCheck, SignatureVerdict, WebhookSecret};

/// Longest text of a signature check, in bytes: our own messages are far below.
const CHECK_LIMIT: usize = 64 << 10;

/// `POST /api/v1/webhooks`: 201 with the secret, told this once
///
/// # Errors
/// As every JSON body; 409 `webhook-exists` or `too-many-endpoints`; 422 place by place: `not-https`, `private-address`, `unknown-host` and the like.
pub async fn add(
    State(state): State<AppState>,
    owner: Owner,
    JsonBody(new): JsonBody<NewWebhook>,
) -> Result<Response, ApiError> {
    let mut errors = new.events.as_deref().map(judge_events).unwrap_or_default();
    let label = read_label(new.label.as_deref(), &mut errors);
    let url = state.senders.http().targets().webhook(&new.url);
    match &url {
        Err(refused) => errors.push(at("/url", *refused)),
        Ok(url) if errors.is_empty() => errors.extend(leads_somewhere(&state, url).await),
        Ok(_) => {}
    }
    let (Ok(url), true) = (url, errors.is_empty()) else { return Err(ApiError::invalid(errors)) };
    let exists = || {
        let detail = "There is a webhook with this address already; rotate its secret for a new one.";
        ApiError::new(StatusCode::CONFLICT, "webhook-exists", detail)
    };
    // Asked first, since adding it once more would wake one that is parked.
    if state.store.endpoints(owner.id).await?.iter().any(|row| row.shown.address == url.as_str()) {
        return Err(exists());
    }
    let secret = signature::new_secret().map_err(ApiError::internal)?;
    let label = label.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
    let host = host_of(&url);
    let target = Target::Webhook { url: url.into(), secret: secret.clone(), previous: None };
    let mut endpoint = fresh(owner.id, target, host, label);
    if let Some(events) = new.events {
        endpoint.events = each_once(events);
    }
    match state.store.add_endpoint(endpoint, clock::now()).await? {
        Added::New(row) => {
            let location = format!("/api/v1/push-endpoints/{}", row.shown.id);
            let location = HeaderValue::from_str(&location).map_err(ApiError::internal)?;
            let told =
                WebhookSecret { endpoint: shown(&state, row), secret: signature::show(&secret), previous_until: None };
            Ok((StatusCode::CREATED, [(header::LOCATION, location), no_store()], Json(told)).into_response())
        }
        Added::Known(_) => Err(exists()),
        Added::TooMany => Err(too_many()),
    }
}

/// `POST /api/v1/webhooks/{id}/rotate`: another secret; both sign for a day
///
/// # Errors
/// 404 `endpoint-not-found`.
pub async fn rotate(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Response, ApiError> {
    let secret = signature::new_secret().map_err(ApiError::internal)?;
    let until = clock::now().plus_ms(i64::try_from(ROTATION_S * 1000).unwrap_or(i64::MAX));
    let row = state.store.rotate_secret(owner.id, endpoint(id)?, secret.clone(), until).await?.ok_or_else(not_found)?;
    let told =
        WebhookSecret { endpoint: shown(&state, row), secret: signature::show(&secret), previous_until: Some(until) };
    Ok(([no_store()], Json(told)).into_response())
}

/// `POST /api/v1/webhooks/{id}/verify`: is this signature made with a secret of this webhook, and recent?
///
/// # Errors
/// As every JSON body; 404 `endpoint-not-found`, 413 `too-large`.
pub async fn verify(
    State(state): State<AppState>,
    owner: Owner,
    id: Id,
    JsonBody(check): JsonBody<SignatureCheck>,
) -> Result<Json<SignatureVerdict>, ApiError> {
    if check.body.len() + check.webhook_signature.len() + check.webhook_id.len() > CHECK_LIMIT {
        return Err(ApiError::too_large(CHECK_LIMIT as u64));
    }
    let row = state.store.endpoint(owner.id, endpoint(id)?).await?.ok_or_else(not_found)?;
    if row.shown.kind != EndpointKind::Webhook {
        return Err(not_found());
    }
    let now = clock::now();
    Ok(Json(signature::check(&webhook::secrets(&row.target, now), &check, now)))
}

fn no_store() -> (header::HeaderName, HeaderValue) {
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
