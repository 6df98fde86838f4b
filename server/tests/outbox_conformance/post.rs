//! Shortcuts for what every check of the outbox does: endpoints, jobs that end, claims and ends of attempts.

use super::fixture::*;
use domain::{
    DeliveryId, EndpointId, JobId, OwnerId, Timestamp,
    push::{BY_DEFAULT, Delivery, DeliveryState, EndpointPatch, NOTIFIABLE},
};
use server::store::*;

pub fn endpoint_id() -> EndpointId {
    EndpointId::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

pub fn delivery_id() -> DeliveryId {
    DeliveryId::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

/// A webhook of a host of its own.
pub fn webhook(owner: OwnerId, name: &str) -> NewEndpoint {
    NewEndpoint {
        id: endpoint_id(),
        owner,
        target: Target::Webhook { url: format!("https://{name}.example/hook"), secret: vec![1; 24], previous: None },
        host: format!("https://{name}.example:443"),
        label: name.into(),
        events: BY_DEFAULT.to_vec(),
        replaces: None,
    }
}

pub fn browser(owner: OwnerId, name: &str) -> NewEndpoint {
    let target =
        Target::WebPush { url: format!("https://push.example/{name}"), p256dh: vec![4; 65], auth: vec![5; 16] };
    NewEndpoint { target, host: "https://push.example:443".into(), ..webhook(owner, name) }
}

pub fn mail(owner: OwnerId, name: &str, token: u8) -> NewEndpoint {
    let target = Target::Email { address: format!("{name}@mail.example"), token: vec![token; 32] };
    NewEndpoint { target, host: "mail.example".into(), ..webhook(owner, name) }
}

pub fn paused(paused: bool) -> EndpointPatch {
    EndpointPatch { paused: Some(paused), ..EndpointPatch::default() }
}

pub fn digest(digest_s: u32) -> EndpointPatch {
    EndpointPatch { digest_s: Some(digest_s), ..EndpointPatch::default() }
}

pub fn ended(then: Then) -> AttemptEnd {
    let (status, outcome) = match &then {
        Then::Delivered => (Some(200), "ok"),
        Then::Retry(_) => (Some(503), "server-error"),
        Then::GiveUp { endpoint: None } => (Some(400), "refused"),
        Then::GiveUp { .. } => (Some(410), "gone"),
    };
    AttemptEnd { status, outcome: outcome.into(), detail: Some("what it said".into()), took_ms: 7, then }
}

impl Bench {
    pub async fn add(&self, endpoint: NewEndpoint) -> EndpointId {
        match self.store.add_endpoint(endpoint, at(0)).await.unwrap() {
            Added::New(row) => row.shown.id,
            other => panic!("not new: {other:?}"),
        }
    }

    pub async fn hook(&self, name: &str) -> EndpointId {
        self.add(webhook(OWNER, name)).await
    }

    pub async fn endpoint(&self, id: EndpointId) -> EndpointRow {
        self.store.endpoint(OWNER, id).await.unwrap().expect("the endpoint")
    }

    /// A job that is accepted and ends with success then; the position of its last event.
    pub async fn end_job(&self, now: Timestamp) -> (JobId, u64) {
        self.accept_at(new_job(OWNER), now).await;
        let lease = self.claim_one(now).await.lease;
        self.finish(lease, success(), now).await;
        (lease.job, self.head().await)
    }

    pub async fn end_jobs(&self, count: usize, now: Timestamp) -> Vec<u64> {
        let mut seqs = Vec::new();
        for _ in 0..count {
            seqs.push(self.end_job(now).await.1);
        }
        seqs
    }

    pub async fn take_from(&self, limit: usize, held: &[&str], now: Timestamp) -> Vec<ClaimedDelivery> {
        let held_hosts = held.iter().map(|host| format!("https://{host}.example:443")).collect();
        let lease_until = now.plus_ms(120_000);
        self.store.claim_deliveries(DeliveryClaim { limit, held_hosts, now, lease_until }).await.unwrap()
    }

    pub async fn take(&self, limit: usize, now: Timestamp) -> Vec<ClaimedDelivery> {
        self.take_from(limit, &[], now).await
    }

    pub async fn take_one(&self, now: Timestamp) -> ClaimedDelivery {
        let mut taken = self.take(1, now).await;
        taken.pop().expect("a delivery that is due")
    }

    pub async fn end(&self, lease: DeliveryLease, then: Then, now: Timestamp) {
        self.store.end_attempt(lease, ended(then), now).await.unwrap().expect("the lease stands");
    }

    pub async fn put_off(&self, lease: DeliveryLease, until: Option<Timestamp>, now: Timestamp) {
        self.store.put_off(lease, until, "seen", now).await.unwrap().expect("the lease stands");
    }

    pub async fn posted(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter { limit: 10_000, ..DeliveryFilter::default() };
        self.store.deliveries(OWNER, filter).await.unwrap().expect("a list")
    }

    pub async fn to(&self, endpoint: EndpointId) -> Vec<Delivery> {
        let filter = DeliveryFilter { endpoint: Some(endpoint), limit: 10_000, ..DeliveryFilter::default() };
        let mut all = self.store.deliveries(OWNER, filter).await.unwrap().expect("a list");
        all.reverse();
        all
    }

    pub async fn states(&self, endpoint: EndpointId) -> Vec<DeliveryState> {
        self.to(endpoint).await.into_iter().map(|delivery| delivery.state).collect()
    }

    pub async fn detail(&self, id: DeliveryId) -> DeliveryDetail {
        self.store.delivery(OWNER, id).await.unwrap().expect("the delivery")
    }

    /// The outcomes of its attempts, in order.
    pub async fn outcomes(&self, id: DeliveryId) -> Vec<String> {
        self.detail(id).await.log.into_iter().map(|attempt| attempt.outcome).collect()
    }

    pub async fn change(&self, endpoint: EndpointId, patch: EndpointPatch) -> EndpointRow {
        self.store.change_endpoint(OWNER, endpoint, patch, at(50)).await.unwrap().expect("the endpoint")
    }
}

pub fn seqs(claimed: &[ClaimedDelivery]) -> Vec<u64> {
    claimed.iter().map(|one| one.delivery.seq).collect()
}

pub fn everything() -> EndpointPatch {
    EndpointPatch { events: Some(NOTIFIABLE.to_vec()), ..EndpointPatch::default() }
}
