//! Reads of the log: an owner's stream, or one job's part of it, in order from a position on.
//!
//! Called by the feed behind every channel, and by the API. Writes nothing.
//! Invariant: `prev` is a position that really precedes the row, so that a reader sees any hole.

use super::{
    reads::rowid,
    statement::{all, first, moment},
};
use crate::store::{EventRow, EventsRead, StoreResult, StreamState};
use domain::{EventType, JobId, OwnerId};
use rusqlite::{Connection, OptionalExtension, Row};

/// `SELECT` of [`read`]'s columns and the rest of the query.
macro_rules! select_events {
    ($rest:literal) => {
        concat!("SELECT e.seq, j.uuid, j.kind, e.jseq, e.at, e.type, e.data FROM ", $rest)
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let seq: u64 = row.get(0)?;
    Ok(EventRow {
        seq,
        prev: seq.saturating_sub(1),
        job: JobId::from_bytes(row.get(1)?),
        kind: row.get(2)?,
        jseq: row.get(3)?,
        at: moment(row, 4)?,
        type_: EventType::parse(row.get_ref(5)?.as_str()?),
        data: row.get(6)?,
    })
}

/// Both ends of a stream, and its owner's inner key if there is one.
fn ends(conn: &Connection, owner: OwnerId) -> rusqlite::Result<(Option<i64>, StreamState)> {
    let found = conn
        .prepare_cached("SELECT id, head, floor FROM owner WHERE uuid = ?1")?
        .query_row([owner.as_bytes()], |row| Ok((row.get(0)?, StreamState { head: row.get(1)?, floor: row.get(2)? })))
        .optional()?;
    Ok(found.map_or((None, StreamState::default()), |(id, stream)| (Some(id), stream)))
}

/// Both ends of an owner's stream.
pub(super) fn stream(conn: &Connection, owner: OwnerId) -> StoreResult<StreamState> {
    Ok(ends(conn, owner)?.1)
}

/// Events after a position, of the whole stream or of one job in it.
pub(super) fn events(
    conn: &Connection,
    owner: OwnerId,
    after: i64,
    job: Option<JobId>,
    limit: usize,
) -> StoreResult<EventsRead> {
    const STREAM: &str =
        select_events!("event e JOIN job j ON j.id = e.job WHERE e.owner = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3");
    // Backwards from the end, since readers are mostly near it; the index has `seq` in it.
    const REACHED: &str = "SELECT jseq FROM event WHERE job = ?1 AND seq <= ?2 ORDER BY jseq DESC LIMIT 1";
    let (owner_row, stream) = ends(conn, owner)?;
    let Some(owner_row) = owner_row else { return Ok(page(Vec::new(), stream, limit)) };
    let Some(id) = job else {
        let rows = all(conn, STREAM, (owner_row, after, one_more(limit)), read)?;
        return Ok(page(rows, stream, limit));
    };
    let Some(job) = rowid(conn, owner, id)? else { return Ok(page(Vec::new(), stream, limit)) };
    let reached: Option<i64> = if after == 0 { None } else { first(conn, REACHED, (job, after), |row| row.get(0))? };
    let rows = of_job(conn, job, reached.unwrap_or(0), stream, limit)?;
    Ok(page(rows, stream, limit))
}

/// One job's events after a position in its own log.
pub(super) fn job_events(
    conn: &Connection,
    owner: OwnerId,
    id: JobId,
    after: i64,
    limit: usize,
) -> StoreResult<Option<EventsRead>> {
    let Some(job) = rowid(conn, owner, id)? else { return Ok(None) };
    let stream = ends(conn, owner)?.1;
    let rows = of_job(conn, job, after, stream, limit)?;
    Ok(Some(page(rows, stream, limit)))
}

/// A job's events with `prev` as the position of the one before: 0 for its first, the floor where that one is pruned.
fn of_job(
    conn: &Connection,
    job: i64,
    after: i64,
    stream: StreamState,
    limit: usize,
) -> rusqlite::Result<Vec<EventRow>> {
    const JOB: &str =
        select_events!("event e JOIN job j ON j.id = e.job WHERE e.job = ?1 AND e.jseq > ?2 ORDER BY e.jseq LIMIT ?3");
    const BEFORE: &str = "SELECT max(seq) FROM event WHERE job = ?1 AND jseq = ?2";
    let mut rows = all(conn, JOB, (job, after, one_more(limit)), read)?;
    let mut prev = match rows.first() {
        None | Some(EventRow { jseq: 1, .. }) => 0,
        Some(row) => first(conn, BEFORE, (job, row.jseq - 1), |row| row.get::<_, Option<u64>>(0))?
            .flatten()
            .unwrap_or(stream.floor),
    };
    for row in &mut rows {
        row.prev = std::mem::replace(&mut prev, row.seq);
    }
    Ok(rows)
}

/// One row more than asked for tells whether more follows.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

fn page(mut rows: Vec<EventRow>, stream: StreamState, limit: usize) -> EventsRead {
    let more = rows.len() > limit;
    rows.truncate(limit);
    EventsRead { rows, stream, more }
}
