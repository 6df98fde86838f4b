//! Whose turn it is: the order in which lanes (an owner's jobs of one kind) are served.
//!
//! Used by the claim, and by the log whenever a job becomes queued. Knows nothing of jobs but that they have a lane.
//! Invariants: a lane with a queued job has a row; a lane that was served, or that is new, goes behind all others, so every lane is
//! served after at most as many turns as there are lanes, whoever floods his own.

use super::statement::{all, first, only, run};
use rusqlite::Connection;
use std::sync::atomic::{AtomicI64, Ordering};

/// Counts turns; grows for as long as the database lives.
#[derive(Debug)]
pub(super) struct Turns(AtomicI64);

/// A lane and the turn at which it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    /// Its turn; the least is next.
    pub(super) turn: i64,
    /// Its owner's inner key.
    pub(super) owner: i64,
    /// Which of the claim's quotas it belongs to.
    pub(super) quota: usize,
}

impl Turns {
    /// Goes on behind the last turn of the database.
    pub(super) fn open(conn: &Connection) -> rusqlite::Result<Self> {
        let last: i64 = only(conn, "SELECT coalesce(max(turn), 0) FROM lane", [])?;
        Ok(Self(AtomicI64::new(last + 1)))
    }

    /// The turn behind all others. One that is not used leaves a hole, which means nothing.
    pub(super) fn last(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes sure that a lane has its turn; answers which.
    pub(super) fn enter(&self, conn: &Connection, kind: &str, owner: i64) -> rusqlite::Result<i64> {
        const FIND: &str = "SELECT turn FROM lane WHERE kind = ?1 AND owner = ?2";
        const ENTER: &str = "INSERT INTO lane (kind, owner, turn) VALUES (?1, ?2, ?3)";
        if let Some(turn) = first(conn, FIND, (kind, owner), |row| row.get(0))? {
            return Ok(turn);
        }
        let turn = self.last();
        run(conn, ENTER, (kind, owner, turn))?;
        Ok(turn)
    }
}

/// Lets a lane that was served go behind all others.
pub(super) fn served(conn: &Connection, kind: &str, owner: i64, turn: i64) -> rusqlite::Result<()> {
    run(conn, "UPDATE lane SET turn = ?3 WHERE kind = ?1 AND owner = ?2", (kind, owner, turn)).map(drop)
}

/// Takes a lane out that has no queued job.
pub(super) fn leave(conn: &Connection, kind: &str, owner: i64) -> rusqlite::Result<()> {
    run(conn, "DELETE FROM lane WHERE kind = ?1 AND owner = ?2", (kind, owner)).map(drop)
}

/// The next lanes of a kind.
pub(super) fn next(conn: &Connection, kind: &str, quota: usize, limit: i64) -> rusqlite::Result<Vec<Lane>> {
    const NEXT: &str = "SELECT turn, owner FROM lane INDEXED BY lane_turn WHERE kind = ?1 ORDER BY turn LIMIT ?2";
    all(conn, NEXT, (kind, limit), |row| Ok(Lane { turn: row.get(0)?, owner: row.get(1)?, quota }))
}
