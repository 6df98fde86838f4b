//! What the Settings page, a delivery's page and a job's page read of notifications, without HTTP.

use super::answer;
use crate::{owner::Owner, state::AppState, within};
use app::backend::{
    Answer,
    notifications::{DELIVERIES, NotificationsBackend},
};
use axum::http::Method;
use domain::{
    DeliveryId, JobId,
    api::Page,
    push::{Delivery, DeliveryReport, JobNotifications, NotificationSettings, PushEndpoint, PushOffer},
};
use serde::de::DeserializeOwned;

/// Notifications as their owner reaches them.
pub(super) struct Notifications {
    state: AppState,
    owner: Owner,
}

impl Notifications {
    /// For the owner of a request.
    pub(super) fn new(state: AppState, owner: Owner) -> Self {
        Self { state, owner }
    }

    fn read<T: DeserializeOwned + Send + 'static>(&self, path: String) -> Answer<T> {
        let (state, owner) = (self.state.clone(), self.owner);
        answer(async move { within::call(&state, owner, Method::GET, &path, None).await })
    }
}

impl NotificationsBackend for Notifications {
    fn offer(&self) -> Answer<PushOffer> {
        self.read("/api/v1/push".to_owned())
    }

    fn endpoints(&self) -> Answer<Vec<PushEndpoint>> {
        let read = self.read::<Page<PushEndpoint>>("/api/v1/push-endpoints".to_owned());
        Box::pin(async move { read.await.map(|page| page.items) })
    }

    fn settings(&self) -> Answer<NotificationSettings> {
        self.read("/api/v1/notification-settings".to_owned())
    }

    fn of_job(&self, id: JobId) -> Answer<JobNotifications> {
        self.read(format!("/api/v1/jobs/{id}/notifications"))
    }

    fn deliveries(&self, job: Option<JobId>, before: Option<DeliveryId>) -> Answer<Page<Delivery>> {
        let mut path = format!("/api/v1/deliveries?limit={DELIVERIES}");
        path.extend(job.map(|job| format!("&job={job}")));
        path.extend(before.map(|before| format!("&before={before}")));
        self.read(path)
    }

    fn delivery(&self, id: DeliveryId) -> Answer<DeliveryReport> {
        self.read(format!("/api/v1/deliveries/{id}"))
    }
}
