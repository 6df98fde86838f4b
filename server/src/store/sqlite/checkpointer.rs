//! Moves the WAL into the database, on a thread and a connection of its own, so that no commit pays for it.
//!
//! Woken by the writer's hook when the WAL has grown. Writes no rows.
//! Invariant: the WAL stays bounded. A passive checkpoint never catches up with a writer that never pauses, and nobody else gets the
//! lock from it; so past a ceiling the writer itself begins the WAL anew ([`begin_anew`]) between two commits: when a passive
//! checkpoint has left it few frames to move, or at twice the ceiling whatever is left.

use super::schema::BUSY_TIMEOUT;
use rusqlite::Connection;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
    time::Duration,
};

/// Pages that the WAL grows by before it is worth a checkpoint: 8 MB. A page that changes often is moved once for all of them.
const WORTHWHILE: i32 = 2000;
/// Pages past which the WAL is begun anew: 48 MB, so that with what is written meanwhile it stays below `journal_size_limit`, and keeps
/// its blocks: pages that are written over cost the file system half of what pages cost that are new to the file.
const CEILING: i32 = 12_000;
/// How long the writer waits for readers of an old state before it goes on, and tries again some pages later.
const PATIENCE: Duration = Duration::from_millis(20);

/// What the writer tells the checkpointer.
pub(super) struct Wal {
    /// How many pages it has, as of the last commit.
    pages: AtomicI32,
    /// How many are worth waking for: not each commit past the first pages.
    wake_at: AtomicI32,
    closed: AtomicBool,
    /// From how many on the writer begins it anew: lower once the checkpointer has done what it can.
    anew_at: AtomicI32,
    /// Held while pages are moved: SQLite lets one do it at a time, and refuses the other at once.
    moving: Mutex<()>,
}

impl Wal {
    pub(super) fn new() -> Self {
        Self {
            pages: AtomicI32::new(0),
            wake_at: AtomicI32::new(WORTHWHILE),
            closed: AtomicBool::new(false),
            anew_at: AtomicI32::new(2 * CEILING),
            moving: Mutex::default(),
        }
    }

    /// Notes a commit; true when the checkpointer is to be woken.
    pub(super) fn committed(&self, pages: i32) -> bool {
        self.pages.store(pages, Ordering::Release);
        pages >= self.wake_at.load(Ordering::Acquire)
    }

    /// It was moved as a whole, and the next commit begins it anew.
    fn begun(&self) {
        self.pages.store(0, Ordering::Release);
        self.wake_at.store(WORTHWHILE, Ordering::Release);
        self.anew_at.store(2 * CEILING, Ordering::Release);
    }

    /// Lets the thread end, once it is woken.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// The checkpointer's thread, until the store closes.
pub(super) fn run(conn: &Connection, wal: &Wal) {
    while !wal.closed.load(Ordering::Acquire) {
        let pages = wal.pages.load(Ordering::Acquire);
        if pages < wal.wake_at.load(Ordering::Acquire) {
            thread::park();
            continue;
        }
        let _moving = wal.moving.lock().unwrap_or_else(PoisonError::into_inner);
        if checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)") {
            wal.begun();
        } else {
            wal.wake_at.store(pages.saturating_add(WORTHWHILE), Ordering::Release);
            if pages >= CEILING {
                wal.anew_at.store(CEILING, Ordering::Release);
            }
        }
    }
    checkpoint(conn, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Begins the WAL anew, if it is time; called by the writer between two commits, with its own connection.
pub(super) fn begin_anew(conn: &Connection, wal: &Wal) {
    let pages = wal.pages.load(Ordering::Acquire);
    if pages < wal.anew_at.load(Ordering::Acquire) {
        return;
    }
    let _moving = match wal.moving.try_lock() {
        Ok(moving) => moving,
        // The checkpointer is at it; at twice the ceiling no more may come until it is done.
        Err(_) if pages < 2 * CEILING => return,
        Err(_) => wal.moving.lock().unwrap_or_else(PoisonError::into_inner),
    };
    // Whoever reads an old state for long must not hold the writer up.
    let patient = conn.busy_timeout(PATIENCE).is_ok();
    // Not TRUNCATE: the file keeps its blocks.
    if patient && checkpoint(conn, "PRAGMA wal_checkpoint(RESTART)") {
        wal.begun();
    } else {
        wal.anew_at.store(pages.saturating_add(WORTHWHILE), Ordering::Release);
    }
    if let Err(error) = conn.busy_timeout(BUSY_TIMEOUT) {
        tracing::warn!(%error, "the writer keeps a short busy timeout");
    }
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_writer_that_never_pauses_does_not_let_the_wal_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        write(&store.lanes, Lane::Express, |tx| {
            Ok(statement::run(tx.conn, "INSERT INTO spill (id, body) VALUES (1, '')", [])?)
        })
        .await
        .unwrap();
        // The next command waits whenever a commit begins, so no checkpoint but the writer's own gets in between.
        let flood = (0..4).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let fill = |tx: &mut super::super::writer::Tx<'_>| {
                        Ok(statement::run(tx.conn, "UPDATE spill SET body = hex(randomblob(500000)) WHERE id = 1", [])?)
                    };
                    write(&store.lanes, Lane::Express, fill).await.unwrap();
                }
            })
        });
        for task in flood.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let size = std::fs::metadata(folder.path().join("meanwhile.db-wal")).unwrap().len();
        let most = 2 * u64::try_from(super::CEILING).unwrap() * 4120 + 8_000_000;
        assert!(size <= most, "{size} bytes after 400 MB were written");
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
