//! Why a job waits, and where it stands: a sentence of the service's reason, the place in line, and an estimate.
//!
//! In full on the job's page ([`WhyInFull`]), in a few words in rows and dock ([`WhyInShort`]). What the log knows better than the last
//! reason (asked to stop, backing off until, waiting for) goes before it; a reason without words here gives way to the state's own sentence.
//! Invariant: nothing is said of an ended job, and a moment in a sentence is a `<time>` that says the reader's own time.

use crate::{
    components::moment::{LocalMoment, use_moment},
    i18n::{
        Lang, Strings,
        codes::{self, Part},
        format, use_lang, use_t,
    },
};
use domain::{Job, JobState, Timestamp};
use leptos::prelude::*;

/// The whole reason, on a job's page.
#[component]
pub fn WhyInFull(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let now = use_moment();
    let sentence = Memo::new(move |_| {
        job.with(|job| match job.next_attempt_at {
            _ if job.cancel_requested_at.is_some() && !job.state.is_terminal() => text(t.why_cancelling),
            Some(at) if job.state == JobState::Retrying => text((t.why_retrying)(&format::until(lang, now.get(), at))),
            _ if job.state == JobState::Waiting && job.waiting.is_some() => text(waits(lang, t, now.get(), job)),
            _ => reason(lang, t, job),
        })
    });
    // A moment is a point; how far it is says more.
    let until = move || {
        let at = job.with(start_of)?;
        Some((t.that_is)(&format::until(lang, now.get(), at)))
    };
    let start_by = Memo::new(move |_| job.with(|job| codes::start_by(lang, job.queue.as_ref()?)));
    let place = Memo::new(move |_| job.with(|job| place_and_estimate(lang, t, job)));
    view! {
        <p class="job-why">{move || view! { <Sentence parts=sentence.get() /> }} " " {until}</p>
        {move || start_by.get().map(|parts| view! { <p class="job-why"><Sentence parts /></p> })}
        {move || {
            place
                .get()
                .map(|place| view! { <p class="job-place num" data-position=move || position(job)>{place}</p> })
        }}
    }
    .into_any()
}

/// The reason in a few words, for a job that has not started; nothing for any other.
#[component]
pub fn WhyInShort(
    /// Whose.
    job: Signal<Job>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let parts = Memo::new(move |_| {
        job.with(|job| {
            let queue = job.queue.as_ref().filter(|_| job.state.is_unstarted() && job.cancel_requested_at.is_none())?;
            // It starts within a moment; a line that comes and goes would only make the list jump.
            if queue.why.code == "next" {
                return None;
            }
            let mut parts = codes::why_in_short(lang, queue).unwrap_or_default();
            if let Some(place) = place_and_estimate(lang, t, job) {
                if !parts.is_empty() {
                    parts.push(Part::Text(" · ".to_owned()));
                }
                parts.push(Part::Text(place));
            }
            (!parts.is_empty()).then_some(parts)
        })
    });
    move || {
        let code = job.with_untracked(|job| job.queue.as_ref().map(|queue| queue.why.code.clone()));
        parts.get().map(|parts| view! { <p class="job-why num" data-why=code><Sentence parts /></p> })
    }
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

/// What a job waits for, and until when.
fn waits(lang: Lang, t: &Strings, now: Timestamp, job: &Job) -> String {
    let Some(waiting) = &job.waiting else { return t.text_waiting.to_owned() };
    let what = codes::waiting(lang, waiting).unwrap_or_else(|| t.text_waiting.to_owned());
    format!("{what} {} {}", t.waiting_no_worker, (t.waiting_ends)(&format::until(lang, now, waiting.until)))
}

fn text(text: impl Into<String>) -> Vec<Part> {
    vec![Part::Text(text.into())]
}

fn reason(lang: Lang, t: &Strings, job: &Job) -> Vec<Part> {
    let queue = job.queue.as_ref().filter(|_| !job.state.is_terminal());
    queue.and_then(|queue| codes::why(lang, queue)).unwrap_or_else(|| text(t.state_text(job.state)))
}

/// When a scheduled job starts, as far as its reason names a moment.
fn start_of(job: &Job) -> Option<Timestamp> {
    let queue = job.queue.as_ref().filter(|_| job.state == JobState::Scheduled)?;
    codes::moment(queue, "at")
}

fn position(job: Signal<Job>) -> Option<u64> {
    job.with(|job| job.queue.as_ref().map(|queue| queue.position))
}

/// `3rd in line · done in about 20 to 40 s`, of a job that is queued.
fn place_and_estimate(lang: Lang, t: &Strings, job: &Job) -> Option<String> {
    let queue = job.queue.as_ref().filter(|_| job.state == JobState::Queued && job.cancel_requested_at.is_none())?;
    let place = (t.place)(&format::ordinal(lang, queue.position.saturating_add(1)));
    Some(match queue.eta_s {
        Some(range) => format!("{place} · {}", (t.finished_in)(&format::range(lang, range))),
        None => place,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::t;
    use domain::{Event, EventType, JobId, event::begin, job::Queue};
    use serde_json::{Value, json};

    fn job(state: JobState, position: u64, code: &str, params: &Value) -> Job {
        let accepted = Event {
            epoch: "a".into(),
            seq: 1,
            prev: 0,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq: 1,
            at: Timestamp(0),
            type_: EventType::Accepted,
            data: json!({"label": null, "max_attempts": 3}),
        };
        let why = serde_json::from_value(json!({"code": code, "params": params})).unwrap();
        let queue = Some(Queue { position, eta_s: Some([20, 40]), why });
        Job { state, queue, ..begin(&accepted).unwrap() }
    }

    #[test]
    fn a_reason_without_words_gives_way_to_the_states_own_sentence() {
        let t = t(Lang::En);
        let unknown = job(JobState::Queued, 0, "phase-of-the-moon", &json!({}));
        assert_eq!(reason(Lang::En, t, &unknown), text(t.text_queued));
        let bare = job(JobState::Scheduled, 0, "scheduled", &json!({}));
        assert_eq!(reason(Lang::En, t, &bare), text(t.text_scheduled), "a reason that lacks its moment");
        let ended = job(JobState::Succeeded, 0, "running", &json!({}));
        assert_eq!(reason(Lang::En, t, &ended), text(t.text_succeeded));
    }

    #[test]
    fn only_a_queued_job_has_a_place_in_line() {
        let t = t(Lang::En);
        let of = |state, position| place_and_estimate(Lang::En, t, &job(state, position, "ahead", &json!({"n": 2})));
        assert_eq!(of(JobState::Queued, 2).unwrap(), "3rd in line · done in about 20 to 40 s");
        assert_eq!(of(JobState::Queued, 0).unwrap(), "1st in line · done in about 20 to 40 s");
        assert_eq!((of(JobState::Scheduled, 0), of(JobState::Running, 0)), (None, None));
    }
}
