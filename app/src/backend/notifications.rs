//! Push endpoints, settings and deliveries through the same two ways as everything else: direct calls while the server renders, HTTP from
//! the browser.
//!
//! The Settings page and the job's page call the free functions; `server::ui` implements [`NotificationsBackend`] and puts it into the
//! context, bound to the owner of the request. What changes something goes by forms, with and without script.

use super::{Answer, IN_BROWSER, transport};
use domain::{
    DeliveryId, JobId, Problem,
    api::Page,
    push::{Delivery, DeliveryReport, JobNotifications, NotificationSettings, PushEndpoint, PushOffer},
};
use transport::{Request, call, read};

/// Deliveries on a page.
pub const DELIVERIES: u32 = 25;

/// Notifications as the server's renderer reaches them.
pub trait NotificationsBackend: Send + Sync {
    /// What this server can send.
    fn offer(&self) -> Answer<PushOffer>;
    /// The owner's endpoints, oldest first.
    fn endpoints(&self) -> Answer<Vec<PushEndpoint>>;
    /// The owner's settings.
    fn settings(&self) -> Answer<NotificationSettings>;
    /// What is told of one job.
    fn of_job(&self, id: JobId) -> Answer<JobNotifications>;
    /// Deliveries, newest first; whether there are older ones is said by the page.
    fn deliveries(&self, job: Option<JobId>, before: Option<DeliveryId>) -> Answer<Page<Delivery>>;
    /// One, with its attempts.
    fn delivery(&self, id: DeliveryId) -> Answer<DeliveryReport>;
}

#[cfg(not(feature = "hydrate"))]
fn direct() -> Result<std::sync::Arc<dyn NotificationsBackend>, Problem> {
    leptos::prelude::use_context().ok_or_else(|| Problem::unreachable("no backend for notifications in this context"))
}

#[cfg(feature = "hydrate")]
fn direct() -> Result<std::sync::Arc<dyn NotificationsBackend>, Problem> {
    Err(Problem::unreachable("the browser goes through HTTP"))
}

/// What this server can send.
///
/// # Errors
/// The service's problem, or `unreachable`; so all here.
pub async fn offer() -> Result<PushOffer, Problem> {
    if !IN_BROWSER {
        return direct()?.offer().await;
    }
    read(call(Request::get("/api/v1/push")).await?)
}

/// The owner's endpoints, oldest first.
///
/// # Errors
/// As [`offer`].
pub async fn endpoints() -> Result<Vec<PushEndpoint>, Problem> {
    if !IN_BROWSER {
        return direct()?.endpoints().await;
    }
    read::<Page<PushEndpoint>>(call(Request::get("/api/v1/push-endpoints")).await?).map(|page| page.items)
}

/// The owner's settings.
///
/// # Errors
/// As [`offer`].
pub async fn settings() -> Result<NotificationSettings, Problem> {
    if !IN_BROWSER {
        return direct()?.settings().await;
    }
    read(call(Request::get("/api/v1/notification-settings")).await?)
}

/// What is told of one job.
///
/// # Errors
/// `job-not-found`, or as [`offer`].
pub async fn of_job(id: JobId) -> Result<JobNotifications, Problem> {
    if !IN_BROWSER {
        return direct()?.of_job(id).await;
    }
    read(call(Request::get(&format!("/api/v1/jobs/{id}/notifications"))).await?)
}

/// Deliveries, newest first.
///
/// # Errors
/// As [`of_job`].
pub async fn deliveries(job: Option<JobId>, before: Option<DeliveryId>) -> Result<Page<Delivery>, Problem> {
    if !IN_BROWSER {
        return direct()?.deliveries(job, before).await;
    }
    let mut path = format!("/api/v1/deliveries?limit={DELIVERIES}");
    if let Some(job) = job {
        path.push_str(&format!("&job={job}"));
    }
    if let Some(before) = before {
        path.push_str(&format!("&before={before}"));
    }
    read(call(Request::get(&path)).await?)
}

/// One delivery with its attempts.
///
/// # Errors
/// `delivery-not-found`, or as [`offer`].
pub async fn delivery(id: DeliveryId) -> Result<DeliveryReport, Problem> {
    if !IN_BROWSER {
        return direct()?.delivery(id).await;
    }
    read(call(Request::get(&format!("/api/v1/deliveries/{id}"))).await?)
}
