//! What the bulk kinds see of the store besides their own log: which jobs match, and how many.
//!
//! Acting upon them is a step like any other (`Advance::bulk`), so that it is fenced and commits with the checkpoint.

use super::{Context, JobError};
use crate::store::{BULK_BATCH, BulkBatch, BulkCheckpoint, Operated, Scope, StoreError};
use domain::{JobId, Progress, Timestamp, operations::Action};

impl Context {
    /// How many jobs there are of a scope.
    ///
    /// # Errors
    /// Transient when the store does not answer.
    pub async fn count_matching(&self, scope: Scope) -> Result<u64, JobError> {
        self.engine.store.count_matching(scope).await.map_err(unreadable)
    }

    /// The next jobs of a scope before a position, at most a batch of them, and where to go on.
    ///
    /// # Errors
    /// As [`Self::count_matching`].
    pub async fn matching(&self, scope: Scope, before: Option<i64>, limit: usize) -> Result<Operated<JobId>, JobError> {
        self.engine.store.matching(scope, before, limit.min(BULK_BATCH)).await.map_err(unreadable)
    }

    /// Acts upon a batch and saves where that leaves the action, in one transaction.
    ///
    /// # Errors
    /// As [`Context::advance`].
    pub async fn act(
        &self,
        action: Action,
        found: Operated<JobId>,
        as_of: Timestamp,
        before: BulkCheckpoint,
        progress: Progress,
    ) -> Result<BulkCheckpoint, JobError> {
        let batch = BulkBatch {
            action,
            jobs: found.items,
            as_of,
            fresh_attempts: crate::engine::registry::DEFAULT_MAX_ATTEMPTS,
            before,
            next: found.next,
        };
        let step = crate::store::Advance { progress: Some(progress), bulk: Some(batch), ..Default::default() };
        Ok(self.advance(step).await?.bulk.unwrap_or(before))
    }
}

fn unreadable(error: StoreError) -> JobError {
    match error {
        StoreError::Closed => JobError::Stopped,
        error => JobError::transient("store-unavailable", error.to_string()),
    }
}
