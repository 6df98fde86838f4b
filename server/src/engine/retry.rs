//! A second life for a job that failed or was cancelled: reopened as it is, or as a new job with edited input.
//!
//! Called by `api` and `forms` through [`Engine::retry`]. The store checks the state in its own transaction.
//! Invariant: reopening gives fresh attempts; an edited input makes a new job with `origin` and leaves the old one as it was.

use super::{
    Engine,
    fingerprint::{self, ContentHashes},
    registry::{DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUT_S},
    submit::{MAX_ATTEMPTS_LIMIT, SubmitError, Submitted, TIMEOUT_LIMIT_S, too_many_jobs},
};
use crate::{
    clock,
    store::{JobRow, ReopenFrom, Reopened, Snapshot, StoreError},
};
use domain::{
    InputError, JobId, JobState, OwnerId, Problem,
    api::{Retry, Submit},
};
use serde_json::Value;

/// What a retry made.
#[derive(Debug, Clone, PartialEq)]
pub enum Retried {
    /// The same job is queued again.
    Reopened(Snapshot<JobRow>),
    /// A new job with `origin`.
    New(Submitted),
}

/// Why nothing was retried.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// It is the request: 404 `not-found`, 409 `not-retryable`, 422 `invalid-input`, or what a submit refuses.
    #[error("refused: {}", .0.detail)]
    Refused(Box<Problem>),
    /// It is the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for RetryError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<SubmitError> for RetryError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(problem) => Self::Refused(problem),
            SubmitError::Store(error) => Self::Store(error),
        }
    }
}

impl Engine {
    /// Tries a failed or cancelled job again. The same edited input twice (a double click) makes one new job.
    ///
    /// # Errors
    /// [`RetryError`]; nothing changed then.
    pub async fn retry(&self, owner: OwnerId, id: JobId, retry: Retry) -> Result<Retried, RetryError> {
        let from = match retry.from.as_deref() {
            None | Some("checkpoint") => ReopenFrom::Checkpoint,
            Some("start") => ReopenFrom::Start,
            Some(_) => return Err(invalid("/from", "unknown-value", "must be `start` or `checkpoint`").into()),
        };
        match retry.input {
            Some(_) if retry.from.is_some() => {
                Err(invalid("/from", "not-with-input", "edited input makes a new job, which starts at its start")
                    .into())
            }
            Some(input) => self.retry_edited(owner, id, input).await.map(Retried::New),
            None if self.is_operators(owner, id).await? => Err(super::submit::operator_only("a bulk action").into()),
            None => match self.shared.store.reopen(owner, id, from, DEFAULT_MAX_ATTEMPTS, clock::now()).await? {
                Reopened::Reopened(job) => Ok(Retried::Reopened(job)),
                Reopened::NotRetryable(state) => Err(not_retryable(state).into()),
                Reopened::TooMany => Err(too_many_jobs(&*self.shared.store).into()),
                Reopened::Missing => Err(not_found().into()),
            },
        }
    }

    /// Whether a job is of a kind that is not on offer to everybody: who could start it once may not be an operator any more.
    async fn is_operators(&self, owner: OwnerId, id: JobId) -> Result<bool, StoreError> {
        let job = self.shared.store.job(owner, id).await?;
        Ok(job.is_some_and(|job| self.shared.registry.is_operator_only(&job.value.kind)))
    }

    async fn retry_edited(&self, owner: OwnerId, id: JobId, input: Value) -> Result<Submitted, RetryError> {
        let job = self.shared.store.job(owner, id).await?.ok_or_else(not_found)?.value;
        if !matches!(job.state, JobState::Failed | JobState::Cancelled) {
            return Err(not_retryable(job.state).into());
        }
        let timeout_s = u64::try_from(job.timeout_ms / 1000).unwrap_or(DEFAULT_TIMEOUT_S);
        let submit = Submit {
            kind: job.kind,
            input,
            label: job.label,
            priority: Some(job.priority),
            run_at: None,
            // Reopening has raised it; the limit of a submit holds for the new job.
            max_attempts: Some(job.max_attempts.clamp(1, MAX_ATTEMPTS_LIMIT)),
            start_within_s: None,
            timeout_s: Some(timeout_s.clamp(1, TIMEOUT_LIMIT_S)),
        };
        // The input is the key, so that a double click is one job. A submitter cannot send a space in a key of their own.
        let print = fingerprint::of(&submit.input, Some(id), &ContentHashes::new());
        let key = print.iter().fold("retry ".to_owned(), |key, byte| format!("{key}{byte:02x}"));
        Ok(self.shared.submit(owner, submit, Some(id), Some(key)).await?)
    }
}

fn invalid(pointer: &str, code: &str, detail: &str) -> Problem {
    Problem::invalid(vec![InputError::new(pointer, code, detail)])
}

fn not_found() -> Problem {
    Problem::new(404, "not-found", "There is no such job.")
}

pub(super) fn not_retryable(state: JobState) -> Problem {
    let detail = format!("Only a failed or cancelled job can be retried; this one is {}.", state.as_str());
    Problem::new(409, "not-retryable", detail)
}
