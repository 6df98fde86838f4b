//! Rows of uploads and of the files that belong to jobs. The bytes are on disk, with `files`.
//!
//! Called by the API and the pruner. Touches no file.
//! Invariants: an upload that a job uses stays for as long as the job; an owner's uploads together stay within the quota, since the
//! transaction that adds one is the only place where they grow.

use super::{
    statement::{all, first, moment, only, run},
    writer::Tx,
};
use crate::store::{FileRow, StoreResult, UploadRow};
use domain::{JobId, OwnerId, Timestamp, UploadId};
use rusqlite::{Connection, Row};

/// Adds a row, unless the owner's uploads would then exceed the quota, in bytes; its owner may have no job yet.
pub(super) fn add(tx: &Tx<'_>, upload: &UploadRow, quota: i64) -> StoreResult<bool> {
    let used = i64::try_from(bytes(tx.conn, upload.owner)?).unwrap_or(i64::MAX);
    if used.saturating_add_unsigned(upload.size) > quota {
        return Ok(false);
    }
    const ADD: &str = "INSERT INTO upload (uuid, owner, name, size, sha256, created_at)
        VALUES (?1, (SELECT id FROM owner WHERE uuid = ?2), ?3, ?4, ?5, ?6)";
    run(tx.conn, "INSERT INTO owner (uuid) VALUES (?1) ON CONFLICT DO NOTHING", [upload.owner.as_bytes()])?;
    let (id, owner) = (upload.id.as_bytes(), upload.owner.as_bytes());
    run(tx.conn, ADD, (id, owner, &upload.name, upload.size, upload.sha256, upload.created_at.0))?;
    Ok(true)
}

/// Removes old rows that no job uses.
pub(super) fn expire(tx: &Tx<'_>, before: Timestamp, limit: i64) -> StoreResult<Vec<UploadId>> {
    const EXPIRE: &str = "DELETE FROM upload WHERE id IN (SELECT u.id FROM upload u WHERE u.created_at < ?1
        AND NOT EXISTS (SELECT 1 FROM job_upload j WHERE j.upload = u.id) ORDER BY u.created_at LIMIT ?2) RETURNING uuid";
    Ok(all(tx.conn, EXPIRE, (before.0, limit), |row| Ok(UploadId::from_bytes(row.get(0)?)))?)
}

/// An upload of this owner.
pub(super) fn find(conn: &Connection, owner: OwnerId, id: UploadId) -> StoreResult<Option<UploadRow>> {
    const FIND: &str = "SELECT u.name, u.size, u.sha256, u.created_at FROM upload u JOIN owner o ON o.id = u.owner
        WHERE u.uuid = ?1 AND o.uuid = ?2";
    Ok(first(conn, FIND, (id.as_bytes(), owner.as_bytes()), |row| {
        let (name, size, sha256, created_at) = (row.get(0)?, row.get(1)?, row.get(2)?, moment(row, 3)?);
        Ok(UploadRow { id, owner, name, size, sha256, created_at })
    })?)
}

/// Bytes of an owner's uploads.
pub(super) fn bytes(conn: &Connection, owner: OwnerId) -> StoreResult<u64> {
    const SUM: &str = "SELECT coalesce(sum(u.size), 0) FROM owner o JOIN upload u ON u.owner = o.id WHERE o.uuid = ?1";
    Ok(only(conn, SUM, [owner.as_bytes()])?)
}

/// A file of a job of this owner.
pub(super) fn job_file(conn: &Connection, owner: OwnerId, id: JobId, name: &str) -> StoreResult<Option<FileRow>> {
    const FIND: &str =
        "SELECT f.name, f.content_type, f.size, f.sha256, f.is_result FROM job j JOIN owner o ON o.id = j.owner
        JOIN job_file f ON f.job = j.id WHERE j.uuid = ?1 AND o.uuid = ?2 AND f.name = ?3";
    Ok(first(conn, FIND, (id.as_bytes(), owner.as_bytes(), name), file_row)?)
}

/// The file that is the result of a job of this owner.
pub(super) fn result_file(conn: &Connection, owner: OwnerId, id: JobId) -> StoreResult<Option<FileRow>> {
    const FIND: &str =
        "SELECT f.name, f.content_type, f.size, f.sha256, f.is_result FROM job j JOIN owner o ON o.id = j.owner
        JOIN job_file f ON f.job = j.id WHERE j.uuid = ?1 AND o.uuid = ?2 AND f.is_result = 1";
    Ok(first(conn, FIND, (id.as_bytes(), owner.as_bytes()), file_row)?)
}

fn file_row(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    let (name, content_type, size) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(FileRow { name, content_type, size, sha256: row.get(3)?, is_result: row.get(4)? })
}
