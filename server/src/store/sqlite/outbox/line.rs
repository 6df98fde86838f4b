//! Lanes: what waits for an endpoint, of which one delivery at a time is under way.
//!
//! Written by everything that makes a delivery due or ends an attempt; read by `claim.rs`. Knows nothing of what is sent.
//! Invariants: an endpoint's lane has a row exactly while something of the endpoint's present era waits in it or is under way; the row
//! names when the first of the lane is due, and has no turn while one is under way, so that a claim finds it by an index and reads
//! nothing of what waits behind. Lanes that are due take turns, as jobs' lanes do: many deliveries of one endpoint delay no other's.

use super::super::{
    statement::{first, run},
    writer::Tx,
};
use domain::Timestamp;

/// First attempts, in the order of the events.
pub(super) const FIRST: i64 = 0;
/// Further attempts, by time.
pub(super) const AGAIN: i64 = 1;
/// What a person asked for; no circuit holds it.
pub(super) const BY_HAND: i64 = 2;

/// Something was put into a lane, due then.
pub(super) fn enter(tx: &mut Tx<'_>, endpoint: i64, lane: i64, due: Timestamp) -> rusqlite::Result<()> {
    // In the first lane what came first stays first, however early another one is due.
    const ENTER: &str = "INSERT INTO push_lane (endpoint, lane, due_at, turn, host)
        SELECT ?1, ?2, ?3, ?3, host FROM endpoint WHERE id = ?1
        ON CONFLICT (endpoint, lane) DO UPDATE SET due_at = min(due_at, excluded.due_at), turn = min(turn, excluded.turn)
        WHERE lane <> 0 AND turn IS NOT NULL";
    run(tx.conn, ENTER, (endpoint, lane, due.0))?;
    wake(tx, due);
    Ok(())
}

/// One of the lane is under way.
pub(super) fn occupy(tx: &Tx<'_>, endpoint: i64, lane: i64) -> rusqlite::Result<()> {
    run(tx.conn, "UPDATE push_lane SET turn = NULL WHERE endpoint = ?1 AND lane = ?2", (endpoint, lane)).map(|_| ())
}

/// None of the lane is under way any more, or what waits in it is another: the next one is served in its turn.
pub(super) fn next(tx: &mut Tx<'_>, endpoint: i64, lane: i64, now: Timestamp) -> rusqlite::Result<()> {
    const SET: &str = "UPDATE push_lane SET due_at = ?3, turn = max(?3, ?4) WHERE endpoint = ?1 AND lane = ?2";
    match head(tx, endpoint, lane)? {
        Some((_, due)) => {
            run(tx.conn, SET, (endpoint, lane, due.0, now.0))?;
            wake(tx, due);
        }
        None => {
            run(tx.conn, "DELETE FROM push_lane WHERE endpoint = ?1 AND lane = ?2", (endpoint, lane))?;
        }
    }
    Ok(())
}

/// The same, unless one of the lane is under way: the end of that sees to it.
pub(super) fn changed(tx: &mut Tx<'_>, endpoint: i64, lane: i64, now: Timestamp) -> rusqlite::Result<()> {
    const IDLE: &str = "SELECT 1 FROM push_lane WHERE endpoint = ?1 AND lane = ?2 AND turn IS NOT NULL";
    match first(tx.conn, IDLE, (endpoint, lane), |_| Ok(()))? {
        Some(()) => next(tx, endpoint, lane, now),
        None => Ok(()),
    }
}

/// The first of a lane, and when it is due.
pub(super) fn head(tx: &Tx<'_>, endpoint: i64, lane: i64) -> rusqlite::Result<Option<(i64, Timestamp)>> {
    const HEAD: &str = "SELECT d.id, d.due_at FROM endpoint e CROSS JOIN delivery d INDEXED BY delivery_lane
        ON d.endpoint = e.id AND d.lane = ?2 AND d.era = e.era WHERE e.id = ?1 ORDER BY d.rank, d.id LIMIT 1";
    first(tx.conn, HEAD, (endpoint, lane), |row| {
        Ok((row.get(0)?, Timestamp(row.get::<_, Option<i64>>(1)?.unwrap_or(0))))
    })
}

/// Whoever sends should look by then.
fn wake(tx: &mut Tx<'_>, due: Timestamp) {
    tx.committed.deliveries = tx.committed.deliveries.into_iter().chain([due]).min();
}
