//! Renews the leases of what runs here, all in one statement, from a thread that a busy runtime cannot starve.
//!
//! Started by [`super::Engine::start`], stopped last by its stop. What a renewal finds (lease lost, cancel requested) is passed on
//! to the attempt, which is how a cancel arrives that was asked of another process. Claims and finishes nothing.
//! Invariant: needs no thread of the server's runtime: it drives the store's futures itself.

use super::Shared;
use crate::{clock, store::StoreError};
use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

/// The thread and the way to end it.
pub(super) struct Heartbeat {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    /// Ends it; does not wait, since it may be in a call on the store.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        drop(self.thread);
    }
}

/// `None` when the system gives no thread, which is told and leaves jobs running: no other worker shares an embedded database.
pub(super) fn spawn(engine: Arc<Shared>) -> Option<Heartbeat> {
    let (stop, stopped) = mpsc::channel();
    let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(move || run(&engine, &stopped));
    match thread {
        Ok(thread) => Some(Heartbeat { stop, thread }),
        Err(error) => {
            tracing::error!(%error, "there is no thread for the heartbeat; leases will not be renewed");
            None
        }
    }
}

fn run(engine: &Shared, stopped: &mpsc::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "there is no runtime for the heartbeat; leases will not be renewed");
            return;
        }
    };
    // A renewal that failed is tried again soon: there is time for several before a lease ends.
    let soon = (engine.config.heartbeat / 8).max(Duration::from_millis(1));
    let mut wait = engine.config.heartbeat;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = match runtime.block_on(beat(engine)) {
            Ok(()) => engine.config.heartbeat,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "leases cannot be renewed");
                soon
            }
        };
    }
}

async fn beat(engine: &Shared) -> Result<(), StoreError> {
    let leases = engine.live.leases();
    if leases.is_empty() {
        return Ok(());
    }
    let lease_ms = i64::try_from(engine.config.lease.as_millis()).unwrap_or(i64::MAX);
    for state in engine.store.renew(&leases, clock::now().plus_ms(lease_ms)).await? {
        // One that ended meanwhile is no longer there, and nothing has to be told.
        let Some(run) = engine.live.run(state.lease) else { continue };
        if !state.held {
            run.lose();
        } else if state.cancel_requested {
            run.cancel();
        }
    }
    Ok(())
}
