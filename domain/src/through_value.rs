//! Reading large types by way of [`serde_json::Value`], for the browser's sake. Used by the types that most answers are made of.
//!
//! A derived `Deserialize` is compiled once for each format that a type is read from: text, a value, and what serde keeps of a tagged enum while it
//! looks for the tag. That was a sixth of the browser's module. So these types take a value from any of them, and are read from values alone.
//! Invariant: what is read, and what is refused, is what the derived implementation reads and refuses.

/// Implements serde's traits for a type that derives them with `#[serde(remote = "Self")]`, which makes functions of the type out of them.
macro_rules! read_through_value {
    ($type:ident) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                $type::deserialize(value).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $type::serialize(self, serializer)
            }
        }
    };
}

pub(crate) use read_through_value;

/// Reads any type from text by way of a value.
///
/// # Errors
///
/// Text that is no JSON, and JSON that is no `T`.
pub fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    T::deserialize(serde_json::from_str::<serde_json::Value>(text)?)
}

#[cfg(test)]
mod tests {
    use crate::{Event, Problem};
    use serde::Deserialize;

    #[test]
    fn a_type_is_read_alike_from_text_a_value_and_within_a_tagged_enum() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(tag = "op", rename_all = "snake_case")]
        enum Frame {
            Event { event: Event },
        }
        let text = r#"{"epoch":"e","seq":18446744073709551615,"prev":1,"job":"0199aaaa-0000-7000-8000-000000000000","kind":"rehearsal",
            "jseq":1,"at":"2026-11-25T00:00:00.000Z","type":"progress","data":{"done":0.1,"list":[1,-1,null]}}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(event.seq, u64::MAX);
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), value);
        assert_eq!(serde_json::from_value::<Event>(value.clone()).unwrap(), event);
        assert_eq!(Event::deserialize(&value).unwrap(), event);
        let framed = format!(r#"{{"op":"event","event":{text}}}"#);
        assert_eq!(serde_json::from_str::<Frame>(&framed).unwrap(), Frame::Event { event });
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_refused_by_name() {
        let refused = |text: &str| serde_json::from_str::<Event>(text).unwrap_err().to_string();
        assert!(refused(r#"{"epoch":"e"}"#).contains("missing field `seq`"));
        assert!(refused(r#"{"epoch":1}"#).contains("expected a string"));
        assert!(refused("{").contains("EOF"));
        assert_eq!(serde_json::from_str::<Problem>("{}").unwrap().status, 0);
    }
}
