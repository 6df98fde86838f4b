//! The catalogue's tables: what an import and a person do to them and what the interface reads from them.
//!
//! `apply` is called by `advance` inside the transaction that also commits the import's checkpoint and progress, `edit` in one of its own;
//! the reads by the reader threads. Knows no file and no CSV.
//! Invariants: applying a row twice changes nothing the second time; nothing is ever deleted; the revision moves once per
//! batch that changed something, and so does that of each product it changed.

mod apply;
mod edit;
mod export;
mod fields;
mod reads;
mod runs;
#[cfg(test)]
mod tests;

pub(super) use apply::apply;
pub(super) use edit::edit;
pub(super) use reads::{product, products, state};
pub(super) use runs::forget_job;
