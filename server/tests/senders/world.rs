//! Endpoints, messages and clients for the senders' tests.

use domain::{
    DeliveryId, EndpointId, EventType, JobId, OwnerId, Timestamp,
    job::JobState,
    push::{BY_DEFAULT, EndpointState, PushEndpoint, PushItem, PushMessage, When},
};
use server::{
    notify::{
        Report, Sender,
        http::{Http, Patience},
        target::Targets,
    },
    store::{EndpointRow, Target},
};
use std::time::Duration;

pub const NOW: Timestamp = Timestamp(1_764_000_000_000);

/// Short enough for tests of what never answers, long enough for everything else.
pub const IMPATIENT: Patience = Patience { connect: Duration::from_millis(400), exchange: Duration::from_millis(400) };

/// A client that may send to this machine.
pub fn local(patience: Patience) -> Http {
    Http::new(Targets::new(true, &["127.0.0.1".to_owned()]), patience).unwrap()
}

pub fn endpoint(target: Target) -> EndpointRow {
    let shown = PushEndpoint {
        id: EndpointId::from_bytes([2; 16]),
        kind: target.kind(),
        label: "mine".into(),
        address: String::new(),
        state: EndpointState::Active,
        reason: None,
        events: BY_DEFAULT.to_vec(),
        when: When::Always,
        digest_s: 0,
        created_at: NOW,
        delivered_at: None,
        failing_since: None,
        pending: 0,
        held_until: None,
    };
    EndpointRow { owner: OwnerId::from_bytes([3; 16]), shown, target, host: String::new() }
}

pub fn webhook(url: &str) -> EndpointRow {
    endpoint(Target::Webhook { url: url.to_owned(), secret: vec![7; 32], previous: None })
}

pub fn message() -> PushMessage {
    PushMessage {
        id: DeliveryId::from_bytes([1; 16]),
        type_: "job.succeeded".into(),
        at: NOW,
        title: "“Frühling, l’été” is done".into(),
        body: "Open it to see the result.".into(),
        lang: "en".into(),
        url: "/jobs/01010101-0101-0101-0101-010101010101".into(),
        cursor: Some("k3x9.57".into()),
        items: vec![PushItem {
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            label: Some("Frühling".into()),
            event: EventType::Succeeded,
            seq: 57,
            state: JobState::Succeeded,
            code: None,
        }],
        more: 0,
    }
}

/// One attempt; a sender that never comes back fails the test.
pub async fn attempt(sender: &impl Sender, endpoint: &EndpointRow, now: Timestamp) -> Report {
    let message = message();
    tokio::time::timeout(crate::common::PATIENCE, sender.send(endpoint, &message, now)).await.expect("it is bounded")
}
