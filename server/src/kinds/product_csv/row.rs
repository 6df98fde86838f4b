//! A record as a row of the catalogue, or as a reject with line, column and reason.
//!
//! Invariant: depends on nothing but the header and the record, so that reading a row again gives the same row.

use super::{
    cells,
    columns::{Column, Columns},
    records::{Flaw, Record},
};
use crate::store::{CatalogueRow, ProductCells, VariantCells};
use domain::{api::Image, kinds::catalogue_import::Reject};
use serde_json::{Map, Value};

/// Most characters of a handle.
pub const HANDLE_LIMIT: usize = 255;

/// Reads a record; `None` if all its cells are blank, as spreadsheets leave them behind.
pub(super) fn read(columns: &Columns, record: &Record<'_>) -> Option<Result<CatalogueRow, Reject>> {
    if record.flaw.is_none() && record.cells().all(|cell| cell.trim_ascii().is_empty()) {
        return None;
    }
    Some(Reading { columns, record }.row())
}

struct Reading<'a> {
    columns: &'a Columns,
    record: &'a Record<'a>,
}

impl<'a> Reading<'a> {
    fn row(&self) -> Result<CatalogueRow, Reject> {
        match self.record.flaw {
            Some(Flaw::Truncated) => return Err(self.reject("truncated-row", None, Map::new())),
            Some(Flaw::FieldTooLarge(cell)) => {
                return Err(self.reject("field-too-large", Some(cell), params(&[("max", super::FIELD_LIMIT.into())])));
            }
            Some(Flaw::TooLarge) => return Err(self.reject("row-too-large", None, Map::new())),
            None => {}
        }
        let (expected, found) = (self.columns.len(), self.record.len());
        if expected != found {
            let figures = params(&[("expected", expected.into()), ("found", found.into())]);
            return Err(self.reject("wrong-column-count", None, figures));
        }
        if let Some(cell) = self.record.cells().position(|cell| std::str::from_utf8(cell).is_err()) {
            return Err(self.reject("not-utf8", Some(cell), Map::new()));
        }
        self.cells()
    }

    /// The row, once its cells are as many as there are columns and all are text.
    fn cells(&self) -> Result<CatalogueRow, Reject> {
        let mut row = CatalogueRow { line: self.record.line, ..CatalogueRow::default() };
        let mut product = ProductCells::default();
        let mut variant = VariantCells::default();
        let (mut priced, mut src, mut alt) = (false, "", None);
        let mut quantity = None;
        for (index, cell) in self.record.cells().enumerate() {
            let Some((title, column)) = self.columns.columns.get(index) else { continue };
            let whole = self.text(cell);
            let text = whole.trim();
            let owned = || text.to_owned();
            match *column {
                Column::Handle => row.handle = self.handle(index, text)?,
                Column::Title => product.title = owned(),
                Column::Body => product.body_html = Some(whole.to_owned()),
                Column::Vendor => product.vendor = Some(owned()),
                Column::Type => product.product_type = Some(owned()),
                Column::Tags => product.tags = Some(owned()),
                Column::Published => {
                    product.published = Some(self.valid(index, text, "bad-published", cells::truth)?)
                }
                Column::OptionName(at) => {
                    put(&mut variant.option_names, at, Some(owned()).filter(|name| !name.is_empty()))
                }
                Column::OptionValue(at) => put(&mut variant.option_values, at, owned()),
                Column::Sku => variant.sku = Some(owned()),
                Column::Price => {
                    variant.price = Some(self.price(index, text)?);
                    priced = !text.is_empty();
                }
                Column::ComparePrice => variant.compare_at_price = Some(self.price(index, text)?),
                Column::Quantity => {
                    quantity = Some(Some(text).filter(|text| !text.is_empty()).map(|text| (index, text)));
                }
                Column::ImageSrc => src = text,
                Column::ImageAlt => alt = Some(owned()),
                Column::ImagePosition if text.is_empty() => {}
                Column::ImagePosition => {
                    row.image_position = Some(self.valid(index, text, "bad-position", cells::quantity)?);
                }
                Column::MoreProduct => {
                    product.more.insert(title.clone(), cells::tidy(title, text));
                }
                Column::MoreVariant => {
                    variant.more.insert(title.clone(), cells::tidy(title, text));
                }
                Column::Reject | Column::Guarded | Column::Ignored => {}
            }
        }
        row.product = Some(product).filter(|product| !product.title.is_empty());
        if priced || variant.option_values.iter().any(|value| !value.is_empty()) {
            variant.inventory_qty = match quantity {
                Some(Some((index, text))) => Some(Some(self.valid(index, text, "bad-quantity", cells::quantity)?)),
                Some(None) => Some(None),
                None => None,
            };
            row.variant = Some(variant);
        }
        row.image = Some(Image { src: src.to_owned(), alt }).filter(|image| !image.src.is_empty());
        Ok(row)
    }

    /// A cell known to be text; in a file of ours without the guard that was put before it.
    fn text(&self, cell: &'a [u8]) -> &'a str {
        let text = std::str::from_utf8(cell).unwrap_or_default();
        if self.columns.guarded() { cells::unguard(text) } else { text }
    }

    fn handle(&self, index: usize, text: &str) -> Result<String, Reject> {
        let length = text.chars().count();
        if length > HANDLE_LIMIT {
            let figures = params(&[("max", HANDLE_LIMIT.into()), ("found", length.into())]);
            return Err(self.reject("handle-too-long", Some(index), figures));
        }
        if text.is_empty() {
            return Err(self.reject("handle-missing", Some(index), Map::new()));
        }
        Ok(text.to_owned())
    }

    fn price(&self, index: usize, text: &str) -> Result<String, Reject> {
        if text.is_empty() { Ok(String::new()) } else { self.valid(index, text, "bad-price", cells::price) }
    }

    fn valid<T>(&self, index: usize, text: &str, code: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Reject> {
        read(text).ok_or_else(|| self.reject(code, Some(index), params(&[("value", cells::shorten(text).into())])))
    }

    fn reject(&self, code: &str, column: Option<usize>, params: Map<String, Value>) -> Reject {
        let handle_at = self.columns.columns.iter().position(|&(_, column)| column == Column::Handle);
        let handle = handle_at.and_then(|index| self.record.cells().nth(index)).map(String::from_utf8_lossy);
        let handle =
            handle.as_deref().map(|handle| if self.columns.guarded() { cells::unguard(handle) } else { handle });
        let handle = handle.map(str::trim).filter(|handle| !handle.is_empty());
        Reject {
            line: self.record.line,
            column: column.and_then(|index| self.columns.title(index)).map(|title| cells::shorten(title).into_owned()),
            handle: handle.map(|handle| handle.chars().take(HANDLE_LIMIT).collect()),
            code: code.to_owned(),
            params,
        }
    }
}

fn put<T>(slots: &mut [T; 3], at: usize, value: T) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = value;
    }
}

fn params(pairs: &[(&str, Value)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
