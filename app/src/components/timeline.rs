//! What happened to a job, in sentences, oldest first; runs of progress and partial results are folded into one line each.
//!
//! Invariant: every event of another type has a line of its own, and what the page did not read is said to be left out.

use crate::i18n::{Lang, Strings, codes, format, t, use_lang, use_t};
use domain::{Event, EventType, Progress, Timestamp, event::data};
use leptos::prelude::*;
use serde::Deserialize;

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Position in the job's log of its (last) event.
    pub jseq: u64,
    /// The word in `data-type`; `left-out` for a gap.
    pub type_: &'static str,
    /// When.
    pub at: Timestamp,
    /// The sentence.
    pub what: String,
}

/// The lines of a log. A hole in it (the page reads both ends of a long log) becomes a line too; small ones are progress that a slow
/// reader was spared.
pub fn lines(lang: Lang, log: &[Event]) -> Vec<Line> {
    const SPARED: u64 = 100;
    let words = t(lang);
    let mut lines: Vec<Line> = Vec::new();
    let (mut run, mut before) = (0, 0);
    for event in log {
        let missing = event.jseq.saturating_sub(before + 1);
        if missing >= SPARED {
            let what = (words.left_out)(&format::number(lang, missing));
            lines.push(Line { jseq: event.jseq - 1, type_: "left-out", at: event.at, what });
        }
        let type_ = event.type_.as_str();
        let folds = matches!(event.type_, EventType::Progress | EventType::Partial);
        let continues = folds && lines.last().is_some_and(|line| line.type_ == type_);
        run = if continues { run + 1 } else { 1 };
        let line = Line { jseq: event.jseq, type_, at: event.at, what: sentence(lang, words, event, run) };
        match lines.last_mut() {
            Some(last) if continues => *last = line,
            _ => lines.push(line),
        }
        before = event.jseq;
    }
    lines
}

/// One event in words; `run` counts those of its type folded into this line.
fn sentence(lang: Lang, t: &Strings, event: &Event, run: u64) -> String {
    fn read<T: for<'de> Deserialize<'de>>(event: &Event) -> Option<T> {
        T::deserialize(&event.data).ok()
    }
    match event.type_ {
        EventType::Accepted => t.event_accepted.to_owned(),
        EventType::Queued => t.event_queued.to_owned(),
        EventType::Started => {
            let started = read::<data::Started>(event);
            let attempt = started.as_ref().map_or(1, |started| started.attempt.into());
            let resumed = started.is_some_and(|started| started.resumed_from.is_some_and(|from| !from.is_null()));
            if resumed { (t.event_resumed_attempt)(attempt) } else { (t.event_started)(attempt) }
        }
        EventType::Progress => {
            let at = read::<Progress>(event).map(|progress| format::progress(lang, &progress)).unwrap_or_default();
            format!("{} {at}", t.event_progress)
        }
        EventType::Partial => (t.event_partials)(run),
        EventType::AttemptFailed => {
            let failed = read::<data::AttemptFailed>(event);
            let attempt = failed.as_ref().map_or(1, |failed| failed.attempt.into());
            let why = failed.map(|failed| codes::failure(lang, &failed.failure).what).unwrap_or_default();
            (t.event_attempt_failed)(attempt, &why)
        }
        EventType::RetryScheduled => {
            let retry = read::<data::RetryScheduled>(event);
            let at = retry.as_ref().map(|retry| format::time(retry.at)).unwrap_or_default();
            let died = retry.is_some_and(|retry| retry.attempt.is_some());
            if died { (t.event_retry_after_crash)(&at) } else { (t.event_retry_scheduled)(&at) }
        }
        EventType::Waiting => match read::<data::Waiting>(event) {
            Some(waiting) => {
                let what = codes::waiting(lang, &waiting).unwrap_or_else(|| t.event_waiting.to_owned());
                format!("{what} {}", (t.waiting_until)(&format::time(waiting.until)))
            }
            None => t.event_waiting.to_owned(),
        },
        EventType::Resumed if read::<data::Resumed>(event).is_some_and(|resumed| resumed.by == "timeout") => {
            t.event_resumed_timeout.to_owned()
        }
        EventType::Resumed => t.event_resumed.to_owned(),
        EventType::Released if read::<data::Released>(event).is_some_and(|released| released.reason == "drain") => {
            t.event_released_drain.to_owned()
        }
        EventType::Released => t.event_released_lost.to_owned(),
        EventType::CancelRequested => t.event_cancel_requested.to_owned(),
        EventType::Succeeded => t.event_succeeded.to_owned(),
        EventType::Failed => t.event_failed.to_owned(),
        EventType::Cancelled => t.event_cancelled.to_owned(),
        EventType::Reopened if read::<data::Reopened>(event).is_some_and(|reopened| reopened.from == "start") => {
            t.event_reopened_start.to_owned()
        }
        EventType::Reopened => t.event_reopened.to_owned(),
        EventType::Unknown => t.event_unknown.to_owned(),
    }
}

/// The timeline of a job.
#[component]
pub fn Timeline(
    /// Its log, in order.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let lines = Memo::new(move |_| log.with(|log| lines(lang, log)));
    view! {
        <ol class="timeline" tabindex="0" aria-label=t.timeline>
            <For each=move || lines.get() key=|line| (line.jseq, line.type_) let:line>
                <li data-type=line.type_>
                    <span class="what">{line.what}</span>
                    <time class="num" datetime=line.at.to_string() title=format::moment(lang, line.at)>
                        {format::time(line.at)}
                    </time>
                </li>
            </For>
        </ol>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::JobId;
    use serde_json::json;

    fn event(jseq: u64, type_: EventType, data: serde_json::Value) -> Event {
        let job = JobId::from_bytes([1; 16]);
        let (epoch, kind, at) = ("a".into(), "rehearsal".into(), Timestamp(jseq as i64));
        Event { epoch, seq: jseq, prev: jseq - 1, job, kind, jseq, at, type_, data }
    }

    #[test]
    fn progress_folds_into_one_line_and_the_rest_keeps_its_own() {
        let log = [
            event(1, EventType::Accepted, json!({"label": null, "max_attempts": 3})),
            event(2, EventType::Started, json!({"attempt": 1})),
            event(3, EventType::Progress, json!({"done": 1, "total": 4, "unit": "steps"})),
            event(5, EventType::Progress, json!({"done": 3, "total": 4, "unit": "steps"})),
            event(6, EventType::Succeeded, json!({})),
        ];
        let lines = lines(Lang::En, &log);
        assert_eq!(
            lines.iter().map(|line| line.type_).collect::<Vec<_>>(),
            ["accepted", "started", "progress", "succeeded"]
        );
        assert!(lines[2].what.contains("3 of 4 steps (75 %)"), "{}", lines[2].what);
    }

    #[test]
    fn what_was_not_read_is_said_to_be_left_out() {
        let log = [event(1, EventType::Accepted, json!({})), event(1_202, EventType::Cancelled, json!({}))];
        let lines = lines(Lang::En, &log);
        assert_eq!(lines[1].type_, "left-out");
        assert!(lines[1].what.contains("1,200"), "{}", lines[1].what);
    }
}
