//! One job in a list, and one submit that the server has not confirmed yet.
//!
//! Invariant: `data-job`, `data-state` and `data-seq` are the row's, always; tests and tools hold on to them.

use crate::{
    components::{
        job_actions::JobActions,
        job_progress::JobProgress,
        moment::Ago,
        state_chip::{Shown, StateChip},
        why::WhyInShort,
    },
    i18n::{codes, format, use_lang, use_t},
    state::jobs::{Unconfirmed, use_jobs},
};
use domain::{Job, JobState};
use leptos::prelude::*;

/// One job.
#[component]
pub fn JobRow(
    /// Which.
    job: Signal<Job>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let title = Memo::new(move |_| job.with(|job| t.title_of(job)));
    let unfinished = Memo::new(move |_| job.with(|job| !job.state.is_terminal()));
    let failure = Memo::new(move |_| {
        let failed = |job: &Job| matches!(job.state, JobState::Failed | JobState::Retrying);
        job.with(|job| job.failure.as_ref().filter(|_| failed(job)).map(|failure| codes::failure(lang, failure).what))
    });
    let attempts = Memo::new(move |_| {
        job.with(|job| (job.attempt > 1).then(|| (t.attempt_of)(job.attempt.into(), job.max_attempts.into())))
    });
    let id = job.with_untracked(|job| job.id);
    let kind = job.with_untracked(|job| t.kind_name(&job.kind).to_owned());
    let created = Signal::derive(move || job.with(|job| job.created_at));
    view! {
        <li
            class="job-row"
            data-job=id.to_string()
            data-state=move || job.with(|job| job.state.as_str())
            data-seq=move || job.with(|job| job.jseq)
        >
            <a class="job-title" href=domain::api::job_page(id)>
                {title}
            </a>
            <StateChip shown=Signal::derive(move || job.with(Shown::of)) />
            <p class="job-meta">
                <span>{kind}</span>
                <Ago at=created />
                <span>{attempts}</span>
            </p>
            <WhyInShort job />
            {move || unfinished.get().then(|| view! { <JobProgress job name=title /> })}
            {move || failure.get().map(|what| view! { <p class="job-failure">{what}</p> })}
            <JobActions job />
        </li>
    }
    .into_any()
}

/// A submit on its way, or one that did not get through and can be sent again.
#[component]
pub fn UnconfirmedRow(
    /// Which.
    submit: Unconfirmed,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let store = use_jobs();
    let title = submit.label.clone().unwrap_or_else(|| t.kind_name(&submit.kind).to_owned());
    let meta = match &submit.problem {
        None => t.sending_hint.to_owned(),
        Some(problem) => codes::problem(lang, problem).in_full(),
    };
    let (key, data_key) = (submit.key.clone(), submit.key);
    let lost = submit.problem.is_some();
    view! {
        <li class="job-row" data-state="sending" data-key=data_key>
            <span class="job-title">{title}</span>
            <StateChip shown=Signal::stored(Shown::Sending) />
            <p class="job-meta">{meta}</p>
            {lost
                .then(|| {
                    view! {
                        <div class="job-actions">
                            <button type="button" class="quiet" on:click=move |_| store.dismiss(&key)>
                                {t.dismiss}
                            </button>
                        </div>
                    }
                })}
        </li>
    }
    .into_any()
}

/// `40 %` of a job that runs, for its page's title.
pub fn percent_of(job: &Job) -> Option<String> {
    let percent = job.progress.as_ref().filter(|_| !job.state.is_terminal())?.percent()?;
    Some(format!("{} %", format::number(crate::i18n::Lang::En, percent.into())))
}
