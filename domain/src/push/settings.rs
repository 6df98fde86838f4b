//! When an owner may be disturbed, and what of one job they want to be told.

use crate::EventType;
use serde::{Deserialize, Serialize};

/// How long a fallback waits without a setting, in seconds.
pub const FALLBACK_S: u32 = 120;

/// `GET` and `PUT /api/v1/notification-settings`: of the owner, for all endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationSettings {
    /// When nobody wants to be told; what happens meanwhile is told after it. Programs (`always`) are told all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietTimes>,
    /// Seconds until a fallback is told: 10 to 86,400.
    #[serde(default = "fallback_s")]
    pub fallback_after_s: u32,
    /// The language of notifications: `en` or `fr`.
    #[serde(default = "english")]
    pub lang: String,
}

const fn fallback_s() -> u32 {
    FALLBACK_S
}

fn english() -> String {
    "en".to_owned()
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self { quiet: None, fallback_after_s: FALLBACK_S, lang: english() }
    }
}

/// From one wall time to another, past midnight when the second is the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietTimes {
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`.
    pub to: String,
    /// An IANA time zone.
    pub zone: String,
}

/// `GET` and `PUT /api/v1/jobs/{id}/notifications`: of one job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobNotifications {
    /// Instead of what each endpoint says; `null` for what it says, empty for nothing.
    #[serde(default)]
    pub events: Option<Vec<EventType>>,
}

/// `GET /api/v1/push`: what this server can send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushOffer {
    /// The server's public key for `pushManager.subscribe` (RFC 8292, section 3.2), in base64url without padding.
    pub web_push_key: String,
    /// Who mails come from; none without a mail server, and then no address can be added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_from: Option<String>,
    /// Whether webhooks may go to private addresses and over plain HTTP.
    pub private_webhooks: bool,
}
