//! The header of a product file: which column is what, or why the file is refused.
//!
//! Titles are matched trimmed and without regard to case. Knows Shopify's product format, and what our own files add to it: the three
//! columns of a rejects file, so that it can be corrected and imported, and the mark of an export.
//! Invariant: apostrophes are taken off in files that say that we put them there, and in no others.

use super::{
    cells::{shorten, unguard},
    records::{Flaw, Record},
};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The columns that a rejects file adds to the original ones.
pub const REJECT_COLUMNS: [&str; 3] = ["line", "column", "reason"];

/// The title of the last column of an export, whose cells are blank: by it an import knows that an apostrophe before what a
/// spreadsheet would take for a formula is ours.
pub const GUARD_MARK: &str = "Meanwhile Export";

/// Why a file is not taken at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Stable kebab-case code.
    pub code: &'static str,
    /// Figures and values for its sentence.
    pub params: Map<String, Value>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, params: &[(&str, &str)]) -> Self {
        let params = params.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        Self { code, params }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    Type,
    Tags,
    Published,
    OptionName(usize),
    OptionValue(usize),
    Sku,
    Price,
    ComparePrice,
    Quantity,
    ImageSrc,
    ImagePosition,
    ImageAlt,
    /// Known, of the product, kept as it is.
    MoreProduct,
    /// Known, of the variant, kept as it is.
    MoreVariant,
    /// Added by a rejects file.
    Reject,
    /// Added by an export: the mark of guarded cells.
    Guarded,
    Ignored,
}

pub(super) const KNOWN: [(&str, Column); 37] = [
    ("Handle", Column::Handle),
    ("Title", Column::Title),
    ("Body (HTML)", Column::Body),
    ("Vendor", Column::Vendor),
    ("Type", Column::Type),
    ("Tags", Column::Tags),
    ("Published", Column::Published),
    ("Option1 Name", Column::OptionName(0)),
    ("Option2 Name", Column::OptionName(1)),
    ("Option3 Name", Column::OptionName(2)),
    ("Option1 Value", Column::OptionValue(0)),
    ("Option2 Value", Column::OptionValue(1)),
    ("Option3 Value", Column::OptionValue(2)),
    ("Variant SKU", Column::Sku),
    ("Variant Price", Column::Price),
    ("Variant Compare At Price", Column::ComparePrice),
    ("Variant Inventory Qty", Column::Quantity),
    ("Image Src", Column::ImageSrc),
    ("Image Position", Column::ImagePosition),
    ("Image Alt Text", Column::ImageAlt),
    ("Variant Grams", Column::MoreVariant),
    ("Variant Inventory Tracker", Column::MoreVariant),
    ("Variant Inventory Policy", Column::MoreVariant),
    ("Variant Fulfillment Service", Column::MoreVariant),
    ("Variant Requires Shipping", Column::MoreVariant),
    ("Variant Taxable", Column::MoreVariant),
    ("Variant Barcode", Column::MoreVariant),
    ("Variant Image", Column::MoreVariant),
    ("Variant Weight Unit", Column::MoreVariant),
    ("Variant Tax Code", Column::MoreVariant),
    ("Cost per item", Column::MoreVariant),
    ("Product Category", Column::MoreProduct),
    ("Gift Card", Column::MoreProduct),
    ("SEO Title", Column::MoreProduct),
    ("SEO Description", Column::MoreProduct),
    ("Status", Column::MoreProduct),
    (GUARD_MARK, Column::Guarded),
];
const PRODUCT_FAMILIES: [&str; 2] = ["google shopping / ", "included / "];
const VARIANT_FAMILIES: [&str; 5] =
    ["variant ", "unit price ", "price / ", "compare at price / ", "compare-at price / "];

/// What a column is, and the title that it is kept by.
pub(super) fn known(title: &str) -> (&str, Column) {
    if let Some(&known) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(title)) {
        return known;
    }
    let lower = title.to_lowercase();
    let begins = |with: &[&str]| with.iter().any(|start| lower.starts_with(start));
    if begins(&PRODUCT_FAMILIES) || lower.contains("(product.metafields.") {
        (title, Column::MoreProduct)
    } else if begins(&VARIANT_FAMILIES) || lower.ends_with(" linked to") {
        (title, Column::MoreVariant)
    } else {
        (title, Column::Ignored)
    }
}

/// A file's columns, in its order.
#[derive(Debug, Clone)]
pub struct Columns {
    pub(super) columns: Vec<(String, Column)>,
    guarded: bool,
}

impl Columns {
    /// Reads the header.
    pub(super) fn read(record: &Record<'_>) -> Result<Self, Refusal> {
        if let Some(Flaw::Truncated | Flaw::FieldTooLarge(_) | Flaw::TooLarge) = record.flaw {
            return Err(Refusal::new("not-a-product-csv", &[("looks_like", "unknown")]));
        }
        let mut titles = Vec::with_capacity(record.len());
        for cell in record.cells() {
            let Ok(title) = std::str::from_utf8(cell) else {
                return Err(Refusal::new("not-a-product-csv", &[("looks_like", "not-utf8")]));
            };
            titles.push(title.trim());
        }
        let added = titles.len().saturating_sub(REJECT_COLUMNS.len());
        let of_rejects = titles.iter().skip(added).eq(REJECT_COLUMNS.iter());
        let guarded = of_rejects || titles.iter().any(|title| title.eq_ignore_ascii_case(GUARD_MARK));
        let mut columns: Vec<(String, Column)> = Vec::with_capacity(record.len());
        let mut seen = HashSet::new();
        for title in titles {
            let title = if guarded { unguard(title).trim() } else { title };
            if !title.is_empty() && !seen.insert(title.to_lowercase()) {
                return Err(Refusal::new("duplicate-column", &[("column", &shorten(title))]));
            }
            let (title, column) = known(title);
            columns.push((title.to_owned(), column));
        }
        if of_rejects {
            columns.iter_mut().skip(added).for_each(|(_, column)| *column = Column::Reject);
        }
        for (title, required) in [("Handle", Column::Handle), ("Title", Column::Title)] {
            if !columns.iter().any(|&(_, column)| column == required) {
                return Err(Refusal::new("missing-column", &[("column", title)]));
            }
        }
        Ok(Self { columns, guarded })
    }

    /// How many cells a row has.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// A column's title.
    pub(super) fn title(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(|(title, _)| title.as_str())
    }

    /// Whether the file is one of ours, whose cells have been made safe for spreadsheets.
    pub fn guarded(&self) -> bool {
        self.guarded
    }

    /// The columns that a rejects file repeats: all but those that an earlier rejects file added.
    pub fn originals(&self) -> impl Iterator<Item = (usize, &str)> {
        let originals = self.columns.iter().enumerate().filter(|(_, (_, column))| *column != Column::Reject);
        originals.map(|(index, (title, _))| (index, title.as_str()))
    }

    /// Titles of the columns that mean nothing here.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        let ignored = self.columns.iter().filter(|(title, column)| *column == Column::Ignored && !title.is_empty());
        ignored.map(|(title, _)| title.as_str())
    }
}
