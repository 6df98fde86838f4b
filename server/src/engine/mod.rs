//! The job engine: accepts jobs, runs them, and survives what happens to them. Called by `api`, `forms` and `startup`.
//!
//! Map: [`submit`] judges and accepts · `producer` claims what is ready and hands it to `executor` (one attempt, from claim to
//! finish) · [`context`] is all that a handler sees · [`registry`] knows the kinds · `live` holds what runs here and tells it to
//! stop · `heartbeat` keeps leases · `scheduler` queues what is due · `rescuer` takes back what a dead worker left · [`pruner`] lets
//! go what is old · `operate` what an operator does to jobs of others · `backoff` says how long to wait · `failure` what went wrong · `start`, [`quiet_hours`], [`kind_limits`] when a job
//! may start · `outlook` where one stands and why it waits · `context::Waiting` is a job that waits for the outside. Knows no HTTP and
//! no SQL.
//! Invariants: engine.md's 1–7; here above all that a claimed job always ends in a `finish` or a lost lease, never in nothing.

mod backoff;
pub mod context;
mod executor;
mod failure;
mod fingerprint;
mod heartbeat;
pub mod kind_limits;
mod live;
mod operate;
mod outlook;
mod producer;
pub mod pruner;
pub mod registry;
mod rescuer;
mod retry;
mod scheduler;
mod start;
pub mod submit;

pub use crate::quiet_hours;
pub use retry::{Retried, RetryError};
pub use submit::{IdempotencyKey, SubmitError, Submitted};

use crate::{
    clock,
    config::EngineConfig,
    files::Files,
    metrics::Metrics,
    store::{Committed, Store, StoreResult},
};
use domain::{
    JobId, OwnerId,
    api::{CancelOutcome, KindInfo},
};
use kind_limits::KindLimits;
use live::Live;
use registry::Registry;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Beyond the grace of a stop: to abort what did not stop and to commit that it was handed back.
const HAND_BACK: Duration = Duration::from_secs(3);
/// Jobs taken back or queued in one transaction.
const BATCH: usize = 256;

/// A handle on the engine; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What the engine's parts have in common.
struct Shared {
    store: Arc<dyn Store>,
    registry: Registry,
    files: Files,
    config: EngineConfig,
    metrics: Metrics,
    /// This process among the workers, as attempts name it.
    worker: String,
    live: Live,
    slots: Arc<Semaphore>,
    claimable: Notify,
    kind_limits: KindLimits,
    due: scheduler::Due,
    /// Call-backs that came in this process; wakes handlers that look for theirs while they run.
    heard: watch::Sender<u64>,
    stopping: CancellationToken,
    attempts: TaskTracker,
    parts: Mutex<Option<Parts>>,
}

/// What a stop has to wait for.
struct Parts {
    producer: JoinHandle<()>,
    heartbeat: Option<heartbeat::Heartbeat>,
}

impl Engine {
    /// Takes back what a dead predecessor left running, then begins to work. The caller's lock on the data folder proves that
    /// there is no other worker.
    ///
    /// # Errors
    /// What the store said to the recovery.
    pub async fn start(
        store: Arc<dyn Store>,
        registry: Registry,
        files: Files,
        config: EngineConfig,
    ) -> StoreResult<Self> {
        let recovered = rescuer::recover(&*store).await?;
        if recovered > 0 {
            tracing::info!(jobs = recovered, "took back the jobs of a worker that died");
        }
        let shared = Arc::new(Shared {
            slots: Arc::new(Semaphore::new(config.workers)),
            worker: worker_name(),
            kind_limits: KindLimits::new(config.kind_limits.clone()),
            store,
            registry,
            files,
            config,
            metrics: Metrics::default(),
            live: Live::default(),
            claimable: Notify::new(),
            due: scheduler::Due::default(),
            heard: watch::Sender::new(0),
            stopping: CancellationToken::new(),
            attempts: TaskTracker::new(),
            parts: Mutex::new(None),
        });
        let parts = Parts {
            heartbeat: heartbeat::spawn(Arc::clone(&shared)),
            producer: tokio::spawn(producer::run(Arc::clone(&shared))),
        };
        tokio::spawn(scheduler::run(Arc::clone(&shared)));
        tokio::spawn(rescuer::run(Arc::clone(&shared)));
        *shared.parts.lock().unwrap_or_else(PoisonError::into_inner) = Some(parts);
        Ok(Self { shared })
    }

    /// Learns what a commit changed. Called by the commit listener: never blocks.
    pub fn committed(&self, committed: &Committed) {
        if committed.claimable {
            self.shared.claimable.notify_one();
        }
        if let Some(due) = committed.due {
            self.shared.due.not_later_than(due);
        }
        for job in &committed.cancel_requested {
            self.shared.live.cancel(*job);
        }
    }

    /// Asks for a job's end. `None`: no such job of this owner.
    ///
    /// # Errors
    /// What the store said.
    pub async fn cancel(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<CancelOutcome>> {
        let outcome = self.shared.store.cancel(owner, id, clock::now()).await?;
        if outcome == Some(CancelOutcome::Cancelled) {
            self.shared.live.forget(id);
        }
        Ok(outcome)
    }

    /// Whether a call-back would be taken under this token. Costs a read.
    ///
    /// # Errors
    /// What the store said.
    pub async fn awaits_callback(&self, token: &str) -> StoreResult<bool> {
        self.shared.store.awaits_callback(context::hash_of(token), clock::now()).await
    }

    /// Takes a third party's call-back. `false`: no such address, used, expired, or its job has ended.
    ///
    /// # Errors
    /// What the store said.
    pub async fn receive_callback(&self, token: &str, body: String) -> StoreResult<bool> {
        let (hash, now) = (context::hash_of(token), clock::now());
        // Guesses never reach the writer.
        let taken = self.shared.store.awaits_callback(hash, now).await?
            && self.shared.store.receive_callback(hash, body, now).await?;
        if taken {
            self.shared.heard.send_modify(|count| *count += 1);
        }
        Ok(taken)
    }

    /// Lets a job that holds at each step take one. It may come before the job starts. `false`: no such unfinished job of this owner.
    ///
    /// # Errors
    /// What the store said.
    pub async fn step(&self, owner: OwnerId, id: JobId) -> StoreResult<bool> {
        let unfinished = || async {
            let job = self.shared.store.job(owner, id).await?;
            StoreResult::Ok(job.is_some_and(|job| !job.value.state.is_terminal()))
        };
        if !unfinished().await? {
            return Ok(false);
        }
        let steps = self.shared.live.steps(id);
        steps.add_permits(1);
        if unfinished().await? {
            return Ok(true);
        }
        // It has ended in between: by this very step, or before it, and then nobody else would forget the permit.
        self.shared.live.forget(id);
        Ok(steps.available_permits() == 0)
    }

    /// Everything durable.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// The database's epoch.
    pub fn epoch(&self) -> &str {
        self.shared.store.epoch()
    }

    /// What the API says about each kind, the operator's limits included.
    pub fn kinds(&self) -> Vec<KindInfo> {
        let mut infos = self.shared.registry.infos();
        for info in &mut infos {
            let limit = self.shared.kind_limits.of(&info.name);
            (info.limits.parallel, info.limits.starts_per_minute) = (limit.parallel, limit.per_minute);
        }
        infos
    }

    /// The kinds that run here.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Workers in all.
    pub fn workers(&self) -> usize {
        self.shared.config.workers
    }

    /// Milliseconds that a worker's right to a job lasts without renewal.
    pub fn lease_ms(&self) -> i64 {
        i64::try_from(self.shared.config.lease.as_millis()).unwrap_or(i64::MAX)
    }

    /// What the process counts.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Whether it takes and runs jobs: for `GET /readyz`.
    pub fn is_ready(&self) -> bool {
        !self.shared.stopping.is_cancelled()
    }

    /// Stops claiming, tells handlers to stop, waits for them, hands back the rest without burning an attempt.
    pub async fn stop(&self, grace: Duration) {
        self.shared.stopping.cancel();
        let parts = self.shared.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Parts { producer, heartbeat }) = parts else { return };
        let until = Instant::now() + grace;
        self.shared.live.drain(until);
        // A claim that is under way commits: its jobs are registered, see the drain and are handed back.
        let _ = producer.await;
        self.shared.attempts.close();
        if tokio::time::timeout_at(until + HAND_BACK, self.shared.attempts.wait()).await.is_err() {
            tracing::warn!(
                attempts = self.shared.attempts.len(),
                "attempts did not end in time; the next start takes them back"
            );
        }
        if let Some(heartbeat) = heartbeat {
            heartbeat.stop();
        }
    }
}

fn worker_name() -> String {
    format!("w-{:012x}", uuid::Uuid::now_v7().as_u128() & 0xffff_ffff_ffff)
}
