//! How far a job is, since when, and how long still: never a bare spinner.
//!
//! Invariants: a job's time runs from its first start, whatever it waited for or however often it was tried since, and what of it was work
//! is told beside; the bar shows what the job reported, nothing eased or made up; what is left is a range, from the pace of the first attempt
//! (a later one may have begun in the middle) or the kind's history.

use crate::{
    components::moment::use_moment,
    i18n::{Lang, Strings, format, use_lang, use_t},
};
use domain::{Job, JobState, Timestamp, api::Attempt, job::left_at_own_pace};
use leptos::prelude::*;

/// Seconds that an unfinished job still takes, from and to, when there is something to tell it from.
pub fn remaining(job: &Job, now: Timestamp) -> Option<[u64; 2]> {
    let by_pace = || {
        let progress = job.progress.as_ref().filter(|_| job.state == JobState::Running && !job.has_paused())?;
        left_at_own_pace(progress, job.attempt, job.started_at?, now)
    };
    // A held rehearsal goes on when somebody says so.
    let held = job.input.get("hold").and_then(serde_json::Value::as_bool) == Some(true);
    if job.state.is_terminal() || held { None } else { by_pace().or_else(|| job.queue.as_ref()?.eta_s) }
}

/// How long the job has been under way or took, in words.
fn since(job: &Job, now: Timestamp, lang: Lang, t: &Strings) -> Option<String> {
    let ms = job.under_way_ms(now)?;
    if job.finished_at.is_some() {
        return Some((t.took)(&format::duration(lang, ms)));
    }
    // Whole seconds, or it would flicker.
    let time = (ms >= 1000).then(|| format::duration(lang, ms / 1000 * 1000))?;
    Some(if job.has_paused() { (t.under_way_for)(&time) } else { (t.running_for)(&time) })
}

/// What of that time was work, in words: of a job that has ended, when not all of it was.
fn at_work(job: &Job, attempts: &[Attempt], lang: Lang, t: &Strings) -> Option<String> {
    let ended = |attempt: &Attempt| Some(attempt.finished_at?.ms_since(attempt.started_at));
    // The list comes after the job's end has been told: until then it is not whole.
    let parts = attempts.iter().map(ended).collect::<Option<Vec<_>>>()?;
    let tells = job.finished_at.is_some() && job.has_paused() && !parts.is_empty();
    tells.then(|| (t.of_it_at_work)(&format::duration(lang, parts.iter().sum())))
}

/// The bar and its sentence.
#[component]
pub fn JobProgress(
    /// Whose.
    job: Signal<Job>,
    /// Its name, for the bar's own name.
    #[prop(into)]
    name: Signal<String>,
    /// Its attempts, where they are known.
    #[prop(optional)]
    attempts: Option<Signal<Vec<Attempt>>>,
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
    let time = move || job.with(|job| since(job, now.get(), lang, t));
    let at_work = move || attempts?.with(|attempts| job.with(|job| at_work(job, attempts, lang, t)));
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
                        <span data-part="time">{time}</span>
                        <span data-part="at-work">{at_work}</span>
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
    use domain::{Event, EventType, JobId, Progress, api::AttemptOutcome, event::begin};

    fn accepted() -> Job {
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
        begin(&accepted).unwrap()
    }

    fn part(from: i64, to: Option<i64>) -> Attempt {
        Attempt {
            attempt: 1,
            started_at: Timestamp(from),
            finished_at: to.map(Timestamp),
            worker: "w".into(),
            outcome: AttemptOutcome::Waited,
            failure: None,
        }
    }

    #[test]
    fn a_job_that_waited_took_the_time_since_it_first_started_and_says_what_was_work() {
        let told = |job: &Job, parts: &[Attempt]| {
            let [en, fr] = [Lang::En, Lang::Fr].map(|lang| {
                let t = crate::i18n::t(lang);
                (since(job, Timestamp(200_000), lang, t), at_work(job, parts, lang, t))
            });
            let text = |(time, work): (Option<String>, Option<String>)| [time, work].map(Option::unwrap_or_default);
            (text(en), text(fr))
        };
        let mut job = accepted();
        assert_eq!(told(&job, &[]).0, ["", ""]);
        (job.state, job.started_at, job.first_started_at) = (JobState::Running, Some(Timestamp(0)), Some(Timestamp(0)));
        assert_eq!(told(&job, &[part(0, None)]).0, ["running for 3 min 20 s", ""]);
        job.state = JobState::Waiting;
        assert_eq!(told(&job, &[part(0, Some(4))]).0, ["first started 3 min 20 s ago", ""], "it is not running");
        (job.state, job.started_at, job.finished_at) =
            (JobState::Succeeded, Some(Timestamp(179_996)), Some(Timestamp(180_000)));
        let parts = [part(0, Some(996)), part(179_996, Some(180_000))];
        let (en, fr) = told(&job, &parts);
        assert_eq!(en, ["took 3 min", "1 s of it at work"]);
        assert_eq!(fr, ["a duré 3 min", "dont 1 s de travail"]);
        assert_eq!(told(&job, &[part(0, Some(996)), part(179_996, None)]).0[1], "", "the list is older than the end");
        (job.started_at, job.finished_at) = (Some(Timestamp(0)), Some(Timestamp(4)));
        assert_eq!(told(&job, &[part(0, Some(4))]).0, ["took 4 ms", ""], "all of it was work");
    }

    #[test]
    fn what_is_left_follows_the_pace_of_the_attempt() {
        let mut job = accepted();
        assert_eq!(remaining(&job, Timestamp(10_000)), None);
        job.state = JobState::Running;
        (job.started_at, job.first_started_at) = (Some(Timestamp(0)), Some(Timestamp(0)));
        job.progress = Some(Progress { done: 1, total: Some(2), unit: None, note: None });
        assert_eq!(remaining(&job, Timestamp(10_000)), Some([8, 13]));
        job.first_started_at = Some(Timestamp(-1));
        assert_eq!(remaining(&job, Timestamp(10_000)), None, "it waited, and began in the middle");
        job.state = JobState::Failed;
        assert_eq!(remaining(&job, Timestamp(10_000)), None);
    }
}
