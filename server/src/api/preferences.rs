//! The headers by which a client says how it wants to be answered: `Prefer` (RFC 7240) and `Idempotency-Key`.
//!
//! Read by the submit handler. Preferences that are not known are ignored, as the RFC wants; a key that cannot be one is an error.

use crate::{engine::IdempotencyKey, error::ApiError};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use domain::api::WAIT_LIMIT_S;
use std::time::Duration;

/// What a client prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefer {
    /// It can take a 202.
    pub respond_async: bool,
    /// Seconds that it would rather wait for the end, at most 60.
    pub wait_s: Option<u64>,
}

impl Prefer {
    /// Reads all `Prefer` headers; the first mention of a preference counts.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let lines = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for item in lines.flat_map(|line| line.split(',')) {
            let item = item.split(';').next().unwrap_or_default();
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => prefer.respond_async = true,
                "wait" if prefer.wait_s.is_none() => {
                    prefer.wait_s = value.parse().ok().map(|wait: u64| wait.min(WAIT_LIMIT_S))
                }
                _ => {}
            }
        }
        prefer
    }

    /// How long to wait for the end.
    pub fn wait(self) -> Duration {
        Duration::from_secs(self.wait_s.unwrap_or(0))
    }

    /// `Preference-Applied`: what of it shaped the answer. A finished job was not answered asynchronously.
    pub fn applied(self, finished: bool) -> Option<HeaderValue> {
        let mut used = Vec::new();
        if self.respond_async && !finished {
            used.push("respond-async".to_owned());
        }
        used.extend(self.wait_s.map(|wait| format!("wait={wait}")));
        if used.is_empty() { None } else { HeaderValue::from_str(&used.join(", ")).ok() }
    }
}

/// The `Idempotency-Key`: a structured-field string (RFC 9651) or, since many clients send it so, a bare token.
///
/// # Errors
/// 400 `bad-idempotency-key` unless it is 1 to 255 visible characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).and_then(unquote);
    text.as_deref().and_then(IdempotencyKey::parse).map(Some).ok_or_else(|| {
        let detail = "An Idempotency-Key has 1 to 255 visible characters of ASCII, in quotes or bare.";
        ApiError::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", detail)
    })
}

/// What is between quotes, or a text without any.
fn unquote(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let mut key = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(key),
            '\\' => key.push(chars.next().filter(|char| matches!(char, '"' | '\\'))?),
            char => key.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn preferences_are_read_from_any_spelling() {
        let both = Prefer { respond_async: true, wait_s: Some(10) };
        assert_eq!(Prefer::of(&headers("prefer", &["respond-async, wait=10"])), both);
        assert_eq!(
            Prefer::of(&headers("prefer", &["Respond-Async; a=b", "handling=lenient,wait = \"10\"", "wait=20"])),
            both
        );
        assert_eq!(Prefer::of(&headers("prefer", &["wait=600"])).wait_s, Some(60));
        assert_eq!(Prefer::of(&headers("prefer", &["wait=soon"])), Prefer::default());
        assert_eq!(both.applied(false).unwrap(), "respond-async, wait=10");
        assert_eq!(both.applied(true).unwrap(), "wait=10");
        assert_eq!(Prefer::default().applied(false), None);
    }

    #[test]
    fn a_key_is_a_string_or_a_token() {
        let key = |text: &str| {
            idempotency_key(&headers("idempotency-key", &[text])).map_err(|error| error.into_problem().code)
        };
        let parsed = |text: &str| Ok(IdempotencyKey::parse(text));
        assert_eq!(key(r#""a\"b\\c""#), parsed(r#"a"b\c"#));
        assert_eq!(key("8e03978e-40d5-43dd-bc93-6894a57f9324"), parsed("8e03978e-40d5-43dd-bc93-6894a57f9324"));
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        for bad in [
            String::new(),
            "\"\"".into(),
            "\"a".into(),
            "a\"b".into(),
            "\"a\" x".into(),
            r#""\x""#.into(),
            "x".repeat(256),
        ] {
            assert_eq!(key(&bad), Err("bad-idempotency-key".into()), "{bad}");
        }
    }
}
