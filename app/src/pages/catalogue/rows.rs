//! What the list shows, each product behind a signal of its own, so that a refresh changes cells and makes no row anew.
//!
//! Filled from the page that the server read, renewed by `follow`, moved on by saved edits.
//! Invariants: a row that is being edited stays, also when its product has moved to another page; a reading that was overtaken by a later one
//! changes nothing.

use domain::{
    Timestamp,
    api::{Changing, Product, ProductPage},
    catalogue::is_newer,
};
use leptos::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A product of the list.
#[derive(Clone)]
pub(super) struct Row {
    /// As last read.
    pub product: ArcRwSignal<Product>,
    /// As it will be if the edit that is under way goes through.
    pub pending: ArcRwSignal<Option<Product>>,
    /// Whether it is being edited in place.
    pub open: ArcRwSignal<bool>,
    /// Tells the controls of several editors apart.
    pub number: usize,
}

/// The list without its products.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub total: u64,
    pub revision: u64,
    pub as_of: Timestamp,
    pub changing: Vec<Changing>,
    /// Where the next page begins, if there is one.
    pub last: Option<String>,
}

impl Frame {
    fn of(page: &ProductPage) -> Self {
        let last = page.next.as_ref().and_then(|_| page.items.last()).map(|product| product.handle.clone());
        Self { total: page.total, revision: page.revision, as_of: page.as_of, changing: page.changing.clone(), last }
    }

    /// Jobs that are changing it.
    pub fn jobs(&self) -> u64 {
        self.changing.iter().map(|changing| changing.count).sum()
    }
}

/// The list.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    rows: StoredValue<BTreeMap<String, Row>>,
    /// In their order.
    pub handles: RwSignal<Vec<String>>,
    pub frame: RwSignal<Frame>,
    /// Handles of the products that were ticked.
    pub selected: RwSignal<BTreeSet<String>>,
    made: StoredValue<usize>,
}

impl Rows {
    /// What a page has.
    pub fn new(page: ProductPage) -> Self {
        let rows = Self {
            rows: StoredValue::new(BTreeMap::new()),
            handles: RwSignal::new(Vec::new()),
            frame: RwSignal::new(Frame::of(&page)),
            selected: RwSignal::new(BTreeSet::new()),
            made: StoredValue::new(0),
        };
        rows.take(page);
        rows
    }

    /// A row, while it is there.
    pub fn get(&self, handle: &str) -> Option<Row> {
        self.rows.try_with_value(|rows| rows.get(handle).cloned()).flatten()
    }

    /// Takes a later reading of the page. Answers the handles of rows that it lacks and that stay.
    pub fn take(&self, page: ProductPage) -> Vec<String> {
        if self.frame.try_get_untracked().is_none() {
            return Vec::new();
        }
        let frame = Frame::of(&page);
        let fresh: BTreeSet<String> = page.items.iter().map(|product| product.handle.clone()).collect();
        page.items.into_iter().for_each(|product| self.put(product));
        let busy = |row: &Row| row.open.get_untracked() || row.pending.with_untracked(Option::is_some);
        let mut missing = Vec::new();
        self.rows.update_value(|rows| {
            rows.retain(|handle, row| fresh.contains(handle) || busy(row));
            missing.extend(rows.keys().filter(|handle| !fresh.contains(*handle)).cloned());
        });
        // By handle, as the server sorts: by bytes.
        let handles: Vec<String> = self.rows.with_value(|rows| rows.keys().cloned().collect());
        if self.handles.with_untracked(|known| *known != handles) {
            self.handles.set(handles);
        }
        self.frame.set(frame);
        missing
    }

    /// Takes a later reading of one product; makes its row if there is none.
    pub fn put(&self, product: Product) {
        match self.get(&product.handle) {
            Some(row) if row.product.with_untracked(|known| is_newer(&product, known)) => row.product.set(product),
            Some(_) => {}
            None => {
                let number = self.made.try_update_value(|made| std::mem::replace(made, *made + 1)).unwrap_or_default();
                let row = Row {
                    pending: ArcRwSignal::new(None),
                    open: ArcRwSignal::new(false),
                    number,
                    product: ArcRwSignal::new(product.clone()),
                };
                self.rows.update_value(|rows| drop(rows.insert(product.handle, row)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::api::ChangedBy;

    fn product(handle: &str, revision: u64) -> Product {
        Product {
            handle: handle.to_owned(),
            title: format!("{handle} {revision}"),
            vendor: None,
            product_type: None,
            tags: Vec::new(),
            published: true,
            variants: Vec::new(),
            images: Vec::new(),
            revision,
            updated_at: Timestamp(0),
            changed_by: ChangedBy::Import,
            etag: format!("\"k-{revision}\""),
        }
    }

    fn page(items: &[(&str, u64)]) -> ProductPage {
        ProductPage {
            items: items.iter().map(|(handle, revision)| product(handle, *revision)).collect(),
            next: None,
            total: items.len() as u64,
            revision: 9,
            as_of: Timestamp(0),
            changing: Vec::new(),
        }
    }

    #[test]
    fn a_row_that_is_being_edited_stays_and_the_others_follow_the_page() {
        let owner = Owner::new();
        owner.with(|| {
            let rows = Rows::new(page(&[("b", 1), ("d", 1)]));
            let (b, d) = (rows.get("b").unwrap(), rows.get("d").unwrap());
            d.open.set(true);
            assert_eq!(rows.take(page(&[("a", 2), ("b", 2)])), ["d"]);
            assert_eq!(rows.handles.get_untracked(), ["a", "b", "d"]);
            assert_eq!(b.product.get_untracked().title, "b 2", "the same signal has the new value");
            assert_eq!(rows.get("a").unwrap().number, 2);
            d.open.set(false);
            rows.take(page(&[("a", 2)]));
            assert_eq!(rows.handles.get_untracked(), ["a"]);
        });
    }

    #[test]
    fn a_reading_that_was_overtaken_changes_nothing() {
        let owner = Owner::new();
        owner.with(|| {
            let rows = Rows::new(page(&[("b", 3)]));
            rows.take(page(&[("b", 2)]));
            assert_eq!(rows.get("b").unwrap().product.get_untracked().revision, 3);
            let mut restored = product("b", 1);
            restored.etag = "\"other-1\"".to_owned();
            rows.put(restored);
            assert_eq!(rows.get("b").unwrap().product.get_untracked().revision, 1, "a restored database begins anew");
        });
    }
}
