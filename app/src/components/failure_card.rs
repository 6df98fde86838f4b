//! What went wrong with a job: what, why, what was done until then, and the ways on.
//!
//! Shows for a failed job, and more quietly between attempts and after a cancel. Never a dead end: there is always a next step.

use crate::{
    components::{job_actions::RetryActions, moment::use_moment},
    i18n::{codes, format, use_lang, use_t},
};
use domain::{Job, JobState};
use leptos::prelude::*;

/// The card of a job that failed or was cancelled; a notice while it backs off.
#[component]
pub fn FailureCard(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let now = use_moment();
    let state = Memo::new(move |_| job.with(|job| job.state));
    let wording = Memo::new(move |_| job.with(|job| job.failure.as_ref().map(|failure| codes::failure(lang, failure))));
    let what = move || wording.get().map(|wording| wording.what).unwrap_or_default();
    let next = move || wording.get().map(|wording| wording.next).unwrap_or_default();
    let code = move || job.with(|job| job.failure.as_ref().map(|failure| failure.code.clone()));
    let detail = move || job.with(|job| job.failure.as_ref().and_then(|failure| failure.detail.clone()));
    let done = move || {
        job.with(|job| {
            let attempts = (t.after_attempts)(job.attempt.into());
            match &job.progress {
                Some(progress) => format!("{} {}. {attempts}", t.done_so_far, format::progress(lang, progress)),
                None => format!("{} {attempts}", t.nothing_done),
            }
        })
    };
    let next_attempt = move || {
        let (attempt, max, at) = job.with(|job| (job.attempt, job.max_attempts, job.next_attempt_at));
        let when = at.map(|at| format::until(lang, now.get(), at)).unwrap_or_default();
        (t.next_attempt)(u64::from(attempt) + 1, max.into(), &when)
    };
    move || match state.get() {
        JobState::Failed => view! {
            <section class="failure-card" aria-labelledby="failure-heading" data-code=code>
                <h2 id="failure-heading">{t.failed_heading}</h2>
                <p class="what">{what}</p>
                <p class="why">{next}</p>
                <p class="done-so-far">{done}</p>
                <RetryActions job />
                <details>
                    <summary>{t.technical}</summary>
                    <p>
                        <code>{code}</code>
                        " "
                        {detail}
                    </p>
                </details>
            </section>
        }
        .into_any(),
        JobState::Cancelled => view! {
            <section class="notice" data-tone="info" aria-labelledby="cancelled-heading">
                <h2 id="cancelled-heading">{t.cancelled_heading}</h2>
                <p class="done-so-far">{done}</p>
                <RetryActions job />
            </section>
        }
        .into_any(),
        JobState::Retrying => view! {
            <section class="notice" data-tone="warn" aria-labelledby="retrying-heading">
                <h2 id="retrying-heading">{t.retrying_heading}</h2>
                <p class="what">{what}</p>
                <p>{next_attempt}</p>
            </section>
        }
        .into_any(),
        _ => ().into_any(),
    }
}
