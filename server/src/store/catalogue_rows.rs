//! What goes into the catalogue and comes out: rows of a product file, counts, a page of products.
//!
//! Beside `rows`, which has everything about jobs. No SQL and no HTTP in it.

use domain::{InputError, api, kinds::catalogue_import};
use std::collections::BTreeMap;

/// Rows of an import, applied in order and each idempotently.
#[derive(Debug, Clone, Default)]
pub struct CatalogueBatch {
    /// In file order.
    pub rows: Vec<CatalogueRow>,
}

/// One row of a product file, already validated. The first row with `product` of a handle in an import defines the product;
/// in later ones only variant and image count. Nothing is ever deleted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatalogueRow {
    /// The line of the file that it starts on, from 1.
    pub line: u64,
    /// The product.
    pub handle: String,
    /// Product-level cells, when the row has a title.
    pub product: Option<ProductCells>,
    /// Variant-level cells.
    pub variant: Option<VariantCells>,
    /// Source and alternative text; `alt` is `None` where the file lacks the column, `Some("")` where the cell is blank.
    pub image: Option<api::Image>,
    /// Where the picture stands among the product's own; `None` leaves it as it is (a new one goes last).
    pub image_position: Option<i64>,
}

/// Product-level cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProductCells {
    /// Never empty.
    pub title: String,
    /// `None` where the file lacks the column; `Some("")` where the cell is blank, which clears the field.
    pub body_html: Option<String>,
    /// Likewise.
    pub vendor: Option<String>,
    /// Likewise.
    pub product_type: Option<String>,
    /// Likewise; comma-separated.
    pub tags: Option<String>,
    /// Likewise; blank is false.
    pub published: Option<bool>,
    /// The remaining known product-level columns of the file, column title to cell; a blank one clears.
    pub more: BTreeMap<String, String>,
}

/// Variant-level cells. A variant is known by its product and option values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariantCells {
    /// Names of the options, from the row that has them (later rows repeat only values).
    pub option_names: [Option<String>; 3],
    /// Values of the options; blank where there is none.
    pub option_values: [String; 3],
    /// As in [`ProductCells`]: `None` where the file lacks the column.
    pub sku: Option<String>,
    /// Canonical decimal (`50.00`), blank for none.
    pub price: Option<String>,
    /// Canonical decimal, blank for none.
    pub compare_at_price: Option<String>,
    /// How many there are: `None` where the file lacks the column, `Some(None)` where the cell is blank.
    pub inventory_qty: Option<Option<i64>>,
    /// The remaining known variant-level columns of the file, column title to cell; a blank one clears.
    pub more: BTreeMap<String, String>,
}

/// What a batch did. Products are counted once per job, by their strongest outcome (created, updated, unchanged).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatalogueCounts {
    /// Products of this job so far, all batches together.
    pub created: u64,
    /// Likewise.
    pub updated: u64,
    /// Likewise.
    pub unchanged: u64,
    /// Rows of this batch that could not be applied (a row without title whose handle is not known).
    pub rejected: Vec<catalogue_import::Reject>,
}

/// A page of products and the state that they belong to.
#[derive(Debug, Clone)]
pub struct ProductsRead {
    /// By handle.
    pub items: Vec<api::Product>,
    /// Whether more follows.
    pub more: bool,
    /// Matching products, counted up to 10,000.
    pub total: u64,
    /// In the same transaction.
    pub state: CatalogueState,
}

/// The catalogue without its products.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatalogueState {
    /// Changes with each committed change.
    pub revision: u64,
    /// Who is changing it.
    pub changing: Vec<api::Changing>,
}

impl CatalogueState {
    /// Running jobs that are changing it.
    pub fn jobs(&self) -> u64 {
        self.changing.iter().map(|changing| changing.count).sum()
    }
}

/// What a product must be like for an edit of it to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is, as long as it is there.
    Any,
    /// Of one of these revisions.
    Revisions(Vec<u64>),
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited {
    /// There is no such product.
    Missing,
    /// It is of another revision; nothing was written. The product as it is.
    Changed(Box<api::Product>),
    /// The edit cannot be made of this product; nothing was written.
    Refused(Vec<InputError>),
    /// The product as it is now. Its revision is another one if the edit changed anything.
    Done(Box<api::Product>),
}
