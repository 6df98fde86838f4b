//! A store that refuses some writes while it is told to, as a full disk does; everything else it passes on.

use crate::{
    world::Between,
    wrapped_store::{Call, Interpose, WrappedStore},
};
use futures_util::future::BoxFuture;
use server::store::{StoreError, StoreResult};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;

pub(crate) struct Refusing {
    pub(crate) refuse_advance: AtomicBool,
    pub(crate) refuse_finish: AtomicBool,
    /// How often it has refused.
    pub(crate) refused: watch::Sender<u32>,
}

impl Refusing {
    /// Where a test finds the one that [`Self::between`] puts in.
    pub(crate) fn slot() -> Arc<OnceLock<Arc<Self>>> {
        Arc::default()
    }

    pub(crate) fn between(slot: &Arc<OnceLock<Arc<Self>>>) -> Between {
        let slot = Arc::clone(slot);
        Box::new(move |inner| {
            let (refuse_advance, refuse_finish) = (AtomicBool::default(), AtomicBool::default());
            let refusing = Arc::new(Self { refuse_advance, refuse_finish, refused: watch::Sender::new(0) });
            let _ = slot.set(Arc::clone(&refusing));
            Arc::new(WrappedStore::new(inner, refusing))
        })
    }
}

impl Interpose for Refusing {
    async fn around<T: Send>(&self, call: Call, inner: BoxFuture<'_, StoreResult<T>>) -> StoreResult<T> {
        let refuses = match call {
            Call::Advance { .. } => self.refuse_advance.load(Ordering::SeqCst),
            Call::Finish => self.refuse_finish.load(Ordering::SeqCst),
            _ => false,
        };
        if refuses {
            self.refused.send_modify(|count| *count += 1);
            return Err(StoreError::DiskFull);
        }
        inner.await
    }
}
