//! `/api/v1/deliveries`: what became of each notification, and what its owner does about it.
//!
//! Reads and asks the store; sends nothing itself: what is queued here is the dispatcher's.
//! Invariant: each can be repeated; a delivery of another owner is not there.

use super::extract::{JsonBody, Params, link};
use crate::{
    clock,
    error::ApiError,
    notify::{render, webhook},
    owner::Owner,
    state::AppState,
    store::{DeliveryFilter, Resent},
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    DeliveryId, EndpointId, JobId,
    api::Page,
    push::{BrowserReport, Delivery, DeliveryReport},
};

const PATH: &str = "/api/v1/deliveries";
/// Deliveries of a page without `limit`; with one, at most [`MOST`].
const PAGE: usize = 50;
const MOST: usize = 200;

type Id = Result<Path<String>, PathRejection>;

/// `GET /api/v1/deliveries?job=&endpoint=&before=&limit=`, newest first
///
/// # Errors
/// 400 for a query that cannot be read, 404 for another owner's job.
pub async fn list(
    State(state): State<AppState>,
    owner: Owner,
    params: Params,
) -> Result<Json<Page<Delivery>>, ApiError> {
    let limit = params.limit(PAGE, MOST)?;
    let job = params.parsed::<JobId>("job", "the id of a job")?;
    let endpoint = params.parsed::<EndpointId>("endpoint", "the id of a push endpoint")?;
    let before = params.position::<DeliveryId>("before")?;
    // One more than asked for tells whether there is a next page.
    let filter = DeliveryFilter { job, endpoint, before, limit: limit + 1 };
    let mut items = state.store.deliveries(owner.id, filter).await?.ok_or_else(ApiError::job_not_found)?;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more).map(|delivery| delivery.id.to_string());
    let asked = |name| (name, params.text(name));
    let next = last.map(|last| link(PATH, &[asked("job"), asked("endpoint"), asked("limit"), ("before", Some(&last))]));
    Ok(Json(Page { items, next }))
}

/// `GET /api/v1/deliveries/{id}`: with every attempt
///
/// # Errors
/// 404 `delivery-not-found`.
pub async fn one(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Json<DeliveryReport>, ApiError> {
    let detail = state.store.delivery(owner.id, delivery(id)?).await?.ok_or_else(not_found)?;
    let request = detail.endpoint.as_ref().and_then(|endpoint| {
        let message = render::message(&detail.delivery, &detail.told, &detail.lang, state.store.epoch());
        webhook::signed(&endpoint.target, &message, clock::now())
    });
    Ok(Json(DeliveryReport { delivery: detail.delivery, log: detail.log, request }))
}

/// `POST /api/v1/deliveries/{id}/resend`: 202 with the delivery, queued again under the same id
///
/// # Errors
/// 404 `delivery-not-found`; 409 `endpoint-off` when its endpoint is not there or is not told anything.
pub async fn resend(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Response, ApiError> {
    match state.store.resend(owner.id, delivery(id)?, clock::now()).await? {
        // What is pending is on its way already.
        Resent::Queued(delivery) | Resent::Pending(delivery) => {
            Ok((StatusCode::ACCEPTED, Json(delivery)).into_response())
        }
        Resent::EndpointOff => {
            let detail = "The endpoint of this delivery is not there any more, or is told nothing at present.";
            Err(ApiError::new(StatusCode::CONFLICT, "endpoint-off", detail))
        }
        Resent::NotFound => Err(not_found()),
    }
}

/// `POST /api/v1/deliveries/{id}/cancel`: 202 with the delivery
///
/// # Errors
/// 404 `delivery-not-found`; 409 `delivery-ended`.
pub async fn cancel(State(state): State<AppState>, owner: Owner, id: Id) -> Result<Response, ApiError> {
    let id = delivery(id)?;
    if state.store.cancel_delivery(owner.id, id, clock::now()).await?.ok_or_else(not_found)? {
        let detail = state.store.delivery(owner.id, id).await?.ok_or_else(not_found)?;
        return Ok((StatusCode::ACCEPTED, Json(detail.delivery)).into_response());
    }
    let detail = "The delivery has ended already; there is nothing left to cancel.";
    Err(ApiError::new(StatusCode::CONFLICT, "delivery-ended", detail))
}

/// `POST /api/v1/deliveries/{id}/report`: 204; what the browser did with the message is noted, the first time of each step
///
/// # Errors
/// As every JSON body; 404 `delivery-not-found`.
pub async fn report(
    State(state): State<AppState>,
    owner: Owner,
    id: Id,
    JsonBody(BrowserReport { step }): JsonBody<BrowserReport>,
) -> Result<StatusCode, ApiError> {
    match state.store.report_delivery(owner.id, delivery(id)?, step, clock::now()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_found()),
    }
}

/// The delivery that a path names. What is no id names none.
fn delivery(id: Id) -> Result<DeliveryId, ApiError> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "delivery-not-found", "There is no such delivery of this owner.")
}
