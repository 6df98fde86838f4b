//! Webhooks: a signed request to a program of the owner's (Standard Webhooks).
//!
//! Called by the dispatcher; the API shows the same request ([`signed`]) to whoever wants to verify one by hand.
//! Invariants: `webhook-id` is the delivery's id and the body is the same at every attempt; each attempt is signed anew, with every secret
//! that is valid at that moment.

use super::{
    Report, Sender, Verdict,
    http::{Answer, Http},
    signature,
};
use crate::store::{EndpointRow, Target};
use async_trait::async_trait;
use domain::{
    Timestamp,
    push::{PushMessage, SignedRequest},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;

/// Sends to programs.
pub struct Webhook {
    http: Http,
}

/// The body (specification, "Payload structure").
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    type_: &'a str,
    timestamp: Timestamp,
    data: &'a PushMessage,
}

impl Webhook {
    /// Over this client.
    pub const fn new(http: Http) -> Self {
        Self { http }
    }

    async fn attempt(&self, target: &Target, message: &PushMessage, now: Timestamp) -> Report {
        let internal = || Report { status: None, outcome: "internal", detail: None, verdict: Verdict::Rejected };
        let Some(request) = signed(target, message, now) else { return internal() };
        // Judged again: what the operator allows may have changed since it was added.
        let url = match self.http.targets().webhook(&request.url) {
            Ok(url) => url,
            Err(refused) => {
                let verdict = Verdict::Retry { after: None, blames_host: false };
                return Report {
                    status: None,
                    outcome: "forbidden-address",
                    detail: Some(refused.to_string()),
                    verdict,
                };
            }
        };
        let Some(headers) = headers(&request) else { return internal() };
        match self.http.post(&url, headers, request.body.into_bytes()).await {
            Ok(answer) => judge(answer),
            Err(failed) => failed.report(),
        }
    }
}

#[async_trait]
impl Sender for Webhook {
    async fn send(&self, endpoint: &EndpointRow, message: &PushMessage, now: Timestamp) -> Report {
        self.attempt(&endpoint.target, message, now).await
    }
}

/// The secrets of a webhook that sign at a moment, newest first; none of another kind of endpoint.
pub fn secrets(target: &Target, now: Timestamp) -> Vec<&[u8]> {
    let Target::Webhook { secret, previous, .. } = target else { return Vec::new() };
    let before = previous.as_ref().filter(|(_, until)| now < *until);
    std::iter::once(secret.as_slice()).chain(before.map(|(secret, _)| secret.as_slice())).collect()
}

/// The request as it is signed now; `None` for another kind of endpoint.
pub fn signed(target: &Target, message: &PushMessage, now: Timestamp) -> Option<SignedRequest> {
    let Target::Webhook { url, .. } = target else { return None };
    let body = serde_json::to_string(&Body { type_: &message.type_, timestamp: message.at, data: message }).ok()?;
    let (id, timestamp) = (message.id.to_string(), now.0 / 1000);
    let webhook_signature = signature::sign(&secrets(target, now), &id, timestamp, body.as_bytes());
    Some(SignedRequest { url: url.clone(), webhook_id: id, webhook_timestamp: timestamp, webhook_signature, body })
}

fn headers(request: &SignedRequest) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("webhook-id"), HeaderValue::from_str(&request.webhook_id).ok()?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(request.webhook_timestamp));
    let signature = HeaderValue::from_str(&request.webhook_signature).ok()?;
    headers.insert(HeaderName::from_static("webhook-signature"), signature);
    Some(headers)
}

/// As the specification has it: 2xx took it, 410 wants no more, everything else may pass.
fn judge(answer: Answer) -> Report {
    let Answer { status, retry_after, detail, .. } = answer;
    let later = |outcome, after, blames_host| (outcome, Verdict::Retry { after, blames_host });
    let (outcome, verdict) = match status {
        200..=299 => return Report { status: Some(status), outcome: "ok", detail: None, verdict: Verdict::Delivered },
        410 => ("gone", Verdict::Gone),
        300..=399 => later("redirected", None, false),
        429 => later("too-many-requests", retry_after, false),
        503 => later("server-error", retry_after, true),
        500.. => later("server-error", None, true),
        _ => later("refused", None, false),
    };
    Report { status: Some(status), outcome, detail, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(previous: Option<(Vec<u8>, Timestamp)>) -> Target {
        Target::Webhook { url: "https://hooks.example/".into(), secret: vec![1; 32], previous }
    }

    #[test]
    fn the_secret_before_signs_until_its_time_is_over() {
        let rotated = target(Some((vec![2; 32], Timestamp(1000))));
        assert_eq!(secrets(&rotated, Timestamp(999)), [[1; 32].as_slice(), [2; 32].as_slice()]);
        assert_eq!(secrets(&rotated, Timestamp(1000)), [[1; 32].as_slice()]);
        assert_eq!(secrets(&target(None), Timestamp(0)).len(), 1);
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let pause = Some(std::time::Duration::from_secs(9));
        let judged = |status| {
            let report = judge(Answer { status, retry_after: pause, date: None, detail: Some("x".into()) });
            (report.outcome, report.verdict)
        };
        let retry = |after, blames_host| Verdict::Retry { after, blames_host };
        assert_eq!(judged(204), ("ok", Verdict::Delivered));
        assert_eq!(judged(410), ("gone", Verdict::Gone));
        assert_eq!(judged(301), ("redirected", retry(None, false)));
        assert_eq!(judged(404), ("refused", retry(None, false)));
        assert_eq!(judged(429), ("too-many-requests", retry(pause, false)));
        assert_eq!(judged(503), ("server-error", retry(pause, true)));
        assert_eq!(judged(500), ("server-error", retry(None, true)));
    }
}
