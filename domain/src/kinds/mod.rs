//! The kinds of job that ship: their names, inputs, outputs and the validation that form and server share.
//!
//! To add one: a file here, one in `server/src/kinds`, a word in each list; a form or result view of its own in `app/src/kinds` is optional.

pub mod bulk;
pub mod catalogue_export;
pub mod catalogue_import;
pub mod form;
pub mod rehearsal;
pub mod request;
pub mod supplier_quotes;

/// Every kind's name, in the order in which the interface offers them.
pub const NAMES: [&str; 4] = [rehearsal::NAME, catalogue_import::NAME, supplier_quotes::NAME, catalogue_export::NAME];

/// Kinds whose running jobs change the catalogue.
pub const CHANGING_CATALOGUE: [&str; 1] = [catalogue_import::NAME];

/// An input that can judge itself; pointers are relative to the input (`/steps`).
pub trait Validate {
    /// Everything that is wrong with it; nothing when it is acceptable.
    fn validate(&self) -> Vec<crate::InputError>;
}
