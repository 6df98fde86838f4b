//! What a handler answers when it has no output, and how that becomes a [`Failure`] in the log.
//!
//! Made by kinds (as `engine::context::JobError`) and by the executor (panic, timeout). Decides nothing about retries: it says
//! whether another attempt makes sense, the executor and the store do the rest.
//! Invariant: a failure made here fits into an event.

use super::context::Waiting;
use domain::{Failure, FailureReason, api::EVENT_LIMIT};
use serde_json::{Map, Value};
use std::time::Duration;

/// Room for the rest of the event that carries a failure.
const ENVELOPE: usize = 512;
const LONGEST_DETAIL: usize = 1000;

/// Why a handler ends without an output.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JobError {
    /// It was told to stop (cancel, shutdown, lost lease) and did; handlers pass it on with `?`.
    #[error("stopped")]
    Stopped,
    /// Nothing went wrong: the job is to wait for the outside, without a worker (`engine::context::Waiting`).
    #[error("waits")]
    Waiting(Box<Waiting>),
    /// Something went wrong.
    #[error("{0}")]
    Failed(Box<Fault>),
}

/// What went wrong, before the attempt's number is known.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Fault {
    reason: FailureReason,
    code: String,
    params: Map<String, Value>,
    detail: String,
    retryable: bool,
    after: Option<Duration>,
}

impl JobError {
    /// Another attempt may succeed.
    pub fn transient(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Fault::transient(code, detail).into()
    }

    /// No attempt will.
    pub fn permanent(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Fault::permanent(code, detail).into()
    }

    /// The input cannot be worked on.
    pub fn rejected(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Fault::new(FailureReason::Rejected, code, detail, false).into()
    }

    /// A figure for the sentence that people read.
    #[must_use]
    pub fn with(self, param: impl Into<String>, value: impl Into<Value>) -> Self {
        match self {
            Self::Stopped | Self::Waiting(_) => self,
            Self::Failed(fault) => fault.with(param, value).into(),
        }
    }

    /// The delay before the next attempt, such as a supplier's `Retry-After`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        if let Self::Failed(fault) = &mut self {
            fault.after = Some(delay);
        }
        self
    }
}

impl From<Fault> for JobError {
    fn from(fault: Fault) -> Self {
        Self::Failed(Box::new(fault))
    }
}

impl Fault {
    fn new(reason: FailureReason, code: impl Into<String>, detail: impl Into<String>, retryable: bool) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self { reason, code, params: Map::new(), detail, retryable, after: None }
    }

    pub(super) fn transient(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FailureReason::Error, code, detail, true)
    }

    pub(super) fn permanent(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FailureReason::Error, code, detail, false)
    }

    /// The attempt took longer than it may.
    pub(super) fn timed_out(timeout_ms: i64) -> Self {
        let seconds = timeout_ms / 1000;
        Self::new(FailureReason::Timeout, "timed-out", format!("took longer than {seconds} s"), true)
            .with("timeout_s", seconds)
    }

    pub(super) fn with(mut self, param: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(param.into(), value.into());
        self
    }

    /// Whether another attempt makes sense.
    pub(super) const fn retryable(&self) -> bool {
        self.retryable
    }

    /// The delay that the handler named.
    pub(super) const fn delay(&self) -> Option<Duration> {
        self.after
    }

    /// The failure of an attempt, cut down to what an event can carry.
    pub(super) fn of_attempt(self, attempt: u32) -> Failure {
        let mut failure = Failure {
            reason: self.reason,
            code: self.code,
            params: self.params,
            detail: Some(cut(self.detail)).filter(|detail| !detail.is_empty()),
            retryable: self.retryable,
            attempt,
        };
        let fits =
            |failure: &Failure| serde_json::to_vec(failure).is_ok_and(|json| json.len() + ENVELOPE <= EVENT_LIMIT);
        if !fits(&failure) {
            failure.params.clear();
        }
        if !fits(&failure) {
            failure.detail = None;
        }
        failure
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_DETAIL {
        text.truncate(text.floor_char_boundary(LONGEST_DETAIL - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_any_size_fits_into_an_event() {
        for error in [
            JobError::permanent("boom", "é".repeat(20_000)),
            JobError::permanent("boom", "\u{1}".repeat(20_000)).with("value", "\u{1}".repeat(20_000)),
            JobError::permanent("boom", "").with("value", "x".repeat(20_000)),
        ] {
            let JobError::Failed(fault) = error else { panic!("not a failure") };
            let failure = fault.of_attempt(1);
            assert_eq!(failure.code, "boom");
            assert!(serde_json::to_vec(&failure).unwrap().len() <= EVENT_LIMIT - ENVELOPE);
        }
    }
}
