//! How data ends: quotas, retention, deletion of an owner, backup. The part of the store that no job needs in order to run.
//!
//! Called by `engine::pruner`, the deletion handler and `backup`. Touches no file: what it answers tells the caller which ones
//! have become nobody's. Time is an argument, as everywhere in the store.
//! Invariants, kept by every driver and tested by `tests/store_conformance/ageing.rs`: a job goes as a whole, and the floor of its
//! stream is then at or above its last `seq`; above the floor nothing is ever missing; what has not ended never goes.

use super::StoreResult;
use async_trait::async_trait;
use domain::{JobId, OwnerId, Timestamp, UploadId};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// How much an owner may have, and how long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Jobs of one owner that have not ended.
    pub open_jobs: u64,
    /// Bytes of one owner's uploads together.
    pub upload_bytes: u64,
    /// Milliseconds that a job is kept after its end, with its log and its attempts.
    pub keep_jobs_ms: i64,
    /// Milliseconds that the files of a job are kept after its end.
    pub keep_results_ms: i64,
}

impl Default for Policy {
    /// No quotas; jobs for 30 days, files for 7.
    fn default() -> Self {
        Self { open_jobs: u64::MAX, upload_bytes: u64::MAX, keep_jobs_ms: 30 * DAY_MS, keep_results_ms: 7 * DAY_MS }
    }
}

impl Policy {
    /// When what a job brought is gone. The files of a job that may go on from its checkpoint are part of it and stay as long as it.
    pub fn expires_at(&self, finished_at: Timestamp, has_files: bool, resumable: bool) -> Timestamp {
        let files_first = has_files && !resumable;
        finished_at.plus_ms(if files_first { self.keep_results_ms.min(self.keep_jobs_ms) } else { self.keep_jobs_ms })
    }
}

/// What one slice of ageing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Jobs that are nobody's from now on.
    pub jobs: usize,
    /// Where the next slice begins; `None`: everything old enough was looked at.
    pub next: Option<i64>,
}

/// What one slice of removing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs of which nothing is left in the store; their folders are nobody's.
    pub jobs: Vec<JobId>,
    /// Events removed.
    pub events: usize,
    /// Whether there is more to remove.
    pub more: bool,
}

/// What one slice of an owner's deletion did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Uploads whose files are nobody's from now on.
    pub uploads: Vec<UploadId>,
    /// Whether there is more to delete.
    pub more: bool,
}

/// Limits, ageing and removal.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// Sets the policy; once, before the first write. Until then it is [`Policy::default`].
    fn set_policy(&self, policy: Policy);
    /// The policy in force.
    fn policy(&self) -> Policy;

    /// Takes jobs that ended before a moment away from their owners, looking at `limit` of the oldest from `after` on, and raises the
    /// floors of their streams. Their rows are removed by [`Self::sweep`].
    async fn prune(&self, ended_before: Timestamp, after: i64, limit: usize) -> StoreResult<Pruned>;
    /// Removes rows of jobs that are nobody's, at most so many events.
    async fn sweep(&self, limit: usize) -> StoreResult<Swept>;
    /// Forgets idempotency keys made before a moment, looking at `limit` of them after a position (`None` for the first); answers
    /// where to go on.
    async fn forget_keys(
        &self,
        made_before: Timestamp,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> StoreResult<Option<(i64, String)>>;
    /// Marks files of jobs that ended before a moment as gone; the caller removes them.
    async fn expire_files(&self, ended_before: Timestamp, limit: usize) -> StoreResult<Vec<(JobId, String)>>;
    /// Those of these jobs that have files.
    async fn jobs_with_files(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>>;

    /// Those of these uploads that have a row.
    async fn known_uploads(&self, uploads: Vec<UploadId>) -> StoreResult<Vec<UploadId>>;
    /// Those of these jobs that are somebody's.
    async fn known_jobs(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>>;

    /// Makes everything of an owner nobody's, at once: from here on no read finds it, and no lease of its jobs stands.
    async fn disown(&self, owner: OwnerId, now: Timestamp) -> StoreResult<()>;
    /// Removes what [`Self::disown`] left, of whichever owners, a slice at a time; [`Self::sweep`] does the rest.
    async fn erase(&self, limit: usize) -> StoreResult<Erased>;
}
