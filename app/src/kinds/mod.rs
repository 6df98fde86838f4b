//! What the interface knows of each kind: the fields of its form, its partial results, its result. One file a kind.
//!
//! Used by the submit form and the job page. A kind without a file here still works: its values are shown as JSON.

pub mod bulk;
pub mod catalogue_export;
pub mod catalogue_import;
pub mod rehearsal;
mod supplier_lines;
pub mod supplier_quotes;
pub mod upload;

use crate::{components::json_view::JsonView, forms::Scope, i18n::use_t};
use domain::{Event, EventType, Job, event::data, kinds};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use upload::Sent;

/// The fields of a kind's form.
#[component]
pub fn Fields(
    /// The kind's name.
    kind: String,
    /// The form.
    scope: Scope,
    /// How much of its file has been sent.
    sent: RwSignal<Option<Sent>>,
) -> impl IntoView {
    match kind.as_str() {
        kinds::catalogue_import::NAME => view! { <catalogue_import::Fields scope sent /> }.into_any(),
        kinds::supplier_quotes::NAME => view! { <supplier_quotes::Fields scope /> }.into_any(),
        kinds::catalogue_export::NAME => view! { <catalogue_export::Fields scope /> }.into_any(),
        _ => view! { <rehearsal::Fields scope /> }.into_any(),
    }
}

/// What has come of a job so far.
#[component]
pub fn Partials(
    /// Whose.
    job: Signal<Job>,
    /// Its log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let kind = job.with_untracked(|job| job.kind.clone());
    match kind.as_str() {
        kinds::catalogue_import::NAME => view! { <catalogue_import::Partials job log /> }.into_any(),
        kinds::rehearsal::NAME => view! { <rehearsal::Partials log /> }.into_any(),
        kinds::supplier_quotes::NAME => view! { <supplier_quotes::Partials log /> }.into_any(),
        _ => {
            let values = Memo::new(move |_| log.with(|log| partials::<serde_json::Value>(log)));
            view! {
                <ol class="partials">
                    {move || values.get().into_iter().map(|value| view! { <li><JsonView value /></li> }).collect_view()}
                </ol>
            }
            .into_any()
        }
    }
}

/// What a succeeded job brought.
#[component]
pub fn Outcome(
    /// Whose.
    job: Signal<Job>,
    /// Its log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let t = use_t();
    let kind = job.with_untracked(|job| job.kind.clone());
    let result = Memo::new(move |_| job.with(|job| job.result.clone()));
    let link = job.with_untracked(|job| job.links.result.clone());
    move || {
        let Some(result) = result.get() else {
            let link = link.clone();
            return view! {
                <p>
                    <a class="button" href=link rel="external">{t.result_link}</a>
                </p>
            }
            .into_any();
        };
        match kind.as_str() {
            kinds::catalogue_import::NAME => view! { <catalogue_import::Outcome result /> }.into_any(),
            kinds::catalogue_export::NAME => view! { <catalogue_export::Outcome job result /> }.into_any(),
            kinds::rehearsal::NAME => view! { <rehearsal::Outcome result /> }.into_any(),
            kinds::supplier_quotes::NAME => view! { <supplier_quotes::Outcome result log /> }.into_any(),
            kinds::bulk::RETRY | kinds::bulk::CANCEL => view! { <bulk::Outcome result /> }.into_any(),
            _ => view! { <JsonView value=result /> }.into_any(),
        }
    }
}

/// The partial results in a log that still count: those since the job last began anew.
pub(crate) fn partials<T: DeserializeOwned>(log: &[Event]) -> Vec<T> {
    let anew = |event: &&Event| {
        event.type_ == EventType::Reopened
            && data_of::<data::Reopened>(event).is_some_and(|reopened| reopened.from == "start")
    };
    let since = log.iter().filter(anew).map(|event| event.jseq).next_back().unwrap_or(0);
    log.iter().filter(|event| event.type_ == EventType::Partial && event.jseq > since).filter_map(data_of).collect()
}

fn data_of<T: DeserializeOwned>(event: &Event) -> Option<T> {
    T::deserialize(&event.data).ok()
}
