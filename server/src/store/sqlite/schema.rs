//! Opening a connection and bringing the database up to this version.
//!
//! Called by `SqliteStore::open` only. Knows nothing of jobs.
//! Invariant: every writing connection is WAL with `synchronous=FULL`, or a commit could be lost with the power.

use crate::store::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig};
use std::{path::Path, time::Duration};

/// Applied in order; the database remembers how many in `user_version`.
const MIGRATIONS: [&str; 10] = [
    include_str!("../../../migrations/0001_core.sql"),
    include_str!("../../../migrations/0002_catalogue.sql"),
    include_str!("../../../migrations/0003_scheduling.sql"),
    include_str!("../../../migrations/0004_callbacks.sql"),
    include_str!("../../../migrations/0005_lifecycle.sql"),
    include_str!("../../../migrations/0006_hot_path.sql"),
    include_str!("../../../migrations/0007_export.sql"),
    include_str!("../../../migrations/0008_catalogue_edits.sql"),
    include_str!("../../../migrations/0009_operations.sql"),
    include_str!("../../../migrations/0010_push.sql"),
];

/// SQLite before 3.51.3 can corrupt a WAL when two connections write and checkpoint.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More statements than this folder has.
const STATEMENTS: usize = 240;

/// A connection that may write.
pub(super) fn open_writer(path: &Path) -> StoreResult<Connection> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Driver(format!("SQLite {} is too old: 3.51.3 is needed", rusqlite::version())));
    }
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    keep_plans(&conn)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536;
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864;",
    )?;
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Driver(format!("the file system does not allow WAL: journal_mode is {mode}")));
    }
    Ok(conn)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> StoreResult<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    keep_plans(&conn)?;
    conn.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;",
    )?;
    Ok(conn)
}

/// Keeps a statement as it was prepared. Else SQLite looks at the value of a `LIMIT ?` while it prepares and prepares again whenever
/// another is bound: a fifth of the writer's time (https://sqlite.org/queryplanner-ng.html#qpstab).
fn keep_plans(conn: &Connection) -> StoreResult<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Applies what is missing, each migration in a transaction of its own.
pub(super) fn migrate(conn: &mut Connection) -> StoreResult<()> {
    let done: usize = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if done > MIGRATIONS.len() {
        return Err(StoreError::Driver(format!(
            "the database is of a later version: it has {done} migrations, this program knows {}",
            MIGRATIONS.len()
        )));
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", index + 1)?;
        tx.commit()?;
    }
    Ok(())
}

/// The database's epoch, made on first opening.
pub(super) fn epoch(conn: &Connection) -> StoreResult<String> {
    const READ: &str = "SELECT value FROM meta WHERE key = 'epoch'";
    if let Some(epoch) = conn.query_row(READ, [], |row| row.get(0)).optional()? {
        return Ok(epoch);
    }
    let epoch: String = (0..8).map(|_| fastrand::char('a'..='z')).collect();
    conn.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?1)", [&epoch])?;
    Ok(epoch)
}
