//! `/operations/jobs/{id}`: all there is to see of another visitor's job, and the two things that can be done about it.
//!
//! The parts are those of the owner's own page; nothing here goes through the owner's routes or the page's live store.

use super::{Instead, SessionOver, look_again, row::What, short_owner, title_of};
use crate::{
    backend::operations as backend,
    components::{
        attempts::Attempts,
        job_progress::JobProgress,
        json_view::JsonView,
        moment::Ago,
        state_chip::{Shown, StateChip},
        timeline::Timeline,
    },
    forms::Refused,
    i18n::{codes, operations::use_operations, use_lang, use_t},
};
use domain::{
    JobId, JobState, Problem,
    operations::{Action, Filter, JobReport},
};
use leptos::{either::Either, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

async fn load(id: Option<JobId>) -> Result<JobReport, Problem> {
    backend::job(id.ok_or_else(|| Problem::new(404, "job-not-found", "the address names no job"))?).await
}

/// The page of one job; another job in the address is another page.
#[component]
pub fn Report() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).and_then(|id| id.parse::<JobId>().ok()));
    move || view! { <Of id=id.get() /> }
}

#[component]
fn Of(id: Option<JobId>) -> impl IntoView {
    let t = use_t();
    let loaded = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok(report) => Either::Left(view! { <Page report /> }),
                        Err(problem) => Either::Right(view! { <Instead problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Page(report: JobReport) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let id = report.row.id;
    let title = title_of(t, &report.row);
    let (kind, owner, created) = (t.kind_name(&report.row.kind).to_owned(), report.row.owner, report.row.created_at);
    let input = report.job.input.clone();
    let refused = Refused::take().map(|state| codes::problem(lang, &state.problem).in_full());
    let report = RwSignal::new(report);
    let over = RwSignal::new(false);
    look_again(move || {
        // What has ended changes only by what is done here, or by its owner.
        if over.get_untracked() {
            return;
        }
        spawn_local(async move {
            match backend::job(id).await {
                Ok(fresh) => {
                    report.try_maybe_update(|known| (std::mem::replace(known, fresh.clone()) != fresh, ()));
                }
                Err(problem) if problem.status == 401 => {
                    over.try_set(true);
                }
                Err(_) => {}
            }
        });
    });
    let row = Memo::new(move |_| report.with(|report| report.row.clone()));
    let job = Memo::new(move |_| report.with(|report| report.job.clone()));
    let log = Memo::new(move |_| report.with(|report| report.log.clone()));
    let attempts = Memo::new(move |_| report.with(|report| report.attempts.clone()));
    let result = Memo::new(move |_| report.with(|report| report.job.result.clone()));
    let state = Memo::new(move |_| row.with(|row| row.state));
    let shown = Signal::derive(move || job.with(Shown::of));
    let refresh = move || if state.get().is_terminal() { "" } else { r#"<meta http-equiv="refresh" content="5">"# };
    let fits = Memo::new(move |_| [Action::Retry, Action::Cancel].into_iter().find(|action| action.fits(state.get())));
    let name = title.clone();
    let buttons = move || {
        let action = fits.get()?;
        let (word, class) = match action {
            Action::Retry => (t.retry, ""),
            Action::Cancel => (t.cancel, "danger"),
        };
        Some(view! {
            <form method="post" action="/operations/act">
                <input type="hidden" name="back" value=format!("/operations/jobs/{id}") />
                <button
                    type="submit"
                    name="one"
                    value=format!("{}:{id}", action.as_str())
                    class=class
                    data-action=action.as_str()
                    aria-label=format!("{word}: {name}")
                >
                    {word}
                </button>
            </form>
        })
    };
    view! {
        <Title text=title.clone() />
        <noscript inner_html=refresh></noscript>
        <header class="page-head">
            <nav class="crumbs" aria-label=t.you_are_here>
                <a href="/operations">{words.title}</a>
            </nav>
            <h1>{title.clone()}</h1>
            <p class="muted">{words.read_only}</p>
        </header>
        {refused.map(|text| view! { <p class="notice" data-tone="bad" role="alert">{text}</p> })}
        <SessionOver over words />
        <div class="columns">
            <div class="column-main">
                <section
                    class="card job-hero"
                    aria-label=t.where_it_stands
                    data-job=id.to_string()
                    data-state=move || state.get().as_str()
                    data-seq=move || row.with(|row| row.jseq)
                >
                    <p>
                        <StateChip shown />
                    </p>
                    <div class="what-cell">
                        <What row=row.into() filter=StoredValue::new(Filter::default()) />
                    </div>
                    <JobProgress job=job.into() name=Signal::stored(title) attempts=attempts.into() />
                    <div class="actions">{buttons}</div>
                </section>
                {move || {
                    let ended = state.get() == JobState::Succeeded;
                    result
                        .get()
                        .filter(|_| ended)
                        .map(|value| {
                            view! {
                                <section class="card" aria-labelledby="result-heading">
                                    <h2 id="result-heading">{t.result}</h2>
                                    <JsonView value />
                                </section>
                            }
                        })
                }}
                <section class="card" aria-labelledby="timeline-heading">
                    <h2 id="timeline-heading">{t.timeline}</h2>
                    <Timeline log=log.into() />
                </section>
            </div>
            <div class="column-side">
                <section class="card" aria-labelledby="facts-heading">
                    <h2 id="facts-heading">{t.facts}</h2>
                    <dl class="facts">
                        <div>
                            <dt>{t.kind}</dt>
                            <dd>{kind}</dd>
                        </div>
                        <div>
                            <dt>{t.accepted}</dt>
                            <dd>
                                <Ago at=Signal::stored(created) />
                            </dd>
                        </div>
                        <div>
                            <dt>{t.attempt}</dt>
                            <dd>
                                {move || row.with(|row| (t.attempt_of)(row.attempt.into(), row.max_attempts.into()))}
                            </dd>
                        </div>
                        <div>
                            <dt>{words.owner}</dt>
                            <dd>
                                <a href=format!("/operations?owner={owner}")>
                                    <code>{short_owner(owner)}</code>
                                </a>
                            </dd>
                        </div>
                        <div>
                            <dt>{t.id}</dt>
                            <dd>
                                <code>{id.to_string()}</code>
                            </dd>
                        </div>
                    </dl>
                </section>
                <section class="card" aria-labelledby="attempts-heading">
                    <h2 id="attempts-heading">{t.attempts}</h2>
                    <Attempts attempts=attempts.into() />
                </section>
                <section class="card" aria-labelledby="input-heading">
                    <h2 id="input-heading">{words.input}</h2>
                    <JsonView value=input />
                </section>
            </div>
        </div>
    }
    .into_any()
}
