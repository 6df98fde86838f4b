//! Where a job's texts are: short ones in its row, long ones beside it in `spill`.
//!
//! Used by whatever writes an input, output or checkpoint. Readers take `coalesce(column, spill)` (see `row.rs`).
//! Invariant: a text is in one of the two places, never in both.

use super::statement::run;
use rusqlite::Connection;

/// Longest text kept in the row: a row is rewritten with each change, and should stay within its page.
const INLINE_LIMIT: usize = 1024;

/// Which text of a job.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Input = 0,
    Output = 1,
    Checkpoint = 2,
}

impl Slot {
    fn key(self, job: i64) -> i64 {
        job * 4 + self as i64
    }
}

/// The text if it goes into the row.
pub(super) fn inline(text: &str) -> Option<&str> {
    (text.len() <= INLINE_LIMIT).then_some(text)
}

/// Puts a text where it belongs that takes the place of none, and answers what the row is to hold.
pub(super) fn put<'t>(conn: &Connection, job: i64, slot: Slot, text: &'t str) -> rusqlite::Result<Option<&'t str>> {
    let inline = inline(text);
    if inline.is_none() {
        run(conn, "INSERT OR REPLACE INTO spill (id, body) VALUES (?1, ?2)", (slot.key(job), text))?;
    }
    Ok(inline)
}

/// Puts a text where it belongs that may take the place of another, and answers what the row is to hold.
pub(super) fn replace<'t>(conn: &Connection, job: i64, slot: Slot, text: &'t str) -> rusqlite::Result<Option<&'t str>> {
    if inline(text).is_some() {
        forget(conn, job, slot)?;
    }
    put(conn, job, slot, text)
}

/// Drops the text beside the row, if there is one.
pub(super) fn forget(conn: &Connection, job: i64, slot: Slot) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM spill WHERE id = ?1", [slot.key(job)]).map(|_| ())
}
