//! Claiming: hands queued jobs to a worker, each with a lease of its own.
//!
//! Called by the producer. Does not run anything.
//! Invariants: claiming increments the fencing token, so every earlier lease of the job is dead (3); a job whose attempts
//! are all made, or that should have started earlier, is failed here instead of run (4). Lanes take turns, so that neither many jobs
//! nor a high priority of one owner keeps another's waiting; what a claim costs depends on what it takes, not on what waits.

use super::{
    attempt::outcome_word,
    backlog::Change,
    events::Log,
    lane_turns::{self, Lane},
    row::{Core, MORE, read, select_jobs},
    schedule,
    statement::{all, only, run, text},
    writer::Tx,
};
use crate::store::{Claimed, JobRow, Lease, LeaseState, Quota, StoreError, StoreResult};
use domain::{
    EventType, Failure, FailureReason, JobState, OwnerId, Timestamp, api::AttemptOutcome, api::EVENT_LIMIT, event::data,
};
use std::collections::VecDeque;

/// Takes up to `limit` jobs, within the kinds' quotas.
pub(super) fn claim(
    tx: &mut Tx<'_>,
    worker: &str,
    quotas: &[Quota],
    limit: usize,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<Vec<Claimed>> {
    let mut round = Round { worker, now, lease_until, claimed: Vec::with_capacity(limit), left: limit };
    let mut open: Vec<Open<'_>> = Vec::with_capacity(quotas.len());
    for quota in quotas {
        let left = left_of(tx, quota)?.min(limit);
        open.push(Open { kind: &quota.kind, left });
    }
    while round.left > 0 {
        let lanes = next_lanes(tx, &open, round.left)?;
        if lanes.is_empty() {
            break;
        }
        // Ends with all slots taken, or with lanes found empty and kinds that may start no more: the next look finds others.
        serve(tx, lanes, &mut open, &mut round)?;
    }
    Ok(round.claimed)
}

/// A kind and how many of it may still be claimed.
struct Open<'q> {
    kind: &'q str,
    left: usize,
}

/// What a claim has taken so far.
struct Round<'w> {
    worker: &'w str,
    now: Timestamp,
    lease_until: Timestamp,
    claimed: Vec<Claimed>,
    left: usize,
}

/// How many of a kind may be claimed, counted in the transaction that claims them.
fn left_of(tx: &Tx<'_>, quota: &Quota) -> rusqlite::Result<usize> {
    const RUNNING: &str = "SELECT count(*) FROM job INDEXED BY job_running WHERE state = 'running' AND kind = ?1";
    let starts = quota.starts.map_or(usize::MAX, |starts| starts as usize);
    let Some(most) = quota.running else { return Ok(starts) };
    let running: u32 = only(tx.conn, RUNNING, [&quota.kind])?;
    Ok(starts.min(most.saturating_sub(running) as usize))
}

/// The lanes whose turn it is, of the kinds that may start.
fn next_lanes(tx: &Tx<'_>, open: &[Open<'_>], limit: usize) -> rusqlite::Result<VecDeque<Lane>> {
    let mut lanes = Vec::new();
    for (quota, kind) in open.iter().enumerate().filter(|(_, kind)| kind.left > 0) {
        lanes.extend(lane_turns::next(tx.conn, kind.kind, quota, super::at_most(limit))?);
    }
    lanes.sort_unstable_by_key(|lane| lane.turn);
    lanes.truncate(limit);
    Ok(lanes.into())
}

/// Lets lanes take turns until nothing is left of slots, quotas or lanes. Whole rounds are read at once: with one lane and eight
/// slots that is one query for eight jobs.
fn serve(tx: &mut Tx<'_>, mut lanes: VecDeque<Lane>, open: &mut [Open<'_>], round: &mut Round<'_>) -> StoreResult<()> {
    while round.left > 0 && !lanes.is_empty() {
        let each = (round.left / lanes.len()).max(1);
        for _ in 0..lanes.len() {
            let Some(lane) = lanes.pop_front() else { break };
            let Some(kind) = open.get_mut(lane.quota) else { continue };
            let wanted = each.min(kind.left).min(round.left);
            if wanted == 0 {
                continue;
            }
            let Taken { started, dry, owner } = take(tx, kind.kind, lane.owner, wanted, round)?;
            kind.left -= started;
            round.left -= started;
            if dry {
                lane_turns::leave(tx.conn, kind.kind, lane.owner)?;
            } else {
                let turn = tx.turns.last();
                lane_turns::served(tx.conn, kind.kind, lane.owner, turn)?;
                tx.changes.extend(owner.map(|owner| Change::Turn { owner, kind: kind.kind.to_owned(), turn }));
                lanes.push_back(lane);
            }
        }
    }
    Ok(())
}

/// What was taken of a lane.
#[derive(Default)]
struct Taken {
    started: usize,
    /// Whether nothing is left in it.
    dry: bool,
    owner: Option<OwnerId>,
}

/// Takes the first jobs of a lane. One that is failed instead of started takes no turn.
fn take(tx: &mut Tx<'_>, kind: &str, owner: i64, wanted: usize, round: &mut Round<'_>) -> StoreResult<Taken> {
    let mut taken = Taken::default();
    while taken.started < wanted && !taken.dry {
        let asked = wanted - taken.started;
        let found = first_of_lane(tx, kind, owner, asked)?;
        taken.dry = found.len() < asked;
        for (row, core, checkpoint) in found {
            taken.owner = Some(row.owner);
            if let Some(start_by) = row.start_by.filter(|&start_by| start_by <= round.now) {
                schedule::expire(tx, &core, row.run_at.unwrap_or(row.created_at), start_by, round.now)?;
            } else if core.attempt >= core.max_attempts {
                fail_exhausted(tx, &core, round.now)?;
            } else {
                let (lease, row) = start(tx, &core, row, round.worker, round.now, round.lease_until)?;
                round.claimed.push(Claimed { lease, row, checkpoint });
                taken.started += 1;
            }
        }
    }
    Ok(taken)
}

/// A queued job with what a change of its state needs, and its checkpoint.
type Found = (JobRow, Core, Option<String>);

fn first_of_lane(tx: &Tx<'_>, kind: &str, owner: i64, limit: usize) -> rusqlite::Result<Vec<Found>> {
    const FIND: &str = select_jobs!(
        ", j.id, j.owner, j.lease_token, j.crashes, j.attached, coalesce(j.checkpoint, (SELECT body FROM spill WHERE id = j.id * 4 + 2))",
        "job j INDEXED BY job_claimable CROSS JOIN owner o ON o.id = j.owner
         WHERE j.state = 'queued' AND j.owner = ?1 AND j.kind = ?2 ORDER BY j.priority DESC, j.id LIMIT ?3"
    );
    all(tx.conn, FIND, (owner, kind, super::at_most(limit)), |columns| {
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
            attached: columns.get(MORE + 4)?,
            kind: row.kind.clone(),
            priority: row.priority,
            deferral: row.deferral,
            started_at: row.started_at,
        };
        Ok((row, core, columns.get::<_, Option<String>>(MORE + 5)?))
    })
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
        started_at = ?4, jseq = ?5, start_by = NULL WHERE id = ?6 AND lease_token = ?7 AND state = 'queued'";
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
    (row.attempt, row.started_at, row.jseq, row.start_by) = (attempt, Some(now), jseq, None);
    row.first_started_at.get_or_insert(now);
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
