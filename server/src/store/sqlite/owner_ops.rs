//! What an owner does to a job that is there: cancel it, open it again.
//!
//! Called by the engine on behalf of the API. Does not stop a handler: the commit's listener tells the worker.
//! Invariant: a job that has ended is left only by `reopened` (6).

use super::{
    catalogue,
    events::Log,
    row::{Core, owned, whole},
    spill::{Slot, forget},
    statement::{damaged, only, run, text},
    writer::Tx,
};
use crate::store::{ReopenFrom, Reopened, Snapshot, StoreResult};
use domain::{EventType, JobId, JobState, OwnerId, Timestamp, api::CancelOutcome, event::data};

/// Cancels what no worker holds, flags what one does. Asked again, it answers the same and writes nothing.
pub(super) fn cancel(tx: &mut Tx<'_>, owner: OwnerId, id: JobId, now: Timestamp) -> StoreResult<Option<CancelOutcome>> {
    let Some(job) = owned(tx.conn, owner, id)? else { return Ok(None) };
    cancel_job(tx, &job, now).map(Some)
}

/// The same with a job that was found already, whoever's it is.
pub(super) fn cancel_job(tx: &mut Tx<'_>, job: &Core, now: Timestamp) -> StoreResult<CancelOutcome> {
    const FLAG: &str = "UPDATE job SET jseq = ?1, cancel_requested_at = ?2 WHERE id = ?3 AND state = 'running'";
    const END: &str = "UPDATE job SET state = 'cancelled', jseq = ?1, finished_at = ?2, due_at = NULL, waiting = NULL,
        wait_timeout = NULL WHERE id = ?3 AND state = ?4";
    if job.state.is_terminal() {
        return Ok(CancelOutcome::TooLate);
    }
    let mut log = Log::of(job);
    if job.state == JobState::Running {
        if !job.cancel_requested {
            log.push(EventType::CancelRequested, "{}")?;
            run(tx.conn, FLAG, (log.jseq(), now.0, job.id))?;
            log.write(tx, now)?;
        }
        tx.committed.cancel_requested.push(job.uuid);
        return Ok(CancelOutcome::Requested);
    }
    log.push(EventType::Cancelled, "{}")?;
    run(tx.conn, END, (log.jseq(), now.0, job.id, job.state.as_str()))?;
    log.write(tx, now)?;
    if !job.resumable {
        catalogue::forget_job(tx.conn, job.id)?;
    }
    Ok(CancelOutcome::Cancelled)
}

/// Queues a failed or cancelled job again. Without a checkpoint it starts anew, whatever was asked.
pub(super) fn reopen(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    id: JobId,
    from: ReopenFrom,
    fresh_attempts: u32,
    open_limit: i64,
    now: Timestamp,
) -> StoreResult<Reopened> {
    const OPEN: &str = "SELECT open FROM owner WHERE id = ?1";
    let Some(job) = owned(tx.conn, owner, id)? else { return Ok(Reopened::Missing) };
    if !matches!(job.state, JobState::Failed | JobState::Cancelled) {
        return Ok(Reopened::NotRetryable(job.state));
    }
    if only::<i64>(tx.conn, OPEN, [job.owner])? >= open_limit {
        return Ok(Reopened::TooMany);
    }
    let head = reopen_job(tx, &job, from, fresh_attempts, now)?;
    let value = whole(tx.conn, job.id)?.ok_or_else(|| damaged(0, "a job vanished while it was reopened"))?;
    Ok(Reopened::Reopened(Snapshot { value, head }))
}

/// The same with a failed or cancelled job that was found already, whoever's it is, and however many its owner has. Answers the head.
pub(super) fn reopen_job(
    tx: &mut Tx<'_>,
    job: &Core,
    from: ReopenFrom,
    fresh_attempts: u32,
    now: Timestamp,
) -> StoreResult<u64> {
    const REOPEN: &str = "UPDATE job SET state = 'queued', jseq = ?1, max_attempts = ?2, crashes = 0, failure = NULL,
        finished_at = NULL, start_by = NULL, progress = iif(?3, NULL, progress), checkpoint = iif(?3, NULL, checkpoint),
        resumable = iif(?3, 0, resumable) WHERE id = ?4 AND state = ?5";
    let anew = from == ReopenFrom::Start || !job.resumable;
    let attempts = job.attempt.saturating_add(fresh_attempts);
    let from = if anew { "start" } else { "checkpoint" }.to_owned();
    let mut log = Log::of(job);
    log.push(EventType::Reopened, text(&data::Reopened { attempts, from })?)?;
    run(tx.conn, REOPEN, (log.jseq(), attempts, anew, job.id, job.state.as_str()))?;
    if anew {
        forget(tx.conn, job.id, Slot::Checkpoint)?;
        run(tx.conn, "DELETE FROM job_file WHERE job = ?1", [job.id])?;
        catalogue::forget_job(tx.conn, job.id)?;
    }
    let (_, head) = log.write(tx, now)?;
    tx.committed.claimable = true;
    Ok(head)
}
