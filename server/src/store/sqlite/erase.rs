//! Deleting everything of an owner: first it becomes nobody's, at once, then it is removed in slices.
//!
//! Called by the deletion handler and, for what a crash left half done, by the pruner. Touches no file.
//! Invariants: after [`disown`] the owner's key stands in no row, so no read finds anything and a request with the same key begins
//! anew, its stream from 1 (the deletion's answer takes the key away from the browser); no lease of its jobs stands, so no worker writes on (invariant 3). What is left is found again after a crash.

use super::{
    backlog::{Change, Move},
    outbox::ageing,
    statement::{all, deferral, first, run, state},
    writer::Tx,
};
use crate::store::{Erased, StoreResult};
use domain::{Deferral, JobId, JobState, OwnerId, Timestamp, UploadId};

/// Detaches the owner: the row gets a random key, its running jobs lose their leases, and their workers are told.
pub(super) fn disown(tx: &mut Tx<'_>, owner: OwnerId, now: Timestamp) -> StoreResult<()> {
    const DETACH: &str =
        "UPDATE owner SET uuid = randomblob(16), erased = 1, floor = head WHERE uuid = ?1 RETURNING id, head, uuid";
    // As many as there are workers, whoever's they are.
    const FENCE: &str = "UPDATE job SET state = 'cancelled', owner = 0, finished_at = ?1, lease_until = NULL,
        cancel_requested_at = NULL WHERE id IN
        (SELECT id FROM job INDEXED BY job_running WHERE state = 'running' AND owner = ?2) RETURNING uuid, kind";
    let Some((row, head, nobody)) = first(tx.conn, DETACH, [owner.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, OwnerId::from_bytes(row.get(2)?)))
    })?
    else {
        return Ok(());
    };
    tx.changes.push(Change::Renamed { from: owner, to: nobody });
    ageing::disown(tx, row)?;
    let stopped =
        all(tx.conn, FENCE, (now.0, row), |row| Ok((JobId::from_bytes(row.get(0)?), row.get::<_, String>(1)?)))?;
    for (job, kind) in stopped {
        tx.committed.cancel_requested.push(job);
        // Of what ran only the kind is counted.
        tx.changes.push(Change::Moved(ended(nobody, kind, 0, None, JobState::Running)));
    }
    // Whoever follows the stream wakes up, and finds that it is not there any more.
    tx.committed.heads.push((owner, head + 1));
    Ok(())
}

/// Removes a slice of what is left of detached owners. Jobs become nobody's, newest first: those that wait are among them.
pub(super) fn erase(tx: &mut Tx<'_>, limit: i64) -> StoreResult<Erased> {
    const FIND: &str = "SELECT id, uuid FROM owner INDEXED BY owner_erased WHERE erased = 1 LIMIT 1";
    const JOBS: &str = "SELECT id, state, kind, priority, deferral FROM job WHERE owner = ?1 ORDER BY id DESC LIMIT ?2";
    const END: &str = "UPDATE job SET owner = 0, due_at = NULL, lease_until = NULL, cancel_requested_at = NULL,
        state = iif(state IN ('succeeded', 'failed', 'cancelled'), state, 'cancelled') WHERE id = ?1";
    const UPLOADS: &str =
        "DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE owner = ?1 LIMIT ?2) RETURNING uuid";
    const KEYS: &str = "DELETE FROM idempotency WHERE (owner, key) IN
        (SELECT owner, key FROM idempotency WHERE owner = ?1 LIMIT ?2)";
    let found = first(tx.conn, FIND, [], |row| Ok((row.get::<_, i64>(0)?, OwnerId::from_bytes(row.get(1)?))))?;
    let Some((owner, nobody)) = found else { return Ok(Erased::default()) };
    let found = all(tx.conn, JOBS, (owner, limit), |row| {
        let (kind, priority) = (row.get(2)?, row.get(3)?);
        Ok((row.get::<_, i64>(0)?, ended(nobody, kind, priority, deferral(row, 4)?, state(row, 1)?)))
    })?;
    let jobs = found.len();
    for (id, moved) in found {
        run(tx.conn, END, [id])?;
        if moved.from.is_some_and(|from| !from.is_terminal()) {
            tx.changes.push(Change::Moved(moved));
        }
    }
    let uploads = all(tx.conn, UPLOADS, (owner, limit), |row| Ok(UploadId::from_bytes(row.get(0)?)))?;
    let keys = run(tx.conn, KEYS, (owner, limit))?;
    let told = ageing::erase(tx, owner, limit)?;
    if jobs == 0 && told == 0 && uploads.is_empty() && keys == 0 && nothing_hangs_on(tx, owner)? {
        run(tx.conn, "DELETE FROM lane WHERE owner = ?1", [owner])?;
        run(tx.conn, "DELETE FROM owner WHERE id = ?1 AND erased = 1", [owner])?;
    }
    Ok(Erased { uploads, more: true })
}

/// How a job that is taken from its owner moves in the backlog.
fn ended(owner: OwnerId, kind: String, priority: i32, deferral: Option<Deferral>, from: JobState) -> Move {
    let (from, to, prioritised) = (Some(from), JobState::Cancelled, priority != 0);
    Move { owner, kind, prioritised, deferral, from, to, turn: None, took_ms: None }
}

/// Events carry the owner's inner key until they are swept, and a new owner must not inherit it before.
fn nothing_hangs_on(tx: &mut Tx<'_>, owner: i64) -> StoreResult<bool> {
    let events = first(tx.conn, "SELECT 1 FROM event WHERE owner = ?1 LIMIT 1", [owner], |_| Ok(()))?;
    if events.is_some() {
        super::prune::sweep(tx, 500)?;
    }
    Ok(events.is_none())
}
