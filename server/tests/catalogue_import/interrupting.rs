//! A store that dies, or hears of a cancel, at a chosen step of a job; everything else it passes on.

use crate::world::OWNER;
use async_trait::async_trait;
use domain::{JobId, OwnerId, Timestamp, UploadId, api::CancelOutcome};
use server::store::*;
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// What happens in a life, at which step (from 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Interruption {
    Never,
    /// It dies before the step is committed.
    StepLost(u64),
    /// It dies when the step is committed, before its worker knows.
    AnswerLost(u64),
    /// Its owner cancels the job right after the step.
    Cancel(u64),
}

/// Interruptions of the lives of one job, over and over, for so many lives; nothing interrupts the last one.
#[derive(Debug)]
pub(crate) struct Plan {
    cycle: Vec<Interruption>,
    pub(crate) lives: usize,
    lived: Cell<usize>,
}

impl Plan {
    pub(crate) fn new(lives: usize, cycle: Vec<Interruption>) -> Self {
        Self { cycle, lives, lived: Cell::new(0) }
    }

    pub(crate) fn next(&self) -> Interruption {
        let lived = self.lived.replace(self.lived.get() + 1);
        if lived < self.lives { self.cycle[lived % self.cycle.len()] } else { Interruption::Never }
    }
}

pub(crate) struct Interrupting {
    inner: Arc<dyn Store>,
    interruption: Interruption,
    steps: AtomicU64,
    died: watch::Sender<bool>,
}

impl Interrupting {
    /// And where to see that it died.
    pub(crate) fn new(inner: Arc<dyn Store>, interruption: Interruption) -> (Arc<Self>, watch::Receiver<bool>) {
        let died = watch::Sender::new(false);
        let seen = died.subscribe();
        (Arc::new(Self { inner, interruption, steps: AtomicU64::new(0), died }), seen)
    }

    fn die(&self) -> StoreError {
        self.died.send_replace(true);
        StoreError::Closed
    }

    fn alive(&self) -> StoreResult<()> {
        if *self.died.borrow() { Err(StoreError::Closed) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Interrupting {
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
        self.alive()?;
        self.inner.claim(worker, kinds, limit, now, lease_until).await
    }

    async fn renew(&self, leases: &[Lease], lease_until: Timestamp) -> StoreResult<Vec<LeaseState>> {
        self.alive()?;
        self.inner.renew(leases, lease_until).await
    }

    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>> {
        self.alive()?;
        let number = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        if self.interruption == Interruption::StepLost(number) {
            return Err(self.die());
        }
        let advanced = self.inner.advance(lease, step, now).await;
        match self.interruption {
            Interruption::AnswerLost(last) if last == number => Err(self.die()),
            Interruption::Cancel(last) if last == number => {
                self.inner.cancel(OWNER, lease.job, now).await?;
                advanced
            }
            _ => advanced,
        }
    }

    async fn finish(
        &self,
        lease: Lease,
        finish: Finish,
        now: Timestamp,
    ) -> StoreResult<Result<domain::JobState, LeaseLost>> {
        self.alive()?;
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
