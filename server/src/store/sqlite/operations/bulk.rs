//! One batch of a bulk action: every job of it is done or skipped, and the tally moves, in the transaction of the worker's step.
//!
//! Called by `attempt::advance`, which has fenced the step by the lease and writes the checkpoint. Finds no jobs: the kind has.
//! Invariant: a job is acted upon only if it could have been found as of the moment, in the state that it has now.

use crate::store::{
    BulkBatch, BulkCheckpoint, ReopenFrom, StoreResult,
    sqlite::{
        owner_ops::{cancel_job, reopen_job},
        row::{read_core, select_cores},
        statement::first,
        writer::Tx,
    },
};
use domain::{JobId, JobState, Timestamp, kinds::bulk::is_bulk, operations::Action};

/// What a batch came to.
pub(in crate::store::sqlite) struct Acted {
    /// Where the action stands behind it.
    pub(in crate::store::sqlite) checkpoint: BulkCheckpoint,
    /// Jobs that have ended by it.
    pub(in crate::store::sqlite) ended: Vec<JobId>,
}

/// Acts upon a batch.
pub(in crate::store::sqlite) fn act(tx: &mut Tx<'_>, batch: &BulkBatch, now: Timestamp) -> StoreResult<Acted> {
    const FIND: &str = select_cores!(
        "job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.erased = 0
         AND coalesce(j.finished_at, j.created_at) <= ?2"
    );
    let (mut checkpoint, mut ended) = (batch.before, Vec::new());
    for id in &batch.jobs {
        let found = first(tx.conn, FIND, (id.as_bytes(), batch.as_of.0), read_core)?;
        let Some(job) = found.filter(|job| batch.action.fits(job.state) && !is_bulk(&job.kind)) else {
            checkpoint.skipped += 1;
            continue;
        };
        match batch.action {
            Action::Retry => {
                reopen_job(tx, &job, ReopenFrom::Checkpoint, batch.fresh_attempts, now)?;
            }
            Action::Cancel => {
                cancel_job(tx, &job, now)?;
                if job.state != JobState::Running {
                    ended.push(*id);
                }
            }
        }
        checkpoint.done += 1;
    }
    checkpoint.position = batch.next;
    checkpoint.complete = batch.next.is_none();
    Ok(Acted { checkpoint, ended })
}
