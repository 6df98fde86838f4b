//! A person's change of one product, within a transaction of the writer: reads it, judges, writes what differs.
//!
//! Called for `PATCH` and for the form. The rules of what may be said are `domain::catalogue`'s.
//! Invariants: nothing is written unless the product is as expected in this very transaction, so that no edit overwrites what its maker has
//! not seen; an edit that changes nothing moves no revision; one that does moves the catalogue's and the product's once.

use super::reads::product;
use crate::store::{
    Edited, Expected,
    sqlite::statement::{all, only, run},
};
use domain::{Timestamp, api::Product, catalogue::ProductEdit};
use rusqlite::{Connection, params};

/// Makes the edit; answers also the catalogue's new revision, if anything changed.
pub(in crate::store::sqlite) fn edit(
    tx: &Connection,
    handle: &str,
    expected: &Expected,
    edit: &ProductEdit,
    now: Timestamp,
) -> rusqlite::Result<(Edited, Option<u64>)> {
    let Some(before) = product(tx, handle)? else { return Ok((Edited::Missing, None)) };
    if let Expected::Revisions(revisions) = expected
        && !revisions.contains(&before.revision)
    {
        return Ok((Edited::Changed(Box::new(before)), None));
    }
    let after = match edit.apply(&before) {
        Ok(after) => after,
        Err(errors) => return Ok((Edited::Refused(errors), None)),
    };
    if after == before {
        return Ok((Edited::Done(Box::new(before)), None));
    }
    const MOVE: &str = "UPDATE catalogue SET revision = revision + 1 WHERE id = 1 RETURNING revision";
    const NOTE: &str = "INSERT INTO product_edit (product, revision) VALUES (?1, ?2)
        ON CONFLICT (product) DO UPDATE SET revision = excluded.revision";
    let id: i64 = only(tx, "SELECT id FROM product WHERE handle = ?1", [handle])?;
    let revision: i64 = only(tx, MOVE, [])?;
    write_product(tx, id, &before, &after, revision, now)?;
    write_variants(tx, id, &before, &after)?;
    run(tx, NOTE, [id, revision])?;
    let after = product(tx, handle)?.map_or(Edited::Missing, |after| Edited::Done(Box::new(after)));
    Ok((after, Some(revision.cast_unsigned())))
}

fn write_product(
    tx: &Connection,
    id: i64,
    before: &Product,
    after: &Product,
    revision: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    const WRITE: &str =
        "UPDATE product SET title = ?2, vendor = ?3, product_type = ?4, published = ?5, revision = ?6, updated_at = ?7,
        tags = iif(?8, ?9, tags) WHERE id = ?1";
    // Untouched tags keep the very text of their file, which the next import compares with.
    let tags = Some(after.tags.join(", ")).filter(|tags| !tags.is_empty());
    run(
        tx,
        WRITE,
        params![
            id,
            after.title,
            after.vendor,
            after.product_type,
            after.published,
            revision,
            now.0,
            before.tags != after.tags,
            tags
        ],
    )?;
    Ok(())
}

/// Writes the variants that differ; they are read in the order of their numbers, and none comes or goes within this transaction.
fn write_variants(tx: &Connection, product: i64, before: &Product, after: &Product) -> rusqlite::Result<()> {
    const IDS: &str = "SELECT id FROM variant WHERE product = ?1 ORDER BY id";
    const WRITE: &str =
        "UPDATE variant SET sku = ?2, price = ?3, compare_at_price = ?4, inventory_qty = ?5 WHERE id = ?1";
    let ids: Vec<i64> = all(tx, IDS, [product], |row| row.get(0))?;
    for (id, (before, after)) in ids.into_iter().zip(before.variants.iter().zip(&after.variants)) {
        if before != after {
            let values = params![id, after.sku, after.price, after.compare_at_price, after.inventory_qty];
            run(tx, WRITE, values)?;
        }
    }
    Ok(())
}
