//! Signatures of webhooks, as Standard Webhooks has them (specification, "Signature scheme"): HMAC-SHA256 over `id.timestamp.body`.
//!
//! `webhook` signs each attempt anew, the API makes and rotates secrets and judges signatures that somebody shows it. Pure but for [`new_secret`].
//! Invariants: a secret is compared in constant time; it is written out by [`show`] only, which is for the answer that makes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    Timestamp,
    push::{SignatureCheck, SignatureVerdict},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret's text begins with.
pub const PREFIX: &str = "whsec_";
/// Bytes of a new secret; from 24 to 64 are allowed.
const SECRET_LEN: usize = 32;
/// What HMAC-SHA256 fills a key up to (RFC 2104, section 2).
const BLOCK: usize = 64;
/// How far a timestamp may be from now before a receiver should take a request for a replay, in seconds.
pub const TOLERANCE_S: i64 = 300;

/// A fresh secret.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_secret() -> Result<Vec<u8>, getrandom::Error> {
    let mut secret = vec![0; SECRET_LEN];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// A secret as its owner gets it, once.
pub fn show(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// `webhook-signature`: one signature for each secret, newest first.
pub fn sign(secrets: &[&[u8]], id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let one = |secret: &&[u8]| {
        let tag = keyed(secret, id, timestamp_s, body).finalize().into_bytes();
        format!("v1,{}", STANDARD.encode(tag))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn keyed(secret: &[u8], id: &str, timestamp_s: i64, body: &[u8]) -> Hmac<Sha256> {
    // No secret is longer than a block, and so this is the padding that HMAC does itself, without an error that cannot happen.
    let mut key = [0; BLOCK];
    key.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&key.into());
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// Whether one of the signatures shown is made with one of the secrets, and recent enough for a receiver to accept it.
pub fn check(secrets: &[&[u8]], shown: &SignatureCheck, now: Timestamp) -> SignatureVerdict {
    let refused = |reason: &str| SignatureVerdict { valid: false, reason: Some(reason.to_owned()) };
    let mut tags = Vec::new();
    for word in shown.webhook_signature.split_ascii_whitespace() {
        match word.split_once(',') {
            Some(("v1", text)) => match STANDARD.decode(text) {
                Ok(tag) if tag.len() == 32 => tags.push(tag),
                _ => return refused("malformed"),
            },
            // Other versions are another scheme's (`v1a` is Ed25519), and not ours.
            Some(_) => {}
            None => return refused("malformed"),
        }
    }
    if tags.is_empty() || shown.webhook_id.is_empty() {
        return refused("malformed");
    }
    let ours = secrets.iter().any(|secret| {
        let mac = || keyed(secret, &shown.webhook_id, shown.webhook_timestamp, shown.body.as_bytes());
        tags.iter().any(|tag| mac().verify_slice(tag).is_ok())
    });
    let away = (now.0 / 1000).saturating_sub(shown.webhook_timestamp).saturating_abs();
    match (ours, away <= TOLERANCE_S) {
        (false, _) => refused("other-secret"),
        (true, false) => refused("too-old"),
        (true, true) => SignatureVerdict { valid: true, reason: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_614_265_330_000);

    /// The example of the specification's reference libraries.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn shown(signature: &str) -> SignatureCheck {
        SignatureCheck {
            webhook_id: ID.into(),
            webhook_timestamp: NOW.0 / 1000,
            webhook_signature: signature.into(),
            body: BODY.into(),
        }
    }

    fn reason(secrets: &[&[u8]], shown: &SignatureCheck, now: Timestamp) -> Option<String> {
        let verdict = check(secrets, shown, now);
        assert_eq!(verdict.valid, verdict.reason.is_none());
        verdict.reason
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode(SECRET).unwrap();
        assert_eq!(sign(&[&secret], ID, NOW.0 / 1000, BODY.as_bytes()), SIGNED);
        assert_eq!(check(&[&secret], &shown(SIGNED), NOW), SignatureVerdict { valid: true, reason: None });
    }

    #[test]
    fn during_a_rotation_both_secrets_sign_and_each_verifies() {
        let (new, old) = (new_secret().unwrap(), new_secret().unwrap());
        let both = sign(&[&new, &old], ID, NOW.0 / 1000, BODY.as_bytes());
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(reason(&[&new], &shown(&both), NOW), None);
        assert_eq!(reason(&[&old], &shown(&both), NOW), None);
        assert_eq!(reason(&[b"x".repeat(32).as_slice()], &shown(&both), NOW).as_deref(), Some("other-secret"));
    }

    #[test]
    fn what_does_not_verify_says_why() {
        let secret = STANDARD.decode(SECRET).unwrap();
        let judge = |shown: &SignatureCheck, now| reason(&[&secret], shown, now).unwrap_or_default();
        for text in ["", "v1", "v1,", "v1,!!!", "v1,YQ==", "v2,YQ==", "whsec_x"] {
            assert_eq!(judge(&shown(text), NOW), "malformed", "{text}");
        }
        assert_eq!(judge(&SignatureCheck { webhook_id: String::new(), ..shown(SIGNED) }, NOW), "malformed");
        assert_eq!(judge(&SignatureCheck { body: BODY.replace('2', "3"), ..shown(SIGNED) }, NOW), "other-secret");
        assert_eq!(judge(&SignatureCheck { webhook_timestamp: 7, ..shown(SIGNED) }, NOW), "other-secret");
        assert_eq!(judge(&shown(SIGNED), NOW.plus_ms(301_000)), "too-old");
        assert_eq!(judge(&shown(SIGNED), NOW.plus_ms(-301_000)), "too-old", "from a clock that is ahead");
        assert_eq!(judge(&shown(SIGNED), NOW.plus_ms(300_000)), "");
        assert_eq!(
            judge(&SignatureCheck { webhook_timestamp: i64::MIN, ..shown(SIGNED) }, Timestamp(i64::MAX)),
            "other-secret"
        );
    }

    #[test]
    fn a_secret_is_shown_as_the_specification_wants_it() {
        let secret = new_secret().unwrap();
        let shown = show(&secret);
        assert_eq!(STANDARD.decode(shown.strip_prefix(PREFIX).unwrap()).unwrap(), secret);
        assert!((24..=64).contains(&secret.len()));
    }
}
