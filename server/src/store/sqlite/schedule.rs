//! What time brings: due jobs are queued, those that did not start in time expire, dead workers' jobs are taken back.
//!
//! Called by the scheduler and the rescuer, which bring the time. Reads no clock.
//! Invariant: a job that kills its worker ends `failed`, reason `crashed`: crashes have a budget of their own, so that a
//! neighbour's crash does not burn a job's attempts (4). From its second crash in a row a job comes back after a pause, and each job
//! after another one: what killed the worker then runs without those that it took along before, and a server that dies at every
//! start does not use up in a moment the budgets of all that it runs.

use super::{
    attempt::{Ending, end},
    callbacks,
    events::Log,
    row::{Core, read_core, select_cores},
    statement::{all, first, moment, only, run, text},
    writer::Tx,
};
use crate::store::{Promoted, Rescued, StoreResult};
use domain::{EventType, Failure, FailureReason, JobId, JobState, Timestamp, api::AttemptOutcome, event::data};
use std::sync::atomic::{AtomicI64, Ordering};

/// Crashes in a row, with no checkpoint moved between them, that a job may cause or suffer.
const CRASH_BUDGET: u32 = 5;
/// The longest pause after the second crash in a row; doubled at each further one. All pauses stay far below the 15 s within which a
/// dead worker's job is to run again.
const FIRST_PAUSE_MS: i64 = 1_000;

/// Queues what is due, and ends the waits whose deadline has passed.
pub(super) fn promote(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> StoreResult<Promoted> {
    const FIND: &str = select_cores!("job j INDEXED BY job_due WHERE j.due_at <= ?1 ORDER BY j.due_at LIMIT ?2");
    const QUEUE: &str = "UPDATE job SET state = 'queued', jseq = ?1, due_at = NULL WHERE id = ?2 AND state = ?3";
    const NEXT: &str = "SELECT min(due_at) FROM job WHERE due_at IS NOT NULL";
    const NEXT_START_BY: &str = "SELECT min(start_by) FROM job INDEXED BY job_start_by
        WHERE start_by IS NOT NULL AND state IN ('scheduled', 'queued')";
    let expired = expire_unstarted(tx, now, limit)?;
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
    let (next_due, next_start_by): (Option<i64>, Option<i64>) =
        (only(tx.conn, NEXT, [])?, only(tx.conn, NEXT_START_BY, [])?);
    let next_due = next_due.into_iter().chain(next_start_by).min().map(Timestamp);
    Ok(Promoted { count: due.len(), expired, next_due })
}

/// Fails what should have started by now.
fn expire_unstarted(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> StoreResult<usize> {
    const FIND: &str = "SELECT id, coalesce(run_at, created_at), start_by FROM job INDEXED BY job_start_by
        WHERE start_by IS NOT NULL AND state IN ('scheduled', 'queued') AND start_by <= ?1 ORDER BY start_by LIMIT ?2";
    const CORE: &str = select_cores!("job j WHERE j.id = ?1");
    let late = all(tx.conn, FIND, (now.0, limit), |row| Ok((row.get::<_, i64>(0)?, moment(row, 1)?, moment(row, 2)?)))?;
    for (id, from, start_by) in &late {
        if let Some(job) = first(tx.conn, CORE, [id], read_core)? {
            expire(tx, &job, *from, *start_by, now)?;
        }
    }
    Ok(late.len())
}

/// Fails a job that has not started in time; `from` is when it could have.
pub(super) fn expire(
    tx: &mut Tx<'_>,
    job: &Core,
    from: Timestamp,
    start_by: Timestamp,
    now: Timestamp,
) -> StoreResult<()> {
    const EXPIRE: &str = "UPDATE job SET state = 'failed', jseq = ?1, finished_at = ?2, failure = ?3, due_at = NULL
        WHERE id = ?4 AND state = ?5";
    let within_s = start_by.ms_since(from) / 1000;
    let failure = Failure {
        reason: FailureReason::Expired,
        code: "not-started-in-time".into(),
        params: [("start_within_s".to_owned(), within_s.into())].into_iter().collect(),
        detail: Some(format!("It was to start within {within_s} s and did not.")),
        retryable: true,
        attempt: job.attempt,
    };
    let mut log = Log::of(job);
    let text_of_failure = text(&failure)?;
    log.push(EventType::Failed, text(&data::Failed { failure })?)?;
    run(tx.conn, EXPIRE, (log.jseq(), now.0, text_of_failure, job.id, job.state.as_str()))?;
    log.write(tx, now)?;
    Ok(())
}

/// Queues jobs that wait for idleness, when there is nothing else to do. `turn` is the owner served last: owners take turns.
pub(super) fn promote_idle(tx: &mut Tx<'_>, now: Timestamp, limit: i64, turn: &AtomicI64) -> StoreResult<usize> {
    const QUEUED: &str = "SELECT EXISTS (SELECT 1 FROM job INDEXED BY job_claimable WHERE state = 'queued')";
    const RUNNING: &str = "SELECT count(*) - total(deferral IS 'idle'), total(deferral IS 'idle')
        FROM job INDEXED BY job_running WHERE state = 'running'";
    const NEXT: &str = "SELECT owner, min(id) FROM job INDEXED BY job_idle
        WHERE state = 'scheduled' AND deferral = 'idle' AND owner > ?1 GROUP BY owner ORDER BY owner LIMIT 1";
    const CORE: &str = select_cores!("job j WHERE j.id = ?1");
    const QUEUE: &str = "UPDATE job SET state = 'queued', jseq = ?1 WHERE id = ?2 AND state = 'scheduled'";
    if only::<bool>(tx.conn, QUEUED, [])? {
        return Ok(0);
    }
    let (others, idle) =
        first(tx.conn, RUNNING, [], |row| Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?)))?.unwrap_or_default();
    if others > 0.0 {
        return Ok(0);
    }
    let mut promoted = 0;
    while promoted < limit - idle as i64 {
        let next = |after: i64| first(tx.conn, NEXT, [after], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        let after = turn.load(Ordering::Relaxed);
        let Some((owner, id)) = next(after)?.map_or_else(|| next(i64::MIN), |found| Ok(Some(found)))? else { break };
        turn.store(owner, Ordering::Relaxed);
        let Some(job) = first(tx.conn, CORE, [id], read_core)? else { break };
        let mut log = Log::of(&job);
        log.push(EventType::Queued, "{}")?;
        run(tx.conn, QUEUE, (log.jseq(), job.id))?;
        log.write(tx, now)?;
        tx.committed.claimable = true;
        promoted += 1;
    }
    Ok(usize::try_from(promoted).unwrap_or(0))
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
    } else if ending.crashes == 1 {
        ending.give_back("lost")?;
    } else {
        ending.come_back(now.plus_ms(pause_ms(job.uuid, ending.crashes)))?;
    }
    ending.outcome = AttemptOutcome::Lost;
    let state = end(tx, job, ending, now)?;
    Ok(Rescued { job: job.uuid, state })
}

/// From half of the longest pause to all of it: by the job's own random bits, since a store rolls no dice.
fn pause_ms(job: JobId, crashes: u32) -> i64 {
    let longest = FIRST_PAUSE_MS << (crashes - 2);
    let bits =
        job.as_bytes().iter().fold(u64::from(crashes), |bits, byte| bits.wrapping_mul(31).wrapping_add((*byte).into()));
    longest - (bits % (longest as u64 / 2)) as i64
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
