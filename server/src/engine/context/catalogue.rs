//! What a handler may read of the catalogue: all of it, a slice at a time.
//!
//! Invariant: as everywhere in the context, a stopped attempt reads no more, and a store that refuses for a while is borne with.

use super::{Context, JobError, Patience, StoreError, WRITE_TRIES};
use crate::store::{ExportPage, Extent, MoreColumns, MoreOf, StoreResult};
use futures_util::future::BoxFuture;
use std::sync::Arc;

impl Context {
    /// How much of the catalogue lies behind a product's id.
    ///
    /// # Errors
    /// [`JobError::Stopped`], or transient when the store refuses for long.
    pub async fn extent(&self, after: i64) -> Result<Extent, JobError> {
        self.read(|| self.engine.store.extent(after)).await
    }

    /// Which further columns a slice of products or variants has.
    ///
    /// # Errors
    /// As [`Self::extent`].
    pub async fn more_columns(&self, of: MoreOf, after: i64, limit: usize) -> Result<MoreColumns, JobError> {
        self.read(|| self.engine.store.more_columns(of, after, limit)).await
    }

    /// A slice of the products.
    ///
    /// # Errors
    /// As [`Self::extent`].
    pub async fn export_products(&self, after: i64, upto: i64, limit: usize) -> Result<ExportPage, JobError> {
        self.read(|| self.engine.store.export_products(after, upto, limit)).await
    }

    /// Says from any thread whether the job is to stop.
    pub fn stop_sign(&self) -> impl Fn() -> bool + Send + use<> {
        let run = Arc::clone(&self.run);
        move || run.stop().any()
    }

    async fn read<'s, T>(&'s self, read: impl Fn() -> BoxFuture<'s, StoreResult<T>> + Send) -> Result<T, JobError> {
        let mut patience = Patience::new();
        loop {
            self.go_on()?;
            match read().await {
                Ok(answer) => return Ok(answer),
                Err(StoreError::Closed) => {
                    // As for a write: what is running now is the next start's to take back.
                    self.run.lose();
                    return Err(JobError::Stopped);
                }
                Err(error) if patience.tries() < WRITE_TRIES => {
                    tracing::warn!(job.id = %self.job_id(), %error, "the catalogue cannot be read yet");
                    patience.pause().await;
                }
                Err(error) => return Err(JobError::transient("store-unavailable", error.to_string())),
            }
        }
    }
}
