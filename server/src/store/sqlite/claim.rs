//! Claiming: hands queued jobs to a worker, each with a lease of its own.
//!
//! Called by the producer. Does not run anything.
//! Invariants: claiming increments the fencing token, so every earlier lease of the job is dead (3); a job whose attempts
//! are all made is failed here instead of run (4).

use super::{
    attempt::outcome_word,
    events::Log,
    row::{Core, MORE, read, select_jobs},
    statement::{all, run, text},
    writer::Tx,
};
use crate::store::{Claimed, JobRow, Lease, LeaseState, StoreError, StoreResult};
use domain::{
    EventType, Failure, FailureReason, JobState, Timestamp, api::AttemptOutcome, api::EVENT_LIMIT, event::data,
};

/// Takes up to `limit` jobs of these kinds: higher priority first, then the older one.
pub(super) fn claim(
    tx: &mut Tx<'_>,
    worker: &str,
    kinds: &[String],
    limit: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<Vec<Claimed>> {
    // CROSS JOIN keeps the claim's index outermost: it has the predicate and the order.
    const FIND: &str = select_jobs!(
        ", j.id, j.owner, j.lease_token, j.crashes, coalesce(j.checkpoint, (SELECT body FROM spill WHERE id = j.id * 4 + 2))",
        "job j INDEXED BY job_claimable CROSS JOIN owner o ON o.id = j.owner
         WHERE j.state = 'queued' AND j.kind IN (SELECT value FROM json_each(?1)) ORDER BY j.priority DESC, j.id LIMIT ?2"
    );
    let found = all(tx.conn, FIND, (text(&kinds)?, limit), |columns| {
        let row = read(columns)?;
        let core = Core {
            id: columns.get(MORE)?,
            uuid: row.id,
            owner: columns.get(MORE + 1)?,
            state: row.state,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            token: columns.get(MORE + 2)?,
            jseq: row.jseq,
            crashes: columns.get(MORE + 3)?,
            cancel_requested: false,
            resumable: row.resumable,
        };
        Ok((row, core, columns.get::<_, Option<String>>(MORE + 4)?))
    })?;
    let mut claimed = Vec::with_capacity(found.len());
    for (row, core, checkpoint) in found {
        if core.attempt >= core.max_attempts {
            fail_exhausted(tx, &core, now)?;
        } else {
            let (lease, row) = start(tx, &core, row, worker, now, lease_until)?;
            claimed.push(Claimed { lease, row, checkpoint });
        }
    }
    Ok(claimed)
}

/// Begins an attempt.
fn start(
    tx: &mut Tx<'_>,
    job: &Core,
    mut row: JobRow,
    worker: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<(Lease, JobRow)> {
    const START: &str = "UPDATE job SET state = 'running', attempt = ?1, lease_token = ?2, lease_until = ?3,
        started_at = ?4, jseq = ?5 WHERE id = ?6 AND lease_token = ?7 AND state = 'queued'";
    const ATTEMPT: &str =
        "INSERT INTO attempt (job, lease_token, attempt, started_at, worker, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (attempt, token) = (job.attempt + 1, job.token + 1);
    let mut log = Log::of(job);
    log.push(EventType::Started, started(attempt, &row)?)?;
    let jseq = log.jseq();
    let changed = run(tx.conn, START, (attempt, token, lease_until.0, now.0, jseq, job.id, job.token))?;
    if changed != 1 {
        return Err(StoreError::Driver(format!("job {} was not queued when it was claimed", job.uuid)));
    }
    run(tx.conn, ATTEMPT, (job.id, token, attempt, now.0, worker, outcome_word(AttemptOutcome::Running)))?;
    row.state = log.state;
    log.write(tx, now)?;
    (row.attempt, row.started_at, row.jseq) = (attempt, Some(now), jseq);
    Ok((Lease { job: job.uuid, token }, row))
}

/// `data` of `started`. An attempt that goes on from a checkpoint says how far the job had come, or just that it does.
fn started(attempt: u32, row: &JobRow) -> StoreResult<String> {
    let resumed_from = if row.resumable {
        let progress = serde_json::to_value(&row.progress).unwrap_or_default();
        Some(if progress.is_null() { true.into() } else { progress })
    } else {
        None
    };
    let data = text(&data::Started { attempt, resumed_from })?;
    if data.len() <= EVENT_LIMIT { Ok(data) } else { text(&data::Started { attempt, resumed_from: Some(true.into()) }) }
}

/// Ends a job that is queued with no attempt left.
fn fail_exhausted(tx: &mut Tx<'_>, job: &Core, now: Timestamp) -> StoreResult<()> {
    const FAIL: &str =
        "UPDATE job SET state = ?1, jseq = ?2, finished_at = ?3, failure = ?4 WHERE id = ?5 AND state = 'queued'";
    let failure = Failure {
        reason: FailureReason::Error,
        code: "no-attempt-left".into(),
        params: [("attempts".to_owned(), job.max_attempts.into())].into_iter().collect(),
        detail: Some("All attempts have been made.".into()),
        retryable: true,
        attempt: job.attempt,
    };
    let mut log = Log::of(job);
    let text_of_failure = text(&failure)?;
    log.push(EventType::Failed, text(&data::Failed { failure })?)?;
    run(tx.conn, FAIL, (JobState::Failed.as_str(), log.jseq(), now.0, text_of_failure, job.id))?;
    log.write(tx, now)?;
    Ok(())
}

/// Renews leases; one that does not stand is answered as lost.
pub(super) fn renew(tx: &Tx<'_>, leases: &[Lease], lease_until: Timestamp) -> StoreResult<Vec<LeaseState>> {
    const RENEW: &str = "UPDATE job SET lease_until = ?1 WHERE uuid = ?2 AND lease_token = ?3 AND state = 'running'
        RETURNING cancel_requested_at IS NOT NULL";
    leases
        .iter()
        .map(|&lease| {
            let params = (lease_until.0, lease.job.as_bytes(), lease.token);
            let found: Option<bool> = super::statement::first(tx.conn, RENEW, params, |row| row.get(0))?;
            Ok(LeaseState { lease, held: found.is_some(), cancel_requested: found.unwrap_or(false) })
        })
        .collect()
}
