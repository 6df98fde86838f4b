//! The store: everything that is durable, behind one trait; nothing but SQL below it.
//!
//! Called by the engine (accept, claim, advance, finish), the feed (events) and the API (reads). Knows no HTTP, no handler and
//! no clock: time is an argument. Only this folder names a database driver.
//! Invariants, kept by every driver and tested by `tests/store_conformance.rs`: an answer means committed (1); a change of
//! state and its events commit in one transaction with the owner's gap-free `seq` (2); what a worker writes is fenced by its
//! lease token (3); a terminal state is written once per round (6); numbers as in `engine.md`.

pub mod callback_rows;
pub mod catalogue_rows;
pub mod exporting;
pub mod lifecycle;
pub mod operations;
pub mod outbox;
pub mod rows;
pub mod sqlite;

pub use callback_rows::*;
pub use catalogue_rows::*;
pub use exporting::*;
pub use lifecycle::*;
pub use operations::*;
pub use outbox::*;
pub use rows::*;

use async_trait::async_trait;
use domain::{JobId, OwnerId, Timestamp, UploadId, api::CancelOutcome, catalogue::ProductEdit};

/// Why a call on the store failed. What the caller did wrong is in each call's own answer, not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk; nothing of the batch was kept.
    #[error("the disk is full")]
    DiskFull,
    /// Another process holds the database for longer than the busy timeout.
    #[error("the database is locked by another process")]
    Locked,
    /// Another process has opened this data folder and holds its lock.
    #[error("the data folder is in use by another process")]
    InUse,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// Anything else that the driver reports.
    #[error("database error: {0}")]
    Driver(String),
}

/// A worker's call came back with nothing written, since another one holds the job now or it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease is lost")]
pub struct LeaseLost;

/// The result of a call on the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// Everything durable. One instance per process, shared as `Arc<dyn Store>`.
#[async_trait]
pub trait Store: Lifecycle + Exporting + Operations + Outbox + Send + Sync + 'static {
    /// Made with the database; changes only when it is restored from a backup.
    fn epoch(&self) -> &str;

    /// Where to tell what each commit changed. Set once, before the first write.
    fn on_commit(&self, listener: CommitListener);

    // What an owner does.

    /// Commits a new job with its `accepted` event, or finds the one that its idempotency key made.
    async fn accept(&self, job: NewJob, now: Timestamp) -> StoreResult<Accepted>;
    /// Cancels at once what has not started, flags what runs (`cancel_requested`). `None`: no such job of this owner.
    async fn cancel(&self, owner: OwnerId, id: JobId, now: Timestamp) -> StoreResult<Option<CancelOutcome>>;
    /// Opens a failed or cancelled job again with `fresh_attempts` more attempts.
    async fn reopen(
        &self,
        owner: OwnerId,
        id: JobId,
        from: ReopenFrom,
        fresh_attempts: u32,
        now: Timestamp,
    ) -> StoreResult<Reopened>;

    // What an owner reads. Each is one read transaction, so that rows and head belong together.

    /// One job of this owner, with the head at which it is true.
    async fn job(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>>;
    /// Newest first, with the head at which they are true.
    async fn jobs(&self, owner: OwnerId, filter: JobFilter) -> StoreResult<Snapshot<Vec<JobRow>>>;
    /// A job's attempts, oldest first. `None`: no such job of this owner.
    async fn attempts(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>>;
    /// Head and floor of an owner's stream; both 0 for an owner who has none yet.
    async fn stream(&self, owner: OwnerId) -> StoreResult<StreamState>;
    /// Events with `seq > after`, in order, of the whole stream or one job, at most `limit`, with `prev` read from rows.
    async fn events(&self, owner: OwnerId, after: u64, job: Option<JobId>, limit: usize) -> StoreResult<EventsRead>;
    /// One job's events with `jseq > after`, in order. `None`: no such job of this owner.
    async fn job_events(&self, owner: OwnerId, id: JobId, after: u64, limit: usize) -> StoreResult<Option<EventsRead>>;
    /// Where a job stands among the others, and how long its kind's jobs took.
    async fn queue(&self, job: &JobRow) -> StoreResult<QueueState>;
    /// What there is to do.
    async fn load(&self) -> StoreResult<Load>;

    // What a worker does. All fenced by the lease.

    /// Takes up to `limit` queued jobs, within the kinds' quotas: state `running`, lease token + 1, attempt + 1, `started` events.
    /// Lanes (an owner's jobs of a kind) take turns, one job each; within a lane the higher priority goes first, then the older job.
    async fn claim(
        &self,
        worker: &str,
        quotas: &[Quota],
        limit: usize,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<Vec<Claimed>>;
    /// Renews leases in one batch; what comes back is what the worker must act upon.
    async fn renew(&self, leases: &[Lease], lease_until: Timestamp) -> StoreResult<Vec<LeaseState>>;
    /// Commits progress, partials, checkpoint and the kind's own data in one transaction.
    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>>;
    /// Ends the attempt. A retry of a job whose cancel was requested becomes `cancelled`; the answer says what it came to.
    async fn finish(
        &self,
        lease: Lease,
        finish: Finish,
        now: Timestamp,
    ) -> StoreResult<Result<domain::JobState, LeaseLost>>;

    /// What came for this job that no checkpoint has taken yet, in order, and which of its addresses can still be used.
    async fn callbacks(&self, lease: Lease, now: Timestamp) -> StoreResult<Result<Callbacks, LeaseLost>>;

    // What a third party does.

    /// Whether there is an address with the SHA-256 of a token that was not used and has not expired.
    async fn awaits_callback(&self, hash: [u8; 32], now: Timestamp) -> StoreResult<bool>;
    /// Takes a call-back under the SHA-256 of its token: the address is used up, the body (JSON) is kept for the job, and a job
    /// that waits is queued. `false`, with nothing written: no such address, used, expired, or its job has ended.
    async fn receive_callback(&self, hash: [u8; 32], body: String, now: Timestamp) -> StoreResult<bool>;

    // What keeps time.

    /// Queues what is due (`scheduled`, `retrying` with `due_at <= now`), ends the waits whose deadline has passed, and fails as `expired`
    /// what should have started by now, at most `limit` of each.
    async fn promote_due(&self, now: Timestamp, limit: usize) -> StoreResult<Promoted>;
    /// When nothing is queued and nothing else runs, queues jobs that wait for that, so many that at most `limit` of them run at
    /// once; owners take turns. Answers how many.
    async fn promote_idle(&self, now: Timestamp, limit: usize) -> StoreResult<usize>;
    /// Takes back running jobs whose lease ended before `now` (all of them when `all`, at start-up), except those of
    /// `except_worker`; each goes back to `queued`, or fails as `crashed` when its crash budget is spent.
    async fn rescue(
        &self,
        now: Timestamp,
        except_worker: Option<&str>,
        all: bool,
        limit: usize,
    ) -> StoreResult<Vec<Rescued>>;

    // Uploads and files. The bytes are on disk (`files`), the rows here.

    /// Commits an upload whose file is already in place. `false`: the owner's uploads together would be larger than the policy
    /// allows; decided in the transaction that adds the row, so that uploads side by side cannot pass it together.
    async fn add_upload(&self, upload: UploadRow) -> StoreResult<bool>;
    /// An upload of this owner.
    async fn upload(&self, owner: OwnerId, id: UploadId) -> StoreResult<Option<UploadRow>>;
    /// Bytes of this owner's uploads.
    async fn upload_bytes(&self, owner: OwnerId) -> StoreResult<u64>;
    /// A file of a job of this owner.
    async fn job_file(&self, owner: OwnerId, id: JobId, name: &str) -> StoreResult<Option<FileRow>>;
    /// The file that is the result of a job of this owner, of a kind whose result is one.
    async fn result_file(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<FileRow>>;
    /// Removes the rows of uploads made before a moment that no job uses; the caller removes their files.
    async fn expire_uploads(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<UploadId>>;

    // The catalogue.

    /// Products by handle after one, matching `q` in handle, title, vendor or type.
    async fn products(&self, q: Option<&str>, after: Option<&str>, limit: usize) -> StoreResult<ProductsRead>;
    /// One product.
    async fn product(&self, handle: &str) -> StoreResult<Option<domain::api::Product>>;
    /// Changes a product, if it is as expected when the change is committed; a person's doing, not a job's.
    async fn edit_product(
        &self,
        handle: &str,
        expected: Expected,
        edit: ProductEdit,
        now: Timestamp,
    ) -> StoreResult<Edited>;
    /// Revision and who is changing it, without the products.
    async fn catalogue(&self) -> StoreResult<CatalogueState>;

    /// Answers when reads and writes work; for `GET /readyz`.
    async fn ping(&self) -> StoreResult<()>;
    /// Finishes what was queued and closes; later calls answer [`StoreError::Closed`].
    async fn close(&self);
}
