//! A consistent copy of the database while it is in use, and a copy made ready to be a database of its own.
//!
//! Called by `crate::backup`, in a process that need not be the server's. Knows no folders but through its arguments.
//! Invariants: the copy is of one moment (`VACUUM INTO` reads in one transaction, and its writer is never held up by it); a restored
//! database has another epoch than the one it was copied from, so that no cursor of before can be continued in it with a hole.

use super::{
    schema,
    statement::{all, only, run},
};
use crate::store::{StoreError, StoreResult};
use domain::{JobId, UploadId};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The database's file in a data folder.
pub const DATABASE: &str = "meanwhile.db";

/// What a copied database names on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Jobs in it.
    pub jobs: u64,
    /// Uploads whose content belongs to it.
    pub uploads: Vec<UploadId>,
    /// Jobs and their files that belong to it.
    pub files: Vec<(JobId, String)>,
    /// Jobs that may go on where they were, and then need whatever is in their folder.
    pub resumable: Vec<JobId>,
}

/// Copies the database of a data folder into a file that does not exist yet, and reads what it names.
///
/// # Errors
/// [`StoreError`]; the file may then be there in part.
pub fn copy(data: &Path, to: &Path) -> StoreResult<Named> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(data.join(DATABASE), flags)?;
    conn.busy_timeout(schema::BUSY_TIMEOUT)?;
    let target = to.to_str().ok_or_else(|| StoreError::Driver("the path of the copy is no UTF-8".into()))?;
    conn.execute("VACUUM INTO ?1", [target])?;
    drop(conn);
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    named(&copy)
}

fn named(conn: &Connection) -> StoreResult<Named> {
    const FILES: &str =
        "SELECT j.uuid, f.name FROM job_file f JOIN job j ON j.id = f.job WHERE f.gone = 0 AND j.owner <> 0";
    const RESUMABLE: &str = "SELECT uuid FROM job WHERE resumable = 1 AND owner <> 0";
    Ok(Named {
        jobs: only(conn, "SELECT count(*) FROM job WHERE owner <> 0", [])?,
        uploads: all(conn, "SELECT uuid FROM upload", [], |row| Ok(UploadId::from_bytes(row.get(0)?)))?,
        files: all(conn, FILES, [], |row| Ok((JobId::from_bytes(row.get(0)?), row.get(1)?)))?,
        resumable: all(conn, RESUMABLE, [], |row| Ok(JobId::from_bytes(row.get(0)?)))?,
    })
}

/// Gives a copied database an epoch of its own and ends the leases in it, so that what was running runs again; answers the epoch.
///
/// # Errors
/// [`StoreError`], also when the file is no database of ours.
pub fn make_own(database: &Path) -> StoreResult<String> {
    let mut conn = schema::open_writer(database)?;
    schema::migrate(&mut conn)?;
    let before = schema::epoch(&conn)?;
    let tx = conn.transaction()?;
    run(&tx, "DELETE FROM meta WHERE key = 'epoch'", [])?;
    let mut epoch = schema::epoch(&tx)?;
    while epoch == before {
        run(&tx, "DELETE FROM meta WHERE key = 'epoch'", [])?;
        epoch = schema::epoch(&tx)?;
    }
    run(&tx, "UPDATE job SET lease_until = 0 WHERE state = 'running'", [])?;
    tx.commit()?;
    // Whole without its WAL, so that the one file can be moved.
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(epoch)
}
