//! Takes back the jobs of workers that died: all at start-up, and each second those whose lease ended.
//!
//! [`recover`] is called by [`super::Engine::start`] before anything is claimed, [`run`] is its task. The store decides what becomes
//! of each job (queued, failed as crashed, cancelled).
//! Invariant: never its own live jobs: after a suspend their leases are over, and they still run.

use super::{BATCH, Shared};
use crate::{
    clock,
    store::{Store, StoreError, StoreResult},
};
use std::{sync::Arc, time::Duration};

const SCAN: Duration = Duration::from_secs(1);

/// Takes back every running job, since nobody else can be running one; answers how many there were.
pub(super) async fn recover(store: &dyn Store) -> StoreResult<usize> {
    let mut recovered = 0;
    loop {
        let rescued = store.rescue(clock::now(), None, true, BATCH).await?.len();
        recovered += rescued;
        if rescued < BATCH {
            return Ok(recovered);
        }
    }
}

pub(super) async fn run(engine: Arc<Shared>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SCAN) => {}
            () = engine.stopping.cancelled() => return,
        }
        match engine.store.rescue(clock::now(), Some(&engine.worker), false, BATCH).await {
            Ok(rescued) => {
                for job in &rescued {
                    tracing::warn!(job.id = %job.job, state = job.state.as_str(), "took a job back from a dead worker");
                    if job.state.is_terminal() {
                        engine.live.forget(job.job);
                    }
                }
                if !rescued.is_empty() {
                    engine.claimable.notify_one();
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::warn!(%error, "dead workers' jobs cannot be taken back"),
        }
    }
}
