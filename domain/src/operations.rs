//! What an operator sees and asks for: every owner's jobs, by filter, and what there is to do for all of them.
//!
//! Written by `server::api::operations`, read by the Operations page; [`Filter`] is also the input of the bulk kinds
//! (`kinds::bulk`). Flat on purpose: it crosses into the WASM. Judges nothing: who may see it is the server's to say.
//! Invariant: a filter means the same in an address, in a body and in a bulk job's input, and survives each way unchanged.

use crate::{
    InputError,
    event::Event,
    ids::{JobId, OwnerId},
    job::{Failure, FailureReason, Job, JobState, Progress, Queue, Waiting},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Jobs that one call can name.
pub const SELECTION_LIMIT: usize = 200;
/// Longest text to search for, in characters.
pub const Q_LIMIT: usize = 200;
/// Jobs on a page of the list.
pub const PAGE_SIZE: usize = 50;

/// Which jobs, of whichever owner. What is not named does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Any of these states, by their words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<String>,
    /// Of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whose latest failure has this reason: `error`, `timeout`, `crashed`, `rejected` or `expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose latest failure has this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Of this owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// With this text in label, kind or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// That ended, or else started, or else were accepted, at this moment or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub since: Option<Timestamp>,
}

impl Filter {
    /// The parameters of an address that ask for it, in a fixed order.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let states = (!self.state.is_empty()).then(|| self.state.join(","));
        [
            ("state", states),
            ("kind", self.kind.clone()),
            ("reason", self.reason.clone()),
            ("code", self.code.clone()),
            ("owner", self.owner.map(|owner| owner.to_string())),
            ("q", self.q.clone()),
            ("since", self.since.map(|since| since.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// Reads [`Self::to_pairs`] back; empty values and other names are left out, and a repeated `state` adds one.
    ///
    /// # Errors
    /// The places of values that mean nothing.
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self, Vec<InputError>> {
        let (mut filter, mut errors) = (Self::default(), Vec::new());
        for (name, value) in pairs {
            let value = value.trim();
            let text = || Some(value.to_owned());
            match name {
                _ if value.is_empty() => {}
                "state" => filter.state.extend(value.split(',').map(|word| word.trim().to_owned())),
                "kind" => filter.kind = text(),
                "reason" => filter.reason = text(),
                "code" => filter.code = text(),
                "q" => filter.q = text(),
                "owner" => match value.parse() {
                    Ok(owner) => filter.owner = Some(owner),
                    Err(_) => errors.push(InputError::new("/owner", "wrong-type", "must be an owner's id")),
                },
                "since" => match value.parse() {
                    Ok(since) => filter.since = Some(since),
                    Err(_) => errors.push(InputError::new("/since", "invalid-time", "must be an RFC 3339 time in UTC")),
                },
                _ => {}
            }
        }
        errors.extend(filter.validate());
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    /// Everything that is wrong with it; pointers are relative to the filter.
    pub fn validate(&self) -> Vec<InputError> {
        let mut errors = Vec::new();
        if self.state.iter().any(|word| JobState::parse(word).is_none()) {
            errors.push(InputError::new("/state", "unknown-value", "has a word that is no state"));
        }
        if self.reason.as_deref().is_some_and(|word| FailureReason::parse(word).is_none()) {
            errors.push(InputError::new("/reason", "unknown-value", "is no failure reason"));
        }
        for (pointer, text) in [("/q", &self.q), ("/kind", &self.kind), ("/code", &self.code)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > Q_LIMIT) {
                let mut error = InputError::new(pointer, "too-long", format!("must have at most {Q_LIMIT} characters"));
                error.params.insert("max".to_owned(), Q_LIMIT.into());
                errors.push(error);
            }
        }
        errors
    }

    /// The states that it names.
    pub fn states(&self) -> Vec<JobState> {
        JobState::ALL.into_iter().filter(|state| self.state.iter().any(|word| word == state.as_str())).collect()
    }
}

/// What to do with jobs that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Open failed or cancelled ones again.
    Retry,
    /// End unfinished ones.
    Cancel,
}

impl Action {
    /// The word in paths and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Retry, Self::Cancel].into_iter().find(|action| action.as_str() == word)
    }

    /// Whether a job in this state can have it.
    pub const fn fits(self, state: JobState) -> bool {
        match self {
            Self::Retry => matches!(state, JobState::Failed | JobState::Cancelled),
            Self::Cancel => !state.is_terminal(),
        }
    }

    /// The states that it takes of a filter. A retry that names no state takes what failed: what somebody has cancelled on purpose is
    /// opened again only when it is asked for by name.
    pub fn states_of(self, filter: &Filter) -> Vec<JobState> {
        match (self, filter.state.is_empty()) {
            (Self::Retry, true) => vec![JobState::Failed],
            (Self::Cancel, true) => JobState::ALL.into_iter().filter(|state| self.fits(*state)).collect(),
            (_, false) => filter.states().into_iter().filter(|state| self.fits(*state)).collect(),
        }
    }
}

/// How much there is of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindLoad {
    /// The kind.
    pub kind: String,
    /// Jobs whose time has not come.
    pub scheduled: u64,
    /// Jobs that are ready and wait for a worker.
    pub queued: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Jobs that wait for the outside.
    pub waiting: u64,
    /// Jobs that back off before the next attempt.
    pub retrying: u64,
    /// Jobs that ended as failed within the last day and were not opened again.
    pub failed_last_day: u64,
    /// When the oldest of the queued ones was accepted.
    pub oldest_queued_at: Option<Timestamp>,
}

/// `GET /api/v1/operations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Overview {
    /// Every kind of this server, and every other one that has jobs left.
    pub kinds: Vec<KindLoad>,
    /// Workers that have a job.
    pub workers_busy: u64,
    /// Workers in all.
    pub workers: u64,
}

crate::through_value::read_through_value!(Overview);

/// Who works on a running job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's name.
    pub worker: String,
    /// When it renewed its right to the job.
    pub renewed_at: Timestamp,
    /// When that right ends, unless it is renewed again.
    pub until: Timestamp,
}

/// A job in the operator's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Row {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its owner's name for it.
    pub label: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Whose it is. No secret: what identifies a visitor is the signature of the cookie.
    pub owner: OwnerId,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its current or latest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its owner or an operator asked to cancel it, while that is still to take effect.
    pub cancel_requested_at: Option<Timestamp>,
    /// Attempts made.
    pub attempt: u32,
    /// Attempts that may be made.
    pub max_attempts: u32,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What it waits for, while `waiting`.
    pub waiting: Option<Waiting>,
    /// Where it stands among the others and why, while unfinished.
    pub queue: Option<Queue>,
    /// What went wrong, when failed or between attempts.
    pub failure: Option<Failure>,
    /// Who works on it, while `running`.
    pub lease: Option<Lease>,
    /// The job's own last event.
    pub jseq: u64,
}

crate::through_value::read_through_value!(Row);

/// `GET /api/v1/operations/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct RowPage {
    /// Newest first.
    pub items: Vec<Row>,
    /// Path of the next page. A page may have less than asked for and yet a next one: a search that finds little looks at a part of the
    /// jobs at a time.
    pub next: Option<String>,
    /// The position of that page.
    pub before: Option<i64>,
}

crate::through_value::read_through_value!(RowPage);

/// `GET /api/v1/operations/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct JobReport {
    /// As in the list.
    pub row: Row,
    /// As its owner sees it; its links answer to its owner.
    pub job: Job,
    /// Its attempts, oldest first.
    pub attempts: Vec<crate::api::Attempt>,
    /// Both ends of its log.
    pub log: Vec<Event>,
}

crate::through_value::read_through_value!(JobReport);

/// `POST /api/v1/operations/{retry|cancel}`: a few jobs by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// At most [`SELECTION_LIMIT`].
    pub jobs: Vec<JobId>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// The job.
    pub job: JobId,
    /// `retried`, `cancelled`, `requested`, `too-late`, or the code of the problem that was in the way.
    pub outcome: String,
}

/// `POST /api/v1/operations/bulk`: everything that a filter matches, as a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What to do.
    pub action: Action,
    /// With which jobs.
    #[serde(default)]
    pub filter: Filter,
    /// As of which moment; the server's own time without it. Jobs that ended, or were accepted, later are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// At most so many a second: 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

/// `GET /api/v1/operations/count?action=…`: how many jobs a bulk action would take now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// So many.
    pub matched: u64,
    /// As of this moment.
    pub as_of: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(filter: &Filter) -> Vec<(String, String)> {
        filter.to_pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn read(pairs: &[(String, String)]) -> Result<Filter, Vec<InputError>> {
        Filter::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    #[test]
    fn a_filter_survives_an_address() {
        let filter = Filter {
            state: vec!["failed".into(), "cancelled".into()],
            kind: Some("rehearsal".into()),
            reason: Some("timeout".into()),
            code: Some("timed-out".into()),
            owner: Some(OwnerId::from_bytes([7; 16])),
            q: Some("a & b".into()),
            since: Some("2026-12-01T22:00:00Z".parse().unwrap()),
        };
        assert_eq!(read(&pairs(&filter)), Ok(filter));
        assert_eq!(read(&[("state".into(), String::new()), ("q".into(), "  ".into())]), Ok(Filter::default()));
    }

    #[test]
    fn what_means_nothing_is_pointed_at() {
        let wrong =
            [("state", "failed,late"), ("reason", "bad-luck"), ("owner", "me"), ("since", "yesterday"), ("q", "ok")];
        let wrong: Vec<_> = wrong.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let errors = read(&wrong).unwrap_err();
        let places: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(places, ["/owner", "/since", "/state", "/reason"]);
    }

    #[test]
    fn a_retry_takes_cancelled_jobs_only_by_name() {
        let states = |action: Action, words: &[&str]| {
            let state = words.iter().map(|word| (*word).to_owned()).collect();
            action.states_of(&Filter { state, ..Filter::default() })
        };
        assert_eq!(states(Action::Retry, &[]), [JobState::Failed]);
        assert_eq!(states(Action::Retry, &["cancelled", "running"]), [JobState::Cancelled]);
        assert_eq!(states(Action::Cancel, &["failed"]), []);
        assert_eq!(states(Action::Cancel, &[]).len(), 5);
    }
}
