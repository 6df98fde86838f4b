//! Reading the whole catalogue, a page at a time: products with everything that is kept of them.
//!
//! Called by `catalogue-export` through its context. No SQL, no file format.
//! Each call is one short read, so that no read transaction pins the WAL for as long as an export takes. Invariants, kept by every
//! driver: ids only grow and products never go, so walking by id up to the extent's `last` meets every product that there was once;
//! a page's product is whole, as of one moment.

use super::StoreResult;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The catalogue's revision.
    pub revision: u64,
    /// The id of the newest product; 0 when there is none.
    pub last: i64,
    /// Products behind the one asked about.
    pub products: u64,
}

/// Whose remaining columns are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoreOf {
    /// Product-level columns.
    Products,
    /// Variant-level columns.
    Variants,
}

/// Titles of the columns that a slice of the rows has values for, beyond those with a field of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoreColumns {
    /// As they are kept.
    pub titles: BTreeSet<String>,
    /// Where the next slice begins; `None`: that was all.
    pub next: Option<i64>,
}

/// A slice of the products.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportPage {
    /// In the order in which they came.
    pub products: Vec<ExportedProduct>,
    /// Where the next page begins; `None`: that was all.
    pub next: Option<i64>,
}

/// A product with all that is kept of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportedProduct {
    /// Known by it.
    pub handle: String,
    /// Never empty.
    pub title: String,
    /// HTML.
    pub body_html: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// What it is.
    pub product_type: Option<String>,
    /// Comma-separated.
    pub tags: Option<String>,
    /// Whether it is on sale.
    pub published: bool,
    /// Names of the options.
    pub option_names: [Option<String>; 3],
    /// The remaining product-level columns, title to cell; none is blank.
    pub more: BTreeMap<String, String>,
    /// The catalogue's revision that changed it last.
    pub revision: u64,
    /// In the order in which they came.
    pub variants: Vec<ExportedVariant>,
    /// In their order.
    pub images: Vec<ExportedImage>,
}

/// A variant with all that is kept of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportedVariant {
    /// Values of the options; blank where there is none.
    pub option_values: [String; 3],
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Canonical decimal.
    pub price: Option<String>,
    /// Canonical decimal.
    pub compare_at_price: Option<String>,
    /// How many there are.
    pub inventory_qty: Option<i64>,
    /// The remaining variant-level columns, title to cell; none is blank.
    pub more: BTreeMap<String, String>,
}

/// A picture of a product.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportedImage {
    /// Its address.
    pub src: String,
    /// Text in its place.
    pub alt: Option<String>,
    /// Where it stands among the product's own, when that was ever said.
    pub position: Option<i64>,
}

/// What an export reads.
#[async_trait]
pub trait Exporting: Send + Sync + 'static {
    /// How much of the catalogue lies behind a product's id.
    async fn extent(&self, after: i64) -> StoreResult<Extent>;
    /// Which remaining columns a slice of at most `limit` rows behind an id has.
    async fn more_columns(&self, of: MoreOf, after: i64, limit: usize) -> StoreResult<MoreColumns>;
    /// Products with ids from behind `after` to `upto`, at most `limit`, and fewer when they are large.
    async fn export_products(&self, after: i64, upto: i64, limit: usize) -> StoreResult<ExportPage>;
}
