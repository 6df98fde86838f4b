//! External call-backs: the addresses that a job has given out, what came to them, and the end of a wait.
//!
//! Called by `attempt.rs` (an attempt registers, takes, waits), by the API through [`receive`], by `schedule.rs` when a deadline has
//! passed, and by `events.rs` when the job ends. Runs nothing.
//! Invariants: an address is used once and only while its job is unfinished; what came stays until a checkpoint that takes it is
//! committed or the job ends, so a crash delivers it again and nothing is delivered past its checkpoint; a call-back that an attempt
//! has not seen ends its wait, whichever of the two comes first.

use super::{
    events::{Log, bounded},
    row::{Core, read_core, select_cores},
    statement::{all, damaged, first, moment, run, text},
    writer::Tx,
};
use crate::store::{CallbackAddress, CallbackBody, Callbacks, Lease, LeaseLost, OnTimeout, OpenCallback, StoreResult};
use domain::{EventType, Failure, FailureReason, Timestamp, event::data};
use rusqlite::Connection;

/// SHA-256 of a token.
type Hash = [u8; 32];

/// Commits addresses, before anybody is told of them. Those of the job that nobody can use any more make room.
pub(super) fn register(
    conn: &Connection,
    job: i64,
    addresses: &[CallbackAddress],
    now: Timestamp,
) -> rusqlite::Result<()> {
    if addresses.is_empty() {
        return Ok(());
    }
    run(conn, "DELETE FROM callback WHERE job = ?1 AND until <= ?2", (job, now.0))?;
    for CallbackAddress { hash, name, until } in addresses {
        run(conn, "INSERT INTO callback (hash, job, name, until) VALUES (?1, ?2, ?3, ?4)", (hash, job, name, until.0))?;
    }
    Ok(())
}

/// Removes what the handler has taken into its checkpoint; another job's is not its to take.
pub(super) fn take(conn: &Connection, job: i64, taken: &[u64]) -> rusqlite::Result<()> {
    for id in taken {
        run(conn, "DELETE FROM callback_body WHERE id = ?1 AND job = ?2", (id, job))?;
    }
    Ok(())
}

/// What a running attempt finds: what came, in order, and the addresses that can still be used.
pub(super) fn read(conn: &Connection, lease: Lease, now: Timestamp) -> StoreResult<Result<Callbacks, LeaseLost>> {
    const BODIES: &str = "SELECT id, name, received_at, body FROM callback_body WHERE job = ?1 ORDER BY id";
    const OPEN: &str = "SELECT name, until FROM callback WHERE job = ?1 AND until > ?2 ORDER BY until, name";
    let Some(job) = super::row::held(conn, lease)? else { return Ok(Err(LeaseLost)) };
    let received = all(conn, BODIES, [job.id], |row| {
        Ok(CallbackBody { id: row.get(0)?, name: row.get(1)?, received_at: moment(row, 2)?, body: row.get(3)? })
    })?;
    let open = all(conn, OPEN, (job.id, now.0), |row| Ok(OpenCallback { name: row.get(0)?, until: moment(row, 1)? }))?;
    Ok(Ok(Callbacks { received, open }))
}

/// Whether an address can be used: one look at an index, whether it never was, was used, or has expired.
pub(super) fn is_open(conn: &Connection, hash: &Hash, now: Timestamp) -> StoreResult<bool> {
    const FIND: &str = "SELECT 1 FROM callback WHERE hash = ?1 AND until > ?2";
    Ok(first(conn, FIND, (hash, now.0), |_| Ok(()))?.is_some())
}

/// Takes a call-back: its address is used up, its body kept, and a job that waits goes on. `false`: there is no such address.
pub(super) fn receive(tx: &mut Tx<'_>, hash: &Hash, body: &str, now: Timestamp) -> StoreResult<bool> {
    const USE: &str = "DELETE FROM callback WHERE hash = ?1 AND until > ?2 RETURNING job, name";
    const KEEP: &str = "INSERT INTO callback_body (job, name, received_at, body) VALUES (?1, ?2, ?3, ?4)";
    const JOB: &str = select_cores!("job j WHERE j.id = ?1");
    let used = first(tx.conn, USE, (hash, now.0), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let Some((id, name)) = used else { return Ok(false) };
    let job = first(tx.conn, JOB, [id], read_core)?.ok_or_else(|| damaged(0, "a call-back without a job"))?;
    run(tx.conn, KEEP, (id, name, now.0, body))?;
    if job.state == domain::JobState::Waiting {
        resume(tx, &job, "callback", now)?;
    }
    Ok(true)
}

/// Whether something came that an attempt has not seen.
pub(super) fn is_unseen(conn: &Connection, job: i64, seen: u64) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT 1 FROM callback_body WHERE job = ?1 AND id > ?2 LIMIT 1";
    Ok(first(conn, FIND, (job, seen), |_| Ok(()))?.is_some())
}

/// `data` of `resumed`: the attempt that waited does not count.
pub(super) fn resumed(job: &Core, by: &str) -> StoreResult<(u32, String)> {
    let attempt = job.attempt.saturating_sub(1);
    Ok((attempt, text(&data::Resumed { by: by.to_owned(), attempt })?))
}

/// Queues a job that waits.
fn resume(tx: &mut Tx<'_>, job: &Core, by: &str, now: Timestamp) -> StoreResult<()> {
    const RESUME: &str = "UPDATE job SET state = 'queued', jseq = ?1, attempt = ?2, due_at = NULL, waiting = NULL,
        wait_timeout = NULL WHERE id = ?3 AND state = 'waiting'";
    let (attempt, data) = resumed(job, by)?;
    let mut log = Log::of(job);
    log.push(EventType::Resumed, data)?;
    run(tx.conn, RESUME, (log.jseq(), attempt, job.id))?;
    log.write(tx, now)?;
    tx.committed.claimable = true;
    Ok(())
}

/// The deadline of a wait has passed: the job fails, or goes on with what it has, as its handler said.
pub(super) fn time_out(tx: &mut Tx<'_>, job: &Core, now: Timestamp) -> StoreResult<()> {
    const WISH: &str = "SELECT due_at, wait_timeout FROM job WHERE id = ?1";
    const FAIL: &str = "UPDATE job SET state = 'failed', jseq = ?1, finished_at = ?2, failure = ?3, due_at = NULL,
        waiting = NULL, wait_timeout = NULL WHERE id = ?4 AND state = 'waiting'";
    let wish = first(tx.conn, WISH, [job.id], |row| Ok((moment(row, 0)?, row.get::<_, Option<String>>(1)?)))?;
    let (until, wish) = wish.ok_or_else(|| damaged(0, "a job vanished while it was timed out"))?;
    if wish.as_deref() == Some(OnTimeout::Resume.as_str()) {
        return resume(tx, job, "timeout", now);
    }
    let failure = bounded(never_came(job, until));
    let failure_text = text(&failure)?;
    let mut log = Log::of(job);
    log.push(EventType::Failed, text(&data::Failed { failure })?)?;
    run(tx.conn, FAIL, (log.jseq(), now.0, failure_text, job.id))?;
    log.write(tx, now)?;
    Ok(())
}

fn never_came(job: &Core, until: Timestamp) -> Failure {
    Failure {
        reason: FailureReason::Timeout,
        code: "callback-timeout".into(),
        params: [("until".to_owned(), until.to_string().into())].into_iter().collect(),
        detail: Some(format!("The call-back that it waited for had not come by {until}.")),
        retryable: true,
        attempt: job.attempt,
    }
}

/// Forgets addresses and bodies of a job that ended, so that neither is there in another round.
pub(super) fn forget_job(conn: &Connection, job: i64) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM callback WHERE job = ?1", [job])?;
    run(conn, "DELETE FROM callback_body WHERE job = ?1", [job])?;
    Ok(())
}
