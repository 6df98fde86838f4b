//! Reads paths, queries and JSON bodies, and says in the contract's words what is wrong with them.
//!
//! Used by every handler in place of axum's extractors, whose rejections are plain text.
//! Invariant: a body is never held beyond [`BODY_LIMIT`], and a refusal always reaches a client that is still sending.

use crate::error::{ApiError, discard};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use domain::{InputError, JobId};
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::Segment;
use std::{collections::BTreeMap, str::FromStr};

/// Largest JSON body, in bytes.
pub const BODY_LIMIT: usize = 1 << 20;

/// A JSON body.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match OptionalJson::from_request(request, state).await? {
            OptionalJson(Some(value)) => Ok(Self(value)),
            OptionalJson(None) => Err(not_json()),
        }
    }
}

/// A JSON body, or none at all.
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let json = is_json(request.headers());
        let bytes = read_body(request, BODY_LIMIT).await?;
        match (json, bytes.is_empty()) {
            (false, true) => Ok(Self(None)),
            (false, false) => Err(not_json()),
            (true, _) => parse(&bytes).map(|value| Self(Some(value))),
        }
    }
}

/// 415 for a body that does not say that it is JSON.
pub fn not_json() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not-json",
        "The body must be sent as `Content-Type: application/json`.",
    )
}

/// Whether a body says that it is `application/json`, or of a type that is written in it.
pub fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The whole body, up to a limit.
///
/// # Errors
/// 413 `too-large`, or 400 when the client went away in the middle.
pub async fn read_body(request: Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let announced = content_length(request.headers()).unwrap_or(0);
    if announced > limit as u64 {
        discard(request.into_body().into_data_stream());
        return Err(ApiError::too_large(limit as u64));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    let mut stream = Body::into_data_stream(request.into_body());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "body-cut", error.to_string()))?;
        if bytes.len() + chunk.len() > limit {
            discard(stream);
            return Err(ApiError::too_large(limit as u64));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What a request says about the size of its body.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Broken JSON is 400; JSON of another shape is 422 with the place.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // First as JSON alone: a misfit before the place where it breaks would hide that it does.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad-json", format!("The body is no JSON: {error}."))
    })?;
    // A struct would be read from an array of its fields, too.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::invalid(vec![InputError::new("", "wrong-type", "invalid type: expected an object")]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| ApiError::invalid(vec![misfit(&error)]))
}

fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> InputError {
    let pointer = error.path().iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{pointer}/{}", escape(key)),
        Segment::Unknown => pointer,
    });
    let detail = error.inner().to_string();
    let code =
        ["unknown field", "missing field", "duplicate field"].into_iter().find(|words| detail.starts_with(words));
    let code = code.map_or("wrong-type".to_owned(), |words| words.replace(' ', "-"));
    at_field(InputError::new(pointer, code, detail))
}

/// A name within a JSON Pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Points at the field itself where the reader of JSON only knew the object around it.
pub fn at_field(mut error: InputError) -> InputError {
    if matches!(error.code.as_str(), "missing-field" | "unknown-field" | "duplicate-field")
        && let Some(name) = error.detail.split('`').nth(1).map(escape)
        && !error.pointer.ends_with(&format!("/{name}"))
    {
        error.pointer = format!("{}/{name}", error.pointer);
    }
    error
}

/// The job that a path names. What is no id names no job.
pub struct JobPath(pub JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(params) = Path::<BTreeMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::job_not_found())?;
        params.get("id").and_then(|id| id.parse().ok()).map(Self).ok_or_else(ApiError::job_not_found)
    }
}

/// The query's parameters; of a repeated one the last counts, one that is not asked for is ignored.
pub struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = query.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "bad-query", error.to_string()))?;
        Ok(Self(pairs.0.into_iter().collect()))
    }
}

impl Params {
    /// All of them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter's text; an empty one is an absent one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter that must have a certain form.
    ///
    /// # Errors
    /// 400 `bad-query`.
    pub fn parsed<T: FromStr>(&self, name: &str, form: &str) -> Result<Option<T>, ApiError> {
        let read = |text: &str| text.parse().map_err(|_| ApiError::bad_query(name, &format!("must be {form}")));
        self.text(name).map(read).transpose()
    }

    /// A position that an earlier answer gave.
    ///
    /// # Errors
    /// 400 `bad-cursor`.
    pub fn position<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.text(name).map(|text| text.parse().map_err(|_| ApiError::bad_cursor())).transpose()
    }

    /// `limit`: at least 1; more than the most is the most.
    ///
    /// # Errors
    /// 400 `bad-query`.
    pub fn limit(&self, usual: usize, most: usize) -> Result<usize, ApiError> {
        match self.parsed::<usize>("limit", "a number from 1 on")? {
            Some(0) => Err(ApiError::bad_query("limit", "must be a number from 1 on")),
            limit => Ok(limit.unwrap_or(usual).min(most)),
        }
    }
}

/// A path with a query of the given parameters, for links to a next page.
pub fn link(path: &str, params: &[(&str, Option<&str>)]) -> String {
    let mut link = path.to_owned();
    let mut separator = '?';
    for (name, value) in params {
        let Some(value) = value else { continue };
        link.push(separator);
        link.push_str(name);
        link.push('=');
        percent_encode(&mut link, value);
        separator = '&';
    }
    link
}

/// Everything but unreserved characters (RFC 3986, section 2.3) as `%XX`.
pub fn percent_encode(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::api::Submit;

    fn refused(body: &str) -> (u16, String, Vec<(String, String)>) {
        let problem = parse::<Submit>(body.as_bytes()).unwrap_err().into_problem();
        let errors = problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect();
        (problem.status, problem.code, errors)
    }

    fn one(pointer: &str, code: &str) -> (u16, String, Vec<(String, String)>) {
        (422, "invalid-input".into(), vec![(pointer.into(), code.into())])
    }

    #[test]
    fn a_misfit_is_told_with_its_place() {
        assert_eq!(refused(r#"{"kind":"x"}"#), one("/input", "missing-field"));
        assert_eq!(refused(r#"{"kind":"x","input":{},"lable":"a"}"#), one("/lable", "unknown-field"));
        assert_eq!(refused(r#"{"kind":7,"input":{}}"#), one("/kind", "wrong-type"));
        assert_eq!(refused(r#"{"kind":"x","input":{},"timeout_s":-1}"#), one("/timeout_s", "wrong-type"));
        assert_eq!(refused(r#"{"kind":"x","kind":"y","input":{}}"#), one("/kind", "duplicate-field"));
        for broken in ["", "{", "{\"kind\":\"x\",\"input\":{}} x", "{'kind':1}", &"[".repeat(1000)] {
            let (status, code, _) = refused(broken);
            assert_eq!((status, code.as_str()), (400, "bad-json"), "{broken}");
        }
    }

    #[test]
    fn an_error_points_at_the_field_itself() {
        let pointer = |error: InputError| at_field(error).pointer;
        assert_eq!(pointer(InputError::new("/input", "missing-field", "missing field `steps`")), "/input/steps");
        assert_eq!(
            pointer(InputError::new("/input/a", "unknown-field", "unknown field `a`, expected `b`")),
            "/input/a"
        );
        assert_eq!(pointer(InputError::new("/input/a", "wrong-type", "invalid `b`")), "/input/a");
    }

    #[test]
    fn a_link_is_escaped() {
        assert_eq!(
            link("/p", &[("q", Some("a b&c")), ("x", None), ("after", Some("é"))]),
            "/p?q=a%20b%26c&after=%C3%A9"
        );
    }
}
