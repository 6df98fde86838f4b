//! What the interface reads of the catalogue. Each is called inside one read transaction.

use crate::store::{CatalogueState, ProductsRead};
use domain::{
    Timestamp,
    api::{ChangedBy, Changing, Image, Product, Variant},
    kinds::CHANGING_CATALOGUE,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Matching products are counted up to here.
const COUNTED: i64 = 10_000;

const COLUMNS: &str = "id, handle, title, vendor, product_type, tags, published, option1_name, option2_name, option3_name, revision, updated_at,
    EXISTS (SELECT 1 FROM product_edit e WHERE e.product = product.id AND e.revision = product.revision)";
const MATCHES: &str = "(handle LIKE ?1 ESCAPE '\\' OR title LIKE ?1 ESCAPE '\\' OR vendor LIKE ?1 ESCAPE '\\' OR product_type LIKE ?1 ESCAPE '\\')";

/// A page by handle, and how many match.
pub(in crate::store::sqlite) fn products(
    conn: &Connection,
    q: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<ProductsRead> {
    let pattern = q.map(str::trim).filter(|q| !q.is_empty()).map(like);
    let condition = if pattern.is_some() { MATCHES } else { "?1 IS NULL" };
    let total: i64 = conn
        .prepare_cached(&format!("SELECT count(*) FROM (SELECT 1 FROM product WHERE {condition} LIMIT ?2)"))?
        .query_row(params![pattern, COUNTED], |row| row.get(0))?;
    if total == 0 {
        // A search that finds nothing has read the whole catalogue once already.
        return Ok(ProductsRead { items: Vec::new(), more: false, total: 0, state: state(conn)? });
    }
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut found: Vec<(Head, Product)> = conn
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM product WHERE {condition} AND handle > ?2 ORDER BY handle LIMIT ?3"
        ))?
        .query_map(params![pattern, after.unwrap_or_default(), wanted], read_product)?
        .collect::<rusqlite::Result<_>>()?;
    let more = found.len() > limit;
    found.truncate(limit);
    let items = found.into_iter().map(|found| with_parts(conn, found)).collect::<rusqlite::Result<_>>()?;
    Ok(ProductsRead { items, more, total: total.cast_unsigned(), state: state(conn)? })
}

/// One product by handle.
pub(in crate::store::sqlite) fn product(conn: &Connection, handle: &str) -> rusqlite::Result<Option<Product>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM product WHERE handle = ?1"))?
        .query_row([handle], read_product)
        .optional()?
        .map(|found| with_parts(conn, found))
        .transpose()
}

/// The revision, and the running jobs that are changing it, whosever they are.
pub(in crate::store::sqlite) fn state(conn: &Connection) -> rusqlite::Result<CatalogueState> {
    let revision: i64 =
        conn.prepare_cached("SELECT revision FROM catalogue WHERE id = 1")?.query_row([], |row| row.get(0))?;
    let mut changing = Vec::new();
    for kind in CHANGING_CATALOGUE {
        let count: i64 = conn
            .prepare_cached("SELECT count(*) FROM job WHERE state = 'running' AND kind = ?1")?
            .query_row([kind], |row| row.get(0))?;
        if count > 0 {
            changing.push(Changing { kind: kind.to_owned(), count: count.cast_unsigned() });
        }
    }
    Ok(CatalogueState { revision: revision.cast_unsigned(), changing })
}

/// What is needed to read a product's parts.
struct Head {
    id: i64,
    option_names: [Option<String>; 3],
}

fn read_product(row: &Row<'_>) -> rusqlite::Result<(Head, Product)> {
    let tags: Option<String> = row.get(5)?;
    let tags = tags.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let product = Product {
        handle: row.get(1)?,
        title: row.get(2)?,
        vendor: row.get(3)?,
        product_type: row.get(4)?,
        tags: tags.map(str::to_owned).collect(),
        published: row.get(6)?,
        variants: Vec::new(),
        images: Vec::new(),
        revision: row.get::<_, i64>(10)?.cast_unsigned(),
        updated_at: Timestamp(row.get(11)?),
        changed_by: if row.get(12)? { ChangedBy::Edit } else { ChangedBy::Import },
        // The tag names the database too, which these reads do not know.
        etag: String::new(),
    };
    Ok((Head { id: row.get(0)?, option_names: [row.get(7)?, row.get(8)?, row.get(9)?] }, product))
}

fn with_parts(conn: &Connection, (head, mut product): (Head, Product)) -> rusqlite::Result<Product> {
    product.variants = conn
        .prepare_cached(
            "SELECT option1, option2, option3, sku, price, compare_at_price, inventory_qty FROM variant
             WHERE product = ?1 ORDER BY id",
        )?
        .query_map([head.id], |row| {
            let values: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            let options = head.option_names.iter().zip(values).filter(|(_, value)| !value.is_empty());
            Ok(Variant {
                options: options.map(|(name, value)| (name.clone().unwrap_or_default(), value)).collect(),
                sku: row.get(3)?,
                price: row.get(4)?,
                compare_at_price: row.get(5)?,
                inventory_qty: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    product.images = conn
        .prepare_cached("SELECT src, alt FROM image WHERE product = ?1 ORDER BY position IS NULL, position, id")?
        .query_map([head.id], |row| Ok(Image { src: row.get(0)?, alt: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(product)
}

/// A text to be found anywhere, with LIKE's own signs taken literally.
fn like(q: &str) -> String {
    let escaped = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
