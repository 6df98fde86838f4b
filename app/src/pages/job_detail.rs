//! What a job's page shows of it: where it stands and why, what came of it so far, what went wrong and the ways on, and its history.
//!
//! Everything follows the job's row and log in the store, so that the page needs no refresh while a channel is open.

use super::{edit::EditForm, job::Loaded, settings::JobNotificationsCard};
use crate::{
    backend,
    components::{
        attempts::Attempts,
        callback_form::CallbackForm,
        failure_card::FailureCard,
        job_actions::{JobActions, StepAction},
        job_progress::JobProgress,
        job_row::percent_of,
        moment::{Ago, LocalMoment, Moment},
        state_chip::{Shown, StateChip},
        timeline::Timeline,
        why::WhyInFull,
    },
    forms::Refused,
    i18n::{codes, format, use_lang, use_t},
    kinds::{Outcome, Partials},
    state::jobs::use_jobs,
};
use domain::{
    Event, EventType, Job, JobId, JobState,
    api::Attempt,
    api::job_page,
    kinds::{form::PREFIX, rehearsal},
};
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Seconds between two looks at the place in the queue, which no event tells.
const LOOK_AGAIN_S: u64 = 4;

/// The whole page of a job that is there.
#[component]
pub fn JobDetail(
    /// What was read.
    loaded: Loaded,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let Loaded { job, log, attempts, notices } = loaded;
    let id = job.id;
    let read = last_touch(&log);
    let (job, log) = (follow_job(job), follow_log(id, log));
    let attempts = follow_attempts(log, job, attempts, read);
    follow_queue(job);

    let title = Memo::new(move |_| job.with(|job| t.title_of(job)));
    let state = Memo::new(move |_| job.with(|job| job.state));
    let tab_title = move || match job.with(percent_of) {
        Some(percent) => format!("{percent} · {}", title.get()),
        None => format!("{} · {}", Shown::of(&job.get()).word(t), title.get()),
    };
    let query = use_query_map();
    let refused = Refused::take();
    let edited = refused.as_ref().is_some_and(|state| state.values.iter().any(|(name, _)| name.starts_with(PREFIX)));
    let edits = Memo::new(move |_| {
        let asked = edited || query.with(|query| query.get("edit").is_some());
        asked && job.with(Job::can_retry)
    });
    let (for_form, for_notice) = if edits.get_untracked() { (refused, None) } else { (None, refused) };
    let refused = StoredValue::new(for_form);
    let notice = for_notice.map(|state| {
        let text = codes::problem(lang, &state.problem).in_full();
        view! {
            <p class="notice" data-tone="bad" role="alert">
                {text}
            </p>
        }
    });
    let has_partials = Memo::new(move |_| log.with(|log| log.iter().any(|event| event.type_ == EventType::Partial)));
    // Scripts make a text of what stands in `noscript`, so hydration must not look into it.
    let asks_owner = job.with_untracked(|job| job.kind == rehearsal::NAME);
    let refresh = move || match state.get() {
        state if state.is_terminal() => "",
        // Time to type an answer.
        JobState::Waiting if asks_owner => r#"<meta http-equiv="refresh" content="30">"#,
        _ => r#"<meta http-equiv="refresh" content="5">"#,
    };
    view! {
        <Title text=tab_title />
        <noscript inner_html=refresh></noscript>
        <header class="page-head">
            <nav class="crumbs" aria-label=t.you_are_here>
                <a href="/">{t.work}</a>
            </nav>
            <h1>{title}</h1>
        </header>
        {notice}
        <Said job />
        {move || {
            edits
                .get()
                .then(|| {
                    let refused = refused.try_update_value(Option::take).flatten();
                    view! { <EditForm job refused /> }
                })
        }}
        <div class="columns">
            <div class="column-main">
                <section
                    class="card job-hero"
                    aria-label=t.where_it_stands
                    data-job=id.to_string()
                    data-state=move || state.get().as_str()
                    data-seq=move || job.with(|job| job.jseq)
                >
                    <p>
                        <StateChip shown=Signal::derive(move || job.with(Shown::of)) />
                    </p>
                    <WhyInFull job />
                    <JobProgress job name=title attempts />
                    <StepAction job />
                    <CallbackForm job log />
                    {move || (!state.get().is_terminal()).then(|| view! { <JobActions job /> })}
                </section>
                <FailureCard job />
                {move || {
                    (state.get() == JobState::Succeeded)
                        .then(|| {
                            view! {
                                <section class="card result" aria-labelledby="result-heading">
                                    <h2 id="result-heading">{t.result}</h2>
                                    <Outcome job log />
                                </section>
                            }
                        })
                }}
                {move || {
                    has_partials
                        .get()
                        .then(|| {
                            view! {
                                <section class="card" aria-labelledby="partials-heading">
                                    <h2 id="partials-heading">{job.with_untracked(|job| t.partials_title(&job.kind))}</h2>
                                    <Partials job log />
                                </section>
                            }
                        })
                }}
                <JobNotificationsCard id notices />
                <section class="card" aria-labelledby="timeline-heading">
                    <h2 id="timeline-heading">{t.timeline}</h2>
                    <Timeline log />
                </section>
            </div>
            <div class="column-side">
                <Facts job />
                <section class="card" aria-labelledby="attempts-heading">
                    <h2 id="attempts-heading">{t.attempts}</h2>
                    <Attempts attempts />
                </section>
            </div>
        </div>
    }
    .into_any()
}

/// What came of the form that led here without script: the answer to a cancel, a repeated submit, or how long one waited.
#[component]
fn Said(job: Signal<Job>) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let said = use_query_map().with_untracked(|query| query.get("said"));
    let ended = Memo::new(move |_| job.with(|job| job.state.is_terminal()));
    move || {
        let (tone, text) = match said.as_deref()? {
            "cancelled" => ("info", t.cancel_stopped.to_owned()),
            "requested" if !ended.get() => ("info", t.cancel_requested.to_owned()),
            "too-late" => ("warn", t.cancel_too_late.to_owned()),
            "called-back" => ("good", t.called_back.to_owned()),
            "replayed" => ("warn", t.already_accepted.to_owned()),
            said => {
                let ms = said.strip_prefix("waited-")?.parse().ok()?;
                let took = format::duration(lang, ms);
                if ended.get() { ("good", (t.waited_for)(&took)) } else { ("info", (t.waited_in_vain)(&took)) }
            }
        };
        Some(view! { <p class="notice" data-tone=tone>{text}</p> })
    }
}

/// What is known about a job besides its course.
#[component]
fn Facts(job: Signal<Job>) -> impl IntoView {
    let t = use_t();
    let (id, kind, created, origin) =
        job.with_untracked(|job| (job.id, t.kind_name(&job.kind).to_owned(), job.created_at, job.origin));
    let attempt = move || job.with(|job| (t.attempt_of)(job.attempt.into(), job.max_attempts.into()));
    let finished = Memo::new(move |_| job.with(|job| job.finished_at));
    let run_at = Memo::new(move |_| job.with(|job| job.run_at));
    let priority = Memo::new(move |_| job.with(|job| job.priority));
    view! {
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
                {move || {
                    finished
                        .get()
                        .map(|at| {
                            view! {
                                <div>
                                    <dt>{t.finished}</dt>
                                    <dd>
                                        <Moment at />
                                    </dd>
                                </div>
                            }
                        })
                }}
                <div>
                    <dt>{t.attempt}</dt>
                    <dd>{attempt}</dd>
                </div>
                {move || {
                    run_at
                        .get()
                        .map(|at| {
                            view! {
                                <div>
                                    <dt>{t.runs_from}</dt>
                                    <dd>
                                        <LocalMoment at />
                                    </dd>
                                </div>
                            }
                        })
                }}
                {move || {
                    let word = match priority.get() {
                        0 => return None,
                        1.. => t.priority_high,
                        _ => t.priority_low,
                    };
                    Some(view! {
                        <div>
                            <dt>{t.priority}</dt>
                            <dd class="num" data-priority=priority.get()>{word} " (" {priority.get()} ")"</dd>
                        </div>
                    })
                }}
                {origin
                    .map(|origin| {
                        view! {
                            <div>
                                <dt>{t.edited_from}</dt>
                                <dd>
                                    <a href=job_page(origin)>{crate::i18n::short_id(origin)}</a>
                                </dd>
                            </div>
                        }
                    })}
                <div>
                    <dt>{t.id}</dt>
                    <dd>
                        <code>{id.to_string()}</code>
                    </dd>
                </div>
            </dl>
        </section>
    }
    .into_any()
}

/// The row in the store, once that is as new as the one read. The store takes it only after hydration: others on the page show the
/// store too, and must find what the server rendered.
fn follow_job(read: Job) -> Signal<Job> {
    let store = use_jobs();
    let row = store.watch(read.id);
    let jseq = read.jseq;
    let read = StoredValue::new(read);
    Effect::new(move |_| store.upsert(read.get_value()));
    Memo::new(move |_| row.get().filter(|known| known.jseq >= jseq).unwrap_or_else(|| read.get_value())).into()
}

/// The log in the store, once it has the part that was read.
fn follow_log(id: JobId, read: Vec<Event>) -> Signal<Vec<Event>> {
    let store = use_jobs();
    let known = store.watch_log(id);
    let read = StoredValue::new(read);
    Effect::new(move |_| store.seed_log(id, read.get_value()));
    Memo::new(move |_| {
        let known = known.get();
        if read.with_value(|read| known.len() < read.len()) { read.get_value() } else { known }
    })
    .into()
}

/// Where the list of attempts changed last, in a job's own log.
fn last_touch(log: &[Event]) -> u64 {
    log.iter().rev().find(|event| backend::touches_attempts(event.type_)).map_or(0, |event| event.jseq)
}

/// The attempts, read again when an event has changed them after they were read; `read` is the last such event that they have.
fn follow_attempts(
    log: Signal<Vec<Event>>,
    job: Signal<Job>,
    attempts: Vec<Attempt>,
    read: u64,
) -> Signal<Vec<Attempt>> {
    let attempts = RwSignal::new(attempts);
    Effect::new(move |before: Option<u64>| {
        let touched = log.with(|log| last_touch(log));
        if before.unwrap_or(read) != touched {
            let id = job.with_untracked(|job| job.id);
            spawn_local(async move {
                if let Ok(list) = backend::attempts(id).await {
                    attempts.try_set(list);
                }
            });
        }
        touched
    });
    attempts.into()
}

/// Looks again at the place and reason of a job that has not started while its page is open, unless the channel tells them: it does so
/// for the newest jobs only.
fn follow_queue(job: Signal<Job>) {
    let store = use_jobs();
    Effect::new(move |_| {
        let look = move || {
            let unstarted = job.try_with_untracked(|job| job.state.is_unstarted().then_some(job.id));
            if let Some(id) = unstarted.flatten().filter(|id| !store.is_hinted(*id) && !document().hidden()) {
                spawn_local(async move {
                    if let Ok(job) = backend::job(id).await {
                        store.upsert(job);
                    }
                });
            }
        };
        if let Ok(timer) = set_interval_with_handle(look, std::time::Duration::from_secs(LOOK_AGAIN_S)) {
            on_cleanup(move || timer.clear());
        }
    });
}
