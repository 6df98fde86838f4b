//! Moves the WAL into the database, on a thread and a connection of its own, so that no commit pays for it.
//!
//! Woken by the writer's hook when the WAL has grown. Writes no rows.
//! Invariant: the WAL stays bounded. A passive checkpoint never catches up with a writer that never pauses, so past a
//! ceiling the WAL is begun anew, which holds the writer for the few frames that are left.

use rusqlite::Connection;
use std::{
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
    thread,
    time::Duration,
};

/// Pages that the WAL grows by before it is worth a checkpoint: 8 MB. A page that changes often is moved once for all of them.
const WORTHWHILE: i32 = 2000;
/// Pages past which the WAL is begun anew: 64 MB.
const CEILING: i32 = 16_000;
/// How long that may keep the writer waiting for a slow reader before it gives up until the next time.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the writer tells the checkpointer.
pub(super) struct Wal {
    /// How many pages it has, as of the last commit.
    pages: AtomicI32,
    /// How many are worth waking for: not each commit past the first pages.
    wake_at: AtomicI32,
    closed: AtomicBool,
}

impl Wal {
    pub(super) fn new() -> Self {
        Self { pages: AtomicI32::new(0), wake_at: AtomicI32::new(WORTHWHILE), closed: AtomicBool::new(false) }
    }

    /// Notes a commit; true when the checkpointer is to be woken.
    pub(super) fn committed(&self, pages: i32) -> bool {
        self.pages.store(pages, Ordering::Release);
        pages >= self.wake_at.load(Ordering::Acquire)
    }

    /// Lets the thread end, once it is woken.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// The checkpointer's thread, until the store closes.
pub(super) fn run(conn: &Connection, wal: &Wal) {
    if let Err(error) = conn.busy_timeout(PATIENCE) {
        tracing::warn!(%error, "the checkpointer keeps its busy timeout");
    }
    while !wal.closed.load(Ordering::Acquire) {
        let pages = wal.pages.load(Ordering::Acquire);
        if pages < wal.wake_at.load(Ordering::Acquire) {
            thread::park();
            continue;
        }
        let mut complete = checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)");
        if !complete && pages >= CEILING {
            // Not TRUNCATE: pages that are written over are cheaper than pages that are new to the file.
            complete = checkpoint(conn, "PRAGMA wal_checkpoint(RESTART)");
        }
        // A complete one lets the next commit begin the WAL anew.
        let next = if complete { WORTHWHILE } else { pages.saturating_add(WORTHWHILE) };
        wal.wake_at.store(next, Ordering::Release);
        if complete {
            wal.pages.store(0, Ordering::Release);
        }
    }
    checkpoint(conn, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Whether all of the WAL is in the database now. What does not come through is made up for by the next.
fn checkpoint(conn: &Connection, sql: &str) -> bool {
    let frames = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    match conn.query_row(sql, [], frames) {
        Ok((busy, in_log, moved)) => busy == 0 && in_log == moved,
        Err(error) => {
            tracing::warn!(%error, sql, "the WAL was not checkpointed");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SqliteStore, lanes::Lane, schema::open_writer, statement, writer::write};
    use crate::store::Store;
    use std::time::{Duration, Instant};

    /// Frames in the WAL, and how many of them are in the database already.
    fn frames(conn: &rusqlite::Connection) -> (i64, i64) {
        conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?))).unwrap()
    }

    #[tokio::test]
    async fn a_wal_that_grew_is_moved_into_the_database_and_emptied_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let observer = open_writer(&folder.path().join("meanwhile.db")).unwrap();
        let fill = |bytes: usize| {
            write(&store.lanes, Lane::Express, move |tx| {
                statement::run(tx.conn, "INSERT INTO spill (body) VALUES (?1)", ["x".repeat(bytes)])?;
                Ok(())
            })
        };
        fill(1 << 20).await.unwrap();
        let (log, _) = frames(&observer);
        assert!(log < i64::from(super::WORTHWHILE), "a megabyte is not worth it");
        fill(10 << 20).await.unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let (log, moved) = frames(&observer);
            if log == moved {
                break;
            }
            assert!(Instant::now() < patience, "{moved} of {log} frames are in the database");
            tokio::task::yield_now().await;
        }
        drop(observer);
        store.close().await;
        let left = std::fs::metadata(folder.path().join("meanwhile.db-wal")).map_or(0, |file| file.len());
        assert_eq!(left, 0);
    }
}
