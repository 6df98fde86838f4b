//! Switching an endpoint off, with all that is still to be sent to it.
//!
//! Called when an owner pauses or removes one, when it is given up, and when its owner goes; `settle` by the dispatcher, in the bulk lane.
//! Invariant: what is pending when an endpoint is switched off is never sent, and reads as ended, from that commit on: its era is over.
//! A million rows need not be written in that transaction; they are, a slice at a time, after it. Only an attempt that is under way
//! goes on, and what it comes to is noted.

use super::{
    super::{
        statement::{all, first, run},
        writer::Tx,
    },
    bits,
};

/// How what was pending ends.
pub(super) struct Ends<'e> {
    /// The state that the endpoint gets.
    pub(super) endpoint: &'e str,
    /// Why, if it is to be shown there.
    pub(super) reason: Option<&'e str>,
    /// The state of the deliveries.
    pub(super) delivery: &'static str,
    /// Their reason.
    pub(super) why: &'e str,
}

/// Rows that are written at once: most endpoints have fewer pending.
const AT_ONCE: i64 = 100;

/// Switches it off.
pub(super) fn off(tx: &mut Tx<'_>, endpoint: i64, ends: &Ends<'_>) -> rusqlite::Result<()> {
    const OFF: &str =
        "UPDATE endpoint SET state = ?2, reason = ?3, ends_as = ?4, ends_why = ?5, era = era + 1, unsettled = 1,
        pending = 0, retrying = 0 WHERE id = ?1";
    run(tx.conn, OFF, (endpoint, ends.endpoint, ends.reason, ends.delivery, ends.why))?;
    run(tx.conn, "DELETE FROM push_lane WHERE endpoint = ?1", [endpoint])?;
    // The rest is the dispatcher's.
    tx.committed.unsettled |= settle_one(tx, endpoint, AT_ONCE)?;
    refresh_owner(tx, endpoint)
}

/// The endpoint is told again from now on: nothing of before comes back.
pub(super) fn on(tx: &mut Tx<'_>, endpoint: i64) -> rusqlite::Result<()> {
    run(
        tx.conn,
        "UPDATE endpoint SET state = 'active', reason = NULL, failing_since = NULL WHERE id = ?1",
        [endpoint],
    )?;
    refresh_owner(tx, endpoint)
}

/// Writes down what some endpoints of its owner are told of.
pub(super) fn refresh_owner(tx: &Tx<'_>, endpoint: i64) -> rusqlite::Result<()> {
    const OWNER: &str = "SELECT e.owner, o.told FROM endpoint e JOIN owner o ON o.id = e.owner WHERE e.id = ?1";
    let found = first(tx.conn, OWNER, [endpoint], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let Some((owner, before)) = found else { return Ok(()) };
    let active = all(tx.conn, "SELECT events FROM endpoint WHERE owner = ?1 AND state = 'active'", [owner], |row| {
        row.get::<_, i64>(0)
    })?;
    let told = active.into_iter().fold(before & bits::OF_JOBS, |told, events| told | events | bits::ACTIVE);
    run(tx.conn, "UPDATE owner SET told = ?2 WHERE id = ?1", (owner, told)).map(|_| ())
}

/// A slice of what has ended with its endpoint, whichever; `true`: there is more.
pub(super) fn settle(tx: &mut Tx<'_>, limit: i64) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT id FROM endpoint INDEXED BY endpoint_unsettled WHERE unsettled = 1 LIMIT 1";
    let Some(endpoint) = first(tx.conn, FIND, [], |row| row.get::<_, i64>(0))? else { return Ok(false) };
    settle_one(tx, endpoint, limit)?;
    Ok(true)
}

/// `true`: there is more of this endpoint.
fn settle_one(tx: &Tx<'_>, endpoint: i64, limit: i64) -> rusqlite::Result<bool> {
    const OVER: &str = "SELECT d.id FROM endpoint e CROSS JOIN delivery d INDEXED BY delivery_lane
        ON d.endpoint = e.id AND d.lane = ?2 AND d.era < e.era WHERE e.id = ?1 AND d.lease_until IS NULL LIMIT ?3";
    let mut room = limit;
    for lane in [super::line::FIRST, super::line::AGAIN, super::line::BY_HAND] {
        let over = all(tx.conn, OVER, (endpoint, lane, room), |row| row.get::<_, i64>(0))?;
        room -= super::super::at_most(over.len());
        for delivery in over {
            end_with_endpoint(tx, delivery)?;
        }
        if room <= 0 {
            return Ok(true);
        }
    }
    run(tx.conn, "UPDATE endpoint SET unsettled = 0 WHERE id = ?1", [endpoint])?;
    Ok(false)
}

/// Ends a delivery, and what it was to tell besides, as its endpoint says.
pub(super) fn end_with_endpoint(tx: &Tx<'_>, delivery: i64) -> rusqlite::Result<()> {
    const END: &str = "UPDATE delivery SET lane = NULL, due_at = NULL,
        state = coalesce((SELECT ends_as FROM endpoint WHERE id = delivery.endpoint), 'cancelled'),
        reason = (SELECT ends_why FROM endpoint WHERE id = delivery.endpoint)
        WHERE (id = ?1 OR within = ?1) AND (state = 'held' OR state = 'queued' OR state = 'sending' OR state = 'retrying')";
    run(tx.conn, END, [delivery]).map(|_| ())
}
