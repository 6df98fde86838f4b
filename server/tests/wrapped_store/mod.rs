//! A store that does something of the test's own right after a read, before whoever asked sees the answer.

use async_trait::async_trait;
use domain::{
    JobId, JobState, OwnerId, Timestamp, UploadId,
    api::{CancelOutcome, Product},
};
use futures_util::future::BoxFuture;
use server::store::*;
use std::{
    future::Future,
    sync::{Arc, Mutex},
};

/// The reads that a feed makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Stream,
    Events,
    Job,
}

type Then = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

pub struct WrappedStore {
    inner: Arc<dyn Store>,
    then: Mutex<Option<(Read, Then)>>,
}

impl WrappedStore {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, then: Mutex::new(None) }
    }

    /// Once, after the next read of this sort.
    pub fn after_next<F: Future<Output = ()> + Send + 'static>(
        &self,
        read: Read,
        then: impl FnOnce() -> F + Send + 'static,
    ) {
        *self.then.lock().unwrap() = Some((read, Box::new(move || Box::pin(then()))));
    }

    async fn has_read(&self, read: Read) {
        let then = self.then.lock().unwrap().take_if(|(wanted, _)| *wanted == read);
        if let Some((_, then)) = then {
            then().await;
        }
    }
}

#[async_trait]
impl Store for WrappedStore {
    async fn stream(&self, owner: OwnerId) -> StoreResult<StreamState> {
        let answer = self.inner.stream(owner).await;
        self.has_read(Read::Stream).await;
        answer
    }

    async fn events(&self, owner: OwnerId, after: u64, job: Option<JobId>, limit: usize) -> StoreResult<EventsRead> {
        let answer = self.inner.events(owner, after, job, limit).await;
        self.has_read(Read::Events).await;
        answer
    }

    async fn job(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>> {
        let answer = self.inner.job(owner, id).await;
        self.has_read(Read::Job).await;
        answer
    }

    // The rest is the inner store's.

    fn epoch(&self) -> &str {
        self.inner.epoch()
    }
    fn on_commit(&self, listener: CommitListener) {
        self.inner.on_commit(listener);
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
        fresh: u32,
        now: Timestamp,
    ) -> StoreResult<Reopened> {
        self.inner.reopen(owner, id, from, fresh, now).await
    }
    async fn jobs(&self, owner: OwnerId, filter: JobFilter) -> StoreResult<Snapshot<Vec<JobRow>>> {
        self.inner.jobs(owner, filter).await
    }
    async fn attempts(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>> {
        self.inner.attempts(owner, id).await
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
        until: Timestamp,
    ) -> StoreResult<Vec<Claimed>> {
        self.inner.claim(worker, kinds, limit, now, until).await
    }
    async fn renew(&self, leases: &[Lease], until: Timestamp) -> StoreResult<Vec<LeaseState>> {
        self.inner.renew(leases, until).await
    }
    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>> {
        self.inner.advance(lease, step, now).await
    }
    async fn finish(&self, lease: Lease, finish: Finish, now: Timestamp) -> StoreResult<Result<JobState, LeaseLost>> {
        self.inner.finish(lease, finish, now).await
    }
    async fn promote_due(&self, now: Timestamp, limit: usize) -> StoreResult<Promoted> {
        self.inner.promote_due(now, limit).await
    }
    async fn rescue(&self, now: Timestamp, except: Option<&str>, all: bool, limit: usize) -> StoreResult<Vec<Rescued>> {
        self.inner.rescue(now, except, all, limit).await
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
    async fn product(&self, handle: &str) -> StoreResult<Option<Product>> {
        self.inner.product(handle).await
    }
    async fn catalogue(&self) -> StoreResult<CatalogueState> {
        self.inner.catalogue().await
    }
    async fn ping(&self) -> StoreResult<()> {
        self.inner.ping().await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}
