//! What one import (a *run*) has done so far, kept in tables so that memory stays constant and a crash forgets nothing.
//!
//! Used by `apply` for each batch. Invariant: each product is counted once per run, by its strongest outcome.

use crate::store::CatalogueCounts;
use domain::kinds::catalogue_import::Reject;
use rusqlite::{Connection, OptionalExtension, params};

/// Outcomes swept per batch: a fraction of a millisecond.
const SWEEP: i64 = 500;

/// What became of a product in a run, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Unchanged = 0,
    Updated = 1,
    Created = 2,
}

impl Outcome {
    fn read(number: i64) -> Self {
        match number {
            0 => Self::Unchanged,
            1 => Self::Updated,
            _ => Self::Created,
        }
    }
}

/// What a run knows about a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub outcome: Outcome,
    /// Which parts a row of this run has defined: [`PRODUCT`], [`OPTIONS`].
    pub defined: i64,
}

/// The product's own fields are defined.
pub(super) const PRODUCT: i64 = 1;
/// The names of its options are defined.
pub(super) const OPTIONS: [i64; 3] = [2, 4, 8];

/// One import's counts.
pub(super) struct Run {
    pub id: i64,
    counts: [i64; 3],
}

impl Run {
    /// The run of a job, begun if need be.
    pub(super) fn open(tx: &Connection, job: i64) -> rusqlite::Result<Self> {
        let found = tx
            .prepare_cached("SELECT id, unchanged, updated, created FROM import_run WHERE job = ?1")?
            .query_row([job], |row| Ok(Self { id: row.get(0)?, counts: [row.get(1)?, row.get(2)?, row.get(3)?] }))
            .optional()?;
        if let Some(run) = found {
            return Ok(run);
        }
        tx.prepare_cached("INSERT INTO import_run (job) VALUES (?1)")?.execute([job])?;
        Ok(Self { id: tx.last_insert_rowid(), counts: [0; 3] })
    }

    /// What it knows about a product.
    pub(super) fn mark(&self, tx: &Connection, product: i64) -> rusqlite::Result<Option<Mark>> {
        tx.prepare_cached("SELECT outcome, defined FROM import_outcome WHERE run = ?1 AND product = ?2")?
            .query_row([self.id, product], |row| Ok(Mark { outcome: Outcome::read(row.get(0)?), defined: row.get(1)? }))
            .optional()
    }

    /// Keeps what it knows about a product and moves the counts.
    pub(super) fn keep(
        &mut self,
        tx: &Connection,
        product: i64,
        before: Option<Mark>,
        mark: Mark,
    ) -> rusqlite::Result<()> {
        if before == Some(mark) {
            return Ok(());
        }
        tx.prepare_cached(
            "INSERT INTO import_outcome (run, product, outcome, defined) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (run, product) DO UPDATE SET outcome = excluded.outcome, defined = excluded.defined",
        )?
        .execute(params![self.id, product, mark.outcome as i64, mark.defined])?;
        let mut count = |outcome: Outcome, by: i64| {
            if let Some(count) = self.counts.get_mut(outcome as usize) {
                *count += by;
            }
        };
        if let Some(before) = before {
            count(before.outcome, -1);
        }
        count(mark.outcome, 1);
        Ok(())
    }

    /// Closes a batch: its counts, and its rejected rows in place of the previous batch's.
    pub(super) fn save(&self, tx: &Connection, rejected: &[Reject]) -> rusqlite::Result<()> {
        let [unchanged, updated, created] = self.counts;
        tx.prepare_cached("UPDATE import_run SET created = ?2, updated = ?3, unchanged = ?4 WHERE id = ?1")?
            .execute([self.id, created, updated, unchanged])?;
        tx.prepare_cached("DELETE FROM import_reject WHERE run = ?1")?.execute([self.id])?;
        for reject in rejected {
            tx.prepare_cached("INSERT OR REPLACE INTO import_reject (run, line, handle) VALUES (?1, ?2, ?3)")?
                .execute(params![self.id, reject.line.cast_signed(), reject.handle])?;
        }
        Ok(())
    }

    /// The rejected rows of the latest batch.
    pub(super) fn rejects(&self, tx: &Connection) -> rusqlite::Result<Vec<Reject>> {
        tx.prepare_cached("SELECT line, handle FROM import_reject WHERE run = ?1 ORDER BY line")?
            .query_map([self.id], |row| Ok(title_missing(row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?
            .collect()
    }

    /// The counts as answered.
    pub(super) fn counts(&self, rejected: Vec<Reject>) -> CatalogueCounts {
        let [unchanged, updated, created] = self.counts.map(i64::cast_unsigned);
        CatalogueCounts { created, updated, unchanged, rejected }
    }
}

/// A row that has no title, of a product that nobody knows.
pub(super) fn title_missing(line: u64, handle: String) -> Reject {
    Reject {
        line,
        column: Some("Title".to_owned()),
        handle: Some(handle),
        code: "title-missing".to_owned(),
        params: serde_json::Map::new(),
    }
}

/// Forgets what a job's import has done so far, when it is over for good or begins anew.
pub(in crate::store::sqlite) fn forget_job(tx: &Connection, job: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE import_run SET job = NULL WHERE job = ?1")?.execute([job])?;
    Ok(())
}

/// Removes a slice of what was forgotten.
pub(super) fn sweep(tx: &Connection) -> rusqlite::Result<()> {
    let forgotten: Option<i64> = tx
        .prepare_cached("SELECT id FROM import_run WHERE job IS NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(run) = forgotten else { return Ok(()) };
    let swept = tx
        .prepare_cached(
            "DELETE FROM import_outcome WHERE run = ?1
             AND product IN (SELECT product FROM import_outcome WHERE run = ?1 ORDER BY product LIMIT ?2)",
        )?
        .execute([run, SWEEP])?;
    if swept == 0 {
        tx.prepare_cached("DELETE FROM import_reject WHERE run = ?1")?.execute([run])?;
        tx.prepare_cached("DELETE FROM import_run WHERE id = ?1")?.execute([run])?;
    }
    Ok(())
}
