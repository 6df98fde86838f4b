//! `bulk-retry` and `bulk-cancel`: one action for every job that a filter matches, as of a moment. For operators only.
//!
//! Submitted by `POST /api/v1/operations/bulk`, which fixes the moment; shown on the job's own page like any other kind.
//! Invariant: the moment is part of the input, so that a job that fails (or comes) after it is never swept into it.

use super::Validate;
use crate::{
    InputError, Timestamp,
    operations::{Action, Filter},
};
use serde::{Deserialize, Serialize};

/// The kind that opens failed or cancelled jobs again.
pub const RETRY: &str = "bulk-retry";
/// The kind that ends unfinished jobs.
pub const CANCEL: &str = "bulk-cancel";

/// The kind of an action.
pub const fn name(action: Action) -> &'static str {
    match action {
        Action::Retry => RETRY,
        Action::Cancel => CANCEL,
    }
}

/// Whether a kind is one of these two. They never act upon each other, nor upon themselves.
pub fn is_bulk(kind: &str) -> bool {
    matches!(kind, RETRY | CANCEL)
}

/// Which jobs, and as of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Which jobs.
    #[serde(default)]
    pub filter: Filter,
    /// Those that had ended, or were accepted, by then.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub as_of: Timestamp,
    /// At most so many a second, 1 to 10,000, to spare whatever they had failed at; as fast as it goes without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

/// Highest `per_second`.
pub const RATE_LIMIT: u32 = 10_000;

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        let within = |error: InputError| InputError { pointer: format!("/filter{}", error.pointer), ..error };
        let mut errors: Vec<_> = self.filter.validate().into_iter().map(within).collect();
        if self.per_second.is_some_and(|rate| !(1..=RATE_LIMIT).contains(&rate)) {
            errors.push(InputError::out_of_range("/per_second", 1, RATE_LIMIT.into()));
        }
        errors
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Output {
    /// Jobs that were looked at: `done` and `skipped` together.
    pub matched: u64,
    /// Jobs that it was done to.
    pub done: u64,
    /// Jobs that somebody else had changed meanwhile.
    pub skipped: u64,
}
