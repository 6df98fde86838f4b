//! A push endpoint: one browser, one webhook, one e-mail address, and when it is told of what.

use super::words;
use crate::{EventType, ids::EndpointId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// Endpoints that one owner may have.
pub const ENDPOINT_LIMIT: usize = 20;
/// Longest label of an endpoint, in characters.
pub const ENDPOINT_LABEL_LIMIT: usize = 100;
/// Longest address of an endpoint, in bytes.
pub const ADDRESS_LIMIT: usize = 2048;
/// How long both secrets of a webhook sign after a rotation, in seconds: a day.
pub const ROTATION_S: u64 = 86_400;

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// A browser, by its push service (RFC 8030).
    WebPush,
    /// A program, by a signed request (Standard Webhooks).
    Webhook,
    /// A person, by SMTP.
    Email,
}
words!(EndpointKind { WebPush = "web-push", Webhook = "webhook", Email = "email" });

/// When an endpoint is told: the links of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// Of each event at once, whoever has seen it: for programs.
    Always,
    /// Unless a device of the owner says within a few seconds that it has seen the event.
    Unseen,
    /// Unless, a while later still, no device has seen it and no browser was reached.
    Fallback,
}
words!(When { Always = "always", Unseen = "unseen", Fallback = "fallback" });

impl When {
    /// What an endpoint of a kind starts with.
    pub const fn of(kind: EndpointKind) -> Self {
        match kind {
            EndpointKind::WebPush => Self::Unseen,
            EndpointKind::Webhook => Self::Always,
            EndpointKind::Email => Self::Fallback,
        }
    }
}

/// Whether an endpoint is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointState {
    /// It is.
    Active,
    /// Its owner has not yet answered the mail that asks whether the address is theirs.
    Unconfirmed,
    /// Its owner wants no more for now; what happens meanwhile is not made up for.
    Paused,
    /// It failed for so long that it is left alone until its owner says otherwise (`reason`).
    Parked,
    /// It said that it is no more (404, 410), or its receiver unsubscribed.
    Gone,
}
words!(EndpointState {
    Active = "active",
    Unconfirmed = "unconfirmed",
    Paused = "paused",
    Parked = "parked",
    Gone = "gone",
});

/// A push endpoint, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PushEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// How it is reached.
    pub kind: EndpointKind,
    /// The owner's name for it, or one made of what is known.
    pub label: String,
    /// Where: a webhook's URL, an e-mail address; of a browser only its push service's origin, since the rest is a secret.
    pub address: String,
    /// Whether it is told anything.
    pub state: EndpointState,
    /// Why not, as a code, when it is parked or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of what it is told.
    pub events: Vec<EventType>,
    /// When.
    pub when: When,
    /// Seconds for which what happens is gathered into one message; 0 for none.
    pub digest_s: u32,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last took something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Since when nothing got through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Deliveries that have not ended.
    pub pending: u64,
    /// The circuit of its host is open until then: nobody on that host is tried before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
}

/// `POST /api/v1/push-subscriptions`: what `PushSubscription.toJSON()` gives (Push API), and a little more. The same `endpoint` again
/// changes the one that there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewWebPush {
    /// The push resource (RFC 8030, section 2).
    pub endpoint: String,
    /// What its messages are encrypted with (RFC 8291, section 2).
    pub keys: WebPushKeys,
    /// The owner's name for the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The endpoint that this one takes the place of (`pushsubscriptionchange`), with its settings; it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<EndpointId>,
}

/// A browser's keys, in base64url without padding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebPushKeys {
    /// A point of P-256, uncompressed.
    pub p256dh: String,
    /// 16 bytes.
    pub auth: String,
}

/// `POST /api/v1/webhooks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where to post to.
    pub url: String,
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of what to tell; the end of a job without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventType>>,
}

/// `POST /api/v1/email-addresses`: a mail asks whether the address is theirs; until it is answered, nothing else is sent there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEmail {
    /// The address (RFC 5321, `Mailbox`).
    pub address: String,
}

/// `PATCH /api/v1/push-endpoints/{id}`. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatch {
    /// The owner's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of what to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventType>>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// 0, or 60 to 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_s: Option<u32>,
    /// `true` pauses; `false` goes on, also after it was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// What a webhook's messages are signed with; told once, when it is made (201) or rotated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// The endpoint.
    pub endpoint: PushEndpoint,
    /// `whsec_…` (Standard Webhooks, "Signature scheme").
    pub secret: String,
    /// The one before signs too until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
}
