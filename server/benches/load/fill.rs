//! Fills a data folder with finished jobs through the store itself, since over HTTP a million would take too long.
//!
//! Called by the list scenario while no server has the folder open.
//! Invariant: what it leaves is what a server would have left: every job accepted, claimed and finished by the store's own
//! calls.

use anyhow::{Context, Result, ensure};
use domain::{JobId, OwnerId, Timestamp};
use futures_util::future::try_join_all;
use server::{
    clock,
    store::{Finish, NewJob, Quota, Store, sqlite::SqliteStore},
};
use std::path::Path;

/// Jobs in flight: enough that commits are full.
const WAVE: usize = 4096;

/// One job in so many is one that a search looks for.
pub const RARE_EVERY: usize = 10_000;

/// Adds finished jobs of one owner, with labels to search for.
pub async fn fill(data: &Path, owner: OwnerId, jobs: usize) -> Result<()> {
    let store = SqliteStore::open(data)?;
    let now = clock::now();
    for from in (0..jobs).step_by(WAVE) {
        let wave = from..jobs.min(from + WAVE);
        let size = wave.len();
        let accepted = wave.map(|index| store.accept(new_job(owner, index), at(now, index, jobs)));
        try_join_all(accepted).await?;
        let moment = at(now, from, jobs);
        let claimed =
            store.claim("fill", &[Quota::unlimited("rehearsal")], size, moment, moment.plus_ms(60_000)).await?;
        ensure!(claimed.len() == size, "claimed {} of {size} jobs", claimed.len());
        let finished = claimed.into_iter().map(|job| {
            let output = Finish::Succeeded { output: r#"{"steps":5}"#.to_owned(), files: Vec::new() };
            store.finish(job.lease, output, moment.plus_ms(1_000))
        });
        for state in try_join_all(finished).await? {
            state.context("a lease was lost")?;
        }
    }
    store.close().await;
    Ok(())
}

fn new_job(owner: OwnerId, index: usize) -> NewJob {
    let label = if index.is_multiple_of(RARE_EVERY) { "harvest festival" } else { "spring list" };
    NewJob {
        id: JobId::from_bytes(*uuid::Uuid::now_v7().as_bytes()),
        owner,
        kind: "rehearsal".to_owned(),
        label: Some(format!("{label} {index}")),
        input: r#"{"steps":5,"step_ms":200}"#.to_owned(),
        max_attempts: 3,
        timeout_ms: 3_600_000,
        priority: 0,
        run_at: None,
        deferral: None,
        start_by: None,
        origin: None,
        uploads: Vec::new(),
        idempotency: None,
    }
}

/// Accepted one after the other within the last hour, in the order of their numbers.
fn at(now: Timestamp, index: usize, jobs: usize) -> Timestamp {
    let share = index as f64 / jobs.max(1) as f64;
    now.plus_ms(-3_600_000 + (share * 3_600_000.0) as i64)
}
