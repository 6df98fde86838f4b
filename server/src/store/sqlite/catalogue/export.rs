//! The reads of an export, each a slice by id in a transaction of its own.
//!
//! Called by the reader threads. Invariant: a page is bounded by rows and by bytes, whatever the products hold.

use crate::store::{
    ExportPage, ExportedImage, ExportedProduct, ExportedVariant, Exporting, Extent, MoreColumns, MoreOf, StoreResult,
    sqlite::{SqliteStore, at_most},
};
use async_trait::async_trait;
use rusqlite::{Connection, Row};
use serde::de::IgnoredAny;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// Bytes of products after which a page ends.
const PAGE_BYTES: usize = 1024 * 1024;

#[async_trait]
impl Exporting for SqliteStore {
    async fn extent(&self, after: i64) -> StoreResult<Extent> {
        self.readers.read(move |conn| Ok(extent(conn, after)?)).await
    }

    async fn more_columns(&self, of: MoreOf, after: i64, limit: usize) -> StoreResult<MoreColumns> {
        self.readers.read(move |conn| Ok(more_columns(conn, of, after, limit)?)).await
    }

    async fn export_products(&self, after: i64, upto: i64, limit: usize) -> StoreResult<ExportPage> {
        self.readers.read(move |conn| Ok(page(conn, after, upto, limit)?)).await
    }
}

fn extent(conn: &Connection, after: i64) -> rusqlite::Result<Extent> {
    const EXTENT: &str =
        "SELECT (SELECT revision FROM catalogue WHERE id = 1), coalesce((SELECT max(id) FROM product), 0),
        (SELECT count(*) FROM product WHERE id > ?1)";
    conn.prepare_cached(EXTENT)?
        .query_row([after], |row| Ok(Extent { revision: row.get(0)?, last: row.get(1)?, products: row.get(2)? }))
}

fn more_columns(conn: &Connection, of: MoreOf, after: i64, limit: usize) -> rusqlite::Result<MoreColumns> {
    let sql = match of {
        MoreOf::Products => "SELECT id, more FROM product WHERE id > ?1 ORDER BY id LIMIT ?2",
        MoreOf::Variants => "SELECT id, more FROM variant WHERE id > ?1 ORDER BY id LIMIT ?2",
    };
    let mut titles = BTreeSet::new();
    let (mut last, mut read) = (after, 0);
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((after, at_most(limit)))?;
    while let Some(row) = rows.next()? {
        (last, read) = (row.get(0)?, read + 1);
        for title in keys(row.get_ref(1)?.as_str()?) {
            if !titles.contains(title.as_ref()) {
                titles.insert(title.into_owned());
            }
        }
    }
    Ok(MoreColumns { titles, next: (read == limit).then_some(last) })
}

/// The keys of an object, without a copy of its values.
fn keys(more: &str) -> impl Iterator<Item = Cow<'_, str>> {
    #[derive(serde::Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(transparent)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
    let object: BTreeMap<Key<'_>, IgnoredAny> = serde_json::from_str(more).unwrap_or_default();
    object.into_keys().map(|Key(title)| title)
}

fn page(conn: &Connection, after: i64, upto: i64, limit: usize) -> rusqlite::Result<ExportPage> {
    const PRODUCTS: &str =
        "SELECT id, handle, title, vendor, product_type, tags, published, option1_name, option2_name,
        option3_name, revision, body_html, more FROM product WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
    const VARIANTS: &str =
        "SELECT product, option1, option2, option3, sku, price, compare_at_price, inventory_qty, more
        FROM variant WHERE product > ?1 AND product <= ?2 ORDER BY product, id";
    const IMAGES: &str = "SELECT product, src, alt, position FROM image WHERE product > ?1 AND product <= ?2
        ORDER BY product, position IS NULL, position, id";
    let mut products: Vec<ExportedProduct> = Vec::new();
    let mut places: HashMap<i64, usize> = HashMap::new();
    let (mut last, mut bytes) = (after, 0);
    let mut statement = conn.prepare_cached(PRODUCTS)?;
    let mut rows = statement.query((after, upto, at_most(limit)))?;
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        last = row.get(0)?;
        let product = read_product(row)?;
        bytes += product.body_html.as_deref().map_or(0, str::len) + row.get_ref(12)?.as_str()?.len();
        places.insert(last, products.len());
        products.push(product);
    }
    let full = bytes >= PAGE_BYTES || products.len() == limit;
    let mut statement = conn.prepare_cached(VARIANTS)?;
    let mut rows = statement.query((after, last))?;
    while let Some(row) = rows.next()? {
        if let Some(product) = places.get(&row.get(0)?).and_then(|&place| products.get_mut(place)) {
            product.variants.push(read_variant(row)?);
        }
    }
    let mut statement = conn.prepare_cached(IMAGES)?;
    let mut rows = statement.query((after, last))?;
    while let Some(row) = rows.next()? {
        if let Some(product) = places.get(&row.get(0)?).and_then(|&place| products.get_mut(place)) {
            product.images.push(ExportedImage { src: row.get(1)?, alt: row.get(2)?, position: row.get(3)? });
        }
    }
    Ok(ExportPage { products, next: full.then_some(last) })
}

fn read_product(row: &Row<'_>) -> rusqlite::Result<ExportedProduct> {
    Ok(ExportedProduct {
        handle: row.get(1)?,
        title: row.get(2)?,
        vendor: row.get(3)?,
        product_type: row.get(4)?,
        tags: row.get(5)?,
        published: row.get(6)?,
        option_names: [row.get(7)?, row.get(8)?, row.get(9)?],
        revision: row.get(10)?,
        body_html: row.get(11)?,
        more: read_more(row, 12)?,
        variants: Vec::new(),
        images: Vec::new(),
    })
}

fn read_variant(row: &Row<'_>) -> rusqlite::Result<ExportedVariant> {
    Ok(ExportedVariant {
        option_values: [row.get(1)?, row.get(2)?, row.get(3)?],
        sku: row.get(4)?,
        price: row.get(5)?,
        compare_at_price: row.get(6)?,
        inventory_qty: row.get(7)?,
        more: read_more(row, 8)?,
    })
}

/// What this folder wrote is always an object of texts.
fn read_more(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeMap<String, String>> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str()?).unwrap_or_default())
}
