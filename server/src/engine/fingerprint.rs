//! The identity of a request, by which a key that comes again is known to mean the same or another one (invariant 7).
//!
//! Called by `submit` and `retry`. SHA-256 over the request's canonical JSON, as sent, before defaults; an upload counts by its
//! content, so that the same file sent twice is the same request.
//! Invariant: neither the order of object members nor white space changes a fingerprint.

use domain::{JobId, UploadId};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Content hashes of the uploads that a request names.
pub(super) type ContentHashes = HashMap<UploadId, [u8; 32]>;

/// The fingerprint of a request.
pub(super) fn of(request: &Value, origin: Option<JobId>, uploads: &ContentHashes) -> [u8; 32] {
    let mut text = origin.map(|origin| origin.to_string()).unwrap_or_default();
    let uploads = uploads.iter().map(|(id, hash)| (id.to_string(), *hash)).collect();
    canonical(request, &uploads, &mut text);
    Sha256::digest(text.as_bytes()).into()
}

fn canonical(value: &Value, uploads: &HashMap<String, [u8; 32]>, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, member) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(member, uploads, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, uploads, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::String(text) => match uploads.get(text) {
            // Not quoted: no text can be mistaken for it.
            Some(hash) => hash.iter().for_each(|byte| out.push_str(&format!("{byte:02x}"))),
            None => out.push_str(&value.to_string()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(request: &Value) -> [u8; 32] {
        of(request, None, &ContentHashes::new())
    }

    #[test]
    fn only_what_is_asked_makes_the_fingerprint() {
        let one: Value = serde_json::from_str(r#"{"kind":"k","input":{"a":1,"b":[1,2]}}"#).unwrap();
        let same: Value = serde_json::from_str(r#"{ "input": {"b":[1,2], "a":1}, "kind":"k" }"#).unwrap();
        assert_eq!(plain(&one), plain(&same));
        for other in [
            json!({"kind":"k","input":{"a":1,"b":[2,1]}}),
            json!({"kind":"k","input":{"a":"1","b":[1,2]}}),
            json!({"kind":"k","input":{"a":1,"b":[1,2]},"label":""}),
        ] {
            assert_ne!(plain(&one), plain(&other), "{other}");
        }
        assert_ne!(plain(&one), of(&one, Some(JobId::from_bytes([1; 16])), &ContentHashes::new()));
    }

    #[test]
    fn an_upload_counts_by_its_content() {
        let [first, again, other] = [1, 2, 3].map(|byte| UploadId::from_bytes([byte; 16]));
        let hashes = ContentHashes::from([(first, [7; 32]), (again, [7; 32]), (other, [8; 32])]);
        let with = |id: UploadId| of(&json!({"input":{"upload":id.to_string()}}), None, &hashes);
        assert_eq!(with(first), with(again));
        assert_ne!(with(first), with(other));
    }
}
