//! A job's row: all of it for reading, and the few columns that a change of state is decided by.
//!
//! Used by every command and read about jobs. Writes nothing.
//! Invariant: [`held`] answers a job only to the worker whose lease stands (invariant 3); every worker's write begins there.

use super::statement::{deferral, first, maybe_json, maybe_moment, moment, state};
use crate::store::{JobRow, Lease};
use domain::{Deferral, JobId, JobState, OwnerId, Timestamp};
use rusqlite::{Connection, Row};

/// `SELECT` of [`read`]'s columns, then what each query adds. `$from` names the table `job j` and joins `owner o`.
macro_rules! select_jobs {
    ($more:literal, $from:literal) => {
        concat!(
            "SELECT j.uuid, o.uuid, j.kind, j.label, j.state, j.created_at, j.started_at, j.finished_at, j.attempt, ",
            "j.max_attempts, j.timeout_ms, j.due_at, j.run_at, j.cancel_requested_at, j.resumable, j.progress, j.failure, ",
            "j.origin, j.jseq, j.priority, j.deferral, j.start_by, j.waiting, ",
            "coalesce(j.input, (SELECT body FROM spill WHERE id = j.id * 4)), ",
            "coalesce(j.output, (SELECT body FROM spill WHERE id = j.id * 4 + 1)), ",
            // Each claim takes a token, so nearly every job has one attempt, which is the first: it is not looked for.
            "iif(j.lease_token > 1, (SELECT a.started_at FROM attempt a WHERE a.job = j.id ORDER BY a.lease_token LIMIT 1), j.started_at)",
            $more,
            " FROM ",
            $from
        )
    };
}
pub(super) use select_jobs;

/// The first column that a query adds to [`select_jobs`].
pub(super) const MORE: usize = 26;

/// Reads the columns of [`select_jobs`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: JobId::from_bytes(row.get(0)?),
        owner: OwnerId::from_bytes(row.get(1)?),
        kind: row.get(2)?,
        label: row.get(3)?,
        state: state(row, 4)?,
        created_at: moment(row, 5)?,
        started_at: maybe_moment(row, 6)?,
        finished_at: maybe_moment(row, 7)?,
        attempt: row.get(8)?,
        max_attempts: row.get(9)?,
        timeout_ms: row.get(10)?,
        due_at: maybe_moment(row, 11)?,
        run_at: maybe_moment(row, 12)?,
        cancel_requested_at: maybe_moment(row, 13)?,
        resumable: row.get(14)?,
        progress: maybe_json(row, 15)?,
        failure: maybe_json(row, 16)?,
        origin: row.get::<_, Option<[u8; 16]>>(17)?.map(JobId::from_bytes),
        jseq: row.get(18)?,
        priority: row.get(19)?,
        deferral: deferral(row, 20)?,
        start_by: maybe_moment(row, 21)?,
        waiting: maybe_json(row, 22)?,
        input: row.get(23)?,
        output: row.get(24)?,
        first_started_at: maybe_moment(row, 25)?,
    })
}

/// The whole row of a job.
pub(super) fn whole(conn: &Connection, job: i64) -> rusqlite::Result<Option<JobRow>> {
    const SQL: &str = select_jobs!("", "job j JOIN owner o ON o.id = j.owner WHERE j.id = ?1");
    first(conn, SQL, [job], read)
}

/// What a change of state is decided by.
pub(super) struct Core {
    pub(super) id: i64,
    pub(super) uuid: JobId,
    pub(super) owner: i64,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) token: u64,
    pub(super) jseq: u64,
    pub(super) crashes: u32,
    pub(super) cancel_requested: bool,
    pub(super) resumable: bool,
    /// Whether rows of call-backs or of an import may stand for it.
    pub(super) attached: bool,
    pub(super) kind: String,
    pub(super) priority: i32,
    pub(super) deferral: Option<Deferral>,
    pub(super) started_at: Option<Timestamp>,
}

/// `SELECT` of [`read_core`]'s columns and the rest of the query.
macro_rules! select_cores {
    ($rest:literal) => {
        concat!(
            "SELECT j.id, j.uuid, j.owner, j.state, j.attempt, j.max_attempts, j.lease_token, j.jseq, j.crashes, ",
            "j.cancel_requested_at IS NOT NULL, j.resumable, j.kind, j.priority, j.deferral, j.started_at, j.attached FROM ",
            $rest
        )
    };
}
pub(super) use select_cores;

/// Reads the columns of [`select_cores`].
pub(super) fn read_core(row: &Row<'_>) -> rusqlite::Result<Core> {
    Ok(Core {
        id: row.get(0)?,
        uuid: JobId::from_bytes(row.get(1)?),
        owner: row.get(2)?,
        state: state(row, 3)?,
        attempt: row.get(4)?,
        max_attempts: row.get(5)?,
        token: row.get(6)?,
        jseq: row.get(7)?,
        crashes: row.get(8)?,
        cancel_requested: row.get(9)?,
        resumable: row.get(10)?,
        kind: row.get(11)?,
        priority: row.get(12)?,
        deferral: deferral(row, 13)?,
        started_at: maybe_moment(row, 14)?,
        attached: row.get(15)?,
    })
}

/// The job of a lease that stands; none when another worker holds it now or it has ended.
pub(super) fn held(conn: &Connection, lease: Lease) -> rusqlite::Result<Option<Core>> {
    const SQL: &str = select_cores!("job j WHERE j.uuid = ?1 AND j.lease_token = ?2 AND j.state = 'running'");
    first(conn, SQL, (lease.job.as_bytes(), lease.token), read_core)
}

/// A job of this owner.
pub(super) fn owned(conn: &Connection, owner: OwnerId, id: JobId) -> rusqlite::Result<Option<Core>> {
    const SQL: &str = select_cores!("job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.uuid = ?2");
    first(conn, SQL, (id.as_bytes(), owner.as_bytes()), read_core)
}
