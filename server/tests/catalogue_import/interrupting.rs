//! A store that dies, or hears of a cancel, at a chosen step of a job; everything else it passes on.

use crate::{
    world::OWNER,
    wrapped_store::{Call, Interpose, WrappedStore},
};
use futures_util::future::BoxFuture;
use server::store::{Store, StoreError, StoreResult};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// What happens in a life, at which step (from 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Interruption {
    Never,
    /// It dies before the step is committed.
    StepLost(u64),
    /// It dies when the step is committed, before its worker knows.
    AnswerLost(u64),
    /// Its owner cancels the job right after the step.
    Cancel(u64),
}

/// Interruptions of the lives of one job, over and over, for so many lives; nothing interrupts the last one.
#[derive(Debug)]
pub(crate) struct Plan {
    cycle: Vec<Interruption>,
    pub(crate) lives: usize,
    lived: Cell<usize>,
}

impl Plan {
    pub(crate) fn new(lives: usize, cycle: Vec<Interruption>) -> Self {
        Self { cycle, lives, lived: Cell::new(0) }
    }

    pub(crate) fn next(&self) -> Interruption {
        let lived = self.lived.replace(self.lived.get() + 1);
        if lived < self.lives { self.cycle[lived % self.cycle.len()] } else { Interruption::Never }
    }
}

pub(crate) struct Interrupting {
    store: Arc<dyn Store>,
    interruption: Interruption,
    steps: AtomicU64,
    died: watch::Sender<bool>,
}

impl Interrupting {
    /// And where to see that it died.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        interruption: Interruption,
    ) -> (Arc<WrappedStore<Self>>, watch::Receiver<bool>) {
        let died = watch::Sender::new(false);
        let seen = died.subscribe();
        let interrupting = Self { store: Arc::clone(&store), interruption, steps: AtomicU64::new(0), died };
        (Arc::new(WrappedStore::new(store, Arc::new(interrupting))), seen)
    }

    fn die(&self) -> StoreError {
        self.died.send_replace(true);
        StoreError::Closed
    }

    fn alive(&self) -> StoreResult<()> {
        if *self.died.borrow() { Err(StoreError::Closed) } else { Ok(()) }
    }
}

impl Interpose for Interrupting {
    async fn around<T: Send>(&self, call: Call, inner: BoxFuture<'_, StoreResult<T>>) -> StoreResult<T> {
        if matches!(call, Call::Claim | Call::Renew | Call::Advance { .. } | Call::Finish) {
            self.alive()?;
        }
        let Call::Advance { job, now } = call else { return inner.await };
        let number = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        if self.interruption == Interruption::StepLost(number) {
            return Err(self.die());
        }
        let advanced = inner.await;
        match self.interruption {
            Interruption::AnswerLost(last) if last == number => Err(self.die()),
            Interruption::Cancel(last) if last == number => {
                self.store.cancel(OWNER, job, now).await?;
                advanced
            }
            _ => advanced,
        }
    }
}
