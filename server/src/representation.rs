//! A job's row as its owner sees it: with its outlook (the engine's), links and the cursor at which it is true.
//!
//! Called by the API, the pages' backend and the channels' replies. Changes nothing.

use crate::{
    engine::{Engine, Submitted},
    store::{AttemptRow, JobRow, OperatedRow, QueueState, Snapshot, Store, StoreResult, json},
};
use domain::{
    Cursor, Job, JobId, JobState,
    api::{Attempt, Product, RESULT_LIMIT},
    job::Links,
    operations::{Lease, Row},
};

/// One job, with its cursor.
///
/// # Errors
/// What the store said.
pub async fn job(engine: &Engine, snapshot: Snapshot<JobRow>) -> StoreResult<Job> {
    let cursor = Cursor::new(engine.epoch(), snapshot.head);
    let with_files = with_files(engine.store(), std::slice::from_ref(&snapshot.value)).await?;
    Ok(Job { cursor: Some(cursor), ..represent(engine, snapshot.value, None, &with_files).await? })
}

/// What a submit made or found, with its cursor.
///
/// # Errors
/// What the store said.
pub async fn submitted(engine: &Engine, submitted: Submitted) -> StoreResult<Job> {
    let Submitted { job, queue, .. } = submitted;
    let cursor = Cursor::new(engine.epoch(), job.head);
    let with_files = with_files(engine.store(), std::slice::from_ref(&job.value)).await?;
    Ok(Job { cursor: Some(cursor), ..represent(engine, job.value, queue.as_ref(), &with_files).await? })
}

/// Several jobs; the one cursor of a list is the list's.
///
/// # Errors
/// What the store said.
pub async fn jobs(engine: &Engine, snapshot: Snapshot<Vec<JobRow>>) -> StoreResult<Vec<Job>> {
    let mut jobs = Vec::with_capacity(snapshot.value.len());
    let with_files = with_files(engine.store(), &snapshot.value).await?;
    for row in snapshot.value {
        jobs.push(represent(engine, row, None, &with_files).await?);
    }
    Ok(jobs)
}

/// A job as an operator sees it in a list.
///
/// # Errors
/// What the store said.
pub async fn operated(engine: &Engine, found: OperatedRow) -> StoreResult<Row> {
    let OperatedRow { row, lease } = found;
    let queue = engine.outlook(&row, None).await?;
    let unfinished = !row.state.is_terminal();
    Ok(Row {
        id: row.id,
        kind: row.kind,
        label: row.label,
        state: row.state,
        owner: row.owner,
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        cancel_requested_at: row.cancel_requested_at.filter(|_| unfinished),
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        progress: row.progress,
        waiting: row.waiting,
        queue,
        failure: row.failure,
        lease: lease.map(|(worker, until)| Lease { worker, renewed_at: until.plus_ms(-engine.lease_ms()), until }),
        jseq: row.jseq,
    })
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

async fn represent(engine: &Engine, row: JobRow, known: Option<&QueueState>, with_files: &[JobId]) -> StoreResult<Job> {
    let queue = engine.outlook(&row, known).await?;
    let unfinished = !row.state.is_terminal();
    let has_files = with_files.contains(&row.id);
    let expires = |at| engine.store().policy().expires_at(at, has_files, row.resumable);
    let expires_at = row.finished_at.map(expires);
    Ok(Job {
        id: row.id,
        kind: row.kind,
        label: row.label,
        state: row.state,
        input: json(&row.input),
        created_at: row.created_at,
        started_at: row.started_at,
        first_started_at: row.first_started_at,
        finished_at: row.finished_at,
        expires_at,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        next_attempt_at: row.due_at.filter(|_| row.state == JobState::Retrying),
        waiting: row.waiting,
        cancel_requested_at: row.cancel_requested_at.filter(|_| unfinished),
        priority: row.priority,
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

/// A product with its entity tag: a revision alone would mean another state in a database restored from a backup.
pub fn product(epoch: &str, product: Product) -> Product {
    Product { etag: format!("\"{epoch}-{}\"", product.revision), ..product }
}
