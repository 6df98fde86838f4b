//! The simulator's routes: the suppliers' protocol, their settings as JSON, and the page with its forms.
//!
//! `GET /suppliers`, `POST /suppliers/{id}/quotes` are what `supplier-quotes` uses; `GET`, `PUT`, `PATCH /suppliers/{id}/settings` are the
//! demo's control. What a page of another site sends is refused, as in the server itself.
//! Invariant: every error of the API is a problem with a stable code.

use super::{
    Simulator, page,
    settings::{Change, Settings},
    supplier::{Counts, Question, Reply, Supplier},
};
use crate::{
    api::extract::{JsonBody, is_json, not_json, read_body},
    error::{ApiError, wrong_method},
    owner,
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use domain::{InputError, kinds::supplier_quotes::MAX_HANDLES};
use serde::Serialize;
use std::{convert::Infallible, io, sync::Arc};
use tokio::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;

/// Largest question, in bytes.
const QUESTION_LIMIT: usize = 64 << 10;
/// An answer without an end has one after all, for whoever reads everything: 64 MiB, in pieces of 64 KiB.
const ENDLESS: usize = 1024;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, simulator: Simulator) -> io::Result<()> {
    axum::serve(listener, router(simulator)).await
}

fn router(simulator: Simulator) -> Router {
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    Router::new()
        .route("/", get(page::show))
        .route("/style.css", get(page::style))
        .route("/reset", post(page::reset))
        .route("/suppliers", get(list))
        .route("/suppliers/{id}", get(one).post(page::change))
        .route("/suppliers/{id}/settings", get(settings).put(put).patch(patch))
        .route("/suppliers/{id}/quotes", post(quotes))
        .fallback(async || no_such("There is nothing at this address."))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(owner::refuse_cross_site))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(simulator)
}

#[derive(Serialize)]
struct Told {
    id: &'static str,
    name: &'static str,
    settings: Settings,
    counts: Counts,
}

#[derive(Serialize)]
struct Listing {
    items: Vec<Told>,
    control: &'static str,
}

fn told(supplier: &Supplier) -> Told {
    Told { id: supplier.id, name: supplier.name, settings: supplier.settings(), counts: supplier.counts() }
}

fn no_such(detail: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not-found", detail)
}

impl Simulator {
    /// The supplier of a path.
    pub(super) fn find(&self, id: &str) -> Result<&Arc<Supplier>, ApiError> {
        let found = self.suppliers.iter().find(|supplier| supplier.id == id);
        found.ok_or_else(|| no_such("There is no such supplier."))
    }
}

async fn list(State(simulator): State<Simulator>) -> Json<Listing> {
    Json(Listing { items: simulator.suppliers.iter().map(|supplier| told(supplier)).collect(), control: "./" })
}

async fn one(State(simulator): State<Simulator>, Path(id): Path<String>) -> Result<Json<Told>, ApiError> {
    Ok(Json(told(simulator.find(&id)?)))
}

async fn settings(State(simulator): State<Simulator>, Path(id): Path<String>) -> Result<Json<Settings>, ApiError> {
    Ok(Json(simulator.find(&id)?.settings()))
}

async fn put(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    JsonBody(settings): JsonBody<Settings>,
) -> Result<Json<Settings>, ApiError> {
    obey(simulator.find(&id)?, settings).map(Json)
}

async fn patch(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<Settings>, ApiError> {
    let supplier = simulator.find(&id)?;
    obey(supplier, supplier.settings().with(change)).map(Json)
}

/// Makes a supplier behave as told, if it can.
pub(super) fn obey(supplier: &Supplier, settings: Settings) -> Result<Settings, ApiError> {
    let errors = settings.validate();
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    supplier.set(settings);
    Ok(settings)
}

async fn quotes(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let supplier = simulator.find(&id)?;
    if !is_json(&headers) {
        return Err(not_json());
    }
    let body = read_body(request, QUESTION_LIMIT).await?;
    let question: Question = serde_json::from_slice(&body).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad-json", format!("The question cannot be read: {error}."))
    })?;
    if !(1..=MAX_HANDLES).contains(&question.handles.len()) {
        return Err(ApiError::invalid(vec![InputError::out_of_range("/handles", 1, MAX_HANDLES as u64)]));
    }
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    // Without a key every question is another one.
    let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    Ok(match supplier.reply(question, key, &simulator.client).await {
        Reply::Quotes(quotes) => Json(serde_json::json!({ "offers": quotes })).into_response(),
        Reply::Promised => StatusCode::ACCEPTED.into_response(),
        Reply::Failed => {
            let detail = "This supplier fails, as it was told to.";
            let mut response = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "failing", detail).into_response();
            // It knows no time after which it would not.
            response.headers_mut().remove(header::RETRY_AFTER);
            response
        }
        Reply::Garbage => Json(serde_json::json!({ "prices": "call us" })).into_response(),
        Reply::Endless => {
            let piece = Bytes::from_static(&[b' '; 64 << 10]);
            let pieces = std::iter::repeat_n(piece, ENDLESS).map(Ok::<_, Infallible>);
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Reply::NoAddress => {
            let detail = "This supplier calls back, and the question names no address.";
            return Err(ApiError::invalid(vec![InputError::new("/callback_url", "missing-field", detail)]));
        }
    })
}
