//! A job as its owner sees it, and the words for its states and failures (the glossary).
//!
//! The representation that the API answers with, the interface renders and [`crate::event::fold`] moves on.
//! Invariant: everything but `queue`, `cursor` and `links` follows from the job's own events.

use crate::{cursor::Cursor, ids::JobId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Deferred: its time has not come.
    Scheduled,
    /// Ready, waiting for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Waits for an external call-back, without a worker.
    Waiting,
    /// An attempt failed; backing off before the next.
    Retrying,
    /// Ended with a result.
    Succeeded,
    /// Ended without one.
    Failed,
    /// Ended by its owner.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word on the wire, in the store and in `data-state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the job has not started, or not again: others may go first, so its place among them is worth telling.
    pub const fn is_unstarted(self) -> bool {
        matches!(self, Self::Scheduled | Self::Queued | Self::Retrying)
    }

    /// Whether the job has ended (only `reopened` leads on from here).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How a deferred start was named, when not as a time (`run_at` in a submit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deferral {
    /// In the operator's quiet hours.
    Quiet,
    /// When nothing else is queued or running.
    Idle,
}

impl Deferral {
    /// The word on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Idle => "idle",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Quiet, Self::Idle].into_iter().find(|deferral| deferral.as_str() == word)
    }
}

/// Why a job or an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// The handler said so.
    Error,
    /// It ran longer than `timeout_s`.
    Timeout,
    /// Its worker died, too often.
    Crashed,
    /// The input cannot be worked on.
    Rejected,
    /// It could not start in time.
    Expired,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Error, Self::Timeout, Self::Crashed, Self::Rejected, Self::Expired];

    /// The word on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Crashed => "crashed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// What went wrong, for a person (`code`, `params`) and for a log (`detail`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The class of failure.
    pub reason: FailureReason,
    /// Stable kebab-case code that each language words.
    pub code: String,
    /// Figures for that sentence.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// One English sentence.
    #[serde(default)]
    pub detail: Option<String>,
    /// Whether the same input can succeed when tried again.
    pub retryable: bool,
    /// The attempt that failed, from 1; 0 when none had started.
    pub attempt: u32,
}

/// How far a job is; absolute, so that a later one replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, when known.
    #[serde(default)]
    pub total: Option<u64>,
    /// What is counted: `steps`, `bytes`, `rows`.
    #[serde(default)]
    pub unit: Option<String>,
    /// A short addition, such as `1,200 rows`; data of the kind, not translated.
    #[serde(default)]
    pub note: Option<String>,
}

impl Progress {
    /// So many of so many units.
    pub fn of(done: u64, total: u64, unit: &str) -> Self {
        Self { done, total: Some(total), unit: Some(unit.to_owned()), note: None }
    }

    /// The share done, 0 to 100; none while the total is unknown.
    pub fn percent(&self) -> Option<u8> {
        let total = self.total.filter(|&total| total > 0)?;
        Some((u128::from(self.done.min(total)) * 100 / u128::from(total)) as u8)
    }
}

/// Seconds that a running job still takes at its own pace so far, from and to; `None` before a tenth is done or a second has passed,
/// and for a later attempt, which may have begun in the middle. Server and browser share it, so that they do not contradict.
pub fn left_at_own_pace(progress: &Progress, attempt: u32, started_at: Timestamp, now: Timestamp) -> Option<[u64; 2]> {
    let total = progress.total.filter(|&total| progress.done < total && attempt <= 1)?;
    let elapsed_ms = u64::try_from(now.ms_since(started_at)).ok().filter(|&ms| ms >= 1000)?;
    (progress.done > 0 && progress.done.saturating_mul(10) >= total).then_some(())?;
    let left_s = u128::from(elapsed_ms) * u128::from(total - progress.done) / u128::from(progress.done) / 1000;
    let left_s = u64::try_from(left_s).ok()?;
    Some([left_s.saturating_mul(8) / 10, left_s.saturating_mul(13).div_ceil(10).max(1)])
}

/// A true reason, worded by each language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// Stable kebab-case code: `running`, `next`, `ahead`, `workers-busy`, `kind-limit`, `kind-rate`, `scheduled`, `quiet-hours`, `idle`,
    /// `waiting`, `backing-off`, `cancelling`, `finished`.
    pub code: String,
    /// Figures for that sentence.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// What a job waits for that has no worker meanwhile. Also the `data` of its `waiting` event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// What for, for a person.
    #[serde(rename = "for")]
    pub what: Why,
    /// The deadline of the wait.
    pub until: Timestamp,
}

/// Where an unfinished job stands among the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Jobs that go before it; 0 for one that is next or running.
    pub position: u64,
    /// Seconds until the end, from and to, from the kind's recent durations; none without history.
    pub eta_s: Option<[u64; 2]>,
    /// Why it is where it is.
    pub why: Why,
}

/// Absolute paths; clients follow them and never build one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// The job.
    #[serde(rename = "self")]
    pub self_: String,
    /// Its log.
    pub events: String,
    /// Its attempts.
    pub attempts: String,
    /// Its output.
    pub result: String,
    /// Its feed by Server-Sent Events.
    pub stream: String,
    /// Where to post a cancel.
    pub cancel: String,
    /// Where to post a retry.
    pub retry: String,
}

impl Links {
    /// The links of a job.
    pub fn of(id: JobId) -> Self {
        let base = format!("/api/v1/jobs/{id}");
        Self {
            events: format!("{base}/events"),
            attempts: format!("{base}/attempts"),
            result: format!("{base}/result"),
            stream: format!("/api/v1/stream?job={id}"),
            cancel: format!("{base}/cancel"),
            retry: format!("{base}/retry"),
            self_: base,
        }
    }
}

/// One accepted request, as answered by `GET /api/v1/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Job {
    /// UUIDv7.
    pub id: JobId,
    /// The type of job.
    pub kind: String,
    /// The owner's own name for it.
    pub label: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// What was asked, as accepted.
    pub input: Value,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its current or latest attempt started.
    pub started_at: Option<Timestamp>,
    /// When its first attempt started: it may have waited or been tried again since.
    #[serde(default)]
    pub first_started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its result is removed.
    pub expires_at: Option<Timestamp>,
    /// Attempts made, the current one included.
    pub attempt: u32,
    /// Attempts that may be made.
    pub max_attempts: u32,
    /// When the next attempt is due, while `retrying`.
    pub next_attempt_at: Option<Timestamp>,
    /// What it waits for, while `waiting`.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// When its owner asked to cancel it, while that is still to take effect.
    pub cancel_requested_at: Option<Timestamp>,
    /// Higher goes first among its owner's jobs.
    pub priority: i32,
    /// When it may start, if deferred.
    pub run_at: Option<Timestamp>,
    /// Whether a retry would go on from a checkpoint.
    pub resumable: bool,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Where it stands among the others, while unfinished.
    pub queue: Option<Queue>,
    /// The output, when succeeded and at most 64 KB.
    pub result: Option<Value>,
    /// What went wrong, when failed or between attempts.
    pub failure: Option<Failure>,
    /// The job that this one retries with edited input.
    pub origin: Option<JobId>,
    /// The job's own last event.
    pub jseq: u64,
    /// The owner's position at which this is true.
    pub cursor: Option<Cursor>,
    /// Where to go from here.
    pub links: Links,
}

crate::through_value::read_through_value!(Job);

impl Job {
    /// Whether its owner can retry it.
    pub fn can_retry(&self) -> bool {
        matches!(self.state, JobState::Failed | JobState::Cancelled)
    }

    /// Milliseconds since it first started, until it ended or until now; none before.
    pub fn under_way_ms(&self, now: Timestamp) -> Option<i64> {
        Some(self.finished_at.unwrap_or(now).ms_since(self.first_started_at?))
    }

    /// Whether it was not at work all the time since it first started: it waits or did, or was tried again.
    pub fn has_paused(&self) -> bool {
        let stands = !self.state.is_terminal() && self.state != JobState::Running;
        self.first_started_at.is_some() && (stands || self.started_at != self.first_started_at)
    }

    /// Whether a cancel still means something.
    pub fn can_cancel(&self) -> bool {
        !self.state.is_terminal() && self.cancel_requested_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventType, begin, fold};

    #[test]
    fn a_jobs_time_runs_from_its_first_start_whatever_came_in_between() {
        let event = |jseq, at, type_, data| Event {
            epoch: "k3x9".into(),
            seq: jseq,
            prev: jseq - 1,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq,
            at: Timestamp(at),
            type_,
            data,
        };
        let mut job = begin(&event(1, 0, EventType::Accepted, serde_json::json!({"max_attempts": 3}))).unwrap();
        let now = Timestamp(10_000);
        assert_eq!(
            (job.under_way_ms(now), job.has_paused()),
            (None, false),
            "what stands in the queue is not under way"
        );
        let mut told = |jseq, at, type_, data| {
            fold(&mut job, &event(jseq, at, type_, data));
            (job.under_way_ms(now), job.has_paused())
        };
        let started = || serde_json::json!({"attempt": 1});
        let waiting = serde_json::json!({"for": {"code": "callback"}, "until": Timestamp(9000)});
        assert_eq!(told(2, 1000, EventType::Started, started()), (Some(9000), false));
        assert_eq!(told(3, 1100, EventType::Waiting, waiting), (Some(9000), true));
        assert_eq!(
            told(4, 8000, EventType::Resumed, serde_json::json!({"by": "callback", "attempt": 0})),
            (Some(9000), true)
        );
        assert_eq!(told(5, 8001, EventType::Started, started()), (Some(9000), true));
        assert_eq!(told(6, 8005, EventType::Succeeded, serde_json::json!({})), (Some(7005), true));
    }

    #[test]
    fn what_is_left_follows_the_pace_of_the_first_attempt() {
        let progress = |done| Progress { done, total: Some(20), unit: None, note: None };
        let left = |done, attempt, now| left_at_own_pace(&progress(done), attempt, Timestamp(0), Timestamp(now));
        assert_eq!(left(10, 1, 10_000), Some([8, 13]));
        assert_eq!(left(10, 2, 10_000), None, "a later attempt may have begun in the middle");
        assert_eq!(left(1, 1, 10_000), None, "less than a tenth says little");
        assert_eq!(left(10, 1, 999), None);
        assert_eq!(left(20, 1, 10_000), None);
    }
}
