//! Reads about jobs: one, a page of them, attempts, and how many are before one in its lane.
//!
//! Each runs in one read transaction. Writes nothing.
//! Invariant: another owner's job is as if it did not exist.

use super::{
    attempt::outcome_of,
    row::{MORE, read, select_jobs},
    statement::{all, damaged, first, maybe_json, maybe_moment, moment, only, text},
};
use crate::store::{AttemptRow, JobFilter, JobRow, Snapshot, StoreResult};
use domain::{JobId, OwnerId};
use rusqlite::Connection;

/// Positions are counted up to here: past it the figure helps nobody, and counting on would cost as much as the queue is long.
const COUNT_LIMIT: i64 = 10_000;
/// Unfinished jobs of an owner that are sorted to find the newest of them.
const SORTED: i64 = 10_000;

/// One job of this owner.
pub(super) fn job(conn: &Connection, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>> {
    const FIND: &str =
        select_jobs!(", o.head", "job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.uuid = ?2");
    Ok(first(conn, FIND, (id.as_bytes(), owner.as_bytes()), |row| {
        Ok(Snapshot { value: read(row)?, head: row.get(MORE)? })
    })?)
}

/// A page of an owner's jobs, newest first. A `before` that is not the owner's answers nothing.
pub(super) fn jobs(
    conn: &Connection,
    owner: OwnerId,
    filter: &JobFilter,
    limit: i64,
) -> StoreResult<Snapshot<Vec<JobRow>>> {
    const FIND: &str = select_jobs!(
        "",
        "owner o CROSS JOIN job j ON j.owner = o.id WHERE o.uuid = ?1
         AND (?2 IS NULL OR j.state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR j.kind = ?3)
         AND (?4 IS NULL OR j.label LIKE ?4 ESCAPE '\\' OR j.kind LIKE ?4 ESCAPE '\\' OR hex(j.uuid) LIKE ?5)
         AND j.id < ?6 ORDER BY j.id DESC LIMIT ?7"
    );
    const FIND_OPEN: &str = select_jobs!(
        "",
        "(SELECT id FROM job INDEXED BY job_claimable WHERE state = 'queued' AND owner = ?8
           UNION ALL SELECT id FROM job INDEXED BY job_running WHERE state = 'running' AND owner = ?8
           UNION ALL SELECT id FROM job INDEXED BY job_deferred
             WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting') AND owner = ?8) open
         CROSS JOIN job j ON j.id = open.id CROSS JOIN owner o ON o.id = j.owner WHERE o.uuid = ?1
         AND (?2 IS NULL OR j.state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR j.kind = ?3)
         AND (?4 IS NULL OR j.label LIKE ?4 ESCAPE '\\' OR j.kind LIKE ?4 ESCAPE '\\' OR hex(j.uuid) LIKE ?5)
         AND j.id < ?6 ORDER BY j.id DESC LIMIT ?7"
    );
    let key = owner.as_bytes();
    let found = first(conn, "SELECT id, head, open FROM owner WHERE uuid = ?1", [key], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, i64>(2)?))
    })?;
    let Some((owner_id, head, open)) = found else { return Ok(Snapshot { value: Vec::new(), head: 0 }) };
    let all_open = !filter.states.is_empty() && filter.states.iter().all(|state| !state.is_terminal());
    if all_open && open == 0 {
        return Ok(Snapshot { value: Vec::new(), head });
    }
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let states = if states.is_empty() { None } else { Some(text(&states)?) };
    let (like, id_like) = filter.q.as_deref().map(patterns).unzip();
    // As a number, so that a later page begins where it begins and not at the newest job. 0 is before every job.
    let before = match filter.before {
        Some(before) => rowid(conn, owner, before)?.unwrap_or(0),
        None => i64::MAX,
    };
    let (kind, id_like) = (&filter.kind, id_like.flatten());
    // However long a history is, what is unfinished is found beside it. Of an owner with more of that than is worth sorting, some is
    // found soon in the history too.
    let value = if all_open && open <= SORTED {
        all(conn, FIND_OPEN, (key, states, kind, like, id_like, before, limit, owner_id), read)?
    } else {
        all(conn, FIND, (key, states, kind, like, id_like, before, limit), read)?
    };
    Ok(Snapshot { value, head })
}

/// `LIKE` patterns for a text and, if it can be part of an id, for the id's digits.
pub(super) fn patterns(q: &str) -> (String, Option<String>) {
    let escaped = q.chars().fold(String::from("%"), |mut pattern, char| {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
        pattern
    });
    let digits: String = q.chars().filter(|&char| char != '-').collect();
    let id = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (escaped + "%", id.then(|| format!("%{digits}%")))
}

/// A job's attempts, oldest first.
pub(super) fn attempts(conn: &Connection, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>> {
    const FIND: &str = "SELECT attempt, started_at, finished_at, worker, outcome, failure FROM attempt WHERE job = ?1 ORDER BY lease_token";
    let Some(job) = rowid(conn, owner, id)? else { return Ok(None) };
    let attempts = all(conn, FIND, [job], |row| {
        let word: String = row.get(4)?;
        Ok(AttemptRow {
            attempt: row.get(0)?,
            started_at: moment(row, 1)?,
            finished_at: maybe_moment(row, 2)?,
            worker: row.get(3)?,
            outcome: outcome_of(&word).ok_or_else(|| damaged(4, format!("no outcome is called {word}")))?,
            failure: maybe_json(row, 5)?,
        })
    })?;
    Ok(Some(attempts))
}

/// The inner key of a job of this owner.
pub(super) fn rowid(conn: &Connection, owner: OwnerId, id: JobId) -> rusqlite::Result<Option<i64>> {
    const FIND: &str = "SELECT j.id FROM job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.uuid = ?2";
    first(conn, FIND, (id.as_bytes(), owner.as_bytes()), |row| row.get(0))
}

/// Jobs before a queued one in its own lane, counted up to 10,000.
pub(super) fn before_in_lane(conn: &Connection, job: &JobRow) -> StoreResult<u64> {
    const HIGHER: &str = "SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_claimable
        WHERE state = 'queued' AND owner = ?1 AND kind = ?2 AND priority > ?3 LIMIT ?4)";
    const OLDER: &str = "SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_claimable
        WHERE state = 'queued' AND owner = ?1 AND kind = ?2 AND priority = ?3 AND id < ?4 LIMIT ?5)";
    let keys = first(conn, "SELECT id, owner FROM job WHERE uuid = ?1", [job.id.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let Some((id, owner)) = keys else { return Ok(0) };
    let higher: i64 = only(conn, HIGHER, (owner, &job.kind, job.priority, COUNT_LIMIT))?;
    let older: i64 = only(conn, OLDER, (owner, &job.kind, job.priority, id, COUNT_LIMIT - higher))?;
    Ok((higher + older).unsigned_abs())
}
