//! The calls of [`Lifecycle`] as commands for the writer and reads. The statements are in `prune`, `erase` and `uploads`.
//!
//! Invariant: everything that ages or removes runs in the bulk lane, a slice a command, so that no accept waits for it.

use super::{SqliteStore, at_most, erase, prune};
use crate::store::{Erased, Lifecycle, Policy, Pruned, StoreResult, Swept};
use async_trait::async_trait;
use domain::{JobId, OwnerId, Timestamp, UploadId};

#[async_trait]
impl Lifecycle for SqliteStore {
    fn set_policy(&self, policy: Policy) {
        let _ = self.policy.set(policy);
    }

    fn policy(&self) -> Policy {
        self.policy.get().copied().unwrap_or_default()
    }

    async fn prune(&self, ended_before: Timestamp, after: i64, limit: usize) -> StoreResult<Pruned> {
        self.bulk(move |tx| prune::prune(tx, ended_before, after, at_most(limit))).await
    }

    async fn sweep(&self, limit: usize) -> StoreResult<Swept> {
        self.bulk(move |tx| prune::sweep(tx, at_most(limit))).await
    }

    async fn forget_keys(
        &self,
        made_before: Timestamp,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> StoreResult<Option<(i64, String)>> {
        self.bulk(move |tx| prune::forget_keys(tx, made_before, after.clone(), at_most(limit))).await
    }

    async fn expire_files(&self, ended_before: Timestamp, limit: usize) -> StoreResult<Vec<(JobId, String)>> {
        self.bulk(move |tx| prune::expire_files(tx, ended_before, at_most(limit))).await
    }

    async fn jobs_with_files(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>> {
        self.readers.read(move |conn| prune::jobs_with_files(conn, &jobs)).await
    }

    async fn known_uploads(&self, uploads: Vec<UploadId>) -> StoreResult<Vec<UploadId>> {
        self.readers.read(move |conn| prune::known_uploads(conn, &uploads)).await
    }

    async fn known_jobs(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>> {
        self.readers.read(move |conn| prune::known_jobs(conn, &jobs)).await
    }

    async fn disown(&self, owner: OwnerId, now: Timestamp) -> StoreResult<()> {
        self.express(move |tx| erase::disown(tx, owner, now)).await
    }

    async fn erase(&self, limit: usize) -> StoreResult<Erased> {
        self.bulk(move |tx| erase::erase(tx, at_most(limit))).await
    }
}
