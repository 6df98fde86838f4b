//! How endpoints and deliveries end: with their job, with their owner, or by age.
//!
//! Called by the pruner's slices and by the deletion of an owner.
//! Invariants: a job stays for as long as something is still to be told of it, so that nothing is lost silently; when an owner goes, the
//! addresses and secrets of its endpoints go in the same commit, and nothing is sent there from it on.

use super::{
    super::{
        statement::{all, run},
        writer::Tx,
    },
    endpoints,
};
use crate::store::StoreResult;
use domain::Timestamp;

/// Part of a query about `job`: whether nothing is still to be told of it.
pub(in super::super) const TOLD_ALL: &str =
    "NOT EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_of_job WHERE d.job = job.id
    AND (d.state = 'held' OR d.state = 'queued' OR d.state = 'sending' OR d.state = 'retrying'))";

/// Removes deliveries of a job, at most so many; answers how many.
pub(in super::super) fn forget_job(tx: &Tx<'_>, job: i64, limit: i64) -> rusqlite::Result<usize> {
    const LOGS: &str = "DELETE FROM delivery_attempt WHERE delivery IN
        (SELECT id FROM delivery INDEXED BY delivery_of_job WHERE job = ?1 ORDER BY seq LIMIT ?2)";
    const ROWS: &str = "DELETE FROM delivery WHERE id IN
        (SELECT id FROM delivery INDEXED BY delivery_of_job WHERE job = ?1 ORDER BY seq LIMIT ?2)";
    run(tx.conn, LOGS, (job, limit))?;
    let removed = run(tx.conn, ROWS, (job, limit))?;
    run(tx.conn, "DELETE FROM job_push WHERE job = ?1", [job])?;
    Ok(removed)
}

/// Nothing is sent to an owner's endpoints any more, and nobody knows where they were.
pub(in super::super) fn disown(tx: &mut Tx<'_>, owner: i64) -> StoreResult<()> {
    let listed = "SELECT id FROM endpoint WHERE owner = ?1 AND state <> 'removed'";
    for endpoint in all(tx.conn, listed, [owner], |row| row.get::<_, i64>(0))? {
        endpoints::remove_one(tx, endpoint)?;
    }
    run(tx.conn, "UPDATE endpoint SET label = '' WHERE owner = ?1", [owner])?;
    run(tx.conn, "DELETE FROM owner_push WHERE owner = ?1", [owner])?;
    run(tx.conn, "UPDATE owner SET told = 0 WHERE id = ?1", [owner])?;
    Ok(())
}

/// Removes a slice of an owner's deliveries, then its endpoints; answers how many rows went.
pub(in super::super) fn erase(tx: &Tx<'_>, owner: i64, limit: i64) -> rusqlite::Result<usize> {
    let mut gone = 0;
    for endpoint in all(tx.conn, "SELECT id FROM endpoint WHERE owner = ?1", [owner], |row| row.get::<_, i64>(0))? {
        gone += forget_endpoint(tx, endpoint, limit)?;
        if super::super::at_most(gone) >= limit {
            break;
        }
    }
    Ok(gone)
}

/// Removes deliveries of an endpoint, at most so many, and then it.
fn forget_endpoint(tx: &Tx<'_>, endpoint: i64, limit: i64) -> rusqlite::Result<usize> {
    const LOGS: &str = "DELETE FROM delivery_attempt WHERE delivery IN
        (SELECT id FROM delivery INDEXED BY delivery_of_endpoint WHERE endpoint = ?1 ORDER BY id LIMIT ?2)";
    const ROWS: &str = "DELETE FROM delivery WHERE id IN
        (SELECT id FROM delivery INDEXED BY delivery_of_endpoint WHERE endpoint = ?1 ORDER BY id LIMIT ?2)";
    run(tx.conn, LOGS, (endpoint, limit))?;
    let removed = run(tx.conn, ROWS, (endpoint, limit))?;
    if super::super::at_most(removed) < limit {
        run(tx.conn, "DELETE FROM push_lane WHERE endpoint = ?1", [endpoint])?;
        run(tx.conn, "DELETE FROM endpoint WHERE id = ?1", [endpoint])?;
        return Ok(removed + 1);
    }
    Ok(removed)
}

/// Removes what is old and tells of no job.
pub(super) fn prune(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> StoreResult<bool> {
    const OLD: &str = "SELECT id FROM delivery INDEXED BY delivery_without_job WHERE job IS NULL AND created_at < ?1
        AND (state = 'delivered' OR state = 'unneeded' OR state = 'gave-up' OR state = 'cancelled') AND lease_until IS NULL LIMIT ?2";
    const EMPTY: &str =
        "SELECT id FROM endpoint WHERE state = 'removed' AND unsettled = 0 AND created_at < ?1 AND NOT EXISTS
        (SELECT 1 FROM delivery d INDEXED BY delivery_of_endpoint WHERE d.endpoint = endpoint.id) LIMIT ?2";
    let old = all(tx.conn, OLD, (before.0, limit), |row| row.get::<_, i64>(0))?;
    for delivery in &old {
        run(tx.conn, "DELETE FROM delivery_attempt WHERE delivery = ?1", [delivery])?;
        run(tx.conn, "DELETE FROM delivery WHERE id = ?1", [delivery])?;
    }
    let empty = all(tx.conn, EMPTY, (before.0, limit), |row| row.get::<_, i64>(0))?;
    for endpoint in &empty {
        run(tx.conn, "DELETE FROM endpoint WHERE id = ?1", [endpoint])?;
    }
    Ok(super::super::at_most(old.len().max(empty.len())) >= limit)
}
