//! Who sends, told to push services: the server's key pair and the tokens it signs (VAPID, RFC 8292).
//!
//! The public key is what a page subscribes with (`GET /api/v1/push`); `web_push` asks for a header for each request. The private key is
//! made at the first start and kept in [`FILE`]; with another one every subscription is void, so it is part of a backup.
//! Invariant: a token is for one origin and for [`VALID_S`] at most; the private key is in no answer and in no log.

use crate::secret_file;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Timestamp;
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer as _},
};
use std::{io, path::Path, sync::Arc};

/// The key's file in the data folder.
pub const FILE: &str = "vapid.key";
/// How long a token is valid, in seconds; the RFC allows a day. Half of it leaves room for clocks that disagree.
pub const VALID_S: i64 = 12 * 3600;

/// The server's key pair; clones share it.
#[derive(Clone)]
pub struct Vapid {
    key: Arc<SigningKey>,
    public: Arc<str>,
    contact: Option<Arc<str>>,
}

impl Vapid {
    /// Reads the key, or makes it at the first start. `contact` is how the push service reaches whoever runs this server: `mailto:` or `https:`.
    ///
    /// # Errors
    /// When it cannot be read or written, or is damaged.
    pub fn open(data: &Path, contact: Option<&str>) -> io::Result<Self> {
        let bytes = secret_file::read_or_make(data, FILE, make)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} is damaged"));
        // The library would fill a shorter one up with zeros.
        let key = Some(&bytes).filter(|bytes| bytes.len() == 32).and_then(|bytes| SigningKey::from_slice(bytes).ok());
        let key = key.ok_or_else(damaged)?;
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().to_encoded_point(false).as_bytes());
        Ok(Self { key: Arc::new(key), public: public.into(), contact: contact.map(Into::into) })
    }

    /// The public key, an uncompressed point in base64url: what a page subscribes with.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// `Authorization` for a push service (section 3).
    pub fn authorization(&self, origin: &str, now: Timestamp) -> String {
        let mut claims = serde_json::json!({"aud": origin, "exp": now.0 / 1000 + VALID_S});
        if let Some(contact) = &self.contact {
            claims["sub"] = serde_json::Value::from(&**contact);
        }
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(r#"{"typ":"JWT","alg":"ES256"}"#), part(&claims.to_string()));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("vapid t={signed}.{}, k={}", URL_SAFE_NO_PAD.encode(signature.to_bytes()), self.public)
    }
}

/// Random bytes that are a key: all but a few in 2³² are.
fn make() -> io::Result<Vec<u8>> {
    loop {
        let mut bytes = vec![0; 32];
        getrandom::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        if SecretKey::from_slice(&bytes).is_ok() {
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_key_is_made_once_and_private_and_a_damaged_one_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = Vapid::open(folder.path(), None).unwrap();
        assert_eq!(Vapid::open(folder.path(), None).unwrap().public_key(), first.public_key());
        let point = URL_SAFE_NO_PAD.decode(first.public_key()).unwrap();
        assert_eq!((point.len(), point[0]), (65, 4), "an uncompressed point");
        let path = folder.path().join(FILE);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
        for damaged in [&b""[..], &[0; 32], &[1; 31], &[0xff; 32]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(Vapid::open(folder.path(), None).err().unwrap().kind(), io::ErrorKind::InvalidData);
        }
    }
}
