//! What a person may change of a product, and how a change meets one that came in between.
//!
//! Shared by the API, the form without JavaScript and the editor in the browser, so that the three cannot disagree; [`cells`] is shared with
//! the reader of product files too. Pure: knows no store, no clock and no page.

pub mod cells;
pub mod draft;
pub mod edit;

use crate::api::Product;

pub use draft::{Choice, Draft};
pub use edit::{ProductEdit, VariantEdit};

/// Whether one reading of a product is later than another. Readings may arrive in another order than they were made; after a restore from
/// a backup, which begins another epoch, whatever comes is the later one.
pub fn is_newer(read: &Product, known: &Product) -> bool {
    let epoch = |product: &Product| product.etag.rsplit_once('-').map(|(epoch, _)| epoch.to_owned());
    epoch(read) != epoch(known) || read.revision > known.revision
}
