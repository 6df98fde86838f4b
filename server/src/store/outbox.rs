//! The outbox: push endpoints, and the deliveries that are committed with the events which cause them.
//!
//! Called by `api` (what an owner sees and changes), by `notify::dispatcher` (what is due) and by the pruner. Knows no HTTP, no push
//! service and no clock: time is an argument. Whether a device has seen an event is the dispatcher's to know.
//! Invariants, kept by every driver and tested by `tests/outbox_conformance.rs`: a delivery row commits with its event, one for each
//! endpoint that is to be told, or neither does; what a dispatcher writes is fenced by the delivery's lease token; the first attempts of
//! an endpoint are made in the order of its deliveries, one at a time, and no retry holds them up; a delivery ends once, as delivered,
//! unneeded, given up with a reason, or cancelled; when an endpoint goes, so does everything that is still to be sent to it.

use super::{LeaseLost, StoreResult};
use async_trait::async_trait;
use domain::{
    DeliveryId, EndpointId, EventType, JobId, OwnerId, Timestamp,
    push::{
        BrowserStep, Delivery, DeliveryAttempt, EndpointKind, EndpointPatch, NotificationSettings, PushEndpoint,
        QuietTimes,
    },
};

/// How an endpoint is reached, with what is secret about it. `Debug` shows no secret.
#[derive(Clone, PartialEq)]
pub enum Target {
    /// RFC 8030, RFC 8291.
    WebPush {
        /// The push resource.
        url: String,
        /// Uncompressed point of P-256.
        p256dh: Vec<u8>,
        /// 16 bytes.
        auth: Vec<u8>,
    },
    /// Standard Webhooks.
    Webhook {
        /// Where to post to.
        url: String,
        /// Signs.
        secret: Vec<u8>,
        /// Signs too, until then.
        previous: Option<(Vec<u8>, Timestamp)>,
    },
    /// SMTP.
    Email {
        /// The address.
        address: String,
        /// What stands in the links to confirm and to unsubscribe: 32 random bytes.
        token: Vec<u8>,
    },
}

impl Target {
    /// Which kind it is of.
    pub const fn kind(&self) -> EndpointKind {
        match self {
            Self::WebPush { .. } => EndpointKind::WebPush,
            Self::Webhook { .. } => EndpointKind::Webhook,
            Self::Email { .. } => EndpointKind::Email,
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

/// An endpoint to add; already validated.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Fresh UUIDv7; unused when the owner has one with this address already.
    pub id: EndpointId,
    /// Whose it is.
    pub owner: OwnerId,
    /// How it is reached.
    pub target: Target,
    /// `scheme://host:port` of the address, or a mail's domain: what shares a circuit.
    pub host: String,
    /// What it is called.
    pub label: String,
    /// Of what it is told.
    pub events: Vec<EventType>,
    /// Takes the settings of this one, which goes.
    pub replaces: Option<EndpointId>,
}

/// An endpoint, for those who send.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRow {
    /// Whose it is.
    pub owner: OwnerId,
    /// As its owner sees it; `held_until` is never set here.
    pub shown: PushEndpoint,
    /// How it is reached.
    pub target: Target,
    /// What shares a circuit.
    pub host: String,
}

/// What adding an endpoint came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    /// It is new.
    New(EndpointRow),
    /// The owner had one with this address; its keys are the new ones, and it is active again if it was parked or gone.
    Known(EndpointRow),
    /// The owner has as many as one may have.
    TooMany,
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    /// Of this job.
    pub job: Option<JobId>,
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those before this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
}

/// What sending again came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Resent {
    /// It is queued again, with a fresh course of attempts and the same id.
    Queued(Delivery),
    /// It has not ended; nothing changed.
    Pending(Delivery),
    /// Its endpoint cannot be told anything.
    EndpointOff,
    /// This owner has no such delivery.
    NotFound,
}

/// The right to attempt a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryLease {
    /// Which.
    pub delivery: i64,
    /// Its fencing token.
    pub token: u64,
}

/// A delivery that was claimed, with all that a message needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedDelivery {
    /// The right to it.
    pub lease: DeliveryLease,
    /// As its owner sees it; `attempts` counts this one.
    pub delivery: Delivery,
    /// Where to.
    pub endpoint: EndpointRow,
    /// The owner's language.
    pub lang: String,
    /// When the owner wants to be left alone.
    pub quiet: Option<QuietTimes>,
    /// Whether its owner asked for it (a test, sent again): then nothing but the owner holds it back.
    pub by_hand: bool,
    /// Attempts of the present course, this one included: it begins anew when it is sent again by hand.
    pub tries: u32,
    /// What is told: the event of this delivery, and of those that a digest gathers with it, in order.
    pub told: Vec<Told>,
    /// When its first attempt began: what the course of retries is measured from.
    pub first_attempt_at: Timestamp,
    /// Whether another endpoint of the owner was reached with the same event (a browser that has received it): a fallback asks.
    pub reached: bool,
}

/// What is told of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The job.
    pub job: JobId,
    /// Its kind.
    pub kind: String,
    /// The owner's name for it.
    pub label: Option<String>,
    /// What happened.
    pub event: EventType,
    /// The position in the owner's stream.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Why it failed, as a code.
    pub code: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    /// What the other side said.
    pub status: Option<u16>,
    /// `ok` or a code.
    pub outcome: String,
    /// The beginning of what was said.
    pub detail: Option<String>,
    /// Milliseconds.
    pub took_ms: u64,
    /// What follows.
    pub then: Then,
}

/// What follows an attempt, or the decision that none is needed.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// It was taken.
    Delivered,
    /// Again at that time.
    Retry(Timestamp),
    /// No more; and if given, the endpoint becomes this, for the same reason.
    GiveUp {
        /// What the endpoint becomes: `Parked` or `Gone`, which ends all that is still to be sent to it.
        endpoint: Option<domain::push::EndpointState>,
    },
}

/// What a dispatcher may take.
#[derive(Debug, Clone)]
pub struct DeliveryClaim {
    /// At most so many deliveries.
    pub limit: usize,
    /// Hosts that are left alone (circuit open), except for what somebody asked for by hand.
    pub held_hosts: Vec<String>,
    /// Now.
    pub now: Timestamp,
    /// How long the lease lasts.
    pub lease_until: Timestamp,
}

/// How much there is in the outbox.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutboxLoad {
    /// Deliveries by kind and state, of those that have not ended.
    pub pending: Vec<(EndpointKind, domain::push::DeliveryState, u64)>,
    /// When the oldest delivery that is due became due.
    pub oldest_due: Option<Timestamp>,
}

/// Push endpoints and deliveries. A part of [`super::Store`].
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    // What an owner does.

    /// Adds an endpoint, or finds the one that has this address. An e-mail address begins `unconfirmed`, with a delivery `confirm`.
    async fn add_endpoint(&self, endpoint: NewEndpoint, now: Timestamp) -> StoreResult<Added>;
    /// The owner's endpoints, oldest first.
    async fn endpoints(&self, owner: OwnerId) -> StoreResult<Vec<EndpointRow>>;
    /// One of them.
    async fn endpoint(&self, owner: OwnerId, id: EndpointId) -> StoreResult<Option<EndpointRow>>;
    /// Changes what is named; `None`: no such endpoint. A paused, parked or gone endpoint keeps nothing pending.
    async fn change_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        patch: EndpointPatch,
        now: Timestamp,
    ) -> StoreResult<Option<EndpointRow>>;
    /// Makes `secret` the one that signs, and the present one sign too until a moment.
    async fn rotate_secret(
        &self,
        owner: OwnerId,
        id: EndpointId,
        secret: Vec<u8>,
        previous_until: Timestamp,
    ) -> StoreResult<Option<EndpointRow>>;
    /// Removes it; what was still to be sent there is cancelled, the log of deliveries stays. `false`: no such endpoint.
    async fn remove_endpoint(&self, owner: OwnerId, id: EndpointId, now: Timestamp) -> StoreResult<bool>;
    /// The e-mail endpoint with this token.
    async fn endpoint_of_token(&self, token: &[u8]) -> StoreResult<Option<EndpointRow>>;
    /// The address with this token is its owner's. `false`: no such token.
    async fn confirm_email(&self, token: &[u8], now: Timestamp) -> StoreResult<bool>;
    /// The receiver wants no more: the endpoint is gone, as `unsubscribed`. `false`: no such token.
    async fn unsubscribe_email(&self, token: &[u8], now: Timestamp) -> StoreResult<bool>;

    /// The owner's settings, or the defaults.
    async fn notification_settings(&self, owner: OwnerId) -> StoreResult<NotificationSettings>;
    /// Replaces them; `quiet_until` judges later deliveries, so the store keeps them as text.
    async fn set_notification_settings(&self, owner: OwnerId, settings: NotificationSettings) -> StoreResult<()>;
    /// What is told of one job; `None`: no such job of this owner.
    async fn job_notifications(&self, owner: OwnerId, job: JobId) -> StoreResult<Option<Option<Vec<EventType>>>>;
    /// Sets it. `false`: no such job of this owner.
    async fn set_job_notifications(
        &self,
        owner: OwnerId,
        job: JobId,
        events: Option<Vec<EventType>>,
    ) -> StoreResult<bool>;

    /// Deliveries, newest first. `None`: the job named is not this owner's.
    async fn deliveries(&self, owner: OwnerId, filter: DeliveryFilter) -> StoreResult<Option<Vec<Delivery>>>;
    /// One with its attempts, its endpoint (if it is still there) and what it tells.
    async fn delivery(&self, owner: OwnerId, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>>;
    /// Queues a test message. `None`: no such endpoint; `Some(None)`: it cannot be told anything.
    async fn send_test(
        &self,
        owner: OwnerId,
        endpoint: EndpointId,
        id: DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Option<Option<Delivery>>>;
    /// Queues a delivery that has ended once more.
    async fn resend(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Resent>;
    /// Ends one that has not ended; an attempt under way goes on, and its answer is noted. `None`: no such delivery; `false`: too late.
    async fn cancel_delivery(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Option<bool>>;
    /// Notes what a browser did with it, the first time of each step. `false`: no such delivery.
    async fn report_delivery(
        &self,
        owner: OwnerId,
        id: DeliveryId,
        step: BrowserStep,
        now: Timestamp,
    ) -> StoreResult<bool>;

    // What a dispatcher does. Fenced by the lease.

    /// Takes what is due: first attempts in order, at most one under way for each endpoint, and retries beside them. Each begins an
    /// attempt that stands in the log from now on, so that a death leaves a trace.
    async fn claim_deliveries(&self, claim: DeliveryClaim) -> StoreResult<Vec<ClaimedDelivery>>;
    /// Ends an attempt.
    async fn end_attempt(
        &self,
        lease: DeliveryLease,
        end: AttemptEnd,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>>;
    /// Gives a claimed delivery back without an attempt: held until a later moment (`reason`), or not needed at all.
    async fn put_off(
        &self,
        lease: DeliveryLease,
        until: Option<Timestamp>,
        reason: &'static str,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>>;
    /// Takes back deliveries whose lease ended before `now` (all of them when `all`, at start-up): the attempt is `cut-off`, and the
    /// delivery is due again, before all that follow it.
    async fn rescue_deliveries(&self, now: Timestamp, all: bool) -> StoreResult<usize>;
    /// When the next delivery is due that is not under way and whose host is not held.
    async fn next_delivery(&self, held_hosts: &[String]) -> StoreResult<Option<Timestamp>>;
    /// Writes down, at most so many, what has ended with its endpoint; `true`: there is more. (What has ended so is never sent, and is
    /// shown as ended, from the moment on at which the endpoint was switched off.)
    async fn settle_deliveries(&self, limit: usize) -> StoreResult<bool>;
    /// Removes tests and the like that were made before a moment and have ended, and what is left of removed endpoints of which no
    /// delivery is; `true`: there is more. (What tells of a job goes with it.)
    async fn prune_deliveries(&self, before: Timestamp, limit: usize) -> StoreResult<bool>;
    /// What there is to send.
    async fn outbox_load(&self) -> StoreResult<OutboxLoad>;
}

/// A delivery with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: Delivery,
    /// Its attempts, oldest first.
    pub log: Vec<DeliveryAttempt>,
    /// Its endpoint, unless that was removed.
    pub endpoint: Option<EndpointRow>,
    /// What it tells.
    pub told: Vec<Told>,
    /// The owner's language.
    pub lang: String,
}
