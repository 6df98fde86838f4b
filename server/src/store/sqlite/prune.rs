//! Ageing: jobs that ended long ago go, in slices, with everything that hangs on them.
//!
//! Called by the pruner through `Lifecycle`, in the bulk lane. Reads no clock and touches no file.
//! Invariants: a job first becomes nobody's (`owner = 0`, which no read finds) in the transaction that raises its stream's floor to
//! its last `seq`, so that above the floor nothing is missing, in whatever order jobs end: `seq` orders by commit, so what lies
//! below has also been there for as long; the log of a job that stays is whole, above and below. Its row goes last, after
//! everything that carries its key, or a new job could inherit what is left of it.

use super::{
    catalogue,
    outbox::ageing::{self, TOLD_ALL},
    statement::{all, first, only, run, text},
    writer::Tx,
};
use crate::store::{Pruned, StoreResult, Swept};
use domain::{JobId, Timestamp, UploadId};
use rusqlite::Connection;

/// Looks at the oldest jobs, in the order in which they were accepted: what was accepted after the moment cannot have ended before it.
/// No index is needed for that, which every finish would have to keep.
pub(super) fn prune(tx: &mut Tx<'_>, ended_before: Timestamp, after: i64, limit: i64) -> StoreResult<Pruned> {
    let oldest = format!(
        "SELECT id, owner, created_at < ?2, owner <> 0 AND finished_at < ?2
        AND state IN ('succeeded', 'failed', 'cancelled') AND {TOLD_ALL} FROM job WHERE id > ?1 ORDER BY id LIMIT ?3"
    );
    let looked_at = all(tx.conn, &oldest, (after, ended_before.0, limit), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?, row.get::<_, Option<bool>>(3)?))
    })?;
    let mut pruned = Pruned::default();
    for &(job, owner, _, ended) in &looked_at {
        if ended == Some(true) {
            raise_floor(tx.conn, job, owner)?;
            run(tx.conn, "UPDATE job SET owner = 0 WHERE id = ?1", [job])?;
            pruned.jobs += 1;
        }
    }
    let full = i64::try_from(looked_at.len()).unwrap_or(i64::MAX) >= limit;
    pruned.next = looked_at.last().filter(|(_, _, old, _)| full && *old).map(|&(id, ..)| id);
    Ok(pruned)
}

fn raise_floor(conn: &Connection, job: i64, owner: i64) -> rusqlite::Result<()> {
    const RAISE: &str = "UPDATE owner SET floor = max(floor, coalesce(
        (SELECT seq FROM event WHERE job = ?1 ORDER BY jseq DESC LIMIT 1), 0)) WHERE id = ?2";
    run(conn, RAISE, (job, owner)).map(|_| ())
}

/// Removes what hangs on jobs that are nobody's, and the jobs of which nothing is left.
pub(super) fn sweep(tx: &mut Tx<'_>, limit: i64) -> StoreResult<Swept> {
    const NOBODYS: &str = "SELECT id, uuid FROM job WHERE owner = 0 ORDER BY id LIMIT ?1";
    const EVENTS: &str = "DELETE FROM event WHERE (owner, seq) IN
        (SELECT owner, seq FROM event WHERE job = ?1 ORDER BY jseq LIMIT ?2)";
    const REST: [&str; 7] = [
        "DELETE FROM attempt WHERE job = ?1",
        "DELETE FROM spill WHERE id BETWEEN ?1 * 4 AND ?1 * 4 + 3",
        "DELETE FROM job_file WHERE job = ?1",
        "DELETE FROM callback WHERE job = ?1",
        "DELETE FROM callback_body WHERE job = ?1",
        // Not by its key, which is the upload's: the table is small, since only jobs with files are in it.
        "DELETE FROM job_upload WHERE job = ?1",
        "DELETE FROM job WHERE id = ?1 AND owner = 0",
    ];
    let mut swept = Swept::default();
    let nobodys = all(tx.conn, NOBODYS, [limit.min(JOBS_OF_A_SLICE)], |row| {
        Ok((row.get::<_, i64>(0)?, JobId::from_bytes(row.get(1)?)))
    })?;
    let mut room = limit;
    for &(job, uuid) in &nobodys {
        let removed = run(tx.conn, EVENTS, (job, room))?;
        swept.events += removed;
        room -= i64::try_from(removed).unwrap_or(room);
        if room <= 0 {
            break;
        }
        room -= super::at_most(ageing::forget_job(tx, job, room)?);
        if room <= 0 {
            break;
        }
        catalogue::forget_job(tx.conn, job)?;
        for sql in REST {
            run(tx.conn, sql, [job])?;
        }
        swept.jobs.push(uuid);
    }
    swept.more = only(tx.conn, "SELECT EXISTS (SELECT 1 FROM job WHERE owner = 0)", [])?;
    Ok(swept)
}

/// Jobs that one slice of [`sweep`] removes at most: each costs a handful of statements.
const JOBS_OF_A_SLICE: i64 = 50;

/// Forgets old keys in a slice of all; answers its last one, if more follow.
pub(super) fn forget_keys(
    tx: &mut Tx<'_>,
    made_before: Timestamp,
    after: Option<(i64, String)>,
    limit: i64,
) -> StoreResult<Option<(i64, String)>> {
    // The last of the slice, found first: the rest is a range of the primary key.
    const LAST: &str =
        "SELECT owner, key FROM idempotency WHERE (owner, key) > (?1, ?2) ORDER BY owner, key LIMIT 1 OFFSET ?3";
    const FORGET: &str =
        "DELETE FROM idempotency WHERE (owner, key) > (?1, ?2) AND (owner, key) <= (?3, ?4) AND made_at < ?5";
    const FORGET_REST: &str = "DELETE FROM idempotency WHERE (owner, key) > (?1, ?2) AND made_at < ?3";
    let (owner, key) = after.unwrap_or_default();
    let last =
        first(tx.conn, LAST, (owner, &key, limit - 1), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    match &last {
        Some((to, to_key)) => run(tx.conn, FORGET, (owner, &key, to, to_key, made_before.0))?,
        None => run(tx.conn, FORGET_REST, (owner, &key, made_before.0))?,
    };
    Ok(last)
}

/// Marks files as gone. Those of a job that can go on from its checkpoint are part of that, and stay.
pub(super) fn expire_files(tx: &mut Tx<'_>, ended_before: Timestamp, limit: i64) -> StoreResult<Vec<(JobId, String)>> {
    const OLD: &str =
        "SELECT f.job, f.name, j.uuid FROM job_file f INDEXED BY job_file_kept CROSS JOIN job j ON j.id = f.job
        WHERE f.gone = 0 AND j.finished_at < ?1 AND j.resumable = 0 LIMIT ?2";
    let old = all(tx.conn, OLD, (ended_before.0, limit), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, JobId::from_bytes(row.get(2)?)))
    })?;
    for (job, name, _) in &old {
        run(tx.conn, "UPDATE job_file SET gone = 1 WHERE job = ?1 AND name = ?2", (job, name))?;
    }
    Ok(old.into_iter().map(|(_, name, uuid)| (uuid, name)).collect())
}

/// Those of these jobs that have files.
pub(super) fn jobs_with_files(conn: &Connection, jobs: &[JobId]) -> StoreResult<Vec<JobId>> {
    const FIND: &str = "SELECT j.uuid FROM json_each(?1) i JOIN job j ON j.uuid = unhex(i.value)
        WHERE EXISTS (SELECT 1 FROM job_file f WHERE f.job = j.id)";
    let ids = hex(jobs.iter().map(JobId::as_bytes))?;
    Ok(all(conn, FIND, [ids], |row| Ok(JobId::from_bytes(row.get(0)?)))?)
}

/// Those of these uploads that have a row.
pub(super) fn known_uploads(conn: &Connection, uploads: &[UploadId]) -> StoreResult<Vec<UploadId>> {
    const FIND: &str = "SELECT u.uuid FROM json_each(?1) i JOIN upload u ON u.uuid = unhex(i.value)";
    let ids = hex(uploads.iter().map(UploadId::as_bytes))?;
    Ok(all(conn, FIND, [ids], |row| Ok(UploadId::from_bytes(row.get(0)?)))?)
}

/// Those of these jobs that are somebody's.
pub(super) fn known_jobs(conn: &Connection, jobs: &[JobId]) -> StoreResult<Vec<JobId>> {
    const FIND: &str = "SELECT j.uuid FROM json_each(?1) i JOIN job j ON j.uuid = unhex(i.value) WHERE j.owner <> 0";
    let ids = hex(jobs.iter().map(JobId::as_bytes))?;
    Ok(all(conn, FIND, [ids], |row| Ok(JobId::from_bytes(row.get(0)?)))?)
}

/// Ids as JSON that SQL can read.
fn hex<'i>(ids: impl Iterator<Item = &'i [u8; 16]>) -> StoreResult<String> {
    let ids: Vec<String> =
        ids.map(|id| id.iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))).collect();
    text(&ids)
}
