//! Push: telling an owner who is not there. Endpoints (where), settings (when), deliveries (what became of it) and the message itself.
//!
//! Written by `server::api` and `server::notify`, read by the Settings page, the job's page and `public/sw.js`. Flat on purpose: it
//! crosses into the WASM. The words are in `product.md`'s glossary: a *delivery* is one notification to one *push endpoint*.
//! Invariant: a message is a hint. It names the position in the log from which the receiver catches up, and nothing that is not there.

pub mod delivery;
pub mod endpoint;
pub mod message;
pub mod settings;

pub use delivery::*;
pub use endpoint::*;
pub use message::*;
pub use settings::*;

use crate::EventType;

/// What one can ask to be told of, in the order of a job's life.
pub const NOTIFIABLE: [EventType; 7] = [
    EventType::Started,
    EventType::Partial,
    EventType::Waiting,
    EventType::RetryScheduled,
    EventType::Succeeded,
    EventType::Failed,
    EventType::Cancelled,
];

/// What one is told of who said nothing: the end.
pub const BY_DEFAULT: [EventType; 3] = [EventType::Succeeded, EventType::Failed, EventType::Cancelled];

/// Gives an enum its words on the wire and in the store.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every one, in the order of its definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire, in the store and in `data-…`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads [`Self::as_str`] back.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&word).ok_or_else(|| serde::de::Error::custom("a word of another version"))
            }
        }
    };
}
pub(crate) use words;
