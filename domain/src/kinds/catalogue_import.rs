//! `catalogue-import`: a product CSV in Shopify's format, upserted into the catalogue.

use super::Validate;
use crate::{InputError, UploadId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The kind's name.
pub const NAME: &str = "catalogue-import";
/// Rejected rows reported as partial results; the rejects file has them all.
pub const REPORTED_REJECTS: u64 = 100;

/// Which file to import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The id that `POST /api/v1/uploads` answered.
    pub upload: UploadId,
}

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        // Whether the upload exists and is its owner's is for the server to say.
        Vec::new()
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Output {
    /// Products that were not there before.
    pub created: u64,
    /// Products that were changed.
    pub updated: u64,
    /// Products that were in the file and already so.
    pub unchanged: u64,
    /// Rows read, the header not counted.
    pub rows: u64,
    /// Rows not taken.
    pub rejected: u64,
    /// Path of a CSV of the rejected rows, when there are any.
    pub rejects: Option<String>,
}

/// `data` of a `partial`: a row that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reject {
    /// The line of the file that the row starts on, from 1 (the header's).
    pub line: u64,
    /// The column's title, when one column is to blame.
    pub column: Option<String>,
    /// The row's handle, when it has one.
    pub handle: Option<String>,
    /// Stable kebab-case code.
    pub code: String,
    /// Figures and values for its sentence.
    #[serde(default)]
    pub params: Map<String, Value>,
}
