//! `/api/v1/push…`: where an owner is told: what this server can send, browsers and mail addresses to add, all of them to look at and change.
//!
//! Webhooks are added next door, in `webhooks`. Judges what comes in; whether an address may be sent to is `notify::target`'s to say.
//! Invariants: an endpoint of another owner is not there; no answer carries a browser's address or keys, a mail's token or a secret; a mail
//! is sent to an address that nobody confirmed only within the limits of `notify::confirmations`.

use super::{extract::JsonBody, notification_settings::judge_events};
use crate::{
    channels::delivery::Connected,
    clock,
    error::ApiError,
    notify::{
        email,
        target::{self, Refused, host_of, origin_of},
        web_push,
    },
    owner::Owner,
    state::AppState,
    store::{Added, EndpointRow, NewEndpoint, Target},
};
use axum::{
    Json,
    extract::{Extension, Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use domain::{
    DeliveryId, EndpointId, EventType, InputError, OwnerId,
    api::Page,
    push::{
        ADDRESS_LIMIT, BY_DEFAULT, Delivery, ENDPOINT_LABEL_LIMIT, ENDPOINT_LIMIT, EndpointPatch, EndpointState,
        NewEmail, NewWebPush, PushEndpoint, PushOffer,
    },
};
use std::net::IpAddr;
use uuid::Uuid;

/// A digest gathers for so many seconds, unless it does not gather at all.
const DIGEST_S: std::ops::RangeInclusive<u32> = 60..=86_400;

/// The id in a path; what is none names no endpoint.
pub type Id = Result<Path<String>, PathRejection>;

/// `GET /api/v1/push`: what this server can send
pub async fn offer(State(state): State<AppState>) -> Json<PushOffer> {
    Json(state.senders.offer().clone())
}

/// `POST /api/v1/push-subscriptions`: 201, or 200 when this browser was known
///
/// # Errors
/// As every JSON body; 422 with `not-a-push-service` or `not-a-key`; 409 `too-many-endpoints`.
pub async fn add_browser(
    State(state): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewWebPush>,
) -> Result<Response, ApiError> {
    let mut errors = Vec::new();
    let url = state.senders.http().targets().push_resource(&new.endpoint);
    let (p256dh, auth) = (bytes(&new.keys.p256dh), bytes(&new.keys.auth));
    if let Err(refused) = url {
        errors.push(at("/endpoint", refused));
    }
    if !p256dh.as_deref().is_some_and(|key| web_push::are_keys(key, &[0; 16])) {
        let detail = "must be a point of P-256, in base64url";
        errors.push(InputError::new("/keys/p256dh", "not-a-key", detail));
    }
    if auth.as_ref().is_none_or(|auth| auth.len() != 16) {
        errors.push(InputError::new("/keys/auth", "not-a-key", "must be 16 bytes, in base64url"));
    }
    let label = read_label(new.label.as_deref(), &mut errors);
    let (Ok(url), Some(p256dh), Some(auth), true) = (url, p256dh, auth, errors.is_empty()) else {
        return Err(ApiError::invalid(errors));
    };
    let label = label.unwrap_or_else(|| browser_name(&headers));
    let host = host_of(&url);
    let target = Target::WebPush { url: url.into(), p256dh, auth };
    let new = NewEndpoint { replaces: new.replaces, ..fresh(owner.id, target, host, label) };
    let added = state.store.add_endpoint(new, clock::now()).await?;
    answer(&state, added)
}

/// `POST /api/v1/email-addresses`: 201, `unconfirmed`, or 200 when the address was known
///
/// # Errors
/// As every JSON body; 409 `no-mail-server` or `too-many-endpoints`, 422 with `not-an-address`, 429 `too-many-confirmations`.
pub async fn add_email(
    State(state): State<AppState>,
    owner: Owner,
    Extension(connected): Extension<Connected>,
    headers: HeaderMap,
    JsonBody(NewEmail { address }): JsonBody<NewEmail>,
) -> Result<Response, ApiError> {
    if state.senders.offer().email_from.is_none() {
        let detail = "This server has no mail server; it is started with `--smtp` and `--mail-from`.";
        return Err(ApiError::new(StatusCode::CONFLICT, "no-mail-server", detail));
    }
    let Some(address) = email::address_of(&address) else {
        let error = InputError::new("/address", "not-an-address", "must be a mail address, such as jo@shop.example");
        return Err(ApiError::invalid(vec![error]));
    };
    let mine = state.store.endpoints(owner.id).await?;
    let known = mine.iter().find(|row| row.shown.address.eq_ignore_ascii_case(&address));
    if let Some(row) = known.filter(|row| matches!(row.shown.state, EndpointState::Active | EndpointState::Paused)) {
        return Ok(Json(shown(&state, row.clone())).into_response());
    }
    if known.is_none() && mine.len() >= ENDPOINT_LIMIT {
        return Err(too_many());
    }
    take_confirmation(&state, owner.id, connected.peer.ip(), &headers, &address)?;
    let token = random::<32>()?.to_vec();
    let host = address.rsplit('@').next().unwrap_or_default().to_owned();
    let target = Target::Email { address: address.clone(), token };
    let added = state.store.add_endpoint(fresh(owner.id, target, host, address), clock::now()).await?;
    answer(&state, added)
}

/// Counts a mail that asks.
fn take_confirmation(
    state: &AppState,
    owner: OwnerId,
    peer: IpAddr,
    headers: &HeaderMap,
    address: &str,
) -> Result<(), ApiError> {
    let client = state.throttle.address(peer, headers);
    state.senders.confirmations().take(owner, client, address, clock::now()).map_err(|wait| {
        let detail = "Too many mails were asked for, to this address or by this visitor; come back later.";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-confirmations", detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    })
}

/// `GET /api/v1/push-endpoints`: all of mine, oldest first
///
/// # Errors
/// What the store said.
pub async fn list(State(state): State<AppState>, owner: Owner) -> Result<Json<Page<PushEndpoint>>, ApiError> {
    let rows = state.store.endpoints(owner.id).await?;
    let items = rows.into_iter().map(|row| shown(&state, row)).collect();
    Ok(Json(Page { items, next: None }))
}

/// `GET /api/v1/push-endpoints/{id}`
///
/// # Errors
/// 404 `endpoint-not-found`.
pub async fn one(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Json<PushEndpoint>, ApiError> {
    let row = state.store.endpoint(owner.id, endpoint(id)?).await?.ok_or_else(not_found)?;
    Ok(Json(shown(&state, row)))
}

/// `PATCH /api/v1/push-endpoints/{id}`: what is not named stays
///
/// # Errors
/// As every JSON body; 404 `endpoint-not-found`, 422 place by place.
pub async fn change(
    State(state): State<AppState>,
    owner: Owner,
    id: Id,
    JsonBody(mut patch): JsonBody<EndpointPatch>,
) -> Result<Json<PushEndpoint>, ApiError> {
    let id = endpoint(id)?;
    let mut errors = patch.events.as_deref().map(judge_events).unwrap_or_default();
    if patch.label.is_some() {
        patch.label = read_label(patch.label.as_deref(), &mut errors);
        if patch.label.is_none() && !errors.iter().any(|error| error.pointer == "/label") {
            errors.push(InputError::new("/label", "missing-field", "must not be empty"));
        }
    }
    if patch.digest_s.is_some_and(|seconds| seconds != 0 && !DIGEST_S.contains(&seconds)) {
        let (min, max) = (u64::from(*DIGEST_S.start()), u64::from(*DIGEST_S.end()));
        errors.push(InputError::out_of_range("/digest_s", min, max));
    }
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    patch.events = patch.events.map(each_once);
    let row = state.store.change_endpoint(owner.id, id, patch, clock::now()).await?.ok_or_else(not_found)?;
    Ok(Json(shown(&state, row)))
}

/// `DELETE /api/v1/push-endpoints/{id}`: 204; what was still to be sent there is cancelled
///
/// # Errors
/// 404 `endpoint-not-found`.
pub async fn remove(State(state): State<AppState>, owner: Owner, id: Id) -> Result<StatusCode, ApiError> {
    let removed = state.store.remove_endpoint(owner.id, endpoint(id)?, clock::now()).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(not_found()) }
}

/// `POST /api/v1/push-endpoints/{id}/test`: 202 with the delivery
///
/// # Errors
/// 404 `endpoint-not-found`; 409 `endpoint-off` when it is told nothing at present.
pub async fn test(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Response, ApiError> {
    let delivery = DeliveryId::from_bytes(*Uuid::now_v7().as_bytes());
    let queued = state.store.send_test(owner.id, endpoint(id)?, delivery, clock::now()).await?;
    let queued: Delivery = queued.ok_or_else(not_found)?.ok_or_else(|| {
        let detail = "The endpoint is told nothing at present: it is paused, parked, gone or not confirmed.";
        ApiError::new(StatusCode::CONFLICT, "endpoint-off", detail)
    })?;
    Ok((StatusCode::ACCEPTED, Json(queued)).into_response())
}

/// An endpoint to add, told of the end of jobs.
pub(super) fn fresh(owner: OwnerId, target: Target, host: String, label: String) -> NewEndpoint {
    let id = EndpointId::from_bytes(*Uuid::now_v7().as_bytes());
    NewEndpoint { id, owner, target, host, label, events: BY_DEFAULT.to_vec(), replaces: None }
}

/// As its owner sees it, with what only memory knows.
pub(super) fn shown(state: &AppState, row: EndpointRow) -> PushEndpoint {
    let EndpointRow { mut shown, host, target, .. } = row;
    shown.held_until = state.dispatcher.held_until(&host);
    if let Target::WebPush { url, .. } = target {
        // The path of a push resource is what one needs to push: a secret.
        shown.address = url::Url::parse(&url).map_or_else(|_| host, |url| origin_of(&url));
    }
    shown
}

fn answer(state: &AppState, added: Added) -> Result<Response, ApiError> {
    let (status, row) = match added {
        Added::New(row) => (StatusCode::CREATED, row),
        Added::Known(row) => (StatusCode::OK, row),
        Added::TooMany => return Err(too_many()),
    };
    let location = format!("/api/v1/push-endpoints/{}", row.shown.id);
    let location = HeaderValue::from_str(&location).map_err(ApiError::internal)?;
    Ok((status, [(header::LOCATION, location)], Json(shown(state, row))).into_response())
}

/// The endpoint that a path names.
pub(super) fn endpoint(id: Id) -> Result<EndpointId, ApiError> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)
}

pub(super) fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "endpoint-not-found", "There is no such push endpoint of this owner.")
}

pub(super) fn too_many() -> ApiError {
    let detail = format!("An owner may have {ENDPOINT_LIMIT} push endpoints; remove one that is no longer needed.");
    ApiError::new(StatusCode::CONFLICT, "too-many-endpoints", detail)
}

/// What is wrong with an address.
pub(super) fn at(pointer: &str, refused: Refused) -> InputError {
    let mut error = InputError::new(pointer, refused.code(), refused.to_string());
    if refused == Refused::TooLong {
        error.params.insert("max".to_owned(), ADDRESS_LIMIT.into());
    }
    error
}

/// A name without what would break a line; none when nothing is left of it.
pub(super) fn read_label(label: Option<&str>, errors: &mut Vec<InputError>) -> Option<String> {
    let label = label?.trim();
    if label.chars().count() > ENDPOINT_LABEL_LIMIT {
        let mut error =
            InputError::new("/label", "too-long", format!("must have at most {ENDPOINT_LABEL_LIMIT} characters"));
        error.params.insert("max".to_owned(), ENDPOINT_LABEL_LIMIT.into());
        errors.push(error);
        return None;
    }
    let label: String = label.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    (!label.is_empty()).then_some(label)
}

pub(super) fn each_once(events: Vec<EventType>) -> Vec<EventType> {
    domain::push::NOTIFIABLE.into_iter().filter(|event| events.contains(event)).collect()
}

/// Random bytes.
///
/// # Errors
/// When the system gives none.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(ApiError::internal)?;
    Ok(bytes)
}

/// Base64url, as browsers write keys; also with the other alphabet or padding, as some libraries do.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

/// What a browser calls itself, in two words: nobody types a name for it.
fn browser_name(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    // The more particular first: nearly all of them say that they are Safari, and most that they are Chrome.
    let browser = named(&[
        ("Firefox/", "Firefox"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Browser".to_owned(),
    }
}

/// Whether a webhook's name leads somewhere that is allowed; what cannot be found out now is found out when it is sent to.
pub(super) async fn leads_somewhere(state: &AppState, url: &url::Url) -> Option<InputError> {
    use crate::notify::http::Failed;
    match state.senders.http().look_up(url).await {
        Err(Failed::Forbidden) => Some(at("/url", target::Refused::Private)),
        Err(Failed::NoConnection(_)) => {
            Some(InputError::new("/url", "unknown-host", "names a host that cannot be found"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_what_it_says() {
        let name = |agent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
            browser_name(&headers)
        };
        assert_eq!(name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox, Linux");
        assert_eq!(
            name("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36"),
            "Chrome, Android"
        );
        assert_eq!(
            name("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140"),
            "Edge, Windows"
        );
        assert_eq!(
            name("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605 Version/18 Mobile Safari/604.1"),
            "Safari, iPhone"
        );
        assert_eq!(name("curl/8"), "Browser");
    }

    #[test]
    fn keys_are_read_in_every_usual_alphabet() {
        assert_eq!(bytes("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes("é"), None);
    }

    #[test]
    fn a_label_is_one_line_or_none() {
        let mut errors = Vec::new();
        assert_eq!(read_label(Some(" a\nb "), &mut errors).as_deref(), Some("a b"));
        assert_eq!(read_label(Some("  "), &mut errors), None);
        assert!(errors.is_empty());
        assert_eq!(read_label(Some(&"é".repeat(101)), &mut errors), None);
        assert_eq!(errors[0].code, "too-long");
    }
}
