//! Claiming deliveries: each begins an attempt with a lease of its own.
//!
//! Called by the dispatcher. The writer only marks what is taken; all that a message needs is read afterwards, by a reader.
//! Invariants: of an endpoint's first attempts one is under way at a time, and it is the oldest; of its further attempts, and of what was
//! asked for by hand, one each beside it. Claiming increments the fencing token. What a digest tells is chosen when its first attempt is
//! claimed and stays, so that every attempt says the same. What a claim costs depends on what it takes, not on what waits.

use super::{
    super::{
        at_most,
        statement::{all, first, run},
        writer::Tx,
    },
    line,
};
use crate::store::{DeliveryClaim, StoreResult};
use domain::Timestamp;

/// Deliveries that one message tells at most.
const GATHERED: i64 = 500;

/// Takes what is due; answers the inner keys.
pub(super) fn claim(tx: &mut Tx<'_>, claim: &DeliveryClaim) -> StoreResult<Vec<i64>> {
    const DUE: &str = "SELECT endpoint, lane FROM push_lane INDEXED BY push_lane_turn
        WHERE turn <= ?1 AND (lane = 2 OR host NOT IN (SELECT value FROM json_each(?2))) ORDER BY turn LIMIT ?3";
    let held = super::super::statement::text(&claim.held_hosts)?;
    let due = all(tx.conn, DUE, (claim.now.0, held, at_most(claim.limit)), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let mut taken = Vec::with_capacity(due.len());
    for (endpoint, lane) in due {
        match line::head(tx, endpoint, lane)? {
            Some((delivery, due)) if due <= claim.now => {
                begin(tx, endpoint, lane, delivery, claim)?;
                taken.push(delivery);
            }
            // Found empty, or its head is due later than the row said.
            _ => line::next(tx, endpoint, lane, claim.now)?,
        }
    }
    Ok(taken)
}

fn begin(tx: &Tx<'_>, endpoint: i64, lane: i64, delivery: i64, claim: &DeliveryClaim) -> rusqlite::Result<()> {
    const BEGIN: &str =
        "UPDATE delivery SET state = 'sending', reason = NULL, attempts = attempts + 1, lease_token = lease_token + 1,
        lease_until = ?2, attempt_at = ?3, first_attempt_at = coalesce(first_attempt_at, ?3) WHERE id = ?1";
    const RETRIED: &str = "UPDATE endpoint SET retrying = retrying - 1 WHERE id = ?1";
    run(tx.conn, BEGIN, (delivery, claim.lease_until.0, claim.now.0))?;
    line::occupy(tx, endpoint, lane)?;
    match lane {
        line::FIRST => gather(tx, endpoint, delivery)?,
        line::AGAIN => {
            run(tx.conn, RETRIED, [endpoint])?;
        }
        _ => {}
    }
    Ok(())
}

/// What waits behind the first delivery of a digest is told within it, whether or not its own time has come.
fn gather(tx: &Tx<'_>, endpoint: i64, delivery: i64) -> rusqlite::Result<()> {
    const IS_DIGEST: &str = "SELECT 1 FROM endpoint WHERE id = ?1 AND digest_s > 0";
    // Only once: an attempt that was cut off says the same again.
    const IS_FRESH: &str = "SELECT 1 FROM delivery WHERE id = ?1 AND attempts = 1";
    const GATHER: &str = "UPDATE delivery SET lane = NULL, within = ?2 WHERE id IN
        (SELECT d.id FROM endpoint e CROSS JOIN delivery d INDEXED BY delivery_lane
        ON d.endpoint = e.id AND d.lane = 0 AND d.era = e.era WHERE e.id = ?1 AND d.id > ?2 ORDER BY d.rank, d.id LIMIT ?3)";
    if first(tx.conn, IS_DIGEST, [endpoint], |_| Ok(()))?.is_some()
        && first(tx.conn, IS_FRESH, [delivery], |_| Ok(()))?.is_some()
    {
        run(tx.conn, GATHER, (endpoint, delivery, GATHERED))?;
    }
    Ok(())
}

/// When the next lane is due whose host is not held.
pub(super) fn next_due(conn: &rusqlite::Connection, held_hosts: &[String]) -> StoreResult<Option<Timestamp>> {
    // By hand is in the same index and needs no host.
    const NEXT: &str = "SELECT turn FROM push_lane INDEXED BY push_lane_turn WHERE turn IS NOT NULL
        AND (lane = 2 OR host NOT IN (SELECT value FROM json_each(?1))) ORDER BY turn LIMIT 1";
    let held = super::super::statement::text(&held_hosts)?;
    Ok(first(conn, NEXT, [held], |row| Ok(Timestamp(row.get(0)?)))?)
}
