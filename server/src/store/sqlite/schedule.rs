//! What time brings: due jobs are queued, dead workers' jobs are taken back.
//!
//! Called by the scheduler and the rescuer, which bring the time. Reads no clock.
//! Invariant: a job that kills its worker ends `failed`, reason `crashed`: crashes have a budget of their own, so that a
//! neighbour's crash does not burn a job's attempts (4).

use super::{
    attempt::{Ending, end},
    callbacks,
    events::Log,
    row::{Core, read_core, select_cores},
    statement::{all, only, run},
    writer::Tx,
};
use crate::store::{Promoted, Rescued, StoreResult};
use domain::{EventType, Failure, FailureReason, JobState, Timestamp, api::AttemptOutcome};

/// Crashes in a row, with no checkpoint moved between them, that a job may cause or suffer.
const CRASH_BUDGET: u32 = 5;

/// Queues what is due, and ends the waits whose deadline has passed.
pub(super) fn promote(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> StoreResult<Promoted> {
    const FIND: &str = select_cores!("job j INDEXED BY job_due WHERE j.due_at <= ?1 ORDER BY j.due_at LIMIT ?2");
    const QUEUE: &str = "UPDATE job SET state = 'queued', jseq = ?1, due_at = NULL WHERE id = ?2 AND state = ?3";
    const NEXT: &str = "SELECT min(due_at) FROM job WHERE due_at IS NOT NULL";
    let due = all(tx.conn, FIND, (now.0, limit), read_core)?;
    for job in &due {
        if job.state == JobState::Waiting {
            callbacks::time_out(tx, job, now)?;
            continue;
        }
        let mut log = Log::of(job);
        log.push(EventType::Queued, "{}")?;
        run(tx.conn, QUEUE, (log.jseq(), job.id, job.state.as_str()))?;
        log.write(tx, now)?;
        tx.committed.claimable = true;
    }
    let next_due: Option<i64> = only(tx.conn, NEXT, [])?;
    Ok(Promoted { count: due.len(), next_due: next_due.map(Timestamp) })
}

/// Takes back the jobs of dead workers.
pub(super) fn rescue(
    tx: &mut Tx<'_>,
    now: Timestamp,
    except: Option<&str>,
    all_jobs: bool,
    limit: i64,
) -> StoreResult<Vec<Rescued>> {
    const FIND: &str = select_cores!(
        "job j INDEXED BY job_running JOIN attempt a ON a.job = j.id AND a.lease_token = j.lease_token
         WHERE j.state = 'running' AND (?1 OR j.lease_until < ?2) AND (?3 IS NULL OR a.worker <> ?3) ORDER BY j.id LIMIT ?4"
    );
    let lost = all(tx.conn, FIND, (all_jobs, now.0, except, limit), read_core)?;
    lost.iter().map(|job| take_back(tx, job, now)).collect()
}

fn take_back(tx: &mut Tx<'_>, job: &Core, now: Timestamp) -> StoreResult<Rescued> {
    let mut ending = Ending::of(job);
    ending.crashes = job.crashes + 1;
    if job.cancel_requested {
        ending.cancelled()?;
    } else if ending.crashes >= CRASH_BUDGET || job.attempt > job.max_attempts {
        ending.attempt_failed(job, worker_died(job, ending.crashes))?;
        ending.failed()?;
    } else {
        ending.give_back("lost")?;
    }
    ending.outcome = AttemptOutcome::Lost;
    let state = end(tx, job, ending, now)?;
    Ok(Rescued { job: job.uuid, state })
}

fn worker_died(job: &Core, crashes: u32) -> Failure {
    Failure {
        reason: FailureReason::Crashed,
        code: "worker-died".into(),
        params: [("crashes".to_owned(), crashes.into())].into_iter().collect(),
        detail: Some(format!("The process that ran it died {crashes} times in a row.")),
        retryable: true,
        attempt: job.attempt,
    }
}
