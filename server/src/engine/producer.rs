//! Claims jobs while workers are free, and starts an attempt for each.
//!
//! One task, run by [`super::Engine::start`]; woken by commits that make a job claimable and by workers that become free. The tick
//! is only for wake-ups that were lost (invariant 5). Runs nothing itself: the executor does.
//! Invariant: what was claimed is registered and has an attempt, even when the engine stops meanwhile.

use super::{Shared, backoff::Patience, executor};
use crate::{clock, store::StoreError};
use domain::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

const SAFETY_TICK: Duration = Duration::from_secs(5);

pub(super) async fn run(engine: Arc<Shared>) {
    let kinds = engine.registry.names();
    let lease_ms = i64::try_from(engine.config.lease.as_millis()).unwrap_or(i64::MAX);
    let mut patience = Patience::new();
    loop {
        let mut slots = tokio::select! {
            slots = free_slots(&engine.slots) => slots,
            () = engine.stopping.cancelled() => return,
        };
        let (now, instant) = (clock::now(), Instant::now());
        let quotas = engine.kind_limits.quotas(&kinds, instant);
        // Not raced against the stop: the store may have committed by then, and nobody would know whose the jobs are.
        let claimed = engine.store.claim(&engine.worker, &quotas, slots.len(), now, now.plus_ms(lease_ms)).await;
        match claimed {
            Ok(jobs) => {
                patience = Patience::new();
                let (taken, all) = (jobs.len(), slots.len());
                for (job, slot) in jobs.into_iter().zip(slots.drain(..)) {
                    engine.kind_limits.started(&job.row.kind, instant);
                    executor::start(&engine, job, slot);
                }
                if taken == all {
                    continue;
                }
                drop(slots);
                if taken == 0 && promoted_idle(&engine, now).await {
                    continue;
                }
                let tick = instant + SAFETY_TICK;
                let wake = engine.kind_limits.next_start(instant).map_or(tick, |next| next.min(tick));
                tokio::select! {
                    () = engine.claimable.notified() => {}
                    () = tokio::time::sleep_until(wake) => {}
                    () = engine.stopping.cancelled() => return,
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "no job can be claimed");
                drop(slots);
                tokio::select! {
                    () = patience.pause() => {}
                    () = engine.stopping.cancelled() => return,
                }
            }
        }
    }
}

/// Queues jobs that wait for idleness, when there is nothing else to do; whether there were any. Half of the workers stay free for
/// what comes meanwhile.
async fn promoted_idle(engine: &Shared, now: Timestamp) -> bool {
    match engine.store.load().await {
        Ok(load) if load.idle > 0 && load.queued == 0 => {}
        _ => return false,
    }
    let most = (engine.config.workers / 2).max(1);
    match engine.store.promote_idle(now, most).await {
        Ok(promoted) => promoted > 0,
        Err(error) => {
            tracing::warn!(%error, "jobs that wait for idleness cannot be queued");
            false
        }
    }
}

/// At least one free worker, and all others that are free at that moment.
async fn free_slots(slots: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    // The semaphore is never closed; if it were, there would be no slot and the claim of none would ask for nothing.
    let mut free: Vec<_> = Arc::clone(slots).acquire_owned().await.into_iter().collect();
    // Workers that end in the same moment are served by the same claim.
    tokio::task::yield_now().await;
    while let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        free.push(slot);
    }
    free
}
