//! Where jobs are looked for: candidates before a position, newest first, by the index that fits the filter.
//!
//! Used by `rows`, which judges them. A candidate may fail the filter; what matches is always among them.
//! Invariant: the candidates of one look are all there are between the position and the last of them.

use crate::store::{
    Scope,
    sqlite::statement::{all, first},
};
use domain::JobState;
use rusqlite::Connection;

/// Most candidates that one page looks at.
pub(super) const BUDGET: i64 = 10_000;
/// Queued jobs that are sorted by age; with more of them the newest jobs are mostly queued ones, and are walked.
const SORTABLE: u64 = 50_000;

/// How candidates are found.
pub(super) enum Source {
    /// This one job.
    One(i64),
    /// An owner's jobs.
    OfOwner(i64),
    /// Groups of an index, side by side.
    Groups(Vec<Group>),
    /// All jobs.
    Walk,
    /// There can be none.
    Nowhere,
}

/// Jobs that lie together in an index, newest first.
pub(super) enum Group {
    Stopped { state: JobState, kind: String, reason: String, code: String },
    Aside { state: JobState, kind: String },
    Running,
    Queued,
}

impl Source {
    /// The narrowest one.
    pub(super) fn of(conn: &Connection, scope: &Scope, queued: u64) -> rusqlite::Result<Self> {
        let id: Option<domain::JobId> =
            scope.filter.q.as_deref().and_then(|q| q.trim().to_ascii_lowercase().parse().ok());
        if let Some(id) = id {
            let found = first(conn, "SELECT id FROM job WHERE uuid = ?1", [id.as_bytes()], |row| row.get(0))?;
            return Ok(found.map_or(Self::Nowhere, Self::One));
        }
        let grouped = !scope.states.is_empty()
            && scope.states.iter().all(|state| match state {
                JobState::Succeeded => false,
                JobState::Queued => queued <= SORTABLE,
                _ => true,
            });
        if let Some(owner) = scope.filter.owner {
            let found = first(conn, "SELECT id FROM owner WHERE uuid = ?1", [owner.as_bytes()], |row| row.get(0))?;
            return Ok(found.map_or(Self::Nowhere, Self::OfOwner));
        }
        if !grouped {
            return Ok(Self::Walk);
        }
        let mut groups = Vec::new();
        for &state in &scope.states {
            match state {
                JobState::Failed | JobState::Cancelled => stopped(conn, scope, state, &mut groups)?,
                JobState::Running => groups.push(Group::Running),
                JobState::Queued => groups.push(Group::Queued),
                _ => {
                    let kinds = kinds(conn, scope, KINDS_ASIDE, state)?;
                    groups.extend(kinds.into_iter().map(|kind| Group::Aside { state, kind }));
                }
            }
        }
        Ok(Self::Groups(groups))
    }

    /// The next candidates before a position, at most so many.
    pub(super) fn look(&self, conn: &Connection, scope: &Scope, before: i64, limit: i64) -> rusqlite::Result<Vec<i64>> {
        const OF_OWNER: &str = "SELECT id FROM job INDEXED BY job_of_owner WHERE owner = ?1 AND id < ?2
            ORDER BY id DESC LIMIT ?3";
        const WALK: &str = "SELECT id FROM job WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        match self {
            Self::Nowhere => Ok(Vec::new()),
            Self::One(id) => Ok(if *id < before { vec![*id] } else { Vec::new() }),
            Self::OfOwner(owner) => all(conn, OF_OWNER, (owner, before, limit), |row| row.get(0)),
            Self::Walk => all(conn, WALK, (before, limit), |row| row.get(0)),
            Self::Groups(groups) => {
                let mut found = Vec::new();
                for group in groups {
                    found.extend(group.look(conn, scope, before, limit)?);
                }
                found.sort_unstable_by(|a, b| b.cmp(a));
                found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                Ok(found)
            }
        }
    }
}

impl Group {
    fn look(&self, conn: &Connection, scope: &Scope, before: i64, limit: i64) -> rusqlite::Result<Vec<i64>> {
        const STOPPED: &str =
            "SELECT id FROM job INDEXED BY job_stopped WHERE (state = 'failed' OR state = 'cancelled')
            AND state = ?1 AND kind = ?2 AND coalesce(failure ->> '$.reason', '') = ?3
            AND coalesce(failure ->> '$.code', '') = ?4 AND id < ?5
            AND (?6 IS NULL OR finished_at >= ?6) AND (?7 IS NULL OR finished_at <= ?7) ORDER BY id DESC LIMIT ?8";
        const ASIDE: &str =
            "SELECT id FROM job INDEXED BY job_aside WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting')
            AND state = ?1 AND kind = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
        const RUNNING: &str = "SELECT id FROM job INDEXED BY job_running WHERE state = 'running'
            AND (?1 IS NULL OR kind = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3";
        const QUEUED: &str = "SELECT id FROM job INDEXED BY job_claimable WHERE state = 'queued'
            AND (?1 IS NULL OR kind = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3";
        let of_kind = &scope.filter.kind;
        match self {
            Self::Stopped { state, kind, reason, code } => {
                let (since, by) = (scope.filter.since.map(|at| at.0), scope.as_of.map(|at| at.0));
                let params = (state.as_str(), kind, reason, code, before, since, by, limit);
                all(conn, STOPPED, params, |row| row.get(0))
            }
            Self::Aside { state, kind } => all(conn, ASIDE, (state.as_str(), kind, before, limit), |row| row.get(0)),
            Self::Running => all(conn, RUNNING, (of_kind, before, limit), |row| row.get(0)),
            Self::Queued => all(conn, QUEUED, (of_kind, before, limit), |row| row.get(0)),
        }
    }
}

const KINDS_STOPPED: &str =
    "SELECT min(kind) FROM job INDEXED BY job_stopped WHERE (state = 'failed' OR state = 'cancelled')
    AND state = ?1 AND kind > ?2";
const KINDS_ASIDE: &str = "SELECT min(kind) FROM job INDEXED BY job_aside
    WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting') AND state = ?1 AND kind > ?2";

/// The kinds in an index, or the one that is asked for.
fn kinds(conn: &Connection, scope: &Scope, sql: &str, state: JobState) -> rusqlite::Result<Vec<String>> {
    match &scope.filter.kind {
        Some(kind) => Ok(vec![kind.clone()]),
        None => each(|last| least(conn, sql, &[state.as_str(), last])),
    }
}

/// The groups of a state that the filter lets through: a look at the index for each value, and none at the jobs.
fn stopped(conn: &Connection, scope: &Scope, state: JobState, groups: &mut Vec<Group>) -> rusqlite::Result<()> {
    // The empty word is that of jobs without a failure; `>` would skip it, hence the blank before it.
    const REASONS: &str = "SELECT coalesce(failure ->> '$.reason', '') FROM job INDEXED BY job_stopped
        WHERE (state = 'failed' OR state = 'cancelled') AND state = ?1 AND kind = ?2
        AND coalesce(failure ->> '$.reason', '') >= ?3 ORDER BY coalesce(failure ->> '$.reason', '') LIMIT 1";
    const CODES: &str = "SELECT coalesce(failure ->> '$.code', '') FROM job INDEXED BY job_stopped
        WHERE (state = 'failed' OR state = 'cancelled') AND state = ?1 AND kind = ?2
        AND coalesce(failure ->> '$.reason', '') = ?3
        AND coalesce(failure ->> '$.code', '') >= ?4 ORDER BY coalesce(failure ->> '$.code', '') LIMIT 1";
    for kind in kinds(conn, scope, KINDS_STOPPED, state)? {
        let reasons = match &scope.filter.reason {
            Some(reason) => vec![reason.clone()],
            None => each_from(|from| least(conn, REASONS, &[state.as_str(), &kind, from]))?,
        };
        for reason in reasons {
            let codes = match &scope.filter.code {
                Some(code) => vec![code.clone()],
                None => each_from(|from| least(conn, CODES, &[state.as_str(), &kind, &reason, from]))?,
            };
            groups.extend(codes.into_iter().map(|code| Group::Stopped {
                state,
                kind: kind.clone(),
                reason: reason.clone(),
                code,
            }));
        }
    }
    Ok(())
}

fn least(conn: &Connection, sql: &str, params: &[&str]) -> rusqlite::Result<Option<String>> {
    first(conn, sql, rusqlite::params_from_iter(params), |row| row.get::<_, Option<String>>(0)).map(Option::flatten)
}

/// Every value, each the least above the one before.
fn each(mut above: impl FnMut(&str) -> rusqlite::Result<Option<String>>) -> rusqlite::Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    while let Some(next) = above(found.last().map_or("", String::as_str))? {
        found.push(next);
    }
    Ok(found)
}

/// Every value, the empty one included, each the least from the successor of the one before on.
fn each_from(mut from: impl FnMut(&str) -> rusqlite::Result<Option<String>>) -> rusqlite::Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut at = String::new();
    while let Some(next) = from(&at)? {
        // The least text above another one.
        at = format!("{next}\u{1}");
        found.push(next);
    }
    Ok(found)
}
