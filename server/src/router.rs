//! Every route of the project, in one place, and what is laid around them.
//!
//! Called once by [`crate::startup`]. Owners are identified on the API and the pages only: assets and health set no cookie.
//! Invariant: under `/api` every answer that is an error is a problem, whatever made it.

use crate::{
    api::{
        actions, callbacks, deliveries, health, jobs, kinds, mail_links, me, notification_settings, openapi,
        operations, operations_forms, outcomes, products, push_endpoints, suppliers, uploads, webhooks,
    },
    channels::{ack, poll, sse, ws},
    error::{self, ApiError, discard, no_such_route, wrong_method},
    forms, owner, product_form, settings_forms,
    state::AppState,
    ui,
};
use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use std::{net::SocketAddr, path::PathBuf};
use tower::ServiceExt as _;
use tower_http::{catch_panic::CatchPanicLayer, services::ServeDir, set_header::SetResponseHeaderLayer};
use tracing::Instrument as _;

/// All of it.
pub fn router(state: AppState) -> Router {
    let owned = api()
        .merge(operator())
        .merge(forms())
        .merge(settings())
        .merge(ui::routes())
        .layer(from_fn_with_state(state.clone(), owner::identify))
        .layer(from_fn(owner::refuse_cross_site));
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(operations::metrics))
        // Outside what is laid around an owner's routes: whoever has the token may post, from wherever.
        .route("/api/v1/callbacks/{token}", post(callbacks::receive))
        // Likewise: a mail program posts for whoever reads the mail.
        .route("/mail/confirm/{token}", get(mail_links::confirm).post(mail_links::confirm))
        .route("/mail/unsubscribe/{token}", get(mail_links::unsubscribe).post(mail_links::unsubscribe))
        .merge(owned)
        .fallback(elsewhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), throttled))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "same-origin"))
        .layer(from_fn(traced))
        .with_state(state)
}

fn api() -> Router<AppState> {
    Router::new()
        .route("/api/v1/jobs", get(jobs::list).post(jobs::submit))
        .route("/api/v1/jobs/{id}", get(jobs::one))
        .route("/api/v1/jobs/{id}/result", get(outcomes::result))
        .route("/api/v1/jobs/{id}/files/{name}", get(outcomes::file))
        .route("/api/v1/jobs/{id}/events", get(outcomes::log))
        .route("/api/v1/jobs/{id}/attempts", get(outcomes::attempts))
        .route("/api/v1/jobs/{id}/cancel", post(actions::cancel))
        .route("/api/v1/jobs/{id}/retry", post(actions::retry))
        .route("/api/v1/jobs/{id}/step", post(actions::step))
        .route("/api/v1/kinds", get(kinds::list))
        .route("/api/v1/uploads", post(uploads::create).layer(unlimited()))
        .route("/api/v1/products", get(products::list))
        .route("/api/v1/products/{handle}", get(products::one).patch(products::edit))
        .route("/api/v1/suppliers", get(suppliers::list))
        .route("/api/v1/events", get(poll::events))
        .route("/api/v1/stream", get(sse::stream))
        .route("/api/v1/ws", get(ws::upgrade))
        .route("/api/v1/ack", post(ack::ack))
        .route("/api/v1/me", delete(me::delete))
        .merge(push())
        .route("/api/openapi.json", get(openapi::document))
}

/// Telling owners who are not there. Also called from within, see [`crate::within`].
pub(crate) fn push() -> Router<AppState> {
    Router::new()
        .route("/api/v1/deliveries", get(deliveries::list))
        .route("/api/v1/deliveries/{id}", get(deliveries::one))
        .route("/api/v1/deliveries/{id}/resend", post(deliveries::resend))
        .route("/api/v1/deliveries/{id}/cancel", post(deliveries::cancel))
        .route("/api/v1/deliveries/{id}/report", post(deliveries::report))
        .route("/api/v1/notification-settings", get(notification_settings::get).put(notification_settings::put))
        .route(
            "/api/v1/jobs/{id}/notifications",
            get(notification_settings::get_of_job).put(notification_settings::put_of_job),
        )
        .route("/api/v1/push", get(push_endpoints::offer))
        .route("/api/v1/push-subscriptions", post(push_endpoints::add_browser))
        .route("/api/v1/email-addresses", post(push_endpoints::add_email))
        .route("/api/v1/push-endpoints", get(push_endpoints::list))
        .route(
            "/api/v1/push-endpoints/{id}",
            get(push_endpoints::one).patch(push_endpoints::change).delete(push_endpoints::remove),
        )
        .route("/api/v1/push-endpoints/{id}/test", post(push_endpoints::test))
        .route("/api/v1/webhooks", post(webhooks::add))
        .route("/api/v1/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/api/v1/webhooks/{id}/verify", post(webhooks::verify))
}

/// For whoever has the operator's token: each handler asks for it.
fn operator() -> Router<AppState> {
    Router::new()
        .route("/api/v1/operations", get(operations::overview))
        .route("/api/v1/operations/jobs", get(operations::list))
        .route("/api/v1/operations/jobs/{id}", get(operations::one))
        .route("/api/v1/operations/count", get(operations::count))
        .route("/api/v1/operations/retry", post(operations::retry))
        .route("/api/v1/operations/cancel", post(operations::cancel))
        .route("/api/v1/operations/bulk", post(operations::bulk))
        .route("/operations/sign-in", post(operations_forms::sign_in))
        .route("/operations/sign-out", post(operations_forms::sign_out))
        .route("/operations/act", post(operations_forms::act))
        .route("/operations/bulk", post(operations_forms::bulk))
}

fn forms() -> Router<AppState> {
    Router::new()
        .route("/jobs", post(forms::submit).layer(unlimited()))
        .route("/jobs/{id}/cancel", post(forms::cancel))
        .route("/jobs/{id}/retry", post(forms::retry).layer(unlimited()))
        .route("/jobs/{id}/step", post(forms::step))
        .route("/jobs/{id}/callback", post(forms::callback))
        .route("/preferences", post(forms::preferences))
        .route("/catalogue/{handle}", post(product_form::save))
        .route("/privacy/delete", post(forms::delete_data))
}

fn settings() -> Router<AppState> {
    Router::new()
        .route("/settings/webhooks", post(settings_forms::add_webhook))
        .route("/settings/emails", post(settings_forms::add_email))
        .route("/settings/notifications", post(settings_forms::save_settings))
        .route("/settings/endpoints/{id}", post(settings_forms::change_endpoint))
        .route("/settings/deliveries/{id}", post(settings_forms::act_on_delivery))
        .route("/jobs/{id}/notifications", post(settings_forms::of_job))
}

/// For routes that take files: they go to disk as they come, within limits of their own.
fn unlimited() -> DefaultBodyLimit {
    DefaultBodyLimit::disable()
}

fn always(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// What no route takes: an asset, or a page that says that there is nothing.
async fn elsewhere(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    if path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return no_such_route().await.into_response();
    }
    let hashed = path.starts_with("/pkg/");
    let worker = path == "/sw.js";
    match state.assets.folder() {
        Some(folder) if request.method().is_safe() => {
            let mut response = asset(state.clone(), folder.to_owned(), hashed, request).await;
            if worker {
                // A worker keeps the policy that it came with: it talks to this server, and loads no further script.
                let policy = HeaderValue::from_static("default-src 'none'; connect-src 'self'");
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        _ => page_not_found(state, request).await,
    }
}

/// A file of the built interface; those with a hash in their name never change.
async fn asset(state: AppState, folder: PathBuf, hashed: bool, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let again = Request::from_parts(parts.clone(), axum::body::Body::empty());
    let files = ServeDir::new(folder).append_index_html_on_directories(false).precompressed_br().precompressed_gzip();
    match files.oneshot(Request::from_parts(parts, body)).await {
        Ok(found) if !matches!(found.status().as_u16(), 404 | 405 | 307) => {
            let mut response = found.into_response();
            let cache = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
            response
        }
        Ok(_) => page_not_found(state, again).await,
    }
}

async fn page_not_found(state: AppState, request: Request) -> Response {
    let page = Router::new().fallback(ui::not_found).layer(from_fn_with_state(state.clone(), owner::identify));
    page.with_state(state).oneshot(request).await.into_response()
}

/// 429 for an address that changes too much at once. What only reads is not counted: its price is a page of rows.
async fn throttled(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get().map(|ConnectInfo::<SocketAddr>(peer)| peer.ip());
    if let Some(peer) = peer.filter(|_| !request.method().is_safe())
        && let Err(wait) = state.throttle.request(peer, request.headers())
    {
        let detail = "This address asks for too much at once; come back a little later.";
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        let (parts, body) = request.into_parts();
        discard(body.into_data_stream());
        state.engine.metrics().answered(429);
        return in_its_form(parts.uri.path(), &parts.headers, error);
    }
    let response = next.run(request).await;
    state.engine.metrics().answered(response.status().as_u16());
    response
}

/// Answers every request of a connection too many; see [`crate::startup`].
pub fn too_many_connections() -> Router {
    Router::new().fallback(async |request: Request| {
        let detail = "Too many connections are open; close some, or come back later.";
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-connections", detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(fastrand::u64(2..=10)));
        in_its_form(request.uri().path(), request.headers(), error)
    })
}

/// A problem for programs; for a person whose browser asks for a page, a sentence.
fn in_its_form(path: &str, headers: &HeaderMap, error: ApiError) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") && !path.starts_with("/api") {
        ui::sentence(headers, error)
    } else {
        error.into_response()
    }
}

/// One span a request, for whoever asks for it (`MEANWHILE_LOG=debug`).
async fn traced(request: Request, next: Next) -> Response {
    let path = callbacks::without_token(request.uri().path());
    let span = tracing::debug_span!("request", method = %request.method(), path);
    let started = std::time::Instant::now();
    async move {
        let response = next.run(request).await;
        tracing::debug!(status = response.status().as_u16(), ms = started.elapsed().as_millis() as u64, "answered");
        response
    }
    .instrument(span)
    .await
}
