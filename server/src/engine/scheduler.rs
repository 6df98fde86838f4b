//! Queues deferred and backing-off jobs when their time has come.
//!
//! One task, run by [`super::Engine::start`]; sleeps until the next job is due, and is woken by [`Due`] when a commit makes one due
//! earlier. The tick is for lost wake-ups and for clocks that jump.

use super::{BATCH, Shared, backoff::Patience};
use crate::{clock, store::StoreError};
use domain::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const SAFETY_TICK: Duration = Duration::from_secs(30);

/// The earliest moment that commits have told of since the scheduler looked.
pub(super) struct Due {
    earliest: AtomicI64,
    wake: Notify,
}

impl Default for Due {
    fn default() -> Self {
        Self { earliest: AtomicI64::new(i64::MAX), wake: Notify::new() }
    }
}

impl Due {
    /// A job becomes due then.
    pub(super) fn not_later_than(&self, due: Timestamp) {
        self.earliest.fetch_min(due.0, Ordering::AcqRel);
        self.wake.notify_one();
    }
}

pub(super) async fn run(engine: Arc<Shared>) {
    let mut patience = Patience::new();
    loop {
        // Before the look at the store: what is told afterwards wakes again.
        engine.due.earliest.store(i64::MAX, Ordering::Release);
        match engine.store.promote_due(clock::now(), BATCH).await {
            Ok(promoted) => {
                patience = Patience::new();
                if promoted.count > 0 {
                    engine.claimable.notify_one();
                }
                if promoted.count.max(promoted.expired) < BATCH && !sleep_until_due(&engine, promoted.next_due).await {
                    return;
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "due jobs cannot be queued");
                tokio::select! {
                    () = patience.pause() => {}
                    () = engine.stopping.cancelled() => return,
                }
            }
        }
    }
}

/// `false` when the engine stops.
async fn sleep_until_due(engine: &Shared, next_due: Option<Timestamp>) -> bool {
    loop {
        let told = engine.due.earliest.load(Ordering::Acquire);
        let due = next_due.map_or(told, |due| due.0.min(told));
        let wait = u64::try_from(due.saturating_sub(clock::now().0)).unwrap_or(0);
        if wait == 0 {
            return !engine.stopping.is_cancelled();
        }
        let wait = Duration::from_millis(wait);
        tokio::select! {
            () = tokio::time::sleep(wait.min(SAFETY_TICK)) => return true,
            () = engine.due.wake.notified() => {}
            () = engine.stopping.cancelled() => return false,
        }
    }
}
