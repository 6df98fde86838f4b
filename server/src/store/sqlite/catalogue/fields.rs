//! A product's and a variant's stored fields, and what a row's cells make of them.
//!
//! Invariant: a column that the file lacks leaves its field as it is; a blank cell clears it; `take` tells whether anything
//! became different, so that what is already so is not written.

use crate::store::{ProductCells, VariantCells};
use std::collections::BTreeMap;

/// A product's own fields.
#[derive(Debug, Default)]
pub(super) struct ProductFields {
    pub title: String,
    pub vendor: Option<String>,
    pub product_type: Option<String>,
    pub tags: Option<String>,
    pub published: bool,
    pub body_html: Option<String>,
    /// JSON object of the remaining columns.
    pub more: String,
}

impl ProductFields {
    /// Takes a row's cells; answers whether anything changed.
    pub(super) fn take(&mut self, cells: &ProductCells) -> bool {
        let changes = [
            set(&mut self.title, cells.title.clone()),
            set_text(&mut self.vendor, cells.vendor.as_deref()),
            set_text(&mut self.product_type, cells.product_type.as_deref()),
            set_text(&mut self.tags, cells.tags.as_deref()),
            cells.published.is_some_and(|published| set(&mut self.published, published)),
            set_lines(&mut self.body_html, cells.body_html.as_deref()),
            set_more(&mut self.more, &cells.more),
        ];
        changes.contains(&true)
    }
}

/// A variant's fields, without the options that it is known by.
#[derive(Debug, Default)]
pub(super) struct VariantFields {
    pub sku: Option<String>,
    pub price: Option<String>,
    pub compare_at_price: Option<String>,
    pub inventory_qty: Option<i64>,
    /// JSON object of the remaining columns.
    pub more: String,
}

impl VariantFields {
    /// Takes a row's cells; answers whether anything changed.
    pub(super) fn take(&mut self, cells: &VariantCells) -> bool {
        let changes = [
            set_text(&mut self.sku, cells.sku.as_deref()),
            set_text(&mut self.price, cells.price.as_deref()),
            set_text(&mut self.compare_at_price, cells.compare_at_price.as_deref()),
            cells.inventory_qty.is_some_and(|qty| set(&mut self.inventory_qty, qty)),
            set_more(&mut self.more, &cells.more),
        ];
        changes.contains(&true)
    }
}

fn set<T: PartialEq>(field: &mut T, new: T) -> bool {
    let changed = *field != new;
    *field = new;
    changed
}

pub(super) fn set_text(field: &mut Option<String>, cell: Option<&str>) -> bool {
    let Some(cell) = cell else { return false };
    let new = Some(cell).filter(|text| !text.is_empty());
    let changed = field.as_deref() != new;
    if changed {
        *field = new.map(str::to_owned);
    }
    changed
}

/// As [`set_text`], but CRLF and LF are one line end: spreadsheet programs write the one for the other.
fn set_lines(field: &mut Option<String>, cell: Option<&str>) -> bool {
    let lf = |text: &str| text.replace("\r\n", "\n");
    let same = |stored: &str, cell: &str| (stored.contains('\r') || cell.contains('\r')) && lf(stored) == lf(cell);
    if field.as_deref().zip(cell).is_some_and(|(stored, cell)| same(stored, cell)) {
        return false;
    }
    set_text(field, cell)
}

fn set_more(field: &mut String, cells: &BTreeMap<String, String>) -> bool {
    let filled: BTreeMap<&str, &str> = cells
        .iter()
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(title, cell)| (title.as_str(), cell.as_str()))
        .collect();
    // The common case, decided without parsing: the file says exactly what is stored.
    if json(&filled) == *field {
        return false;
    }
    let mut merged: BTreeMap<String, String> = serde_json::from_str(field).unwrap_or_default();
    for (title, cell) in cells {
        // A column keeps the title that it was kept by: titles match without regard to case.
        let known = merged.keys().find(|known| known.to_lowercase() == title.to_lowercase());
        let title = known.unwrap_or(title).clone();
        if cell.is_empty() {
            merged.remove(&title);
        } else {
            merged.insert(title, cell.clone());
        }
    }
    set(field, json(&merged))
}

/// Maps of texts always have a JSON form.
fn json(map: &impl serde::Serialize) -> String {
    serde_json::to_string(map).unwrap_or_else(|_| "{}".to_owned())
}
