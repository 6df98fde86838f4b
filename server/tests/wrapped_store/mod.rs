//! A store that puts a test in the way of its calls; what the test lets through is the inner store's.
//!
//! What is in the way is the test's own (`Interpose`): a refusal, a death, something done before the answer is seen.
//! Nothing of an inner call has happened until the test awaits it, and nothing will if it doesn't.

use async_trait::async_trait;
use domain::{
    DeliveryId, EndpointId, EventType, JobId, JobState, OwnerId, Timestamp, UploadId,
    api::{CancelOutcome, Product},
    catalogue::ProductEdit,
    push::{BrowserStep, Delivery, EndpointPatch, NotificationSettings},
};
use futures_util::future::BoxFuture;
use server::store::*;
use std::{future::Future, sync::Arc};

/// The calls that can be interposed on, with what a test needs to know of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Accept,
    Cancel,
    Reopen,
    Job,
    Jobs,
    Attempts,
    Stream,
    Events,
    JobEvents,
    Queue,
    Load,
    Claim,
    Renew,
    Advance { job: JobId, now: Timestamp },
    Finish,
    Callbacks,
    AwaitsCallback,
    ReceiveCallback,
    PromoteDue,
    PromoteIdle,
    Rescue,
    AddUpload,
    Upload,
    UploadBytes,
    JobFile,
    ExpireUploads,
    Products,
    Product,
    EditProduct,
    Catalogue,
    Extent,
    MoreColumns,
    ExportProducts,
    Ping,
}

pub trait Interpose: Send + Sync + 'static {
    /// Answers a call; `inner` is the same call on the inner store.
    fn around<T: Send>(
        &self,
        call: Call,
        inner: BoxFuture<'_, StoreResult<T>>,
    ) -> impl Future<Output = StoreResult<T>> + Send;
}

pub struct WrappedStore<I> {
    inner: Arc<dyn Store>,
    between: Arc<I>,
}

impl<I: Interpose> WrappedStore<I> {
    pub fn new(inner: Arc<dyn Store>, between: Arc<I>) -> Self {
        Self { inner, between }
    }
}

#[async_trait]
impl<I: Interpose> Store for WrappedStore<I> {
    fn epoch(&self) -> &str {
        self.inner.epoch()
    }
    fn on_commit(&self, listener: CommitListener) {
        self.inner.on_commit(listener);
    }
    async fn accept(&self, job: NewJob, now: Timestamp) -> StoreResult<Accepted> {
        self.between.around(Call::Accept, self.inner.accept(job, now)).await
    }
    async fn cancel(&self, owner: OwnerId, id: JobId, now: Timestamp) -> StoreResult<Option<CancelOutcome>> {
        self.between.around(Call::Cancel, self.inner.cancel(owner, id, now)).await
    }
    async fn reopen(
        &self,
        owner: OwnerId,
        id: JobId,
        from: ReopenFrom,
        fresh: u32,
        now: Timestamp,
    ) -> StoreResult<Reopened> {
        self.between.around(Call::Reopen, self.inner.reopen(owner, id, from, fresh, now)).await
    }
    async fn job(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>> {
        self.between.around(Call::Job, self.inner.job(owner, id)).await
    }
    async fn jobs(&self, owner: OwnerId, filter: JobFilter) -> StoreResult<Snapshot<Vec<JobRow>>> {
        self.between.around(Call::Jobs, self.inner.jobs(owner, filter)).await
    }
    async fn attempts(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>> {
        self.between.around(Call::Attempts, self.inner.attempts(owner, id)).await
    }
    async fn stream(&self, owner: OwnerId) -> StoreResult<StreamState> {
        self.between.around(Call::Stream, self.inner.stream(owner)).await
    }
    async fn events(&self, owner: OwnerId, after: u64, job: Option<JobId>, limit: usize) -> StoreResult<EventsRead> {
        self.between.around(Call::Events, self.inner.events(owner, after, job, limit)).await
    }
    async fn job_events(&self, owner: OwnerId, id: JobId, after: u64, limit: usize) -> StoreResult<Option<EventsRead>> {
        self.between.around(Call::JobEvents, self.inner.job_events(owner, id, after, limit)).await
    }
    async fn queue(&self, job: &JobRow) -> StoreResult<QueueState> {
        self.between.around(Call::Queue, self.inner.queue(job)).await
    }
    async fn load(&self) -> StoreResult<Load> {
        self.between.around(Call::Load, self.inner.load()).await
    }
    async fn claim(
        &self,
        worker: &str,
        quotas: &[Quota],
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Vec<Claimed>> {
        self.between.around(Call::Claim, self.inner.claim(worker, quotas, limit, now, until)).await
    }
    async fn renew(&self, leases: &[Lease], until: Timestamp) -> StoreResult<Vec<LeaseState>> {
        self.between.around(Call::Renew, self.inner.renew(leases, until)).await
    }
    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>> {
        self.between.around(Call::Advance { job: lease.job, now }, self.inner.advance(lease, step, now)).await
    }
    async fn finish(&self, lease: Lease, finish: Finish, now: Timestamp) -> StoreResult<Result<JobState, LeaseLost>> {
        self.between.around(Call::Finish, self.inner.finish(lease, finish, now)).await
    }
    async fn callbacks(&self, lease: Lease, now: Timestamp) -> StoreResult<Result<Callbacks, LeaseLost>> {
        self.between.around(Call::Callbacks, self.inner.callbacks(lease, now)).await
    }
    async fn awaits_callback(&self, hash: [u8; 32], now: Timestamp) -> StoreResult<bool> {
        self.between.around(Call::AwaitsCallback, self.inner.awaits_callback(hash, now)).await
    }
    async fn receive_callback(&self, hash: [u8; 32], body: String, now: Timestamp) -> StoreResult<bool> {
        self.between.around(Call::ReceiveCallback, self.inner.receive_callback(hash, body, now)).await
    }
    async fn promote_due(&self, now: Timestamp, limit: usize) -> StoreResult<Promoted> {
        self.between.around(Call::PromoteDue, self.inner.promote_due(now, limit)).await
    }
    async fn promote_idle(&self, now: Timestamp, limit: usize) -> StoreResult<usize> {
        self.between.around(Call::PromoteIdle, self.inner.promote_idle(now, limit)).await
    }
    async fn rescue(&self, now: Timestamp, except: Option<&str>, all: bool, limit: usize) -> StoreResult<Vec<Rescued>> {
        self.between.around(Call::Rescue, self.inner.rescue(now, except, all, limit)).await
    }
    async fn add_upload(&self, upload: UploadRow) -> StoreResult<bool> {
        self.between.around(Call::AddUpload, self.inner.add_upload(upload)).await
    }
    async fn upload(&self, owner: OwnerId, id: UploadId) -> StoreResult<Option<UploadRow>> {
        self.between.around(Call::Upload, self.inner.upload(owner, id)).await
    }
    async fn upload_bytes(&self, owner: OwnerId) -> StoreResult<u64> {
        self.between.around(Call::UploadBytes, self.inner.upload_bytes(owner)).await
    }
    async fn job_file(&self, owner: OwnerId, id: JobId, name: &str) -> StoreResult<Option<FileRow>> {
        self.between.around(Call::JobFile, self.inner.job_file(owner, id, name)).await
    }
    async fn result_file(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<FileRow>> {
        self.between.around(Call::JobFile, self.inner.result_file(owner, id)).await
    }
    async fn expire_uploads(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<UploadId>> {
        self.between.around(Call::ExpireUploads, self.inner.expire_uploads(before, limit)).await
    }
    async fn products(&self, q: Option<&str>, after: Option<&str>, limit: usize) -> StoreResult<ProductsRead> {
        self.between.around(Call::Products, self.inner.products(q, after, limit)).await
    }
    async fn product(&self, handle: &str) -> StoreResult<Option<Product>> {
        self.between.around(Call::Product, self.inner.product(handle)).await
    }
    async fn edit_product(
        &self,
        handle: &str,
        expected: Expected,
        edit: ProductEdit,
        now: Timestamp,
    ) -> StoreResult<Edited> {
        self.between.around(Call::EditProduct, self.inner.edit_product(handle, expected, edit, now)).await
    }
    async fn catalogue(&self) -> StoreResult<CatalogueState> {
        self.between.around(Call::Catalogue, self.inner.catalogue()).await
    }
    async fn ping(&self) -> StoreResult<()> {
        self.between.around(Call::Ping, self.inner.ping()).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

/// Nothing is put in the way of these.
#[async_trait]
impl<I: Interpose> Operations for WrappedStore<I> {
    async fn kind_loads(&self, since: Timestamp) -> StoreResult<Vec<domain::operations::KindLoad>> {
        self.inner.kind_loads(since).await
    }
    async fn operated(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<OperatedRow>> {
        self.inner.operated(scope, before, limit).await
    }
    async fn matching(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<JobId>> {
        self.inner.matching(scope, before, limit).await
    }
    async fn count_matching(&self, scope: Scope) -> StoreResult<u64> {
        self.inner.count_matching(scope).await
    }
    async fn operated_job(&self, id: JobId) -> StoreResult<Option<OperatedRow>> {
        self.inner.operated_job(id).await
    }
    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}

/// Nothing is put in the way of these.
#[async_trait]
impl<I: Interpose> Lifecycle for WrappedStore<I> {
    fn set_policy(&self, policy: Policy) {
        self.inner.set_policy(policy);
    }
    fn policy(&self) -> Policy {
        self.inner.policy()
    }
    async fn prune(&self, before: Timestamp, after: i64, limit: usize) -> StoreResult<Pruned> {
        self.inner.prune(before, after, limit).await
    }
    async fn sweep(&self, limit: usize) -> StoreResult<Swept> {
        self.inner.sweep(limit).await
    }
    async fn forget_keys(
        &self,
        before: Timestamp,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> StoreResult<Option<(i64, String)>> {
        self.inner.forget_keys(before, after, limit).await
    }
    async fn expire_files(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<(JobId, String)>> {
        self.inner.expire_files(before, limit).await
    }
    async fn jobs_with_files(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>> {
        self.inner.jobs_with_files(jobs).await
    }
    async fn known_uploads(&self, uploads: Vec<UploadId>) -> StoreResult<Vec<UploadId>> {
        self.inner.known_uploads(uploads).await
    }
    async fn known_jobs(&self, jobs: Vec<JobId>) -> StoreResult<Vec<JobId>> {
        self.inner.known_jobs(jobs).await
    }
    async fn disown(&self, owner: OwnerId, now: Timestamp) -> StoreResult<()> {
        self.inner.disown(owner, now).await
    }
    async fn erase(&self, limit: usize) -> StoreResult<Erased> {
        self.inner.erase(limit).await
    }
}

#[async_trait]
impl<I: Interpose> Exporting for WrappedStore<I> {
    async fn extent(&self, after: i64) -> StoreResult<Extent> {
        self.between.around(Call::Extent, self.inner.extent(after)).await
    }
    async fn more_columns(&self, of: MoreOf, after: i64, limit: usize) -> StoreResult<MoreColumns> {
        self.between.around(Call::MoreColumns, self.inner.more_columns(of, after, limit)).await
    }
    async fn export_products(&self, after: i64, upto: i64, limit: usize) -> StoreResult<ExportPage> {
        self.between.around(Call::ExportProducts, self.inner.export_products(after, upto, limit)).await
    }
}

/// Nothing is put in the way of these.
#[async_trait]
impl<I: Interpose> Outbox for WrappedStore<I> {
    async fn add_endpoint(&self, endpoint: NewEndpoint, now: Timestamp) -> StoreResult<Added> {
        self.inner.add_endpoint(endpoint, now).await
    }
    async fn endpoints(&self, owner: OwnerId) -> StoreResult<Vec<EndpointRow>> {
        self.inner.endpoints(owner).await
    }
    async fn endpoint(&self, owner: OwnerId, id: EndpointId) -> StoreResult<Option<EndpointRow>> {
        self.inner.endpoint(owner, id).await
    }
    async fn change_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        patch: EndpointPatch,
        now: Timestamp,
    ) -> StoreResult<Option<EndpointRow>> {
        self.inner.change_endpoint(owner, id, patch, now).await
    }
    async fn rotate_secret(
        &self,
        owner: OwnerId,
        id: EndpointId,
        secret: Vec<u8>,
        previous_until: Timestamp,
    ) -> StoreResult<Option<EndpointRow>> {
        self.inner.rotate_secret(owner, id, secret, previous_until).await
    }
    async fn remove_endpoint(&self, owner: OwnerId, id: EndpointId, now: Timestamp) -> StoreResult<bool> {
        self.inner.remove_endpoint(owner, id, now).await
    }
    async fn endpoint_of_token(&self, token: &[u8]) -> StoreResult<Option<EndpointRow>> {
        self.inner.endpoint_of_token(token).await
    }
    async fn confirm_email(&self, token: &[u8], now: Timestamp) -> StoreResult<bool> {
        self.inner.confirm_email(token, now).await
    }
    async fn unsubscribe_email(&self, token: &[u8], now: Timestamp) -> StoreResult<bool> {
        self.inner.unsubscribe_email(token, now).await
    }
    async fn notification_settings(&self, owner: OwnerId) -> StoreResult<NotificationSettings> {
        self.inner.notification_settings(owner).await
    }
    async fn set_notification_settings(&self, owner: OwnerId, settings: NotificationSettings) -> StoreResult<()> {
        self.inner.set_notification_settings(owner, settings).await
    }
    async fn job_notifications(&self, owner: OwnerId, job: JobId) -> StoreResult<Option<Option<Vec<EventType>>>> {
        self.inner.job_notifications(owner, job).await
    }
    async fn set_job_notifications(
        &self,
        owner: OwnerId,
        job: JobId,
        events: Option<Vec<EventType>>,
    ) -> StoreResult<bool> {
        self.inner.set_job_notifications(owner, job, events).await
    }
    async fn deliveries(&self, owner: OwnerId, filter: DeliveryFilter) -> StoreResult<Option<Vec<Delivery>>> {
        self.inner.deliveries(owner, filter).await
    }
    async fn delivery(&self, owner: OwnerId, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>> {
        self.inner.delivery(owner, id).await
    }
    async fn send_test(
        &self,
        owner: OwnerId,
        endpoint: EndpointId,
        id: DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Option<Option<Delivery>>> {
        self.inner.send_test(owner, endpoint, id, now).await
    }
    async fn resend(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Resent> {
        self.inner.resend(owner, id, now).await
    }
    async fn cancel_delivery(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Option<bool>> {
        self.inner.cancel_delivery(owner, id, now).await
    }
    async fn report_delivery(
        &self,
        owner: OwnerId,
        id: DeliveryId,
        step: BrowserStep,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.inner.report_delivery(owner, id, step, now).await
    }
    async fn claim_deliveries(&self, claim: DeliveryClaim) -> StoreResult<Vec<ClaimedDelivery>> {
        self.inner.claim_deliveries(claim).await
    }
    async fn end_attempt(
        &self,
        lease: DeliveryLease,
        end: AttemptEnd,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>> {
        self.inner.end_attempt(lease, end, now).await
    }
    async fn put_off(
        &self,
        lease: DeliveryLease,
        until: Option<Timestamp>,
        reason: &'static str,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>> {
        self.inner.put_off(lease, until, reason, now).await
    }
    async fn rescue_deliveries(&self, now: Timestamp, all: bool) -> StoreResult<usize> {
        self.inner.rescue_deliveries(now, all).await
    }
    async fn next_delivery(&self, held_hosts: &[String]) -> StoreResult<Option<Timestamp>> {
        self.inner.next_delivery(held_hosts).await
    }
    async fn settle_deliveries(&self, limit: usize) -> StoreResult<bool> {
        self.inner.settle_deliveries(limit).await
    }
    async fn prune_deliveries(&self, before: Timestamp, limit: usize) -> StoreResult<bool> {
        self.inner.prune_deliveries(before, limit).await
    }
    async fn outbox_load(&self) -> StoreResult<OutboxLoad> {
        self.inner.outbox_load().await
    }
}
