//! A cursor: the last position of a stream that its holder has seen, `epoch.seq`, or `epoch.seq.<job>` within one job's feed.
//!
//! Handed out by every answer and taken by every channel; opaque to clients. Does not know whether the position exists: the feed asks the store.
//! Invariant: a cursor made under `job=` says so, and is refused elsewhere, since its position skips the owner's other jobs.

use crate::ids::JobId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// A position in an owner's stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The database's epoch: lower-case letters and digits.
    pub epoch: String,
    /// The last `seq` seen; 0 before the first event.
    pub seq: u64,
    /// The one job whose feed this is a position in, if it is not the owner's whole stream.
    pub job: Option<JobId>,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCursor;

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor: use one that an answer gave, unchanged")
    }
}

impl std::error::Error for InvalidCursor {}

impl Cursor {
    /// A position in an owner's whole stream.
    pub fn new(epoch: impl Into<String>, seq: u64) -> Self {
        Self { epoch: epoch.into(), seq, job: None }
    }

    /// The same feed at another position.
    pub fn at(&self, seq: u64) -> Self {
        Self { seq, ..self.clone() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)?;
        self.job.map_or(Ok(()), |job| write!(f, ".{job}"))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.splitn(3, '.');
        let epoch = parts.next().filter(|epoch| {
            (1..=16).contains(&epoch.len())
                && epoch.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        // `u64::from_str` takes a leading `+`, which a cursor never has; and i64 is what a store can hold.
        let seq =
            parts.next().filter(|seq| seq.bytes().all(|byte| byte.is_ascii_digit())).and_then(|seq| seq.parse().ok());
        let job = parts.next().map(str::parse).transpose().map_err(|_| InvalidCursor)?;
        match (epoch, seq) {
            (Some(epoch), Some(seq)) if i64::try_from(seq).is_ok() => Ok(Self { epoch: epoch.to_owned(), seq, job }),
            _ => Err(InvalidCursor),
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_text() {
        for text in ["k3x9.0", "k3x9.57", "k3x9.57.0190d3f4-1c2b-7a3d-8e4f-00112233aabb"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_no_answer_gave_is_refused() {
        for text in [
            "",
            ".",
            "k3x9",
            "k3x9.",
            ".5",
            "k3x9.-1",
            "k3x9.+1",
            "k3x9.1.",
            "k3x9.1.x",
            "K3X9.1",
            "k3x9.99999999999999999999",
            "k3x9.9223372036854775808",
            "é.1",
        ] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
