//! The readers: a few threads, each with a read-only connection, fed from one queue.
//!
//! Used by every reading call of the store. Knows nothing of jobs.
//! Invariant: each read is one transaction, so that the rows and the head it answers belong together.

use super::statement::run;
use crate::store::{StoreError, StoreResult};
use rusqlite::Connection;
use std::{
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

type Read = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Read>,
    closed: bool,
}

/// The queue that all readers share.
#[derive(Default)]
pub(super) struct Readers {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

impl Readers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a read in a transaction of its own.
    pub(super) fn read<T, F>(&self, read: F) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
        T: Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.reads.push_back(Box::new(move |conn| {
                if !caller.is_closed() {
                    let _ = caller.send(in_transaction(conn, read));
                }
            }));
            drop(waiting);
            self.filled.notify_one();
        }
        async move { answer.await.unwrap_or(Err(StoreError::Closed)) }
    }

    /// Takes no more in; the threads end when they have run what is here.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// A reader's thread, until the queue is closed and empty.
    pub(super) fn run(&self, conn: &Connection) {
        loop {
            let mut waiting = self.lock();
            let read = loop {
                if let Some(read) = waiting.reads.pop_front() {
                    break read;
                }
                if waiting.closed {
                    return;
                }
                waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            };
            drop(waiting);
            if catch_unwind(AssertUnwindSafe(|| read(conn))).is_err() {
                tracing::error!("a read panicked; its caller was told that the store is closed");
            }
        }
    }
}

/// Ends a reading transaction, also when the read panics. There is nothing to undo.
struct Ends<'c>(&'c Connection);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if let Err(error) = run(self.0, "COMMIT", []) {
            tracing::error!(%error, "a reading transaction does not end");
        }
    }
}

/// By cached statements: to parse two words cost as much as a short read.
fn in_transaction<T>(conn: &Connection, read: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
    run(conn, "BEGIN", [])?;
    let _ends = Ends(conn);
    read(conn)
}
