//! How far a job is, since when, and how long still: never a bare spinner.
//!
//! Invariant: the bar shows what the job reported, nothing eased or made up; what is left is a range, from the pace of the first attempt
//! (a later one may have begun in the middle) or the kind's history.

use crate::{
    components::moment::use_moment,
    i18n::{format, use_lang, use_t},
};
use domain::{Job, JobState, Timestamp, job::left_at_own_pace};
use leptos::prelude::*;

/// Seconds that an unfinished job still takes, from and to, when there is something to tell it from.
pub fn remaining(job: &Job, now: Timestamp) -> Option<[u64; 2]> {
    let by_pace = || {
        let progress = job.progress.as_ref().filter(|_| job.state == JobState::Running)?;
        left_at_own_pace(progress, job.attempt, job.started_at?, now)
    };
    // A held rehearsal goes on when somebody says so.
    let held = job.input.get("hold").and_then(serde_json::Value::as_bool) == Some(true);
    if job.state.is_terminal() || held { None } else { by_pace().or_else(|| job.queue.as_ref()?.eta_s) }
}

/// The bar and its sentence.
#[component]
pub fn JobProgress(
    /// Whose.
    job: Signal<Job>,
    /// Its name, for the bar's own name.
    #[prop(into)]
    name: Signal<String>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let now = use_moment();
    // An ended job without progress shows no bar, a running one without a total an indeterminate one.
    let visible = Memo::new(move |_| job.with(|job| job.state == JobState::Running || job.progress.is_some()));
    let percent = Memo::new(move |_| {
        job.with(|job| match job.state {
            JobState::Succeeded => Some(100),
            _ => job.progress.as_ref().and_then(|progress| progress.percent()),
        })
    });
    let how_far = move || {
        job.with(|job| match &job.progress {
            Some(progress) => format::progress(lang, progress),
            None => t.progress_none_yet.to_owned(),
        })
    };
    let since = move || {
        job.with(|job| {
            let started = job.started_at?;
            Some(match job.finished_at {
                Some(finished) => (t.took)(&format::duration(lang, finished.ms_since(started))),
                None => {
                    let seconds = now.get().ms_since(started) / 1000;
                    (seconds > 0).then(|| (t.running_for)(&format::duration(lang, seconds * 1000)))?
                }
            })
        })
    };
    let left = move || {
        let range = job.with(|job| remaining(job, now.get()))?;
        Some((t.time_left)(&format::range(lang, range)))
    };
    move || {
        visible.get().then(|| {
            view! {
                <div class="progress">
                    <progress
                        max="100"
                        value=move || percent.get().map(|percent| percent.to_string())
                        aria-label=move || (t.progress_of)(&name.get())
                    ></progress>
                    <p class="progress-text num">
                        <span>{how_far}</span>
                        <span>{since}</span>
                        <span>{left}</span>
                    </p>
                </div>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Event, EventType, JobId, Progress, event::begin};

    #[test]
    fn what_is_left_follows_the_pace_of_the_attempt() {
        let accepted = Event {
            epoch: "a".into(),
            seq: 1,
            prev: 0,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq: 1,
            at: Timestamp(0),
            type_: EventType::Accepted,
            data: serde_json::json!({"label": null, "max_attempts": 3}),
        };
        let mut job = begin(&accepted).unwrap();
        assert_eq!(remaining(&job, Timestamp(10_000)), None);
        job.state = JobState::Running;
        job.started_at = Some(Timestamp(0));
        job.progress = Some(Progress { done: 1, total: Some(2), unit: None, note: None });
        assert_eq!(remaining(&job, Timestamp(10_000)), Some([8, 13]));
        job.state = JobState::Failed;
        assert_eq!(remaining(&job, Timestamp(10_000)), None);
    }
}
