//! The kinds of job that this server runs: what each of them does.
//!
//! `startup` hands [`registry`] to the engine. To add one: a file here, a word in the list, and its input and output in
//! `domain/src/kinds`. Kinds know the engine's `Context` and nothing of HTTP or SQL.

pub mod bulk;
pub mod catalogue_export;
pub mod catalogue_import;
pub mod product_csv;
pub mod rehearsal;
pub mod supplier_quotes;

use crate::engine::registry::Registry;

/// Every kind that ships.
pub fn registry(suppliers: supplier_quotes::directory::Directory) -> Registry {
    Registry::default()
        .with(rehearsal::Rehearsal)
        .with(catalogue_import::CatalogueImport)
        .with(supplier_quotes::SupplierQuotes(suppliers))
        .with(catalogue_export::CatalogueExport)
        .with(bulk::BulkRetry)
        .with(bulk::BulkCancel)
}
