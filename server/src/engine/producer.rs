//! Claims jobs while workers are free, and starts an attempt for each.
//!
//! One task, run by [`super::Engine::start`]; woken by commits that make a job claimable and by workers that become free. The tick
//! is only for wake-ups that were lost (invariant 5). Runs nothing itself: the executor does.
//! Invariant: what was claimed is registered and has an attempt, even when the engine stops meanwhile.

use super::{Shared, backoff::Patience, executor};
use crate::{clock, store::StoreError};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        let now = clock::now();
        // Not raced against the stop: the store may have committed by then, and nobody would know whose the jobs are.
        let claimed = engine.store.claim(&engine.worker, &kinds, slots.len(), now, now.plus_ms(lease_ms)).await;
        match claimed {
            Ok(jobs) => {
                patience = Patience::new();
                let more = jobs.len() == slots.len();
                for (job, slot) in jobs.into_iter().zip(slots.drain(..)) {
                    executor::start(&engine, job, slot);
                }
                if more {
                    continue;
                }
                drop(slots);
                tokio::select! {
                    () = engine.claimable.notified() => {}
                    () = tokio::time::sleep(SAFETY_TICK) => {}
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

/// At least one free worker, and all others that are free at that moment.
async fn free_slots(slots: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    // The semaphore is never closed; if it were, there would be no slot and the claim of none would ask for nothing.
    let mut free: Vec<_> = Arc::clone(slots).acquire_owned().await.into_iter().collect();
    while let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        free.push(slot);
    }
    free
}
