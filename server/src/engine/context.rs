//! All that a handler sees of the engine: who it works for, where to resume, how to report, when to stop.
//!
//! Made by the executor for each attempt, passed to [`super::registry::Kind::run`]. A handler that blocks (files, parsing) does so in
//! `tokio::task::spawn_blocking`, or it keeps the runtime's thread and cannot be stopped. Ends no attempt: the executor does.
//! Invariants: every write is fenced by the lease; once the job is cancelled, drained or lost every method answers
//! [`JobError::Stopped`]; progress is committed at most 4 times a second, and its latest value always in the end.

mod bulk;
mod catalogue;
mod waiting;

pub use super::failure::JobError;
pub(super) use waiting::hash_of;
pub use waiting::{Callback, Heard, Waiting};

use super::{
    Shared,
    backoff::Patience,
    live::{Run, Stop},
};
use crate::{
    clock,
    files::Files,
    store::{Advance, Advanced, Claimed, FileRow, StoreError},
};
use domain::{JobId, OwnerId, Progress, api::EVENT_LIMIT};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Tries of a write that the store refuses: about 15 seconds, then the attempt fails and its retry waits longer.
const WRITE_TRIES: u32 = 12;
const LONGEST_WORD: usize = 500;

/// One attempt of a job, as its handler sees it.
pub struct Context {
    engine: Arc<Shared>,
    run: Arc<Run>,
    owner: OwnerId,
    attempt: u32,
    checkpoint: Option<String>,
    /// Locked over each write: they reach the store in the order in which they were asked for.
    pace: tokio::sync::Mutex<Pace>,
    withheld: Notify,
    added: Mutex<Vec<FileRow>>,
    /// The latest call-back that the handler was given.
    seen: AtomicU64,
}

#[derive(Default)]
struct Pace {
    committed_at: Option<Instant>,
    withheld: Option<Progress>,
}

impl Context {
    pub(super) fn new(engine: Arc<Shared>, run: Arc<Run>, claimed: &mut Claimed) -> Self {
        Self {
            engine,
            run,
            owner: claimed.row.owner,
            attempt: claimed.row.attempt,
            checkpoint: claimed.checkpoint.take(),
            pace: tokio::sync::Mutex::default(),
            withheld: Notify::new(),
            added: Mutex::default(),
            seen: AtomicU64::new(0),
        }
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.run.lease.job
    }

    /// Whose it is.
    pub fn owner(&self) -> OwnerId {
        self.owner
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Uploads and results on disk.
    pub fn files(&self) -> &Files {
        &self.engine.files
    }

    /// What the latest [`Self::save`] of an earlier attempt left; `None` when there is none, or of a shape that this version
    /// does not know.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Option<T> {
        let read = serde_json::from_str(self.checkpoint.as_deref()?);
        read.inspect_err(|error| tracing::warn!(job.id = %self.job_id(), %error, "a checkpoint cannot be read")).ok()
    }

    /// Says how far the job is.
    ///
    /// # Errors
    /// [`JobError::Stopped`], or transient when the store refuses for long.
    pub async fn progress(&self, progress: Progress) -> Result<(), JobError> {
        self.advance(Advance { progress: Some(progress), ..Advance::default() }).await.map(drop)
    }

    /// Reports a part of the result: a JSON object of at most 8 KB.
    ///
    /// # Errors
    /// As [`Self::progress`]; permanent when it is no object or too large.
    pub async fn partial(&self, partial: &impl Serialize) -> Result<(), JobError> {
        self.advance(Advance { partials: vec![json(partial)?], ..Advance::default() }).await.map(drop)
    }

    /// Saves a checkpoint: the next attempt starts with it.
    ///
    /// # Errors
    /// As [`Self::progress`].
    pub async fn save(&self, checkpoint: &impl Serialize) -> Result<(), JobError> {
        self.advance(Advance { checkpoint: Some(json(checkpoint)?), ..Advance::default() }).await.map(drop)
    }

    /// Commits progress, partials, checkpoint and the kind's own data in one transaction. Progress is held back when the one before is
    /// too recent.
    ///
    /// # Errors
    /// As [`Self::partial`].
    pub async fn advance(&self, mut step: Advance) -> Result<Advanced, JobError> {
        self.go_on()?;
        step.partials.iter().try_for_each(|partial| fits(partial))?;
        let mut pace = self.pace.lock().await;
        if let Some(mut progress) = step.progress.take().or_else(|| pace.withheld.take()) {
            [&mut progress.unit, &mut progress.note].into_iter().flatten().for_each(shorten);
            if pace.committed_at.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL) {
                pace.withheld = Some(progress);
                self.withheld.notify_one();
            } else {
                pace.committed_at = Some(Instant::now());
                pace.withheld = None;
                step.progress = Some(progress);
            }
        }
        let empty = step.progress.is_none()
            && step.partials.is_empty()
            && step.checkpoint.is_none()
            && step.catalogue.is_none()
            && step.callbacks.is_empty()
            && step.taken.is_empty()
            && step.bulk.is_none();
        if empty { Ok(Advanced::default()) } else { self.commit(step).await }
    }

    /// Waits; ends early when the job is to stop.
    ///
    /// # Errors
    /// [`JobError::Stopped`].
    pub async fn sleep(&self, duration: Duration) -> Result<(), JobError> {
        self.go_on()?;
        if duration.is_zero() {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(duration) => self.go_on(),
            () = self.stopped() => Err(JobError::Stopped),
        }
    }

    /// Waits until its owner lets it take a step (`POST …/step`).
    ///
    /// # Errors
    /// [`JobError::Stopped`].
    pub async fn next_step(&self) -> Result<(), JobError> {
        self.go_on()?;
        let steps = self.engine.live.steps(self.job_id());
        tokio::select! {
            permit = steps.acquire() => {
                permit.map_err(|_| JobError::Stopped)?.forget();
                self.go_on()
            }
            () = self.stopped() => Err(JobError::Stopped),
        }
    }

    /// Resolves when the job is to stop: cancelled, drained, or its lease lost.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut watch = self.run.watch();
        async move {
            // The sender lives as long as the attempt; without it there is nothing left to work for either.
            let _ = watch.wait_for(Stop::any).await;
        }
    }

    /// Whether the job is to stop.
    pub fn is_stopped(&self) -> bool {
        self.run.stop().any()
    }

    /// Adds a file in the job's folder to what it leaves behind; committed when the job ends. The same name replaces.
    pub fn add_file(&self, file: FileRow) {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.retain(|earlier| earlier.name != file.name);
        added.push(file);
    }

    pub(super) fn take_files(&self) -> Vec<FileRow> {
        mem::take(&mut *self.added.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits withheld progress when it is due, for a handler that goes quiet; never ends.
    pub(super) async fn keep_current(&self) {
        loop {
            self.withheld.notified().await;
            let due = self.pace.lock().await.committed_at.map(|at| at + PROGRESS_INTERVAL);
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
            }
            if self.advance(Advance::default()).await.is_err() {
                // The handler learns it from its own next call, the executor from the handler.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Commits progress that is still withheld, at the end. One try: the finish that follows is what matters.
    pub(super) async fn flush(&self) {
        let Some(progress) = self.pace.try_lock().ok().and_then(|mut pace| pace.withheld.take()) else { return };
        let step = Advance { progress: Some(progress), ..Advance::default() };
        if let Err(error) = self.engine.store.advance(self.run.lease, step, clock::now()).await {
            tracing::debug!(job.id = %self.job_id(), %error, "the last progress is not in the log");
        }
    }

    fn go_on(&self) -> Result<(), JobError> {
        if self.is_stopped() { Err(JobError::Stopped) } else { Ok(()) }
    }

    /// Writes, and bears with a store that refuses for a while: nothing of a refused step was kept, so it can be repeated.
    async fn commit(&self, step: Advance) -> Result<Advanced, JobError> {
        let mut patience = Patience::new();
        loop {
            match self.engine.store.advance(self.run.lease, step.clone(), clock::now()).await {
                Ok(Ok(advanced)) => {
                    if advanced.cancel_requested {
                        self.run.cancel();
                    }
                    advanced.ended.iter().for_each(|job| self.engine.live.forget(*job));
                    return Ok(advanced);
                }
                Ok(Err(_lost)) => {
                    self.run.lose();
                    return Err(JobError::Stopped);
                }
                Err(StoreError::Closed) => {
                    // There is nothing left to write to; what is running now is the next start's to take back.
                    self.run.lose();
                    return Err(JobError::Stopped);
                }
                Err(error) if patience.tries() < WRITE_TRIES => {
                    tracing::warn!(job.id = %self.job_id(), %error, "a step cannot be committed yet");
                    patience.pause().await;
                    self.go_on()?;
                }
                Err(StoreError::DiskFull) => return Err(JobError::transient("disk-full", "the server's disk is full")),
                Err(error) => return Err(JobError::transient("store-unavailable", error.to_string())),
            }
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, JobError> {
    serde_json::to_string(value).map_err(|error| JobError::permanent("unwritable-value", error.to_string()))
}

fn fits(partial: &str) -> Result<(), JobError> {
    if partial.len() > EVENT_LIMIT {
        let detail = format!("a partial result of {} bytes; an event has room for {EVENT_LIMIT}", partial.len());
        return Err(JobError::permanent("partial-too-large", detail).with("limit", EVENT_LIMIT as u64));
    }
    if !partial.starts_with('{') {
        return Err(JobError::permanent("partial-not-an-object", "a partial result is a JSON object"));
    }
    Ok(())
}

fn shorten(word: &mut String) {
    word.truncate(word.floor_char_boundary(LONGEST_WORD));
}
