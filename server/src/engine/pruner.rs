//! Lets what is old enough go: jobs with their logs, idempotency keys, files of results, unused uploads, files that nobody names.
//!
//! One task beside the engine, started by `startup`: a pass at once and every hour, files without a row once a day. Everything is done
//! in slices of the bulk lane, one after the other, so that accepts never wait for it. What may go says the store's `Policy`.
//! Invariant: a row goes before its file, never after it: what a row names is there, and what a crash leaves in between is a file that
//! nobody names, which the next sweep removes.

use crate::{
    files::{Files, Orphans},
    store::{Store, StoreError, StoreResult},
};
use domain::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(3600);
/// Passes between two looks at all files.
const FILES_EVERY: u32 = 24;
/// A file that nobody names is left alone for so long: it may be one whose row is just being committed.
const GRACE: Duration = Duration::from_secs(3600);
/// Rows of a slice: a commit with one of these takes a millisecond or two longer.
const SLICE: usize = 200;
/// Ids asked for in one read.
const IDS: usize = 500;
/// Keys are valid for a day (engine.md).
const KEY_LIFE_MS: i64 = 24 * 3600 * 1000;

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Jobs that were taken away.
    pub jobs: usize,
    /// Events that were removed.
    pub events: usize,
    /// Files of jobs that were removed.
    pub files: usize,
    /// Uploads that were removed.
    pub uploads: usize,
}

/// The task, until the server stops.
pub async fn run(store: Arc<dyn Store>, files: Files, keep_uploads: Duration, shutdown: CancellationToken) {
    let mut hourly = tokio::time::interval(EVERY);
    let mut passes = 0;
    loop {
        tokio::select! {
            _ = hourly.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let done = async {
            let tally = pass(&*store, &files, keep_uploads, crate::clock::now()).await?;
            if tally != Tally::default() {
                let Tally { jobs, events, files, uploads } = tally;
                tracing::info!(jobs, events, files, uploads, "removed what was old enough");
            }
            // The first look is `sweep_files` at start-up, before anything is written.
            passes += 1;
            if passes % FILES_EVERY == 0 {
                sweep_files(&*store, &files, GRACE).await?;
            }
            StoreResult::Ok(())
        };
        tokio::select! {
            result = done => match result {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => tracing::warn!(%error, "old data could not be removed; the next pass tries again"),
            },
            () = shutdown.cancelled() => return,
        }
    }
}

/// One pass over everything that ages, as of a moment.
///
/// # Errors
/// What the store said; what was removed until then stays removed, and the next pass goes on.
pub async fn pass(store: &dyn Store, files: &Files, keep_uploads: Duration, now: Timestamp) -> StoreResult<Tally> {
    let policy = store.policy();
    let mut tally = Tally::default();
    let mut next = Some(0);
    while let Some(after) = next {
        let pruned = store.prune(now.plus_ms(-policy.keep_jobs_ms), after, SLICE).await?;
        tally.jobs += pruned.jobs;
        next = pruned.next;
    }
    tally.events = remove_nobodys(store, files).await?;
    let mut key = store.forget_keys(now.plus_ms(-KEY_LIFE_MS), None, SLICE).await?;
    while key.is_some() {
        key = store.forget_keys(now.plus_ms(-KEY_LIFE_MS), key, SLICE).await?;
    }
    while store.prune_deliveries(now.plus_ms(-policy.keep_jobs_ms), SLICE).await? {}
    loop {
        let expired = store.expire_files(now.plus_ms(-policy.keep_results_ms), SLICE).await?;
        tally.files += expired.len();
        expired.iter().for_each(|(job, name)| files.remove_job_file(*job, name));
        if expired.len() < SLICE {
            break;
        }
    }
    let keep_uploads_ms = i64::try_from(keep_uploads.as_millis()).unwrap_or(i64::MAX);
    loop {
        let expired = store.expire_uploads(now.plus_ms(-keep_uploads_ms), SLICE).await?;
        tally.uploads += expired.len();
        expired.iter().for_each(|id| files.remove_upload(*id));
        if expired.len() < SLICE {
            return Ok(tally);
        }
    }
}

/// Removes everything that is nobody's: what was pruned, and what is left of owners whose data was deleted. Answers how many events.
///
/// # Errors
/// What the store said; what is left is found again.
pub async fn remove_nobodys(store: &dyn Store, files: &Files) -> StoreResult<usize> {
    let mut events = 0;
    loop {
        let erased = store.erase(SLICE).await?;
        erased.uploads.iter().for_each(|id| files.remove_upload(*id));
        let swept = store.sweep(SLICE).await?;
        events += swept.events;
        swept.jobs.iter().for_each(|id| files.remove_job(*id));
        if !erased.more && !swept.more {
            return Ok(events);
        }
    }
}

/// Removes files and folders that no row names and that nobody has touched for `grace`; answers how many. At start-up, while nobody
/// writes yet, no grace is needed.
///
/// # Errors
/// What the store said. A folder that cannot be read is told to the log.
pub async fn sweep_files(store: &dyn Store, files: &Files, grace: Duration) -> StoreResult<usize> {
    let there = match files.untouched_for(grace) {
        Ok(there) => there,
        Err(error) => {
            tracing::warn!(%error, "the folders of files cannot be read; nothing in them is swept");
            return Ok(0);
        }
    };
    let Orphans { partial, uploads, jobs } = there;
    let mut swept = partial.len();
    partial.iter().for_each(|path| files.remove_partial(path));
    for ids in uploads.chunks(IDS) {
        let known = store.known_uploads(ids.to_vec()).await?;
        for id in ids.iter().filter(|id| !known.contains(id)) {
            files.remove_upload(*id);
            swept += 1;
        }
    }
    for ids in jobs.chunks(IDS) {
        let known = store.known_jobs(ids.to_vec()).await?;
        for id in ids.iter().filter(|id| !known.contains(id)) {
            files.remove_job(*id);
            swept += 1;
        }
    }
    if swept > 0 {
        tracing::info!(files = swept, "removed files that nobody names");
    }
    Ok(swept)
}
