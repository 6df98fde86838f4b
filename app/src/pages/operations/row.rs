//! A line of the operator's list: whose job it is, where it stands, why, and what can be done.
//!
//! Invariant: the line keeps its elements while it changes, so that a tick or the focus on one of its buttons stays.

use super::{short_owner, title_of};
use crate::{
    backend::operations::path_with,
    components::{
        moment::{Ago, LocalMoment, use_moment},
        state_chip::{Shown, StateChip},
    },
    i18n::{
        codes::{self, Part},
        format,
        operations::use_operations,
        use_lang, use_t,
    },
};
use domain::{
    JobState,
    operations::{Action, Filter, Row},
};
use leptos::prelude::*;

/// The line.
#[component]
pub(super) fn JobLine(
    /// The job, as it was read last.
    row: Signal<Row>,
    /// What the list asks for, to narrow from here.
    filter: StoredValue<Filter>,
) -> impl IntoView {
    let (t, words) = (use_t(), use_operations());
    let first = row.get_untracked();
    let (id, kind, owner) = (first.id, first.kind.clone(), first.owner);
    let title = title_of(t, &first);
    let narrowed = move |change: &dyn Fn(&mut Filter)| {
        let mut filter = filter.get_value();
        change(&mut filter);
        path_with("/operations", &filter, &[])
    };
    let of_kind = narrowed(&|filter| filter.kind = Some(kind.clone()));
    let of_owner = narrowed(&|filter| filter.owner = Some(owner));
    let shown = Signal::derive(move || {
        row.with(|row| match row.cancel_requested_at {
            Some(_) => Shown::Cancelling,
            None => Shown::State(row.state),
        })
    });
    let ended = Memo::new(move |_| row.with(|row| row.finished_at));
    let attempts = move || row.with(|row| (t.attempt_of)(row.attempt.into(), row.max_attempts.into()));
    let select = (words.select)(&title);
    let kind_name = t.kind_name(&first.kind).to_owned();
    view! {
        <tr
            data-job=id.to_string()
            data-kind=first.kind.clone()
            data-state=move || row.with(|row| row.state.as_str())
            data-seq=move || row.with(|row| row.jseq)
        >
            <td class="job-cell">
                <input type="checkbox" name="job" value=id.to_string() aria-label=select />
                <span>
                    <a class="job-title" href=format!("/operations/jobs/{id}")>
                        {title.clone()}
                    </a>
                    <span class="job-meta">
                        <a href=of_kind>{kind_name}</a>
                        " · "
                        {words.of_owner}
                        " "
                        <a href=of_owner>
                            <code>{short_owner(owner)}</code>
                        </a>
                    </span>
                </span>
            </td>
            <td data-label=words.state>
                <StateChip shown />
            </td>
            <td data-label=words.what class="what-cell">
                <What row filter />
            </td>
            <td data-label=words.when class="when-cell">
                <Ago at=Signal::derive(move || row.with(|row| row.finished_at.unwrap_or(row.created_at))) />
                <span class="muted num">
                    {move || if ended.get().is_some() { t.finished } else { t.accepted }}
                    " · "
                    {attempts}
                </span>
            </td>
            <td data-label=words.actions class="act-cell">
                <Buttons row title />
            </td>
        </tr>
    }
    .into_any()
}

/// Retry or cancel, whichever fits.
#[component]
fn Buttons(row: Signal<Row>, title: String) -> impl IntoView {
    let t = use_t();
    let id = row.with_untracked(|row| row.id);
    let fits = Memo::new(move |_| {
        row.with(|row| {
            let asked = row.cancel_requested_at.is_some();
            [Action::Retry, Action::Cancel].into_iter().find(|action| action.fits(row.state) && !asked)
        })
    });
    move || {
        fits.get().map(|action| {
            let (word, class) = match action {
                Action::Retry => (t.retry, "quiet"),
                Action::Cancel => (t.cancel, "danger"),
            };
            view! {
                <button
                    type="submit"
                    name="one"
                    value=format!("{}:{id}", action.as_str())
                    class=class
                    data-action=action.as_str()
                    aria-label=format!("{word}: {title}")
                >
                    {word}
                </button>
            }
        })
    }
}

/// Why it is where it is: the worker and its lease, the reason for waiting, what went wrong.
#[component]
pub(super) fn What(row: Signal<Row>, filter: StoredValue<Filter>) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let now = use_moment();
    let waits = Memo::new(move |_| {
        row.with(|row| {
            if row.state == JobState::Running || row.state.is_terminal() {
                return None;
            }
            let waiting = row.waiting.as_ref().and_then(|waiting| codes::waiting(lang, waiting));
            let text = |text: String| vec![Part::Text(text)];
            let why = row.queue.as_ref().and_then(|queue| codes::why(lang, queue));
            Some(waiting.map(text).or(why).unwrap_or_else(|| text(words.no_reason.to_owned())))
        })
    });
    let lease = Memo::new(move |_| row.with(|row| row.lease.clone()));
    let progress = Memo::new(move |_| {
        let running = |row: &Row| row.state == JobState::Running || !row.state.is_terminal();
        row.with(|row| row.progress.as_ref().filter(|_| running(row)).map(|progress| format::progress(lang, progress)))
    });
    let failure = Memo::new(move |_| {
        let failed = |row: &Row| matches!(row.state, JobState::Failed | JobState::Retrying);
        row.with(|row| row.failure.clone().filter(|_| failed(row)))
    });
    view! {
        {move || {
            lease
                .get()
                .map(|lease| {
                    let (renewed, worker) = (lease.renewed_at, lease.worker.clone());
                    view! {
                        <p data-worker=lease.worker>
                            {words.worker} " " <code>{worker}</code> " · "
                            <span class="num">{move || (words.renewed)(&format::ago(lang, now.get(), renewed))}</span>
                        </p>
                    }
                })
        }}
        {move || {
            waits
                .get()
                .map(|parts| {
                    let code = row.with_untracked(|row| row.queue.as_ref().map(|queue| queue.why.code.clone()));
                    view! { <p data-why=code><Sentence parts /></p> }
                })
        }}
        {move || progress.get().map(|text| view! { <p class="muted num">{text}</p> })}
        {move || {
            failure
                .get()
                .map(|failure| {
                    let what = codes::failure(lang, &failure).what;
                    let mut narrowed = filter.get_value();
                    narrowed.code = Some(failure.code.clone());
                    let href = path_with("/operations", &narrowed, &[]);
                    view! {
                        <p class="job-failure" data-code=failure.code.clone()>{what}</p>
                        <p class="muted">
                            {words.reason_word(failure.reason)} " · " <a href=href><code>{failure.code}</code></a>
                        </p>
                    }
                })
        }}
        {move || row.with(|row| row.cancel_requested_at.is_some()).then(|| view! { <p class="muted">{t.why_cancelling}</p> })}
    }
    .into_any()
}

/// Text with the moments in it.
#[component]
fn Sentence(parts: Vec<Part>) -> impl IntoView {
    let part = |part| match part {
        Part::Text(text) => view! { <span>{text}</span> }.into_any(),
        Part::Moment(at) => view! { <LocalMoment at /> }.into_any(),
    };
    parts.into_iter().map(part).collect_view()
}
