//! On a job's page: what of it is told, and what became of each message about it.

use super::{endpoint::Events, log::DeliveryLog};
use crate::{backend::notifications as backend, i18n::notifications::use_notifications};
use domain::{
    JobId, Problem,
    api::Page,
    push::{BY_DEFAULT, Delivery, JobNotifications},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What the section starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notices {
    told: JobNotifications,
    deliveries: Page<Delivery>,
    /// Whether there is no endpoint at all.
    nobody: bool,
}

impl Notices {
    /// Reads it.
    ///
    /// # Errors
    /// The service's problem, or `unreachable`.
    pub async fn load(id: JobId) -> Result<Self, Problem> {
        Ok(Self {
            told: backend::of_job(id).await?,
            deliveries: backend::deliveries(Some(id), None).await?,
            nobody: backend::endpoints().await?.is_empty(),
        })
    }
}

/// The section; empty when it could not be read, since the rest of the page is worth showing without it.
#[component]
pub fn JobNotificationsCard(
    /// The job.
    id: JobId,
    /// What was read.
    notices: Option<Notices>,
) -> impl IntoView {
    let words = use_notifications();
    notices.map(|notices| {
        view! {
            <section class="card notifications" aria-labelledby="notifications-heading">
                <h2 id="notifications-heading">{words.of_job}</h2>
                <Whole id notices />
            </section>
        }
    })
}

#[component]
fn Whole(id: JobId, notices: Notices) -> impl IntoView {
    let words = use_notifications();
    let Notices { told, deliveries, nobody } = notices;
    if nobody && deliveries.items.is_empty() {
        return view! {
            <p class="muted">
                {words.nobody_to_tell} " " <a href="/settings" rel="external">{words.settings}</a> "."
            </p>
        }
        .into_any();
    }
    let chosen = match &told.events {
        None => "follow",
        Some(events) if events.is_empty() => "nothing",
        Some(_) => "only",
    };
    let radio = |value: &'static str, text: &'static str| {
        view! {
            <label class="choice">
                <input type="radio" name="told" value=value checked=chosen == value />
                <span>{text}</span>
            </label>
        }
    };
    let ticked = told.events.filter(|events| !events.is_empty()).unwrap_or_else(|| BY_DEFAULT.to_vec());
    view! {
        <DeliveryLog first=deliveries job=id back=format!("/jobs/{id}") none=words.no_deliveries_of_job />
        <details class="job-told">
            <summary>{words.change}</summary>
            <form class="form" method="post" action=format!("/jobs/{id}/notifications")>
                <fieldset class="choices">
                    <legend>{words.of_job_hint}</legend>
                    {radio("follow", words.follow)}
                    {radio("nothing", words.nothing)}
                    {radio("only", words.only)}
                    <Events chosen=ticked legend=words.told_of />
                </fieldset>
                <div class="actions">
                    <button type="submit" data-action="save-told">{words.save}</button>
                </div>
            </form>
        </details>
    }
    .into_any()
}
