//! The form that submits a job of a kind, and says what came of it.
//!
//! Posts to `/jobs` without script; in the browser the same fields go through the API, with the row on the page at once. Submitting the same
//! thing twice (double click, a second click while the first is on its way, Back and again) gives the same job and says so.
//! Invariant: the idempotency key is the filled form's; the server makes the first, the browser the next ones.

use super::when_and_how::WhenAndHow;
use crate::{
    backend::{self, browser_clock_ms},
    components::{error_summary::ErrorSummary, field::InputField},
    forms::{Entry, FormState, Scope, read_entries, reset, utc_of_local},
    given::FormKey,
    i18n::{format, use_lang, use_t},
    kinds::{
        Fields,
        upload::{self, Sent},
    },
    state::jobs::{JobStore, use_jobs},
};
use domain::{
    Job, JobId, Problem,
    api::LABEL_LIMIT,
    kinds::{
        form::{FILE_NAME, input_from_form, label},
        request::{START_AT, request_from_form},
    },
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

/// Seconds that the synchronous way waits.
const WAIT_S: u64 = 10;

/// What came of a submit.
#[derive(Debug, Clone)]
struct Answered {
    id: JobId,
    title: String,
    ms: i64,
    waited: bool,
    finished: bool,
    replayed: bool,
}

/// A submit on its way or just answered: its fields and key, to tell a repetition by.
#[derive(Debug, Clone, PartialEq)]
struct Sending {
    fields: Vec<(String, String)>,
    key: String,
    under_way: bool,
}

#[derive(Clone, Copy)]
struct Submission {
    kind: &'static str,
    scope: Scope,
    store: JobStore,
    sent: RwSignal<Option<Sent>>,
    key: RwSignal<String>,
    last: StoredValue<Option<Sending>>,
    /// Whether the click that submits is the second of a double click.
    repeated: StoredValue<bool>,
    busy: RwSignal<u32>,
    answered: RwSignal<Option<Answered>>,
}

impl Submission {
    fn submit(self, event: SubmitEvent) {
        event.prevent_default();
        let entries = read_entries(&event);
        let repeated = self.repeated.get_value();
        self.repeated.set_value(false);
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut file = None;
        for (name, entry) in entries {
            match entry {
                Entry::Text(_) if name == "idempotency_key" => {}
                Entry::Text(text) if name == START_AT => fields.push((name, utc_of_local(&text).unwrap_or(text))),
                Entry::Text(text) => fields.push((name, text)),
                Entry::File(chosen) => {
                    fields.push((FILE_NAME.to_owned(), chosen.name()));
                    file = Some(chosen);
                }
            }
        }
        let again = self.last.with_value(|last| {
            let last = last.as_ref().filter(|last| last.under_way || repeated)?;
            (last.fields == fields).then(|| last.key.clone())
        });
        let key = again.unwrap_or_else(|| self.key.get_untracked());
        self.last.set_value(Some(Sending { fields: fields.clone(), key: key.clone(), under_way: true }));
        self.store.optimistic(&key, self.kind, label(&fields));
        self.scope.problem.set(None);
        self.answered.set(None);
        self.busy.update(|busy| *busy += 1);
        spawn_local(async move {
            let wait = fields.iter().find(|(name, _)| name == "wait").and_then(|(_, wait)| wait.parse().ok());
            let wait = wait.filter(|&wait: &u64| wait > 0);
            let before = browser_clock_ms().unwrap_or_default();
            let outcome = self.send(fields, file, &key, wait).await;
            let ms = browser_clock_ms().unwrap_or_default() - before;
            self.store.settle(&key, outcome.as_ref().map(|(job, _)| job.clone()).map_err(Problem::clone));
            self.finish(outcome, &key, ms, wait.is_some());
        });
    }

    async fn send(
        self,
        mut fields: Vec<(String, String)>,
        file: Option<crate::forms::Chosen>,
        key: &str,
        wait: Option<u64>,
    ) -> Result<(Job, bool), Problem> {
        // Before a long upload, not after it.
        let mut submit = request_from_form(self.kind, &fields).map_err(Problem::invalid)?;
        if let Some(file) = file {
            let upload = upload::send(&file, self.sent).await?;
            fields.push(("input.upload".to_owned(), upload.id.to_string()));
            submit.input = input_from_form(self.kind, &fields);
        }
        backend::submit(&submit, key, wait).await
    }

    /// Says what came of it. The form may be gone by now, hence `try_`.
    fn finish(self, outcome: Result<(Job, bool), Problem>, key: &str, ms: i64, waited: bool) {
        self.busy.try_update(|busy| *busy = busy.saturating_sub(1));
        self.last.try_update_value(|last| {
            if let Some(last) = last.as_mut().filter(|last| last.key == key) {
                last.under_way = false;
            }
        });
        match outcome {
            Ok((job, replayed)) => {
                if self.key.try_get_untracked().as_deref() == Some(key) {
                    self.key.try_set(backend::fresh_key());
                }
                reset("input-upload");
                let title = job.label.clone().unwrap_or_default();
                let finished = job.state.is_terminal();
                self.answered.try_update(|answered| {
                    // Of a double click the first answer may come last; that there were two stays said.
                    let replayed = replayed || answered.as_ref().is_some_and(|one| one.id == job.id && one.replayed);
                    *answered = Some(Answered { id: job.id, title, ms, waited, finished, replayed });
                });
            }
            Err(problem) => {
                if problem.code == "idempotency-key-reused" {
                    self.key.try_set(backend::fresh_key());
                }
                self.scope.problem.try_set(Some(problem));
            }
        }
    }
}

/// The form of a kind.
#[component]
pub fn SubmitForm(
    /// The kind's name.
    kind: &'static str,
    /// What the server refused, on the page that says so.
    refused: Option<FormState>,
) -> impl IntoView {
    let t = use_t();
    let (values, problem) = refused.map_or((Vec::new(), None), |state| (state.values, Some(state.problem)));
    let scope = Scope::new(values, problem);
    let submission = Submission {
        kind,
        scope,
        store: use_jobs(),
        sent: RwSignal::new(None),
        key: FormKey::of_context(),
        last: StoredValue::new(None),
        repeated: StoredValue::new(false),
        busy: RwSignal::new(0),
        answered: RwSignal::new(None),
    };
    let waits = scope.value("wait").is_some_and(|wait| wait != "0" && !wait.is_empty());
    let is_upload = kind == domain::kinds::catalogue_import::NAME;
    view! {
        <form
            class="form"
            method="post"
            action="/jobs"
            enctype=if is_upload { "multipart/form-data" } else { "application/x-www-form-urlencoded" }
            novalidate
            aria-labelledby="submit-heading"
            data-kind=kind
            on:submit=move |event| submission.submit(event)
        >
            <ErrorSummary scope />
            <input type="hidden" name="kind" value=kind />
            // A browser that restores the fields of a page it loads anew must not restore the key of the old one.
            <input type="hidden" name="idempotency_key" value=key_of(submission.key) autocomplete="off" />
            <Fields kind=kind.to_owned() scope sent=submission.sent />
            <InputField scope name="label" label=t.label hint=t.label_hint maxlength=LABEL_LIMIT as u32 />
            <fieldset class="choices">
                <legend>{t.answer_me}</legend>
                <label class="choice">
                    <input type="radio" name="wait" value="0" checked=!waits />
                    <span>{t.at_once} " " <span class="hint">{t.at_once_hint}</span></span>
                </label>
                <label class="choice">
                    <input type="radio" name="wait" value=WAIT_S checked=waits />
                    <span>{(t.wait_up_to)(WAIT_S)} " " <span class="hint">{t.wait_hint}</span></span>
                </label>
            </fieldset>
            <WhenAndHow scope />
            <div class="actions">
                <button
                    type="submit"
                    class="primary"
                    // `detail` counts the clicks of a double click: 2 for its second.
                    on:click=move |event| submission.repeated.set_value(event.detail() > 1)
                >
                    {t.submit}
                </button>
                {move || (submission.busy.get() > 0).then(|| view! { <span class="muted">{t.sending_hint}</span> })}
            </div>
            <Outcome submission />
        </form>
    }
    .into_any()
}

/// The attribute follows the key, so that a post without the handler (before hydration) and one with it agree.
fn key_of(key: RwSignal<String>) -> impl Fn() -> String + Send + 'static {
    move || key.get()
}

/// What came of the last submit, with the time that it took.
#[component]
fn Outcome(submission: Submission) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    move || {
        submission.answered.get().map(|answered| {
            let took = format::duration(lang, answered.ms);
            let (tone, text) = match &answered {
                Answered { replayed: true, .. } => ("warn", t.already_accepted.to_owned()),
                Answered { waited: true, finished: true, .. } => ("good", (t.waited_for)(&took)),
                Answered { waited: true, .. } => ("info", (t.waited_in_vain)(&took)),
                _ => ("good", (t.accepted_in)(&took)),
            };
            let name = if answered.title.is_empty() { t.kind_name(submission.kind).to_owned() } else { answered.title };
            view! {
                <p class="notice" data-tone=tone data-outcome=if answered.replayed { "replayed" } else { "accepted" }>
                    {text} " "
                    <a href=domain::api::job_page(answered.id)>{(t.open_job)(&name)}</a>
                </p>
            }
        })
    }
}
