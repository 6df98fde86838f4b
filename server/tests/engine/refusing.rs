//! A store that refuses some writes while it is told to, as a full disk does; everything else it passes on.

use crate::world::Between;
use async_trait::async_trait;
use domain::{JobId, OwnerId, Timestamp, UploadId, api::CancelOutcome};
use server::store::*;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;

pub(crate) struct Refusing {
    inner: Arc<dyn Store>,
    pub(crate) refuse_advance: AtomicBool,
    pub(crate) refuse_finish: AtomicBool,
    /// How often it has refused.
    pub(crate) refused: watch::Sender<u32>,
}

impl Refusing {
    /// Where a test finds the one that [`Self::between`] puts in.
    pub(crate) fn slot() -> Arc<OnceLock<Arc<Self>>> {
        Arc::default()
    }

    pub(crate) fn between(slot: &Arc<OnceLock<Arc<Self>>>) -> Between {
        let slot = Arc::clone(slot);
        Box::new(move |inner| {
            let (refuse_advance, refuse_finish) = (AtomicBool::default(), AtomicBool::default());
            let refusing = Arc::new(Self { inner, refuse_advance, refuse_finish, refused: watch::Sender::new(0) });
            let _ = slot.set(Arc::clone(&refusing));
            refusing
        })
    }

    fn judge(&self, refuse: &AtomicBool) -> StoreResult<()> {
        if !refuse.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.refused.send_modify(|count| *count += 1);
        Err(StoreError::DiskFull)
    }
}

#[async_trait]
impl Store for Refusing {
    fn epoch(&self) -> &str {
        self.inner.epoch()
    }

    fn on_commit(&self, listener: CommitListener) {
        self.inner.on_commit(listener)
    }

    async fn accept(&self, job: NewJob, now: Timestamp) -> StoreResult<Accepted> {
        self.inner.accept(job, now).await
    }

    async fn cancel(&self, owner: OwnerId, id: JobId, now: Timestamp) -> StoreResult<Option<CancelOutcome>> {
        self.inner.cancel(owner, id, now).await
    }

    async fn reopen(
        &self,
        owner: OwnerId,
        id: JobId,
        from: ReopenFrom,
        fresh_attempts: u32,
        now: Timestamp,
    ) -> StoreResult<Reopened> {
        self.inner.reopen(owner, id, from, fresh_attempts, now).await
    }

    async fn job(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>> {
        self.inner.job(owner, id).await
    }

    async fn jobs(&self, owner: OwnerId, filter: JobFilter) -> StoreResult<Snapshot<Vec<JobRow>>> {
        self.inner.jobs(owner, filter).await
    }

    async fn attempts(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>> {
        self.inner.attempts(owner, id).await
    }

    async fn stream(&self, owner: OwnerId) -> StoreResult<StreamState> {
        self.inner.stream(owner).await
    }

    async fn events(&self, owner: OwnerId, after: u64, job: Option<JobId>, limit: usize) -> StoreResult<EventsRead> {
        self.inner.events(owner, after, job, limit).await
    }

    async fn job_events(&self, owner: OwnerId, id: JobId, after: u64, limit: usize) -> StoreResult<Option<EventsRead>> {
        self.inner.job_events(owner, id, after, limit).await
    }

    async fn queue(&self, id: JobId) -> StoreResult<QueueState> {
        self.inner.queue(id).await
    }

    async fn claim(
        &self,
        worker: &str,
        kinds: &[&str],
        limit: usize,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<Vec<Claimed>> {
        self.inner.claim(worker, kinds, limit, now, lease_until).await
    }

    async fn renew(&self, leases: &[Lease], lease_until: Timestamp) -> StoreResult<Vec<LeaseState>> {
        self.inner.renew(leases, lease_until).await
    }

    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>> {
        self.judge(&self.refuse_advance)?;
        self.inner.advance(lease, step, now).await
    }

    async fn finish(
        &self,
        lease: Lease,
        finish: Finish,
        now: Timestamp,
    ) -> StoreResult<Result<domain::JobState, LeaseLost>> {
        self.judge(&self.refuse_finish)?;
        self.inner.finish(lease, finish, now).await
    }

    async fn promote_due(&self, now: Timestamp, limit: usize) -> StoreResult<Promoted> {
        self.inner.promote_due(now, limit).await
    }

    async fn rescue(
        &self,
        now: Timestamp,
        except_worker: Option<&str>,
        all: bool,
        limit: usize,
    ) -> StoreResult<Vec<Rescued>> {
        self.inner.rescue(now, except_worker, all, limit).await
    }

    async fn add_upload(&self, upload: UploadRow) -> StoreResult<()> {
        self.inner.add_upload(upload).await
    }

    async fn upload(&self, owner: OwnerId, id: UploadId) -> StoreResult<Option<UploadRow>> {
        self.inner.upload(owner, id).await
    }

    async fn upload_bytes(&self, owner: OwnerId) -> StoreResult<u64> {
        self.inner.upload_bytes(owner).await
    }

    async fn job_file(&self, owner: OwnerId, id: JobId, name: &str) -> StoreResult<Option<FileRow>> {
        self.inner.job_file(owner, id, name).await
    }

    async fn expire_uploads(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<UploadId>> {
        self.inner.expire_uploads(before, limit).await
    }

    async fn products(&self, q: Option<&str>, after: Option<&str>, limit: usize) -> StoreResult<ProductsRead> {
        self.inner.products(q, after, limit).await
    }

    async fn product(&self, handle: &str) -> StoreResult<Option<domain::api::Product>> {
        self.inner.product(handle).await
    }

    async fn catalogue(&self) -> StoreResult<CatalogueState> {
        self.inner.catalogue().await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await
    }
}
