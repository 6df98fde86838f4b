//! Judges candidates by the whole filter, a page at a time, and reads the rows that an operator sees.
//!
//! Used by the calls of `Operations`. Writes nothing. Jobs that are nobody's, or of an owner that is being deleted, are not there.
//! Invariant: a page holds every match between its position and its next one.

use super::sources::{BUDGET, Source};
use crate::store::{
    Operated, OperatedRow, Scope, StoreResult,
    sqlite::{
        reads::patterns,
        row::{MORE, read, select_jobs},
        statement::{all, first, maybe_moment, only, text},
    },
};
use domain::JobId;
use rusqlite::Connection;

/// Matches before a position, newest first, with their inner keys.
pub(super) fn page(
    conn: &Connection,
    scope: &Scope,
    before: Option<i64>,
    limit: usize,
    queued: u64,
) -> StoreResult<Operated<(i64, JobId)>> {
    const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM job";
    let source = Source::of(conn, scope, queued)?;
    let limit = limit.clamp(1, BUDGET as usize);
    let mut position = match before {
        Some(before) => before,
        None => only::<i64>(conn, NEWEST, [])?.saturating_add(1),
    };
    let judge = Judge::of(scope)?;
    let (mut items, mut left) = (Vec::new(), BUDGET);
    // A first look for what fills the page; when little of it matches, larger ones.
    let mut look = i64::try_from(limit).unwrap_or(BUDGET).saturating_add(1);
    loop {
        let asked = look.min(left);
        let candidates = source.look(conn, scope, position, asked)?;
        let full = i64::try_from(candidates.len()).unwrap_or(i64::MAX) >= asked && !matches!(source, Source::One(_));
        items.extend(judge.matches(conn, &candidates)?);
        if items.len() > limit {
            items.truncate(limit);
            return Ok(Operated { next: items.last().map(|(id, _)| *id), items });
        }
        let Some(&last) = candidates.last().filter(|_| full) else { return Ok(Operated { items, next: None }) };
        (position, left, look) = (last, left - asked, 1_000);
        if left <= 0 {
            return Ok(Operated { items, next: Some(position) });
        }
    }
}

/// The filter as parameters, the same for every look.
struct Judge {
    states: Option<String>,
    kind: Option<String>,
    reason: Option<String>,
    code: Option<String>,
    owner: Option<[u8; 16]>,
    like: Option<String>,
    id_like: Option<String>,
    since: Option<i64>,
    as_of: Option<i64>,
}

impl Judge {
    fn of(scope: &Scope) -> StoreResult<Self> {
        let words: Vec<&str> = scope.states.iter().map(|state| state.as_str()).collect();
        let states = if words.is_empty() { None } else { Some(text(&words)?) };
        let filter = &scope.filter;
        let (like, id_like) = filter.q.as_deref().map(str::trim).map(patterns).unzip();
        Ok(Self {
            states,
            kind: filter.kind.clone(),
            reason: filter.reason.clone(),
            code: filter.code.clone(),
            owner: filter.owner.map(|owner| *owner.as_bytes()),
            like,
            id_like: id_like.flatten(),
            since: filter.since.map(|at| at.0),
            as_of: scope.as_of.map(|at| at.0),
        })
    }

    /// Those that match, newest first.
    fn matches(&self, conn: &Connection, candidates: &[i64]) -> StoreResult<Vec<(i64, JobId)>> {
        const JUDGE: &str = "SELECT j.id, j.uuid FROM json_each(?1) c CROSS JOIN job j ON j.id = c.value
            JOIN owner o ON o.id = j.owner WHERE o.erased = 0
            AND (?2 IS NULL OR j.state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR j.kind = ?3)
            AND (?4 IS NULL OR j.failure ->> '$.reason' = ?4) AND (?5 IS NULL OR j.failure ->> '$.code' = ?5)
            AND (?6 IS NULL OR o.uuid = ?6)
            AND (?7 IS NULL OR j.label LIKE ?7 ESCAPE '\\' OR j.kind LIKE ?7 ESCAPE '\\' OR hex(j.uuid) LIKE ?8)
            AND (?9 IS NULL OR coalesce(j.finished_at, j.started_at, j.created_at) >= ?9)
            AND (?10 IS NULL OR coalesce(j.finished_at, j.created_at) <= ?10 AND j.kind NOT IN ('bulk-retry', 'bulk-cancel'))
            ORDER BY c.key";
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let params = (
            text(&candidates)?,
            &self.states,
            &self.kind,
            &self.reason,
            &self.code,
            &self.owner,
            &self.like,
            &self.id_like,
            self.since,
            self.as_of,
        );
        Ok(all(conn, JUDGE, params, |row| Ok((row.get(0)?, JobId::from_bytes(row.get(1)?))))?)
    }
}

/// Reads [`select_jobs`] and who holds the job.
macro_rules! operated {
    ($which:literal) => {
        select_jobs!(
            ", j.lease_until, iif(j.state = 'running',
                (SELECT worker FROM attempt a WHERE a.job = j.id AND a.lease_token = j.lease_token), NULL)",
            $which
        )
    };
}

fn read_operated(row: &rusqlite::Row<'_>) -> rusqlite::Result<OperatedRow> {
    let until = maybe_moment(row, MORE)?;
    let worker: Option<String> = row.get(MORE + 1)?;
    Ok(OperatedRow { row: read(row)?, lease: worker.zip(until) })
}

/// The rows of a page.
pub(super) fn read_all(conn: &Connection, found: &[(i64, JobId)]) -> StoreResult<Vec<OperatedRow>> {
    const READ: &str =
        operated!("json_each(?1) c CROSS JOIN job j ON j.id = c.value JOIN owner o ON o.id = j.owner ORDER BY c.key");
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    Ok(all(conn, READ, [text(&ids)?], read_operated)?)
}

/// One job of whichever owner.
pub(super) fn one(conn: &Connection, id: JobId) -> StoreResult<Option<OperatedRow>> {
    const READ: &str = operated!("job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.erased = 0");
    Ok(first(conn, READ, [id.as_bytes()], read_operated)?)
}
