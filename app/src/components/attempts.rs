//! The runs of a job, one line each.

use crate::i18n::{codes, format, use_lang, use_t};
use domain::api::{Attempt, AttemptOutcome};
use leptos::prelude::*;

/// The table of attempts.
#[component]
pub fn Attempts(
    /// Oldest first.
    attempts: Signal<Vec<Attempt>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let rows = move || {
        let row = |attempt: &Attempt| {
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
                    <td class="num" data-label=t.attempt>{attempt.attempt}</td>
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
        attempts.with(|attempts| attempts.iter().map(row).collect_view())
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
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    }
}
