//! How an attempt ends: as its sender says, put off before anything was sent, or cut off by a death.
//!
//! Called by the dispatcher. Chooses no times: when to try again is an argument.
//! Invariants: every write is fenced by the delivery's lease token; each attempt that was begun stands in the log when it has ended; a
//! delivery ends once; one whose attempt was cut off is due again at once and before all that follow it, with the same id; the others
//! that a message tells end with it, or go back to their places when it ends untold.

use super::{
    super::{
        statement::{all, first, run},
        writer::Tx,
    },
    line,
    switch::{self, Ends},
};
use crate::store::{AttemptEnd, DeliveryLease, LeaseLost, StoreResult, Then};
use domain::{Timestamp, push::EndpointState};
use rusqlite::Row;

/// Attempts in a row that a death may cut off: then the message itself may be what kills, and must not keep the server from starting.
const CUTS: u32 = 20;

/// What an end is decided by.
struct Held {
    id: i64,
    endpoint: i64,
    /// Whether its endpoint has not been switched off since.
    current: bool,
    /// Where it came from.
    lane: i64,
    /// Whether its owner has ended it meanwhile.
    ended: bool,
    attempts: u32,
    cuts: u32,
    attempt_at: i64,
}

/// `SELECT` of [`read`]'s columns and the rest of the query.
macro_rules! select_held {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.endpoint, d.era = e.era, coalesce(d.lane, 1), d.state <> 'sending', d.attempts, d.cuts, ",
            "coalesce(d.attempt_at, d.created_at) FROM ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        id: row.get(0)?,
        endpoint: row.get(1)?,
        current: row.get(2)?,
        lane: row.get(3)?,
        ended: row.get(4)?,
        attempts: row.get(5)?,
        cuts: row.get(6)?,
        attempt_at: row.get(7)?,
    })
}

/// The delivery of a lease that stands.
fn held(tx: &Tx<'_>, lease: DeliveryLease) -> rusqlite::Result<Option<Held>> {
    const HELD: &str = select_held!(
        "delivery d JOIN endpoint e ON e.id = d.endpoint WHERE d.id = ?1 AND d.lease_token = ?2 AND d.lease_until IS NOT NULL"
    );
    first(tx.conn, HELD, (lease.delivery, lease.token), read)
}

/// Ends an attempt.
pub(super) fn attempt(
    tx: &mut Tx<'_>,
    lease: DeliveryLease,
    end: &AttemptEnd,
    now: Timestamp,
) -> StoreResult<Result<(), LeaseLost>> {
    const NOTED: &str =
        "UPDATE delivery SET lease_until = NULL, status = ?2, cuts = 0, lane = iif(state = 'sending', lane, NULL),
        delivered_at = iif(?3, ?4, delivered_at) WHERE id = ?1";
    const REACHED: &str = "UPDATE endpoint SET delivered_at = ?2, failing_since = NULL WHERE id = ?1";
    const MISSED: &str = "UPDATE endpoint SET failing_since = coalesce(failing_since, ?2) WHERE id = ?1";
    let Some(held) = held(tx, lease)? else { return Ok(Err(LeaseLost)) };
    log(tx, &held, Some(end.took_ms), end.status, &end.outcome, end.detail.as_deref())?;
    let taken = end.then == Then::Delivered;
    run(tx.conn, NOTED, (held.id, end.status, taken, now.0))?;
    run(tx.conn, if taken { REACHED } else { MISSED }, (held.endpoint, now.0))?;
    match &end.then {
        // What was sent is sent, and told the others.
        Then::Delivered if held.ended => finish_others(tx, &held, "delivered", None, now)?,
        _ if held.ended => release(tx, &held, now)?,
        Then::Delivered => finish(tx, &held, "delivered", None, now)?,
        _ if !held.current => switch::end_with_endpoint(tx, held.id)?,
        Then::Retry(at) => again(tx, &held, *at, &end.outcome)?,
        Then::GiveUp { .. } => finish(tx, &held, "gave-up", Some(&end.outcome), now)?,
    }
    if held.current {
        line::next(tx, held.endpoint, held.lane, now)?;
    }
    if let Then::GiveUp { endpoint: Some(state) } = &end.then
        && held.current
    {
        let why = if *state == EndpointState::Gone { "gone" } else { "parked" };
        let ends = Ends { endpoint: state.as_str(), reason: Some(&end.outcome), delivery: "gave-up", why };
        switch::off(tx, held.endpoint, &ends)?;
    }
    Ok(Ok(()))
}

/// Gives a delivery back of which nothing was sent: held until later, or not needed.
pub(super) fn put_off(
    tx: &mut Tx<'_>,
    lease: DeliveryLease,
    until: Option<Timestamp>,
    reason: &str,
    now: Timestamp,
) -> StoreResult<Result<(), LeaseLost>> {
    // As if it had not been claimed.
    const UNDO: &str =
        "UPDATE delivery SET lease_until = NULL, attempts = attempts - 1, lane = iif(state = 'sending', lane, NULL),
        first_attempt_at = iif(attempts - 1 > course, first_attempt_at, NULL) WHERE id = ?1";
    const HOLD: &str =
        "UPDATE delivery SET state = 'held', reason = ?2, due_at = ?3, rank = iif(lane = 1, ?3, 0) WHERE id = ?1";
    let Some(held) = held(tx, lease)? else { return Ok(Err(LeaseLost)) };
    run(tx.conn, UNDO, [held.id])?;
    let untold = held.attempts == 1;
    match until {
        _ if held.ended => release(tx, &held, now)?,
        _ if !held.current => switch::end_with_endpoint(tx, held.id)?,
        Some(until) => {
            run(tx.conn, HOLD, (held.id, reason, until.0))?;
            if held.lane == line::AGAIN {
                run(tx.conn, "UPDATE endpoint SET retrying = retrying + 1 WHERE id = ?1", [held.endpoint])?;
            }
            if untold {
                release(tx, &held, now)?;
            }
        }
        None => {
            end_one(tx, &held, "unneeded", Some(reason))?;
            release(tx, &held, now)?;
        }
    }
    if held.current {
        line::next(tx, held.endpoint, held.lane, now)?;
    }
    Ok(Ok(()))
}

/// Takes back what dead dispatchers held.
pub(super) fn rescue(tx: &mut Tx<'_>, now: Timestamp, all_of_them: bool, limit: i64) -> StoreResult<usize> {
    const DEAD: &str = select_held!(
        "delivery d INDEXED BY delivery_leased JOIN endpoint e ON e.id = d.endpoint
        WHERE d.lease_until IS NOT NULL AND (?1 OR d.lease_until < ?2) LIMIT ?3"
    );
    let dead = all(tx.conn, DEAD, (all_of_them, now.0, limit), read)?;
    let count = dead.len();
    for held in dead {
        cut_off(tx, &held, now)?;
    }
    Ok(count)
}

/// Takes back deliveries that were claimed and whose endpoint has been removed before they could be read.
pub(super) fn abandon(tx: &mut Tx<'_>, claimed: &[i64], now: Timestamp) -> StoreResult<()> {
    const ONE: &str =
        select_held!("delivery d JOIN endpoint e ON e.id = d.endpoint WHERE d.id = ?1 AND d.lease_until IS NOT NULL");
    for id in claimed {
        if let Some(held) = first(tx.conn, ONE, [id], read)? {
            cut_off(tx, &held, now)?;
        }
    }
    Ok(())
}

fn cut_off(tx: &mut Tx<'_>, held: &Held, now: Timestamp) -> StoreResult<()> {
    const FREE: &str = "UPDATE delivery SET lease_until = NULL, cuts = cuts + 1, lane = iif(state = 'sending', lane, NULL) WHERE id = ?1";
    const DUE: &str =
        "UPDATE delivery SET state = iif(lane = 1, 'retrying', 'queued'), reason = 'cut-off', due_at = ?2,
        rank = iif(lane = 1, ?2, 0) WHERE id = ?1";
    log(tx, held, None, None, "cut-off", None)?;
    run(tx.conn, FREE, [held.id])?;
    if held.ended {
        release(tx, held, now)?;
    } else if !held.current {
        switch::end_with_endpoint(tx, held.id)?;
    } else if held.cuts + 1 >= CUTS {
        finish(tx, held, "gave-up", Some("cut-off"), now)?;
    } else {
        run(tx.conn, DUE, (held.id, now.0))?;
        if held.lane == line::AGAIN {
            run(tx.conn, "UPDATE endpoint SET retrying = retrying + 1 WHERE id = ?1", [held.endpoint])?;
        }
    }
    if held.current {
        line::next(tx, held.endpoint, held.lane, now)?;
    }
    Ok(())
}

/// Writes the attempt into the log.
fn log(
    tx: &Tx<'_>,
    held: &Held,
    took_ms: Option<u64>,
    status: Option<u16>,
    outcome: &str,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    const LOG: &str = "INSERT OR REPLACE INTO delivery_attempt (delivery, number, at, took_ms, status, outcome, detail)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    run(tx.conn, LOG, (held.id, held.attempts, held.attempt_at, took_ms, status, outcome, detail)).map(|_| ())
}

/// The attempt failed and another one will be made; nothing of the first lane waits for it.
fn again(tx: &mut Tx<'_>, held: &Held, at: Timestamp, outcome: &str) -> rusqlite::Result<()> {
    const AGAIN: &str =
        "UPDATE delivery SET state = 'retrying', reason = ?2, due_at = ?3, lane = 1, rank = ?3 WHERE id = ?1";
    run(tx.conn, AGAIN, (held.id, outcome, at.0))?;
    run(tx.conn, "UPDATE endpoint SET retrying = retrying + 1 WHERE id = ?1", [held.endpoint])?;
    line::enter(tx, held.endpoint, line::AGAIN, at)
}

/// The delivery ends, and with it the others that its message tells.
fn finish(tx: &mut Tx<'_>, held: &Held, state: &str, reason: Option<&str>, now: Timestamp) -> rusqlite::Result<()> {
    end_one(tx, held, state, reason)?;
    finish_others(tx, held, state, reason, now)
}

fn end_one(tx: &Tx<'_>, held: &Held, state: &str, reason: Option<&str>) -> rusqlite::Result<()> {
    const END: &str = "UPDATE delivery SET state = ?2, reason = ?3, lane = NULL, due_at = NULL WHERE id = ?1";
    run(tx.conn, END, (held.id, state, reason))?;
    count_down(tx, held, 1)
}

fn finish_others(tx: &Tx<'_>, held: &Held, state: &str, reason: Option<&str>, now: Timestamp) -> rusqlite::Result<()> {
    const END: &str =
        "UPDATE delivery SET state = ?2, reason = ?3, due_at = NULL, delivered_at = iif(?2 = 'delivered', ?4, NULL)
        WHERE within = ?1 AND (state = 'held' OR state = 'queued')";
    let others = run(tx.conn, END, (held.id, state, reason, now.0))?;
    count_down(tx, held, others)
}

/// What the delivery would have told besides goes back to its place.
fn release(tx: &mut Tx<'_>, held: &Held, now: Timestamp) -> rusqlite::Result<()> {
    const RELEASE: &str = "UPDATE delivery SET lane = 0, rank = 0, due_at = coalesce(due_at, ?2), within = NULL
        WHERE within = ?1 AND (state = 'held' OR state = 'queued')";
    if run(tx.conn, RELEASE, (held.id, now.0))? > 0 && held.current {
        line::enter(tx, held.endpoint, line::FIRST, now)?;
        line::changed(tx, held.endpoint, line::FIRST, now)?;
    }
    Ok(())
}

fn count_down(tx: &Tx<'_>, held: &Held, ended: usize) -> rusqlite::Result<()> {
    const DOWN: &str = "UPDATE endpoint SET pending = max(0, pending - ?2) WHERE id = ?1";
    if ended > 0 && held.current {
        run(tx.conn, DOWN, (held.endpoint, ended))?;
    }
    Ok(())
}
