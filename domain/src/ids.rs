//! Identifiers as newtypes over the 16 bytes of a UUID (RFC 9562), written hyphenated.
//!
//! Used by every crate; the server makes them as UUIDv7, the browser only carries them, so no UUID library is in the WASM.
//! Invariant: text and bytes convert both ways without loss; parsing accepts the hyphenated form only.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// A text that is no hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected a hyphenated UUID")
    }
}

impl std::error::Error for InvalidId {}

/// The 16 bytes behind every id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

impl Id {
    /// Wraps the bytes of a UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as stored in a database.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.as_bytes();
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
            return Err(InvalidId);
        }
        let mut digits = text.iter().filter(|&&byte| byte != b'-').map(|&byte| (byte as char).to_digit(16));
        let mut bytes = [0u8; 16];
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else { return Err(InvalidId) };
            *byte = (high << 4 | low) as u8;
        }
        if digits.next().is_some() { Err(InvalidId) } else { Ok(Self(bytes)) }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid"})
    }

    fn inline_schema() -> bool {
        true
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub Id);
        impl $name {
            /// Wraps the bytes of a UUID.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self { Self(Id::from_bytes(bytes)) }
            /// The bytes, as stored in a database.
            pub const fn as_bytes(&self) -> &[u8; 16] { self.0.as_bytes() }
        }
        impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
        impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(&self.0, f) } }
        impl FromStr for $name { type Err = InvalidId; fn from_str(text: &str) -> Result<Self, InvalidId> { text.parse().map(Self) } }
    };
}

id!(
    /// One accepted request.
    JobId
);
id!(
    /// The visitor that a job belongs to.
    OwnerId
);
id!(
    /// A file that an owner has sent and not necessarily used yet.
    UploadId
);
id!(
    /// Where an owner is told: one browser, one webhook, one e-mail address.
    EndpointId
);
id!(
    /// One notification to one push endpoint.
    DeliveryId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes() {
        let text = "0190d3f4-1c2b-7a3d-8e4f-00112233aabb";
        let id: JobId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(JobId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn a_text_that_is_no_uuid_is_refused() {
        for text in [
            "",
            "0190d3f41c2b7a3d8e4f00112233aabb",
            "0190d3f4-1c2b-7a3d-8e4f-00112233aab",
            "0190d3f4-1c2b-7a3d-8e4f-00112233aabg",
            "0190d3f4-1c2b-7a3d-8e4f-0011-233aabb",
            "é190d3f4-1c2b-7a3d-8e4f-0112233aabb",
        ] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
