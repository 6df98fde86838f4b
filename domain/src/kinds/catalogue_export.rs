//! `catalogue-export`: the whole catalogue as a file, CSV in Shopify's product format or XLSX.

use super::Validate;
use crate::{InputError, Timestamp};
use serde::{Deserialize, Serialize};

/// The kind's name.
pub const NAME: &str = "catalogue-export";

/// The note of its progress while the rows of an XLSX are packed into one file.
pub const PACKING: &str = "packing";

/// What sort of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated, UTF-8, CRLF (RFC 4180): what an import reads.
    Csv,
    /// A workbook (Office Open XML): texts are text, numbers are numbers.
    Xlsx,
}

impl Format {
    /// As in the input and at the end of a file's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    /// The media type of such a file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What sort of file.
    pub format: Format,
}

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        Vec::new()
    }
}

/// What the file is and what is in it; the file itself is behind the job's `result` link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Output {
    /// What sort of file.
    pub format: Format,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Products in it: all that there were when it began.
    pub products: u64,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Sheets: more than one when a sheet of an XLSX cannot hold all rows; 1 of a CSV.
    pub sheets: u64,
    /// The catalogue's revision when it began.
    pub revision: u64,
    /// When that was.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub as_of: Timestamp,
    /// Products in it that were changed while it ran, before they were read: they are newer than `revision`.
    pub changed_meanwhile: u64,
    /// Products that came while it ran, and are not in it.
    pub added_meanwhile: u64,
}
