//! What an operator does to jobs of whichever owner: one at a time, or everything that a filter matches, as a job of its own.
//!
//! Called by `api::operations`, which has seen to it that an operator asks. The single actions are those of owners.
//! Invariant: a bulk job's moment is fixed when it is submitted, and only here can one be submitted or opened again.

use super::{
    Engine, RetryError,
    registry::DEFAULT_MAX_ATTEMPTS,
    submit::{SubmitError, Submitted},
};
use crate::{
    clock,
    store::{ReopenFrom, Reopened, Scope, StoreResult},
};
use domain::{
    InputError, JobId, OwnerId, Problem, Timestamp,
    api::{CancelOutcome, Submit},
    kinds::{Validate as _, bulk},
    operations::{Action, BulkRequest, Filter},
};

/// Seconds that one attempt of a bulk action may take: it goes on from its checkpoint in the next.
const TIMEOUT_S: u64 = 6 * 3600;

impl Engine {
    /// Does one thing to one job; answers the word for what it came to.
    ///
    /// # Errors
    /// What was in the way: 404 `not-found`, 409 `not-retryable`, or the store.
    pub async fn operate(&self, action: Action, id: JobId) -> Result<&'static str, RetryError> {
        let store = &*self.shared.store;
        let missing = || Problem::new(404, "job-not-found", "There is no such job.");
        let owner = store.operated_job(id).await?.ok_or_else(missing)?.row.owner;
        match action {
            Action::Cancel => Ok(match self.cancel(owner, id).await?.ok_or_else(missing)? {
                CancelOutcome::Cancelled => "cancelled",
                CancelOutcome::Requested => "requested",
                CancelOutcome::TooLate => "too-late",
            }),
            Action::Retry => {
                let reopened =
                    store.reopen(owner, id, ReopenFrom::Checkpoint, DEFAULT_MAX_ATTEMPTS, clock::now()).await?;
                match reopened {
                    Reopened::Reopened(_) => Ok("retried"),
                    Reopened::NotRetryable(state) => Err(super::retry::not_retryable(state).into()),
                    Reopened::TooMany => Err(super::submit::too_many_jobs(store).into()),
                    Reopened::Missing => Err(missing().into()),
                }
            }
        }
    }

    /// What a bulk action would take, as of a moment.
    ///
    /// # Errors
    /// A filter that cannot be read, or one that names no state that the action fits.
    pub fn bulk_scope(action: Action, filter: Filter, as_of: Timestamp) -> Result<Scope, SubmitError> {
        let errors = filter.validate();
        if !errors.is_empty() {
            let within = |error: InputError| InputError { pointer: format!("/filter{}", error.pointer), ..error };
            return Err(Problem::invalid(errors.into_iter().map(within).collect()).into());
        }
        Scope::of_action(action, filter, as_of).ok_or_else(|| {
            let detail = format!("no job in these states can have this action: {}", action.as_str());
            Problem::invalid(vec![InputError::new("/filter/state", "state-does-not-fit", detail)]).into()
        })
    }

    /// How many jobs a bulk action would take.
    ///
    /// # Errors
    /// What the store said.
    pub async fn count_matching(&self, scope: Scope) -> StoreResult<u64> {
        self.shared.store.count_matching(scope).await
    }

    /// Submits a bulk action as a job of the operator's own.
    ///
    /// # Errors
    /// As [`Engine::bulk_scope`], and what a submit refuses.
    pub async fn submit_bulk(&self, owner: OwnerId, request: BulkRequest) -> Result<Submitted, SubmitError> {
        let now = clock::now();
        // A moment that is still to come would sweep in what has not failed yet.
        let as_of = request.as_of.map_or(now, |as_of| as_of.min(now));
        Self::bulk_scope(request.action, request.filter.clone(), as_of)?;
        let input = bulk::Input { filter: request.filter, as_of, per_second: request.per_second };
        let errors = input.validate();
        if !errors.is_empty() {
            return Err(Problem::invalid(errors).into());
        }
        let submit = Submit {
            kind: bulk::name(request.action).to_owned(),
            input: serde_json::to_value(input).map_err(|error| crate::store::StoreError::Driver(error.to_string()))?,
            label: None,
            priority: None,
            run_at: None,
            max_attempts: None,
            start_within_s: None,
            timeout_s: Some(TIMEOUT_S),
        };
        self.shared.submit_as_operator(owner, submit).await
    }
}
