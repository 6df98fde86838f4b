//! How much there is of each kind: counted in memory where it is, else read from small indexes.
//!
//! Used by the overview. Writes nothing.

use crate::store::sqlite::statement::{all, first};
use domain::{JobState, Timestamp, operations::KindLoad};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Lanes whose oldest job is looked for, those first whose turn is next; with more, the oldest of all may be in another one.
const LANES: i64 = 1_000;

/// By kind, in the order of their names.
pub(super) fn by_kind(
    conn: &Connection,
    unfinished: Vec<(String, JobState, u64)>,
    failed_since: Timestamp,
) -> rusqlite::Result<Vec<KindLoad>> {
    const FAILED: &str = "SELECT kind, count(*) FROM job INDEXED BY job_failed_at
        WHERE state = 'failed' AND finished_at >= ?1 GROUP BY kind";
    let mut kinds: BTreeMap<String, KindLoad> = BTreeMap::new();
    for (kind, state, count) in unfinished {
        let load = kinds.entry(kind).or_default();
        match state {
            JobState::Scheduled => load.scheduled = count,
            JobState::Queued => load.queued = count,
            JobState::Running => load.running = count,
            JobState::Waiting => load.waiting = count,
            JobState::Retrying => load.retrying = count,
            JobState::Succeeded | JobState::Failed | JobState::Cancelled => {}
        }
    }
    for (kind, failed) in all(conn, FAILED, [failed_since.0], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
        kinds.entry(kind).or_default().failed_last_day = failed;
    }
    for (kind, load) in &mut kinds {
        load.kind.clone_from(kind);
        if load.queued > 0 {
            load.oldest_queued_at = oldest_queued(conn, kind)?;
        }
    }
    Ok(kinds.into_values().collect())
}

/// Within a lane and a priority the oldest job is the first in the index, so each lane costs a look for each priority in it.
fn oldest_queued(conn: &Connection, kind: &str) -> rusqlite::Result<Option<Timestamp>> {
    const LANE: &str = "SELECT owner FROM lane WHERE kind = ?1 ORDER BY turn LIMIT ?2";
    const FIRST: &str = "SELECT priority, id, created_at FROM job INDEXED BY job_claimable
        WHERE state = 'queued' AND owner = ?1 AND kind = ?2 AND priority < ?3 ORDER BY priority DESC, id LIMIT 1";
    let mut oldest: Option<i64> = None;
    for owner in all(conn, LANE, (kind, LANES), |row| row.get::<_, i64>(0))? {
        let mut below = i64::MAX;
        let look = |below: i64| {
            first(conn, FIRST, (owner, kind, below), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(2)?)))
        };
        while let Some((priority, created_at)) = look(below)? {
            oldest = Some(oldest.map_or(created_at, |oldest| oldest.min(created_at)));
            below = priority;
        }
    }
    Ok(oldest.map(Timestamp))
}
