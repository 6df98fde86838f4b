//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.
//!
//! Made by the server's `error` module, read by the browser, which words them by `code` and `params`.
//! Invariant: `code` is kebab-case and never changes its meaning; `detail` is English for logs and `curl`.

use crate::api::Product;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputError {
    /// JSON Pointer (RFC 6901) into the request body, such as `/input/steps`.
    pub pointer: String,
    /// Stable kebab-case code, such as `out-of-range`.
    pub code: String,
    /// One English sentence.
    pub detail: String,
    /// Figures for a sentence in another language.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl InputError {
    /// An error at a place of the body, without figures.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into(), params: Map::new() }
    }

    /// A number outside its limits, both inclusive.
    pub fn out_of_range(pointer: impl Into<String>, min: u64, max: u64) -> Self {
        let params = [("min".to_owned(), min.into()), ("max".to_owned(), max.into())].into_iter().collect();
        Self { params, ..Self::new(pointer, "out-of-range", format!("must be from {min} to {max}")) }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Problem {
    /// A URI reference that names the problem; `about:blank#<code>`.
    #[serde(rename = "type", default)]
    pub type_: String,
    /// The status in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// One English sentence on this occurrence.
    #[serde(default)]
    pub detail: String,
    /// Stable kebab-case code.
    #[serde(default)]
    pub code: String,
    /// What is wrong with the input, place by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<InputError>,
    /// Where the state is to be read anew (with `cursor-expired`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The product as it is now, its tag included (with `product-changed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Box<Product>>,
}

crate::through_value::read_through_value!(Problem);

impl Problem {
    /// A problem with a status, a code and an English sentence.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            type_: format!("about:blank#{code}"),
            title: title(status).to_owned(),
            status,
            detail: detail.into(),
            code: code.to_owned(),
            errors: Vec::new(),
            snapshot: None,
            product: None,
        }
    }

    /// 422 with the places that are wrong.
    pub fn invalid(errors: Vec<InputError>) -> Self {
        Self {
            errors,
            ..Self::new(422, "invalid-input", "The request is well-formed, but some of its fields are not acceptable.")
        }
    }

    /// The browser could not reach the server at all.
    pub fn unreachable(detail: impl Into<String>) -> Self {
        Self::new(0, "unreachable", detail)
    }
}

/// The reason phrase of the statuses in use (RFC 9110, section 15).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}
