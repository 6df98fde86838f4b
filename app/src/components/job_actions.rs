//! What an owner can do with a job: cancel, retry, start over, edit and retry, and let a held rehearsal go on.
//!
//! Each is a form that works without script; in the browser the same form goes through the API and its effect shows at once.
//! Invariant: a cancel tells what it came to (stopped, requested, too late) and claims nothing before the server has said so.

use crate::{
    backend,
    i18n::{Lang, Strings, codes, operations::operations, use_lang, use_t},
    state::jobs::{JobStore, use_jobs},
};
use domain::{
    Job, JobId, JobState, Problem,
    api::{CancelOutcome, Retry},
    kinds::bulk::is_bulk,
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

/// What a click is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Cancel,
    Retry,
    StartOver,
    Step,
}

/// The actions on one job, to share between its buttons.
#[derive(Clone, Copy)]
struct Actor {
    job: Signal<Job>,
    store: JobStore,
    lang: Lang,
    t: &'static Strings,
    doing: RwSignal<Option<Doing>>,
    said: RwSignal<Option<(&'static str, String)>>,
}

impl Actor {
    fn new(job: Signal<Job>) -> Self {
        let (doing, said) = (RwSignal::new(None), RwSignal::new(None));
        Self { job, store: use_jobs(), lang: use_lang(), t: use_t(), doing, said }
    }

    fn act(self, event: SubmitEvent, doing: Doing) {
        event.prevent_default();
        if self.doing.get_untracked().is_some() {
            return;
        }
        self.doing.set(Some(doing));
        self.said.set(None);
        let id = self.job.with_untracked(|job| job.id);
        spawn_local(async move {
            let outcome = self.perform(id, doing).await;
            // The page may have been left meanwhile; then nobody listens.
            self.said.try_set(match outcome {
                Ok(said) => said.map(|(tone, text)| (tone, text.to_owned())),
                Err(problem) => Some(("bad", codes::problem(self.lang, &problem).in_full())),
            });
            self.doing.try_set(None);
        });
    }

    async fn perform(self, id: JobId, doing: Doing) -> Result<Option<(&'static str, &'static str)>, Problem> {
        match doing {
            Doing::Cancel => {
                let outcome = backend::cancel(id).await?;
                self.store.upsert(backend::job(id).await?);
                Ok(match outcome {
                    CancelOutcome::Cancelled => Some(("info", self.t.cancel_stopped)),
                    CancelOutcome::Requested => Some(("info", self.t.cancel_requested)),
                    CancelOutcome::TooLate => Some(("warn", self.t.cancel_too_late)),
                })
            }
            Doing::Retry | Doing::StartOver => {
                let from = (doing == Doing::StartOver).then(|| "start".to_owned());
                self.store.upsert(backend::retry(id, &Retry { from, input: None }).await?);
                Ok(None)
            }
            Doing::Step => backend::step(id).await.map(|()| None),
        }
    }
}

/// A button that posts, named after what it does and to which job.
#[component]
fn ActionButton(
    actor: Actor,
    doing: Doing,
    /// Last part of the path that it posts to.
    verb: &'static str,
    /// Class of the button.
    class: &'static str,
    /// Its word.
    word: &'static str,
    /// Its word while the answer is awaited.
    busy: &'static str,
) -> impl IntoView {
    let Actor { job, t, .. } = actor;
    let is_busy = move || actor.doing.get() == Some(doing);
    view! {
        <form
            method="post"
            action=move || job.with(|job| format!("/jobs/{}/{verb}", job.id))
            on:submit=move |event| actor.act(event, doing)
        >
            {(doing == Doing::StartOver).then(|| view! { <input type="hidden" name="from" value="start" /> })}
            <button
                type="submit"
                class=class
                data-action=verb
                aria-disabled=move || is_busy().then_some("true")
                aria-label=move || format!("{word}: {}", job.with(|job| t.title_of(job)))
            >
                {move || if is_busy() { busy } else { word }}
            </button>
        </form>
    }
    .into_any()
}

/// What the last action came to, when that needs words.
#[component]
fn Said(actor: Actor) -> impl IntoView {
    move || actor.said.get().map(|(tone, text)| view! { <p class="notice" data-tone=tone>{text}</p> })
}

/// Cancel, or retry, whichever a job can have; for rows and for the head of its page.
#[component]
pub fn JobActions(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let actor = Actor::new(job);
    let t = actor.t;
    let can_cancel = Memo::new(move |_| job.with(Job::can_cancel));
    // What only an operator may open again is opened from the operator's pages.
    let can_retry = Memo::new(move |_| job.with(|job| job.can_retry() && !is_bulk(&job.kind)));
    view! {
        <div class="job-actions">
            {move || {
                can_cancel
                    .get()
                    .then(|| {
                        view! {
                            <ActionButton actor doing=Doing::Cancel verb="cancel" class="danger" word=t.cancel busy=t.cancelling />
                        }
                    })
            }}
            {move || {
                can_retry
                    .get()
                    .then(|| {
                        view! { <ActionButton actor doing=Doing::Retry verb="retry" class="quiet" word=t.retry busy=t.retrying /> }
                    })
            }}
            <Said actor />
        </div>
    }
    .into_any()
}

/// The ways on from a failed or cancelled job, on its page.
#[component]
pub fn RetryActions(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let actor = Actor::new(job);
    let t = actor.t;
    let resumable = Memo::new(move |_| job.with(|job| job.resumable));
    // What fails again with the same input is to be edited first; the plain retry stays, for when the world has changed.
    let hopeless = Memo::new(move |_| job.with(|job| job.failure.as_ref().is_some_and(|failure| !failure.retryable)));
    let known = job.with_untracked(|job| domain::kinds::NAMES.contains(&job.kind.as_str()));
    let (retry_class, edit_class) = (
        move || if hopeless.get() { "" } else { "primary" },
        move || {
            if hopeless.get() { "button primary" } else { "button" }
        },
    );
    let edit = move || {
        known.then(|| {
            view! {
                <a
                    class=edit_class
                    href=move || job.with(|job| format!("/jobs/{}?edit=1", job.id))
                    aria-label=move || job.with(|job| format!("{}: {}", t.edit_and_retry, t.title_of(job)))
                >
                    {t.edit_and_retry}
                </a>
            }
        })
    };
    if job.with_untracked(|job| is_bulk(&job.kind)) {
        let href = job.with_untracked(|job| format!("/operations/jobs/{}", job.id));
        let word = operations(actor.lang).go_on_from_here;
        return view! { <p class="actions"><a class="button" rel="external" href=href>{word}</a></p> }.into_any();
    }
    view! {
        <div class="actions">
            {move || {
                let word = if resumable.get() { t.resume } else { t.retry };
                view! { <ActionButton actor doing=Doing::Retry verb="retry" class=retry_class() word busy=t.retrying /> }
            }}
            {move || {
                resumable
                    .get()
                    .then(|| {
                        view! {
                            <ActionButton actor doing=Doing::StartOver verb="retry" class="" word=t.start_over busy=t.retrying />
                        }
                    })
            }}
            {edit}
            <Said actor />
        </div>
    }
    .into_any()
}

/// The button that lets a held rehearsal take its next step.
#[component]
pub fn StepAction(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let actor = Actor::new(job);
    let t = actor.t;
    let held = Memo::new(move |_| {
        job.with(|job| {
            job.state == JobState::Running && job.input.get("hold").and_then(serde_json::Value::as_bool) == Some(true)
        })
    });
    move || {
        held.get().then(|| {
            view! {
                <div class="actions">
                    <ActionButton actor doing=Doing::Step verb="step" class="primary" word=t.next_step busy=t.next_step />
                    <span class="hint muted">{t.next_step_hint}</span>
                    <Said actor />
                </div>
            }
        })
    }
}
