//! Web Push: a message, encrypted for one browser, to its push service (RFC 8030, RFC 8291, RFC 8292).
//!
//! Called by the dispatcher. The push service sees the address, the size, the urgency and the topic, and nothing of the message.
//! Invariants: what leaves is encrypted with the browser's keys, and goes to a push service only; a later message of a job takes the place
//! of an earlier one that still waits (`Topic`), one that gathers several takes nobody's.

use super::{
    Report, Sender, Verdict,
    http::{Answer, Http},
    target::origin_of,
    vapid::Vapid,
};
use crate::store::{EndpointRow, Target};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{EventType, Timestamp, push::PushMessage};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest as _, Sha256};
use web_push_native::p256::PublicKey;
use web_push_native::{Auth, encrypt};

/// How long a push service keeps a message for a browser that is away, in seconds from its event: a day.
pub const TTL_S: i64 = 24 * 3600;
/// Of a message that is older than that, or from a clock that has jumped.
const LEAST_TTL_S: i64 = 60;
/// Clocks that are further apart than this disagree, in milliseconds.
const SKEW_MS: u64 = 5 * 60 * 1000;

/// Sends to browsers.
pub struct WebPush {
    http: Http,
    vapid: Vapid,
}

impl WebPush {
    /// With a key.
    pub const fn new(http: Http, vapid: Vapid) -> Self {
        Self { http, vapid }
    }

    async fn attempt(&self, target: &Target, message: &PushMessage, now: Timestamp) -> Report {
        let Target::WebPush { url, p256dh, auth } = target else { return wrong_kind() };
        // Judged again: what the operator allows may have changed since it was added.
        let url = match self.http.targets().push_resource(url) {
            Ok(url) => url,
            Err(refused) => return rejected(None, "forbidden-address", Some(refused.to_string())),
        };
        let Some(body) = sealed(p256dh, auth, message) else { return rejected(None, "bad-keys", None) };
        let Some(headers) = self.headers(&origin_of(&url), message, now) else { return wrong_kind() };
        match self.http.post(&url, headers, body).await {
            Ok(answer) => judge(answer, now),
            Err(failed) => failed.report(),
        }
    }

    fn headers(&self, origin: &str, message: &PushMessage, now: Timestamp) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(HeaderName::from_static("ttl"), HeaderValue::from(ttl_s(message, now)));
        headers.insert(HeaderName::from_static("urgency"), HeaderValue::from_static(urgency(message)));
        if let Some(topic) = topic(message) {
            headers.insert(HeaderName::from_static("topic"), HeaderValue::from_str(&topic).ok()?);
        }
        let mut authorization = HeaderValue::from_str(&self.vapid.authorization(origin, now)).ok()?;
        authorization.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, authorization);
        Some(headers)
    }
}

#[async_trait]
impl Sender for WebPush {
    async fn send(&self, endpoint: &EndpointRow, message: &PushMessage, now: Timestamp) -> Report {
        self.attempt(&endpoint.target, message, now).await
    }
}

/// Whether a browser's keys are any: a point of P-256 and 16 bytes (RFC 8291, section 2).
pub fn are_keys(p256dh: &[u8], auth: &[u8]) -> bool {
    keys(p256dh, auth).is_some()
}

fn keys(p256dh: &[u8], auth: &[u8]) -> Option<(PublicKey, Auth)> {
    let public = PublicKey::from_sec1_bytes(p256dh).ok()?;
    (auth.len() == 16).then(|| (public, Auth::clone_from_slice(auth)))
}

/// The message for this browser alone. It differs at every attempt, since its salt and its key do.
fn sealed(p256dh: &[u8], auth: &[u8], message: &PushMessage) -> Option<Vec<u8>> {
    let (public, auth) = keys(p256dh, auth)?;
    encrypt(serde_json::to_vec(message).ok()?, &public, &auth).ok()
}

/// What is left of a message's life.
fn ttl_s(message: &PushMessage, now: Timestamp) -> i64 {
    (TTL_S - now.ms_since(message.at) / 1000).clamp(LEAST_TTL_S, TTL_S)
}

/// How much it matters to a device that saves its battery (RFC 8030, section 5.3).
fn urgency(message: &PushMessage) -> &'static str {
    match message.items.last().map(|item| item.event) {
        Some(EventType::Failed | EventType::Waiting) => "high",
        Some(EventType::Started | EventType::Partial | EventType::RetryScheduled) => "low",
        Some(_) => "normal",
        None => "high",
    }
}

/// Of which messages only the newest matters: those of one job. At most 32 characters of base64url (RFC 8030, section 5.4).
fn topic(message: &PushMessage) -> Option<String> {
    let [item] = message.items.as_slice() else { return None };
    let mut hasher = Sha256::new();
    hasher.update(b"meanwhile job\0");
    hasher.update(item.job.as_bytes());
    // Of a digest of one job nothing is lost either.
    (message.more == 0).then(|| URL_SAFE_NO_PAD.encode(&hasher.finalize()[..24]))
}

fn judge(answer: Answer, now: Timestamp) -> Report {
    let Answer { status, retry_after, date, detail } = answer;
    let report = |outcome, verdict| Report { status: Some(status), outcome, detail: detail.clone(), verdict };
    let later = |outcome, blames_host| report(outcome, Verdict::Retry { after: retry_after, blames_host });
    match status {
        200..=299 => Report { detail: None, ..report("ok", Verdict::Delivered) },
        300..=399 => later("redirected", false),
        // A token from a clock that is wrong: no subscription is void for it.
        401 | 403 if date.is_some_and(|date| date.0.abs_diff(now.0) > SKEW_MS) => later("clock-skew", true),
        // Subscribed with another key than ours: the page has to do it anew.
        401 | 403 => report("key-refused", Verdict::Gone),
        404 | 410 => report("gone", Verdict::Gone),
        413 => report("too-large", Verdict::Rejected),
        429 => later("too-many-requests", false),
        408 => later("timeout", true),
        500.. => later("server-error", true),
        _ => report("refused", Verdict::Rejected),
    }
}

fn rejected(status: Option<u16>, outcome: &'static str, detail: Option<String>) -> Report {
    Report { status, outcome, detail, verdict: Verdict::Rejected }
}

fn wrong_kind() -> Report {
    rejected(None, "internal", None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{DeliveryId, JobId, job::JobState, push::PushItem};

    fn message(events: &[(u8, EventType)]) -> PushMessage {
        let item = |&(job, event): &(u8, EventType)| PushItem {
            job: JobId::from_bytes([job; 16]),
            kind: "rehearsal".into(),
            label: None,
            event,
            seq: 1,
            state: JobState::Succeeded,
            code: None,
        };
        PushMessage {
            id: DeliveryId::from_bytes([1; 16]),
            type_: "job.succeeded".into(),
            at: Timestamp(1_000_000),
            title: String::new(),
            body: String::new(),
            lang: "en".into(),
            url: "/".into(),
            cursor: None,
            items: events.iter().map(item).collect(),
            more: 0,
        }
    }

    #[test]
    fn messages_of_one_job_share_a_topic_and_no_other_does() {
        let (started, done) = (message(&[(1, EventType::Started)]), message(&[(1, EventType::Succeeded)]));
        let topic_of = |message: &PushMessage| topic(message).unwrap();
        assert_eq!(topic_of(&started), topic_of(&done));
        assert_ne!(topic_of(&done), topic_of(&message(&[(2, EventType::Succeeded)])));
        assert_eq!(topic_of(&done).len(), 32);
        assert_eq!(
            topic(&message(&[(1, EventType::Failed), (2, EventType::Failed)])),
            None,
            "a digest replaces nothing"
        );
        assert_eq!(topic(&PushMessage { more: 1, ..done }), None);
        assert_eq!(topic(&message(&[])), None, "a test replaces nothing");
    }

    #[test]
    fn urgency_and_life_follow_the_event() {
        assert_eq!(urgency(&message(&[(1, EventType::Failed)])), "high");
        assert_eq!(urgency(&message(&[(1, EventType::Succeeded)])), "normal");
        assert_eq!(urgency(&message(&[(1, EventType::Partial)])), "low");
        assert_eq!(urgency(&message(&[])), "high", "a test, which somebody waits for");
        let of = |now| ttl_s(&message(&[]), Timestamp(now));
        assert_eq!((of(1_000_000), of(1_000_000 + 3_600_000)), (86_400, 82_800));
        assert_eq!((of(i64::MAX), of(0)), (60, 86_400), "clocks that have jumped");
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let now = Timestamp(1_700_000_000_000);
        let judged = |status, date: Option<Timestamp>| {
            let report = judge(Answer { status, retry_after: None, date, detail: None }, now);
            (report.outcome, report.verdict)
        };
        let retry = |blames_host| Verdict::Retry { after: None, blames_host };
        for status in [200, 201, 202] {
            assert_eq!(judged(status, None), ("ok", Verdict::Delivered));
        }
        assert_eq!(judged(404, None), ("gone", Verdict::Gone));
        assert_eq!(judged(410, None), ("gone", Verdict::Gone));
        assert_eq!(judged(413, None), ("too-large", Verdict::Rejected));
        assert_eq!(judged(429, None), ("too-many-requests", retry(false)));
        assert_eq!(judged(403, None), ("key-refused", Verdict::Gone));
        assert_eq!(judged(401, Some(now.plus_ms(299_000))), ("key-refused", Verdict::Gone));
        assert_eq!(
            judged(401, Some(now.plus_ms(-301_000))),
            ("clock-skew", retry(true)),
            "our clock, not the browser's key"
        );
        assert_eq!(judged(307, None), ("redirected", retry(false)));
        assert_eq!(judged(503, None), ("server-error", retry(true)));
        assert_eq!(judged(400, None), ("refused", Verdict::Rejected));
        let pause = std::time::Duration::from_secs(7);
        let asked = judge(Answer { status: 429, retry_after: Some(pause), date: None, detail: None }, now);
        assert_eq!(asked.verdict, Verdict::Retry { after: Some(pause), blames_host: false });
    }
}
