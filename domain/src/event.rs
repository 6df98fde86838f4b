//! The events of a job's log, and the one state machine that they follow.
//!
//! The store checks each change of state with [`next_state`] before it writes; the browser moves its rows with [`fold`].
//! Invariant: folding a job's events from `accepted` on gives the row that the store holds.

use crate::{
    ids::JobId,
    job::{Deferral, Failure, Job, JobState, Links, Progress},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened. A client ignores a type that it does not know, but advances over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// The job was committed.
    Accepted,
    /// It is ready for a worker (again).
    Queued,
    /// A worker began an attempt.
    Started,
    /// It got further.
    Progress,
    /// A part of the result is there.
    Partial,
    /// An attempt failed; `retry_scheduled` or `failed` follows.
    AttemptFailed,
    /// Another attempt will be made.
    RetryScheduled,
    /// It waits for an external call-back.
    Waiting,
    /// The call-back came, or the wait for it is over.
    Resumed,
    /// Its worker gave it back or died.
    Released,
    /// Its owner asked to cancel it.
    CancelRequested,
    /// It ended with a result.
    Succeeded,
    /// It ended without one.
    Failed,
    /// Its owner ended it.
    Cancelled,
    /// Its owner opened it again.
    Reopened,
    /// A type of a later version.
    Unknown,
}

const TYPES: [(EventType, &str); 15] = [
    (EventType::Accepted, "accepted"),
    (EventType::Queued, "queued"),
    (EventType::Started, "started"),
    (EventType::Progress, "progress"),
    (EventType::Partial, "partial"),
    (EventType::AttemptFailed, "attempt_failed"),
    (EventType::RetryScheduled, "retry_scheduled"),
    (EventType::Waiting, "waiting"),
    (EventType::Resumed, "resumed"),
    (EventType::Released, "released"),
    (EventType::CancelRequested, "cancel_requested"),
    (EventType::Succeeded, "succeeded"),
    (EventType::Failed, "failed"),
    (EventType::Cancelled, "cancelled"),
    (EventType::Reopened, "reopened"),
];

impl EventType {
    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        TYPES.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, word)| word)
    }

    /// Reads [`Self::as_str`] back; any other word is [`Self::Unknown`].
    pub fn parse(word: &str) -> Self {
        TYPES.iter().find(|(_, text)| *text == word).map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// Every type that this version knows, as written on the wire (what an `EventSource` listens for).
    pub fn words() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(_, word)| *word)
    }

    /// Whether the job ends with it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl Serialize for EventType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&std::borrow::Cow::<'de, str>::deserialize(deserializer)?))
    }
}

/// One row of a job's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Event {
    /// The database's epoch.
    pub epoch: String,
    /// Gap-free per owner, from 1.
    pub seq: u64,
    /// The position that this event continues from.
    pub prev: u64,
    /// The job.
    pub job: JobId,
    /// The job's kind.
    pub kind: String,
    /// Gap-free per job, from 1.
    pub jseq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    pub type_: EventType,
    /// More about it, by type: see [`data`].
    #[serde(default)]
    pub data: Value,
}

crate::through_value::read_through_value!(Event);

/// The `data` of each type; a type without a struct here has `{}` or, for `partial`, the kind's own.
pub mod data {
    use super::{Deferral, Deserialize, Failure, Serialize, Timestamp, Value};

    pub use crate::job::Waiting;

    /// Of `accepted`: what the row starts with besides the envelope.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Accepted {
        /// The owner's name for it.
        pub label: Option<String>,
        /// Attempts that may be made.
        pub max_attempts: u32,
        /// When it may start, if deferred to a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub run_at: Option<Timestamp>,
        /// How the deferred start was named, when not as a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub deferral: Option<Deferral>,
        /// Higher goes first among its owner's jobs of its kind.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub priority: i32,
        /// The job that it retries with edited input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub origin: Option<crate::ids::JobId>,
    }

    impl Accepted {
        /// Whether the job's time is still to come.
        pub fn is_deferred(&self) -> bool {
            self.run_at.is_some() || self.deferral == Some(Deferral::Idle)
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // what serde asks for
    fn is_zero(priority: &i32) -> bool {
        *priority == 0
    }

    /// Of `started`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Started {
        /// Which attempt, from 1.
        pub attempt: u32,
        /// Whether it goes on from a checkpoint.
        #[serde(default)]
        pub resumed_from: Option<Value>,
    }

    /// Of `attempt_failed`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct AttemptFailed {
        /// Which attempt, from 1.
        pub attempt: u32,
        /// What went wrong.
        pub failure: Failure,
    }

    /// Of `retry_scheduled`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct RetryScheduled {
        /// When the next attempt is due.
        pub at: Timestamp,
        /// Attempts made, when the last one was given back: its worker died, and not for the first time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub attempt: Option<u32>,
    }

    /// Of `resumed`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Resumed {
        /// `callback` or `timeout` (the deadline passed, and the job goes on with what it has).
        pub by: String,
        /// Attempts made, after the one that waited was given back.
        pub attempt: u32,
    }

    /// Of `released`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Released {
        /// `drain` (handed back at shutdown) or `lost` (its worker died).
        pub reason: String,
        /// Attempts made, after this one was given back.
        pub attempt: u32,
    }

    /// Of `succeeded`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Succeeded {
        /// The output, when it is at most 8 KB; else behind the job's result link.
        #[serde(default)]
        pub result: Option<Value>,
    }

    /// Of `failed`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Failed {
        /// What went wrong.
        pub failure: Failure,
    }

    /// Of `reopened`.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Reopened {
        /// Attempts that may be made from now on, those made before included.
        pub attempts: u32,
        /// `checkpoint` or `start`.
        pub from: String,
    }
}

/// The state that an event leads to from a state (`None`: before the job exists); `None` when it cannot happen there.
///
/// The table in `api.md`, "Events". `released` and `retry_scheduled` leave only `running`, so a dead lease can never reopen an ended job.
pub fn next_state(from: Option<JobState>, event: EventType, deferred: bool) -> Option<JobState> {
    use EventType as E;
    use JobState as S;
    Some(match (from, event) {
        (None, E::Accepted) if deferred => S::Scheduled,
        (None, E::Accepted) => S::Queued,
        (Some(S::Scheduled | S::Retrying), E::Queued) => S::Queued,
        (Some(S::Queued), E::Started) => S::Running,
        (Some(S::Running), E::Progress | E::Partial | E::AttemptFailed) => S::Running,
        (Some(S::Running), E::RetryScheduled) => S::Retrying,
        (Some(S::Running), E::Waiting) => S::Waiting,
        (Some(S::Waiting), E::Resumed) => S::Queued,
        (Some(S::Running), E::Released) => S::Queued,
        (Some(state @ (S::Running | S::Waiting)), E::CancelRequested) => state,
        (Some(S::Running), E::Succeeded) => S::Succeeded,
        // From `queued` and `scheduled` only as `expired`, from `waiting` when its deadline passes.
        (Some(S::Running | S::Queued | S::Scheduled | S::Waiting), E::Failed) => S::Failed,
        (Some(state), E::Cancelled) if !state.is_terminal() => S::Cancelled,
        (Some(S::Failed | S::Cancelled), E::Reopened) => S::Queued,
        _ => return None,
    })
}

/// Makes the row of a job from its `accepted` event; its input is not in the log and stays null until the job is read.
pub fn begin(event: &Event) -> Option<Job> {
    let accepted: data::Accepted = serde_json::from_value(event.data.clone()).ok()?;
    let state =
        (event.type_ == EventType::Accepted).then(|| next_state(None, event.type_, accepted.is_deferred()))??;
    Some(Job {
        id: event.job,
        kind: event.kind.clone(),
        label: accepted.label,
        state,
        input: Value::Null,
        created_at: event.at,
        started_at: None,
        first_started_at: None,
        finished_at: None,
        expires_at: None,
        attempt: 0,
        max_attempts: accepted.max_attempts,
        next_attempt_at: None,
        waiting: None,
        cancel_requested_at: None,
        priority: accepted.priority,
        run_at: accepted.run_at,
        resumable: false,
        progress: None,
        queue: None,
        result: None,
        failure: None,
        origin: accepted.origin,
        jseq: event.jseq,
        cursor: None,
        links: Links::of(event.job),
    })
}

/// Moves a job's row on by one of its events; an event that the row already knows (`jseq`) changes nothing.
///
/// Data that does not parse leaves the field as it was: a row that is a little old is better than a page that stops.
pub fn fold(job: &mut Job, event: &Event) {
    if event.job != job.id || event.jseq <= job.jseq {
        return;
    }
    job.jseq = event.jseq;
    if let Some(state) = next_state(Some(job.state), event.type_, false) {
        job.state = state;
        job.queue = None;
        if state != JobState::Waiting {
            job.waiting = None;
        }
    }
    match event.type_ {
        EventType::Started => {
            if let Some(started) = read::<data::Started>(event) {
                job.attempt = started.attempt;
                job.resumable = started.resumed_from.is_some();
            }
            job.started_at = Some(event.at);
            job.first_started_at.get_or_insert(event.at);
            job.next_attempt_at = None;
        }
        EventType::Progress => job.progress = read::<Progress>(event).or(job.progress.take()),
        EventType::AttemptFailed => {
            if let Some(failed) = read::<data::AttemptFailed>(event) {
                job.failure = Some(failed.failure);
            }
        }
        EventType::RetryScheduled => {
            if let Some(retry) = read::<data::RetryScheduled>(event) {
                job.next_attempt_at = Some(retry.at);
                job.attempt = retry.attempt.unwrap_or(job.attempt);
            }
        }
        EventType::Queued => job.next_attempt_at = None,
        EventType::Waiting => job.waiting = read::<data::Waiting>(event),
        EventType::Resumed => {
            if let Some(resumed) = read::<data::Resumed>(event) {
                job.attempt = resumed.attempt;
            }
        }
        EventType::Released => {
            if let Some(released) = read::<data::Released>(event) {
                job.attempt = released.attempt;
            }
        }
        EventType::CancelRequested => job.cancel_requested_at = Some(event.at),
        EventType::Succeeded => {
            job.result = read::<data::Succeeded>(event).and_then(|succeeded| succeeded.result);
            job.failure = None;
            job.resumable = false;
        }
        EventType::Failed => job.failure = read::<data::Failed>(event).map(|failed| failed.failure),
        EventType::Reopened => {
            if let Some(reopened) = read::<data::Reopened>(event) {
                job.max_attempts = reopened.attempts;
                if reopened.from == "start" {
                    job.progress = None;
                    job.resumable = false;
                }
            }
            job.failure = None;
            job.finished_at = None;
            job.cancel_requested_at = None;
        }
        _ => {}
    }
    if event.type_.is_terminal() {
        job.finished_at = Some(event.at);
        job.cancel_requested_at = None;
        job.next_attempt_at = None;
    }
}

fn read<T: for<'de> Deserialize<'de>>(event: &Event) -> Option<T> {
    T::deserialize(&event.data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_state_is_left_only_by_reopening() {
        for state in JobState::ALL.into_iter().filter(|state| state.is_terminal()) {
            for (event, word) in TYPES {
                let next = next_state(Some(state), event, false);
                let reopens = event == EventType::Reopened && state != JobState::Succeeded;
                assert_eq!(next, reopens.then_some(JobState::Queued), "{} then {word}", state.as_str());
            }
        }
    }

    #[test]
    fn words_and_types_convert_both_ways() {
        for word in EventType::words() {
            assert_eq!(EventType::parse(word).as_str(), word);
        }
        assert_eq!(EventType::parse("of-a-later-version"), EventType::Unknown);
    }

    #[test]
    fn an_event_that_the_row_knows_changes_nothing() {
        let event = |jseq, type_, data| Event {
            epoch: "k3x9".into(),
            seq: jseq,
            prev: jseq - 1,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq,
            at: Timestamp(jseq as i64),
            type_,
            data,
        };
        let accepted = event(1, EventType::Accepted, serde_json::json!({"label": null, "max_attempts": 3}));
        let started = event(2, EventType::Started, serde_json::json!({"attempt": 1}));
        let progress = event(3, EventType::Progress, serde_json::json!({"done": 1, "total": 2}));
        let mut job = begin(&accepted).unwrap();
        for event in [&started, &progress, &started, &accepted, &progress] {
            fold(&mut job, event);
        }
        assert_eq!((job.state, job.attempt, job.jseq), (JobState::Running, 1, 3));
        assert_eq!(job.progress.and_then(|progress| progress.percent()), Some(50));
    }
}
