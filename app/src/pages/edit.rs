//! Edit and retry: a kind's form, filled with what a job was asked, that makes a new job with this one as its origin.
//!
//! Posts to `/jobs/{id}/retry` without script; in the browser the same fields go through the API and the new job's page opens.

use crate::{
    backend,
    components::error_summary::ErrorSummary,
    forms::{Entry, FormState, Scope, read_entries, values_of},
    i18n::use_t,
    kinds::{Fields, upload},
    state::jobs::use_jobs,
};
use domain::{
    Job,
    api::{Retry, job_page},
    kinds::form::input_from_form,
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;

/// The form on a failed or cancelled job's page.
#[component]
pub fn EditForm(
    /// Which job's input.
    job: Signal<Job>,
    /// What the server refused, on the page that says so.
    refused: Option<FormState>,
) -> impl IntoView {
    let t = use_t();
    let store = use_jobs();
    let (id, kind, input, label) =
        job.with_untracked(|job| (job.id, job.kind.clone(), job.input.clone(), job.label.clone()));
    let (values, problem) = match refused {
        Some(state) => (state.values, Some(state.problem)),
        None => (values_of(&input, label.as_deref()), None),
    };
    let scope = Scope::new(values, problem);
    let sent = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let navigate = StoredValue::new(use_navigate());
    let is_upload = kind == domain::kinds::catalogue_import::NAME;
    let kind_stored = StoredValue::new(kind.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        scope.problem.set(None);
        let kind = kind_stored.get_value();
        let entries = read_entries(&event);
        spawn_local(async move {
            let mut fields = Vec::new();
            let mut refused = None;
            for (name, entry) in entries {
                match entry {
                    Entry::Text(text) => fields.push((name, text)),
                    Entry::File(file) => match upload::send(&file, sent).await {
                        Ok(upload) => fields.push((name, upload.id.to_string())),
                        Err(problem) => refused = Some(problem),
                    },
                }
            }
            let outcome = match refused {
                Some(problem) => Err(problem),
                None => backend::retry(id, &Retry { from: None, input: Some(input_from_form(&kind, &fields)) }).await,
            };
            busy.try_set(false);
            match outcome {
                Ok(job) => {
                    let path = job_page(job.id);
                    store.upsert(job);
                    navigate.try_with_value(|navigate| navigate(&path, Default::default()));
                }
                Err(problem) => drop(scope.problem.try_set(Some(problem))),
            }
        });
    };
    view! {
        <section class="card" id="edit" aria-labelledby="edit-heading">
            <h2 id="edit-heading">{t.edit_and_retry}</h2>
            <p class="muted">{t.edit_text}</p>
            <form
                class="form"
                method="post"
                action=format!("/jobs/{id}/retry")
                enctype=if is_upload { "multipart/form-data" } else { "application/x-www-form-urlencoded" }
                novalidate
                aria-labelledby="edit-heading"
                on:submit=submit
            >
                <ErrorSummary scope />
                <input type="hidden" name="kind" value=kind.clone() />
                <Fields kind scope sent />
                <div class="actions">
                    <button type="submit" class="primary" aria-disabled=move || busy.get().then_some("true")>
                        {t.retry_edited}
                    </button>
                    <a class="button quiet" href=job_page(id)>{t.back}</a>
                </div>
            </form>
        </section>
    }
    .into_any()
}
