//! What an owner does with deliveries: looks at them, tries one, sends one again, ends one; and what a browser says of one.
//!
//! Called by the API. The settings of an owner and of a job are here too.
//! Invariants: a delivery is found by its owner only; what has ended is left only by sending it again, with the same id.

use super::{
    super::{
        at_most,
        statement::{all, first, run, text},
        writer::Tx,
    },
    bits, endpoints, line,
    rows::{self, read_delivery, select_deliveries},
};
use crate::store::{DeliveryDetail, DeliveryFilter, Resent, StoreResult};
use domain::{
    DeliveryId, EndpointId, EventType, JobId, OwnerId, Timestamp,
    push::{BrowserStep, Delivery, EndpointState, NotificationSettings},
};
use rusqlite::Connection;

/// Replaces the owner's settings; what is told from now on is told by them.
pub(super) fn set_settings(tx: &mut Tx<'_>, owner: OwnerId, settings: &NotificationSettings) -> StoreResult<()> {
    const SET: &str = "INSERT OR REPLACE INTO owner_push (owner, settings) VALUES (?1, ?2)";
    let key = endpoints::owner_key(tx, owner)?;
    run(tx.conn, SET, (key, text(settings)?))?;
    for endpoint in all(tx.conn, "SELECT id FROM endpoint WHERE owner = ?1", [key], |row| row.get::<_, i64>(0))? {
        endpoints::set_delay(tx, endpoint)?;
        look_again(tx, endpoint)?;
    }
    Ok(())
}

/// What quiet times hold is due now: by the new ones it is sent, or held again until they end.
fn look_again(tx: &mut Tx<'_>, endpoint: i64) -> rusqlite::Result<()> {
    const DUE: &str = "UPDATE delivery SET due_at = created_at, rank = iif(lane = 1, created_at, 0) WHERE id IN
        (SELECT d.id FROM endpoint e CROSS JOIN delivery d INDEXED BY delivery_lane ON d.endpoint = e.id AND d.lane = ?2 AND d.era = e.era
        WHERE e.id = ?1 AND d.state = 'held' AND d.reason = 'quiet-times' LIMIT 100) RETURNING due_at";
    for lane in [line::FIRST, line::AGAIN] {
        for due in all(tx.conn, DUE, (endpoint, lane), |row| Ok(Timestamp(row.get(0)?)))? {
            line::changed(tx, endpoint, lane, due)?;
        }
    }
    Ok(())
}

/// A job of this owner: its inner key and the owner's.
fn job(conn: &Connection, owner: OwnerId, id: JobId) -> rusqlite::Result<Option<(i64, i64)>> {
    const FIND: &str = "SELECT j.id, o.id FROM job j JOIN owner o ON o.id = j.owner WHERE j.uuid = ?1 AND o.uuid = ?2";
    first(conn, FIND, (id.as_bytes(), owner.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// What is told of a job.
pub(super) fn of_job(conn: &Connection, owner: OwnerId, id: JobId) -> StoreResult<Option<Option<Vec<EventType>>>> {
    let Some((job, _)) = job(conn, owner, id)? else { return Ok(None) };
    let events = first(conn, "SELECT events FROM job_push WHERE job = ?1", [job], |row| row.get::<_, i64>(0))?;
    Ok(Some(events.map(bits::events)))
}

/// Sets it.
pub(super) fn set_of_job(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    id: JobId,
    events: Option<&[EventType]>,
) -> StoreResult<bool> {
    let Some((job, owner)) = job(tx.conn, owner, id)? else { return Ok(false) };
    match events {
        Some(events) => {
            let set = "INSERT OR REPLACE INTO job_push (job, events) VALUES (?1, ?2)";
            run(tx.conn, set, (job, bits::of(events)))?;
            run(tx.conn, "UPDATE owner SET told = told | ?2 WHERE id = ?1", (owner, bits::OF_JOBS))?;
        }
        None => {
            run(tx.conn, "DELETE FROM job_push WHERE job = ?1", [job])?;
        }
    }
    Ok(true)
}

/// Deliveries, newest first.
pub(super) fn list(conn: &Connection, owner: OwnerId, filter: &DeliveryFilter) -> StoreResult<Option<Vec<Delivery>>> {
    const OF_JOB: &str = select_deliveries!(
        "delivery d INDEXED BY delivery_of_job JOIN endpoint e ON e.id = d.endpoint LEFT JOIN job j ON j.id = d.job
        LEFT JOIN delivery w ON w.id = d.within WHERE d.job = ?1 AND d.id < ?2 AND (?3 IS NULL OR d.endpoint = ?3)
        ORDER BY d.id DESC LIMIT ?4"
    );
    const OF_ENDPOINT: &str = select_deliveries!(
        "delivery d INDEXED BY delivery_of_endpoint JOIN endpoint e ON e.id = d.endpoint LEFT JOIN job j ON j.id = d.job
        LEFT JOIN delivery w ON w.id = d.within WHERE d.endpoint = ?1 AND d.id < ?2 ORDER BY d.id DESC LIMIT ?3"
    );
    const ENDPOINTS: &str =
        "SELECT e.id, e.uuid FROM owner o CROSS JOIN endpoint e ON e.owner = o.id WHERE o.uuid = ?1";
    let before = match filter.before {
        Some(id) => find(conn, owner, id)?.map_or(0, |(id, _)| id),
        None => i64::MAX,
    };
    let endpoints = all(conn, ENDPOINTS, [owner.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)?, EndpointId::from_bytes(row.get(1)?)))
    })?;
    let wanted = |id: &EndpointId| filter.endpoint.is_none_or(|wanted| wanted == *id);
    let mut endpoints = endpoints.into_iter().filter(|(_, id)| wanted(id)).map(|(key, _)| key);
    let limit = at_most(filter.limit);
    let mut found = Vec::new();
    if let Some(id) = filter.job {
        let Some((job, _)) = job(conn, owner, id)? else { return Ok(None) };
        let endpoint = if filter.endpoint.is_some() { Some(endpoints.next().unwrap_or(0)) } else { None };
        found = all(conn, OF_JOB, (job, before, endpoint, limit), read_delivery)?;
    } else {
        // An owner has few endpoints: the newest of each, side by side.
        for endpoint in endpoints {
            found.extend(all(conn, OF_ENDPOINT, (endpoint, before, limit), read_delivery)?);
        }
        found.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        found.truncate(filter.limit);
    }
    Ok(Some(found.into_iter().map(|(_, delivery)| delivery).collect()))
}

/// A delivery of this owner, with its inner key.
pub(super) fn find(conn: &Connection, owner: OwnerId, id: DeliveryId) -> rusqlite::Result<Option<(i64, Delivery)>> {
    const ONE: &str = select_deliveries!(
        "delivery d JOIN endpoint e ON e.id = d.endpoint JOIN owner o ON o.id = e.owner LEFT JOIN job j ON j.id = d.job
        LEFT JOIN delivery w ON w.id = d.within WHERE d.uuid = ?1 AND o.uuid = ?2"
    );
    first(conn, ONE, (id.as_bytes(), owner.as_bytes()), read_delivery)
}

/// One with all that is known of it.
pub(super) fn detail(conn: &Connection, owner: OwnerId, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>> {
    let Some((key, delivery)) = find(conn, owner, id)? else { return Ok(None) };
    let endpoint = endpoints::find(conn, owner, delivery.endpoint)?.map(|(_, row)| row);
    let (log, told) = (rows::attempts(conn, key)?, rows::told(conn, key)?);
    let lang = rows::settings(conn, owner)?.lang;
    Ok(Some(DeliveryDetail { delivery, log, endpoint, told, lang }))
}

/// Queues a test message.
pub(super) fn test(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    endpoint: EndpointId,
    id: DeliveryId,
    now: Timestamp,
) -> StoreResult<Option<Option<Delivery>>> {
    let Some((key, row)) = endpoints::find(tx.conn, owner, endpoint)? else { return Ok(None) };
    if row.shown.state != EndpointState::Active {
        return Ok(Some(None));
    }
    endpoints::by_hand(tx, key, "test", id, now)?;
    Ok(Some(find(tx.conn, owner, id)?.map(|(_, delivery)| delivery)))
}

/// Queues a delivery that has ended once more, with its id and a fresh course of attempts.
pub(super) fn resend(tx: &mut Tx<'_>, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Resent> {
    // Alone, if it was told within another one: that one has been told.
    const AGAIN: &str = "UPDATE delivery SET state = 'queued', reason = NULL, lane = 2, rank = 0, due_at = ?2, within = NULL,
        era = (SELECT era FROM endpoint WHERE id = delivery.endpoint), course = attempts, cuts = 0, first_attempt_at = NULL WHERE id = ?1";
    const UNDER_WAY: &str = "SELECT 1 FROM delivery WHERE id = ?1 AND lease_until IS NOT NULL";
    const ENDPOINT: &str = "SELECT endpoint FROM delivery WHERE id = ?1";
    let Some((key, delivery)) = find(tx.conn, owner, id)? else { return Ok(Resent::NotFound) };
    if !delivery.state.has_ended() || first(tx.conn, UNDER_WAY, [key], |_| Ok(()))?.is_some() {
        return Ok(Resent::Pending(delivery));
    }
    let reachable = match endpoints::find(tx.conn, owner, delivery.endpoint)?.map(|(_, row)| row.shown.state) {
        Some(EndpointState::Active) => true,
        Some(EndpointState::Unconfirmed) => delivery.event == "confirm",
        _ => false,
    };
    if !reachable {
        return Ok(Resent::EndpointOff);
    }
    run(tx.conn, AGAIN, (key, now.0))?;
    if let Some(endpoint) = first(tx.conn, ENDPOINT, [key], |row| row.get::<_, i64>(0))? {
        run(tx.conn, "UPDATE endpoint SET pending = pending + 1 WHERE id = ?1", [endpoint])?;
        line::enter(tx, endpoint, line::BY_HAND, now)?;
    }
    Ok(find(tx.conn, owner, id)?.map_or(Resent::NotFound, |(_, delivery)| Resent::Queued(delivery)))
}

/// Ends a delivery that has not ended.
pub(super) fn cancel(tx: &mut Tx<'_>, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Option<bool>> {
    const PLACE: &str = "SELECT endpoint, lane, lease_until IS NOT NULL FROM delivery WHERE id = ?1";
    const END: &str = "UPDATE delivery SET state = 'cancelled', reason = NULL, due_at = NULL,
        lane = iif(lease_until IS NULL, NULL, lane) WHERE id = ?1";
    // What it would have told besides is told by the next one.
    const RELEASE: &str = "UPDATE delivery SET lane = 0, rank = 0, due_at = coalesce(due_at, ?2), within = NULL
        WHERE within = ?1 AND (state = 'held' OR state = 'queued')";
    const COUNT: &str =
        "UPDATE endpoint SET pending = max(0, pending - 1), retrying = max(0, retrying - ?2) WHERE id = ?1";
    let Some((key, delivery)) = find(tx.conn, owner, id)? else { return Ok(None) };
    if delivery.state.has_ended() {
        return Ok(Some(false));
    }
    let place = first(tx.conn, PLACE, [key], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, bool>(2)?))
    })?;
    let Some((endpoint, lane, under_way)) = place else { return Ok(None) };
    run(tx.conn, END, [key])?;
    let retrying = i64::from(lane == Some(line::AGAIN) && !under_way);
    run(tx.conn, COUNT, (endpoint, retrying))?;
    if !under_way {
        if run(tx.conn, RELEASE, (key, now.0))? > 0 {
            line::enter(tx, endpoint, line::FIRST, now)?;
            line::changed(tx, endpoint, line::FIRST, now)?;
        }
        if let Some(lane) = lane {
            line::changed(tx, endpoint, lane, now)?;
        }
    }
    Ok(Some(true))
}

/// Notes what a browser did with a message; each step includes those before it, and counts the first time.
pub(super) fn report(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    id: DeliveryId,
    step: BrowserStep,
    now: Timestamp,
) -> StoreResult<bool> {
    const NOTE: &str = "UPDATE delivery SET received_at = coalesce(received_at, ?2),
        shown_at = iif(?3, coalesce(shown_at, ?2), shown_at), clicked_at = iif(?4, coalesce(clicked_at, ?2), clicked_at)
        WHERE id = ?1 OR within = ?1";
    let Some((key, _)) = find(tx.conn, owner, id)? else { return Ok(false) };
    run(tx.conn, NOTE, (key, now.0, step >= BrowserStep::Shown, step >= BrowserStep::Clicked))?;
    Ok(true)
}
