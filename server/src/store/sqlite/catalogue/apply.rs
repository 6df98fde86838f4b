//! Applies a batch of rows, in order, each idempotently: compares before it writes.
//!
//! Called within the transaction that commits the import's checkpoint. The first titled row of a handle in a run defines the
//! product; other rows bring variants and images. Invariant: a product that is already so costs no write but its outcome.

use super::{
    fields::{ProductFields, VariantFields, set_text},
    runs::{Mark, OPTIONS, Outcome, PRODUCT, Run, sweep, title_missing},
};
use crate::store::{CatalogueBatch, CatalogueCounts, CatalogueRow, ProductCells, VariantCells};
use domain::{Timestamp, api::Image};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// Applies a batch; answers the run's counts, the batch's rejects, and the catalogue's new revision if anything changed.
/// An empty batch changes nothing and answers the latest batch's rejects again.
pub(in crate::store::sqlite) fn apply(
    tx: &Connection,
    job: i64,
    batch: &CatalogueBatch,
    now: Timestamp,
) -> rusqlite::Result<(CatalogueCounts, Option<u64>)> {
    let mut run = Run::open(tx, job)?;
    if batch.rows.is_empty() {
        let rejects = run.rejects(tx)?;
        return Ok((run.counts(rejects), None));
    }
    let revision: i64 =
        tx.prepare_cached("SELECT revision + 1 FROM catalogue WHERE id = 1")?.query_row([], |row| row.get(0))?;
    let mut applying = Applying { tx, revision, now, touched: Vec::new(), by_handle: HashMap::new() };
    let mut rejected = Vec::new();
    for row in &batch.rows {
        if !applying.row(&run, row)? {
            rejected.push(title_missing(row.line, row.handle.clone()));
        }
    }
    let changed = applying.close(&mut run)?;
    run.save(tx, &rejected)?;
    sweep(tx)?;
    Ok((run.counts(rejected), changed.then(|| revision.cast_unsigned())))
}

/// A product that the batch has to do with.
struct Touched {
    id: i64,
    before: Option<Mark>,
    mark: Mark,
    /// Something of it was changed, after it was created.
    changed: bool,
}

impl Touched {
    fn change(&mut self) {
        self.changed = true;
        self.mark.outcome = self.mark.outcome.max(Outcome::Updated);
    }
}

struct Applying<'a> {
    tx: &'a Connection,
    revision: i64,
    now: Timestamp,
    touched: Vec<Touched>,
    by_handle: HashMap<&'a str, usize>,
}

impl<'a> Applying<'a> {
    /// Applies a row; false if it is rejected.
    fn row(&mut self, run: &Run, row: &'a CatalogueRow) -> rusqlite::Result<bool> {
        let Some(index) = self.find(run, row)? else { return Ok(false) };
        let tx = self.tx;
        let Some(touched) = self.touched.get_mut(index) else { return Ok(false) };
        if let Some(cells) = row.product.as_ref().filter(|_| touched.mark.defined & PRODUCT == 0) {
            touched.mark.defined |= PRODUCT;
            if define(tx, touched.id, cells)? {
                touched.change();
            }
        }
        if let Some(cells) = &row.variant
            && name_options(tx, touched, cells)? | put_variant(tx, touched.id, cells)?
        {
            touched.change();
        }
        if let Some(image) = &row.image
            && put_image(tx, touched.id, image, row.image_position)?
        {
            touched.change();
        }
        Ok(true)
    }

    /// The product of a row, created if the row can; `None` if nobody knows it.
    fn find(&mut self, run: &Run, row: &'a CatalogueRow) -> rusqlite::Result<Option<usize>> {
        if let Some(&index) = self.by_handle.get(row.handle.as_str()) {
            return Ok(Some(index));
        }
        let id: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM product WHERE handle = ?1")?
            .query_row([&row.handle], |found| found.get(0))
            .optional()?;
        let touched = match (id, &row.product) {
            (Some(id), _) => {
                let before = run.mark(self.tx, id)?;
                let mark = before.unwrap_or(Mark { outcome: Outcome::Unchanged, defined: 0 });
                Touched { id, before, mark, changed: false }
            }
            (None, Some(cells)) => self.create(row, cells)?,
            (None, None) => return Ok(None),
        };
        self.touched.push(touched);
        self.by_handle.insert(&row.handle, self.touched.len() - 1);
        Ok(Some(self.touched.len() - 1))
    }

    fn create(&self, row: &CatalogueRow, cells: &ProductCells) -> rusqlite::Result<Touched> {
        let mut fields = ProductFields { more: "{}".to_owned(), ..ProductFields::default() };
        fields.take(cells);
        let names = row.variant.as_ref().map(|variant| &variant.option_names);
        let name = |index: usize| names.and_then(|names| names.get(index)).and_then(Option::as_deref);
        self.tx
            .prepare_cached(
                "INSERT INTO product (handle, title, vendor, product_type, tags, published, option1_name, option2_name,
                 option3_name, revision, updated_at, body_html, more)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                row.handle,
                fields.title,
                fields.vendor,
                fields.product_type,
                fields.tags,
                fields.published,
                name(0),
                name(1),
                name(2),
                self.revision,
                self.now.0,
                fields.body_html,
                fields.more,
            ])?;
        let named = OPTIONS.iter().enumerate().filter(|&(index, _)| name(index).is_some()).map(|(_, bit)| bit);
        let mark = Mark { outcome: Outcome::Created, defined: named.fold(PRODUCT, |bits, bit| bits | bit) };
        Ok(Touched { id: self.tx.last_insert_rowid(), before: None, mark, changed: false })
    }

    /// Writes outcomes and revisions; answers whether anything changed.
    fn close(self, run: &mut Run) -> rusqlite::Result<bool> {
        let mut any = false;
        for touched in self.touched {
            run.keep(self.tx, touched.id, touched.before, touched.mark)?;
            let created = touched.before.is_none() && touched.mark.outcome == Outcome::Created;
            any |= created || touched.changed;
            if touched.changed && !created {
                self.tx
                    .prepare_cached("UPDATE product SET revision = ?2, updated_at = ?3 WHERE id = ?1")?
                    .execute([touched.id, self.revision, self.now.0])?;
            }
        }
        if any {
            self.tx.prepare_cached("UPDATE catalogue SET revision = ?1 WHERE id = 1")?.execute([self.revision])?;
        }
        Ok(any)
    }
}

/// Makes a product's own fields those of a row; answers whether that changed anything.
fn define(tx: &Connection, id: i64, cells: &ProductCells) -> rusqlite::Result<bool> {
    let mut fields = tx
        .prepare_cached(
            "SELECT title, vendor, product_type, tags, published, body_html, more FROM product WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(ProductFields {
                title: row.get(0)?,
                vendor: row.get(1)?,
                product_type: row.get(2)?,
                tags: row.get(3)?,
                published: row.get(4)?,
                body_html: row.get(5)?,
                more: row.get(6)?,
            })
        })?;
    if !fields.take(cells) {
        return Ok(false);
    }
    tx.prepare_cached(
        "UPDATE product SET title = ?2, vendor = ?3, product_type = ?4, tags = ?5, published = ?6, body_html = ?7,
         more = ?8 WHERE id = ?1",
    )?
    .execute(params![
        id,
        fields.title,
        fields.vendor,
        fields.product_type,
        fields.tags,
        fields.published,
        fields.body_html,
        fields.more
    ])?;
    Ok(true)
}

/// The first row of a run that names an option decides; a file that names one twice would else never be unchanged.
fn name_options(tx: &Connection, touched: &mut Touched, cells: &VariantCells) -> rusqlite::Result<bool> {
    const SET_NAME: [&str; 3] = [
        "UPDATE product SET option1_name = ?2 WHERE id = ?1 AND option1_name IS NOT ?2",
        "UPDATE product SET option2_name = ?2 WHERE id = ?1 AND option2_name IS NOT ?2",
        "UPDATE product SET option3_name = ?2 WHERE id = ?1 AND option3_name IS NOT ?2",
    ];
    let mut changed = false;
    for ((name, bit), set_name) in cells.option_names.iter().zip(OPTIONS).zip(SET_NAME) {
        if let Some(name) = name.as_ref().filter(|_| touched.mark.defined & bit == 0) {
            touched.mark.defined |= bit;
            changed |= tx.prepare_cached(set_name)?.execute(params![touched.id, name])? > 0;
        }
    }
    Ok(changed)
}

/// Adds a variant or makes it the row's; answers whether that changed anything.
fn put_variant(tx: &Connection, product: i64, cells: &VariantCells) -> rusqlite::Result<bool> {
    let [option1, option2, option3] = &cells.option_values;
    let stored = tx
        .prepare_cached(
            "SELECT id, sku, price, compare_at_price, inventory_qty, more FROM variant
             WHERE product = ?1 AND option1 = ?2 AND option2 = ?3 AND option3 = ?4",
        )?
        .query_row(params![product, option1, option2, option3], |row| {
            let fields = VariantFields {
                sku: row.get(1)?,
                price: row.get(2)?,
                compare_at_price: row.get(3)?,
                inventory_qty: row.get(4)?,
                more: row.get(5)?,
            };
            Ok((row.get::<_, i64>(0)?, fields))
        })
        .optional()?;
    let Some((id, mut fields)) = stored else {
        let mut fields = VariantFields { more: "{}".to_owned(), ..VariantFields::default() };
        fields.take(cells);
        tx.prepare_cached(
            "INSERT INTO variant (product, option1, option2, option3, sku, price, compare_at_price, inventory_qty, more)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            product,
            option1,
            option2,
            option3,
            fields.sku,
            fields.price,
            fields.compare_at_price,
            fields.inventory_qty,
            fields.more
        ])?;
        return Ok(true);
    };
    if !fields.take(cells) {
        return Ok(false);
    }
    tx.prepare_cached(
        "UPDATE variant SET sku = ?2, price = ?3, compare_at_price = ?4, inventory_qty = ?5, more = ?6 WHERE id = ?1",
    )?
    .execute(params![id, fields.sku, fields.price, fields.compare_at_price, fields.inventory_qty, fields.more])?;
    Ok(true)
}

/// Adds an image or makes it the row's; answers whether that changed anything.
fn put_image(tx: &Connection, product: i64, image: &Image, position: Option<i64>) -> rusqlite::Result<bool> {
    let stored = tx
        .prepare_cached("SELECT id, alt, position FROM image WHERE product = ?1 AND src = ?2")?
        .query_row(params![product, image.src], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<i64>>(2)?))
        })
        .optional()?;
    let (id, mut alt, stored_position) = match stored {
        Some((id, alt, position)) => (Some(id), alt, position),
        None => (None, None, None),
    };
    let changed = set_text(&mut alt, image.alt.as_deref());
    let position = position.or(stored_position);
    match id {
        None => tx
            .prepare_cached("INSERT INTO image (product, src, alt, position) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![product, image.src, alt, position])?,
        Some(id) if changed || position != stored_position => tx
            .prepare_cached("UPDATE image SET alt = ?2, position = ?3 WHERE id = ?1")?
            .execute(params![id, alt, position])?,
        Some(_) => 0,
    };
    Ok(id.is_none() || changed || position != stored_position)
}
