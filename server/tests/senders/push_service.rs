//! A push service's and a browser's side of Web Push, strict, written from the RFCs and not from the sender's library.

use crate::receiver::Seen;
use aes_gcm::{Aes128Gcm, KeyInit as _, aead::Aead as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use p256::{
    PublicKey, SecretKey,
    ecdsa::{Signature, VerifyingKey, signature::Verifier as _},
    elliptic_curve::sec1::ToEncodedPoint as _,
};
use serde_json::Value;
use sha2::Sha256;

pub fn base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url without padding")
}

/// A browser that is subscribed.
pub struct Browser {
    secret: SecretKey,
    pub auth: Vec<u8>,
}

impl Browser {
    pub fn new(secret: &[u8], auth: &[u8]) -> Self {
        Self { secret: SecretKey::from_slice(secret).unwrap(), auth: auth.to_vec() }
    }

    pub fn p256dh(&self) -> Vec<u8> {
        self.secret.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    /// RFC 8291, sections 3.4 and 4; RFC 8188, section 2: one record.
    pub fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (salt, rest) = body.split_at_checked(16)?;
        let (record_size, rest) = rest.split_first_chunk::<4>()?;
        let (key_len, rest) = rest.split_first()?;
        let (sender, sealed) = rest.split_at_checked((*key_len).into())?;
        assert!(sealed.len() <= u32::from_be_bytes(*record_size) as usize, "one record");
        assert!(body.len() <= 4096, "more than every push service takes");
        let sender_key = PublicKey::from_sec1_bytes(sender).ok()?;
        let shared = p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), sender_key.as_affine());
        let mut ikm = [0; 32];
        let info = [b"WebPush: info\0", self.p256dh().as_slice(), sender].concat();
        Hkdf::<Sha256>::new(Some(&self.auth), shared.raw_secret_bytes()).expand(&info, &mut ikm).unwrap();
        let keyed = Hkdf::<Sha256>::new(Some(salt), &ikm);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        keyed.expand(b"Content-Encoding: aes128gcm\0", &mut key).unwrap();
        keyed.expand(b"Content-Encoding: nonce\0", &mut nonce).unwrap();
        let mut plain = Aes128Gcm::new(&key.into()).decrypt(&nonce.into(), sealed).ok()?;
        // The last record ends with 2, and zeros as padding.
        while plain.last() == Some(&0) {
            plain.pop();
        }
        (plain.pop() == Some(2)).then_some(plain)
    }
}

/// The claims of a request's token, which must be signed by the key that it names (RFC 8292) and hold for `origin` and at most a day.
pub fn claims(seen: &Seen, origin: &str, key: &str, now_s: i64) -> Value {
    let authorization = seen.header("authorization").expect("an Authorization");
    let words = authorization.strip_prefix("vapid t=").expect("the scheme vapid");
    let (token, named) = words.split_once(", k=").expect("a token and a key");
    assert_eq!(named, key, "the key that the page subscribed with");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let head: Value = serde_json::from_slice(&base64url(head)).unwrap();
    assert_eq!((&head["typ"], &head["alg"]), (&"JWT".into(), &"ES256".into()));
    let verifying = VerifyingKey::from_sec1_bytes(&base64url(named)).unwrap();
    let signature = Signature::from_slice(&base64url(signature)).unwrap();
    verifying.verify(signed.as_bytes(), &signature).expect("signed by that key");
    let claims: Value = serde_json::from_slice(&base64url(claims)).unwrap();
    assert_eq!(claims["aud"], origin);
    let life = claims["exp"].as_i64().unwrap() - now_s;
    assert!(life > 0 && life <= 24 * 3600, "{life} s");
    claims
}
