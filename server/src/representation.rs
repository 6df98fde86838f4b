//! A job's row as its owner sees it: with its place in the queue, an honest estimate, links and the cursor at which it is true.
//!
//! Called by the API, the pages' backend and the channels' replies. Changes nothing.
//! Invariant: an estimate is a range, of the job's own pace or of what the kind's recent jobs took; without either there is none.

use crate::{
    clock,
    store::{AttemptRow, JobRow, QueueState, Snapshot, Store, StoreResult, json},
};
use domain::{
    Cursor, Job, JobId, JobState, Timestamp,
    api::{Attempt, RESULT_LIMIT},
    job::{Links, Queue, Why, left_at_own_pace},
};
use serde_json::{Map, Value};

/// A ready job that nobody is ahead of is taken within a moment; after this long, the workers must be busy.
const TAKEN_WITHIN_MS: i64 = 250;

/// One job, with its cursor.
///
/// # Errors
/// What the store said.
pub async fn job(store: &dyn Store, snapshot: Snapshot<JobRow>) -> StoreResult<Job> {
    let cursor = Cursor::new(store.epoch(), snapshot.head);
    let with_files = with_files(store, std::slice::from_ref(&snapshot.value)).await?;
    Ok(Job { cursor: Some(cursor), ..represent(store, snapshot.value, &with_files).await? })
}

/// Several jobs; the one cursor of a list is the list's.
///
/// # Errors
/// What the store said.
pub async fn jobs(store: &dyn Store, snapshot: Snapshot<Vec<JobRow>>) -> StoreResult<Vec<Job>> {
    let mut jobs = Vec::with_capacity(snapshot.value.len());
    let with_files = with_files(store, &snapshot.value).await?;
    for row in snapshot.value {
        jobs.push(represent(store, row, &with_files).await?);
    }
    Ok(jobs)
}

/// One attempt.
pub fn attempt(row: AttemptRow) -> Attempt {
    let AttemptRow { attempt, started_at, finished_at, worker, outcome, failure } = row;
    Attempt { attempt, started_at, finished_at, worker, outcome, failure }
}

/// Those of these that have ended and have files, which may go before the job does.
async fn with_files(store: &dyn Store, rows: &[JobRow]) -> StoreResult<Vec<JobId>> {
    let ended: Vec<JobId> = rows.iter().filter(|row| row.finished_at.is_some()).map(|row| row.id).collect();
    if ended.is_empty() { Ok(ended) } else { store.jobs_with_files(ended).await }
}

async fn represent(store: &dyn Store, row: JobRow, with_files: &[JobId]) -> StoreResult<Job> {
    let queue = if row.state.is_terminal() {
        None
    } else {
        let state = store.queue(row.id).await?;
        Some(queue(&row, &state, clock::now()))
    };
    let unfinished = !row.state.is_terminal();
    let has_files = with_files.contains(&row.id);
    let expires = |at| store.policy().expires_at(at, has_files, row.resumable);
    let expires_at = row.finished_at.map(expires);
    Ok(Job {
        id: row.id,
        kind: row.kind,
        label: row.label,
        state: row.state,
        input: json(&row.input),
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        expires_at,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        next_attempt_at: row.due_at.filter(|_| row.state == JobState::Retrying),
        cancel_requested_at: row.cancel_requested_at.filter(|_| unfinished),
        priority: 0,
        run_at: row.run_at,
        resumable: row.resumable,
        progress: row.progress,
        queue,
        result: row.output.filter(|output| output.len() <= RESULT_LIMIT).map(|output| json(&output)),
        failure: row.failure,
        origin: row.origin,
        jseq: row.jseq,
        cursor: None,
        links: Links::of(row.id),
    })
}

fn queue(row: &JobRow, state: &QueueState, now: Timestamp) -> Queue {
    let waits = row.state == JobState::Queued;
    Queue { position: if waits { state.ahead } else { 0 }, eta_s: eta(row, state, now), why: why(row, state, now) }
}

fn why(row: &JobRow, state: &QueueState, now: Timestamp) -> Why {
    let reason = |code: &str, params: &[(&str, Value)]| Why {
        code: code.to_owned(),
        params: params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>(),
    };
    let at = |moment: Option<Timestamp>| moment.map_or(Value::Null, |moment| moment.to_string().into());
    match row.state {
        _ if row.cancel_requested_at.is_some() && !row.state.is_terminal() => {
            reason("cancelling", &[("since", at(row.cancel_requested_at))])
        }
        JobState::Running => reason("running", &[]),
        JobState::Retrying => reason("backing-off", &[("at", at(row.due_at))]),
        JobState::Scheduled => reason("scheduled", &[("at", at(row.due_at))]),
        JobState::Waiting => reason("waiting", &[]),
        JobState::Queued if state.ahead > 0 => reason("ahead", &[("n", state.ahead.into())]),
        JobState::Queued if state.running > 0 && now.ms_since(row.created_at) > TAKEN_WITHIN_MS => {
            reason("workers-busy", &[("running", state.running.into())])
        }
        JobState::Queued => reason("next", &[]),
        JobState::Succeeded | JobState::Failed | JobState::Cancelled => reason("finished", &[]),
    }
}

/// Once a running job has a pace of its own, from that; before, from what the kind's recent jobs took (20th to 90th percentile), and
/// first the turns of those ahead.
fn eta(row: &JobRow, state: &QueueState, now: Timestamp) -> Option<[u64; 2]> {
    if let (JobState::Running, Some(progress), Some(started)) = (row.state, &row.progress, row.started_at)
        && let Some(left) = left_at_own_pace(progress, row.attempt, started, now)
    {
        return Some(left);
    }
    let mut durations: Vec<i64> = state.durations_ms.iter().map(|&ms| ms.max(0)).collect();
    durations.sort_unstable();
    let (short, usual, long) = (percentile(&durations, 20)?, percentile(&durations, 50)?, percentile(&durations, 90)?);
    let spent = match row.started_at {
        Some(started) if row.state == JobState::Running => now.ms_since(started),
        _ => 0,
    };
    // Longer at it than nearly all others were: what they took says nothing any more.
    if spent > long {
        return None;
    }
    let remaining = |whole: i64| (whole - spent).max(0);
    let delay = match row.state {
        JobState::Queued => {
            let turns = state.ahead / state.running.max(1);
            usual.saturating_mul(i64::try_from(turns).unwrap_or(i64::MAX))
        }
        JobState::Retrying | JobState::Scheduled => row.due_at.map_or(0, |due| due.ms_since(now).max(0)),
        _ => 0,
    };
    Some(seconds(delay.saturating_add(remaining(short)), delay.saturating_add(remaining(long))))
}

/// A range in whole seconds, from rounded down and to rounded up.
fn seconds(from_ms: i64, to_ms: i64) -> [u64; 2] {
    let whole = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
    [whole(from_ms), whole(to_ms.saturating_add(999)).max(whole(from_ms))]
}

fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent + 50) / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{JobId, OwnerId, Progress};

    fn row(state: JobState) -> JobRow {
        JobRow {
            id: JobId::from_bytes([1; 16]),
            owner: OwnerId::from_bytes([2; 16]),
            kind: "rehearsal".into(),
            label: None,
            state,
            input: "{}".into(),
            created_at: Timestamp(0),
            started_at: None,
            finished_at: None,
            attempt: 0,
            max_attempts: 3,
            timeout_ms: 1000,
            due_at: None,
            run_at: None,
            cancel_requested_at: None,
            resumable: false,
            progress: None,
            output: None,
            failure: None,
            origin: None,
            jseq: 1,
        }
    }

    fn history(ahead: u64, running: u64, durations_ms: &[i64]) -> QueueState {
        QueueState { ahead, running, durations_ms: durations_ms.to_vec() }
    }

    #[test]
    fn an_estimate_comes_from_history_until_the_job_has_a_pace_of_its_own() {
        let ten = [9000, 1000, 5000, 3000, 7000, 2000, 8000, 4000, 6000, 10_000];
        let mut job = row(JobState::Running);
        job.started_at = Some(Timestamp(0));
        job.attempt = 1;
        assert_eq!(eta(&job, &history(0, 1, &[]), Timestamp(0)), None);
        assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(0)), Some([3, 9]));
        assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(2000)), Some([1, 7]));
        assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(60_000)), None, "longer at it than all the others were");
        job.progress = Some(Progress { done: 1, total: Some(5), unit: None, note: None });
        assert_eq!(eta(&job, &history(0, 1, &ten), Timestamp(15_000)), Some([48, 78]), "four times 15 s are left");
        job.attempt = 2;
        assert_eq!(eta(&job, &history(0, 1, &[]), Timestamp(15_000)), None, "resumed: its pace is not known");
    }

    #[test]
    fn an_estimate_of_a_job_that_waits_counts_the_turns_before_it() {
        assert_eq!(eta(&row(JobState::Queued), &history(4, 2, &[1000]), Timestamp(0)), Some([3, 3]));
        let mut retrying = row(JobState::Retrying);
        retrying.due_at = Some(Timestamp(5000));
        assert_eq!(eta(&retrying, &history(0, 0, &[1000]), Timestamp(2000)), Some([4, 4]));
    }

    #[test]
    fn every_unfinished_state_says_why() {
        let code = |row: &JobRow, state: &QueueState, now| why(row, state, Timestamp(now)).code;
        let idle = history(0, 0, &[]);
        assert_eq!(code(&row(JobState::Queued), &history(3, 8, &[]), 0), "ahead");
        assert_eq!(code(&row(JobState::Queued), &history(0, 8, &[]), 0), "next");
        assert_eq!(code(&row(JobState::Queued), &history(0, 8, &[]), 1000), "workers-busy");
        assert_eq!(code(&row(JobState::Running), &idle, 0), "running");
        assert_eq!(code(&row(JobState::Retrying), &idle, 0), "backing-off");
        let cancelling = JobRow { cancel_requested_at: Some(Timestamp(1)), ..row(JobState::Running) };
        assert_eq!(code(&cancelling, &idle, 0), "cancelling");
    }
}
