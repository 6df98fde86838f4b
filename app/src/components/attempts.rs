//! The attempts of a job: a group of lines each, and in it a line for each part, when an attempt went on after a wait or another worker.

use crate::i18n::{codes, format, use_lang, use_t};
use domain::api::{Attempt, AttemptOutcome};
use leptos::prelude::*;

/// Whether two lines are parts of one attempt: one that is given back, since it waits or has lost its worker, goes on under its number.
fn same(one: &Attempt, next: &Attempt) -> bool {
    one.attempt == next.attempt
}

/// The table of attempts.
#[component]
pub fn Attempts(
    /// Oldest first.
    attempts: Signal<Vec<Attempt>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let rows = move || {
        let row = |number: usize, of: usize, attempt: &Attempt| {
            let outcome = match attempt.outcome {
                AttemptOutcome::Running => t.state_running,
                AttemptOutcome::Succeeded => t.state_succeeded,
                AttemptOutcome::Failed => t.state_failed,
                AttemptOutcome::Cancelled => t.state_cancelled,
                AttemptOutcome::Released => t.attempt_released,
                AttemptOutcome::Lost => t.attempt_lost,
                AttemptOutcome::Waited => t.attempt_waited,
            };
            let took = attempt.finished_at.map(|end| format::duration(lang, end.ms_since(attempt.started_at)));
            let why = attempt.failure.as_ref().map(|failure| codes::failure(lang, failure).what);
            view! {
                <tr>
                    <td class="num" data-label=t.attempt>
                        {(number == 1).then_some(attempt.attempt)}
                        {(of > 1).then(|| view! { " " <span class="muted">{(t.attempt_part)(number as u64, of as u64)}</span> })}
                    </td>
                    <td data-label=t.started>
                        <time
                            class="num"
                            datetime=attempt.started_at.to_string()
                            title=format::moment(lang, attempt.started_at)
                        >
                            {format::time(attempt.started_at)}
                        </time>
                    </td>
                    <td class="num" data-label=t.lasted>{took}</td>
                    <td data-label=t.outcome>{outcome} {why.map(|why| format!(" · {why}"))}</td>
                </tr>
            }
        };
        let group = |parts: &[Attempt]| {
            let rows = (1..).zip(parts).map(|(number, part)| row(number, parts.len(), part)).collect_view();
            view! { <tbody data-attempt=parts.first().map(|part| part.attempt)>{rows}</tbody> }
        };
        attempts.with(|attempts| attempts.chunk_by(same).map(group).collect_view())
    };
    move || {
        if attempts.with(Vec::is_empty) {
            return view! { <p class="muted">{t.no_attempts}</p> }.into_any();
        }
        view! {
            <div class="table-scroll">
                <table class="attempts">
                    <thead>
                        <tr>
                            <th scope="col">{t.attempt}</th>
                            <th scope="col">{t.started}</th>
                            <th scope="col">{t.lasted}</th>
                            <th scope="col">{t.outcome}</th>
                        </tr>
                    </thead>
                    {rows}
                </table>
            </div>
        }
        .into_any()
    }
}
