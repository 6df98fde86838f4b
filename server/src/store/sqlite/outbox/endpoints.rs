//! Endpoints: added, changed, confirmed, removed by whoever owns them or holds the token of a mail.
//!
//! Called by the API. What an address may be is judged there.
//! Invariants: an owner has one endpoint for an address and a limited number of them, decided in the transaction that adds one; a removed
//! endpoint keeps neither address nor secrets; an address that nobody confirmed is told nothing but the question.

use super::{
    super::{
        statement::{all, first, only, run},
        writer::Tx,
    },
    bits, line,
    rows::{self, read_endpoint, select_endpoints},
    switch::{self, Ends},
    tell::{self, New},
};
use crate::store::{Added, EndpointRow, NewEndpoint, StoreResult, Target};
use domain::{
    EndpointId, OwnerId, Timestamp,
    push::{ENDPOINT_LIMIT, EndpointKind, EndpointPatch, EndpointState, When},
};
use rusqlite::Connection;

/// The question whether an address is one's own is not asked again before so long.
const ASK_AGAIN_MS: i64 = 60_000;

/// Adds an endpoint, or finds the one with this address.
pub(super) fn add(tx: &mut Tx<'_>, new: &NewEndpoint, now: Timestamp) -> StoreResult<Added> {
    const KNOWN: &str = "SELECT id FROM endpoint WHERE owner = ?1 AND kind = ?2 AND address = ?3";
    const COUNT: &str = "SELECT count(*) FROM endpoint WHERE owner = ?1 AND state <> 'removed'";
    const INSERT: &str = "INSERT INTO endpoint (uuid, owner, kind, state, events, told_when, created_at, host, label, address, public_key,
        secret) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let owner = owner_key(tx, new.owner)?;
    let Parts { kind, address, public_key, secret } = parts(&new.target);
    let known = first(tx.conn, KNOWN, (owner, kind.as_str(), address), |row| row.get::<_, i64>(0))?;
    let replaced = match new.replaces {
        Some(id) => find(tx.conn, new.owner, id)?.filter(|(id, _)| Some(*id) != known),
        None => None,
    };
    if let Some(id) = known {
        refresh(tx, id, kind, public_key, secret, now)?;
        inherit(tx, id, replaced)?;
        return Ok(Added::Known(whole(tx, id)?));
    }
    if only::<i64>(tx.conn, COUNT, [owner])? >= super::super::at_most(ENDPOINT_LIMIT) && replaced.is_none() {
        return Ok(Added::TooMany);
    }
    let state = if kind == EndpointKind::Email { EndpointState::Unconfirmed } else { EndpointState::Active };
    let id = tx.conn.prepare_cached(INSERT)?.insert(rusqlite::params![
        new.id.as_bytes(),
        owner,
        kind.as_str(),
        state.as_str(),
        bits::of(&new.events),
        When::of(kind).as_str(),
        now.0,
        &new.host,
        &new.label,
        address,
        public_key,
        secret
    ])?;
    inherit(tx, id, replaced)?;
    set_delay(tx, id)?;
    if state == EndpointState::Unconfirmed {
        ask(tx, id, now)?;
    }
    switch::refresh_owner(tx, id)?;
    Ok(Added::New(whole(tx, id)?))
}

struct Parts<'t> {
    kind: EndpointKind,
    address: &'t str,
    public_key: Option<&'t [u8]>,
    secret: &'t [u8],
}

fn parts(target: &Target) -> Parts<'_> {
    let kind = target.kind();
    match target {
        Target::WebPush { url, p256dh, auth } => Parts { kind, address: url, public_key: Some(p256dh), secret: auth },
        Target::Webhook { url, secret, .. } => Parts { kind, address: url, public_key: None, secret },
        Target::Email { address, token } => Parts { kind, address, public_key: None, secret: token },
    }
}

/// The same address once more: a browser may have new keys; a webhook and a mail keep their secret.
fn refresh(
    tx: &mut Tx<'_>,
    id: i64,
    kind: EndpointKind,
    public_key: Option<&[u8]>,
    secret: &[u8],
    now: Timestamp,
) -> StoreResult<()> {
    if kind == EndpointKind::WebPush {
        let keys = "UPDATE endpoint SET public_key = ?2, secret = ?3 WHERE id = ?1";
        run(tx.conn, keys, (id, public_key, secret))?;
    }
    let state: String = only(tx.conn, "SELECT state FROM endpoint WHERE id = ?1", [id])?;
    match EndpointState::parse(&state) {
        Some(EndpointState::Parked | EndpointState::Gone) if kind == EndpointKind::Email => {
            // Whoever unsubscribed is asked again before anything else is sent.
            run(tx.conn, "UPDATE endpoint SET state = 'unconfirmed', reason = NULL WHERE id = ?1", [id])?;
            ask(tx, id, now)?;
        }
        Some(EndpointState::Parked | EndpointState::Gone) => switch::on(tx, id)?,
        Some(EndpointState::Unconfirmed) => ask(tx, id, now)?,
        _ => {}
    }
    Ok(())
}

/// Asks by mail whether the address is its owner's, unless that was done just now.
fn ask(tx: &mut Tx<'_>, endpoint: i64, now: Timestamp) -> StoreResult<()> {
    const ASKED: &str = "SELECT 1 FROM delivery INDEXED BY delivery_of_endpoint
        WHERE endpoint = ?1 AND event = 'confirm' AND created_at > ?2 LIMIT 1";
    if first(tx.conn, ASKED, (endpoint, now.0 - ASK_AGAIN_MS), |_| Ok(()))?.is_none() {
        by_hand(tx, endpoint, "confirm", tell::fresh_id(), now)?;
    }
    Ok(())
}

/// Queues a message that tells of no event.
pub(super) fn by_hand(
    tx: &mut Tx<'_>,
    endpoint: i64,
    event: &str,
    id: domain::DeliveryId,
    now: Timestamp,
) -> StoreResult<i64> {
    let era = only(tx.conn, "SELECT era FROM endpoint WHERE id = ?1", [endpoint])?;
    let (state, lane) = ("queued", line::BY_HAND);
    let new = New { endpoint, era, lane, job: None, seq: 0, event, state, reason: None, due: now };
    Ok(tell::insert(tx, id, &new, now)?)
}

/// Takes the settings of an endpoint that goes.
fn inherit(tx: &mut Tx<'_>, id: i64, from: Option<(i64, EndpointRow)>) -> StoreResult<()> {
    const INHERIT: &str = "UPDATE endpoint SET (label, events, told_when, digest_s, delay_ms) =
        (SELECT label, events, told_when, digest_s, delay_ms FROM endpoint WHERE id = ?2) WHERE id = ?1";
    if let Some((from, _)) = from {
        run(tx.conn, INHERIT, (id, from))?;
        remove_one(tx, from)?;
        switch::refresh_owner(tx, id)?;
    }
    Ok(())
}

/// An endpoint of this owner, with its inner key.
pub(super) fn find(conn: &Connection, owner: OwnerId, id: EndpointId) -> rusqlite::Result<Option<(i64, EndpointRow)>> {
    const ONE: &str = select_endpoints!(
        "endpoint e JOIN owner o ON o.id = e.owner WHERE e.uuid = ?1 AND o.uuid = ?2 AND e.state <> 'removed'"
    );
    first(conn, ONE, (id.as_bytes(), owner.as_bytes()), read_endpoint)
}

/// All of an owner, oldest first.
pub(super) fn list(conn: &Connection, owner: OwnerId) -> rusqlite::Result<Vec<EndpointRow>> {
    const ALL: &str = select_endpoints!(
        "owner o CROSS JOIN endpoint e ON e.owner = o.id WHERE o.uuid = ?1 AND e.state <> 'removed' ORDER BY e.id"
    );
    all(conn, ALL, [owner.as_bytes()], |row| Ok(read_endpoint(row)?.1))
}

/// Changes what is named.
pub(super) fn change(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    id: EndpointId,
    patch: &EndpointPatch,
) -> StoreResult<Option<EndpointRow>> {
    const CHANGE: &str = "UPDATE endpoint SET label = coalesce(?2, label), events = coalesce(?3, events),
        told_when = coalesce(?4, told_when), digest_s = coalesce(?5, digest_s) WHERE id = ?1";
    let Some((key, row)) = find(tx.conn, owner, id)? else { return Ok(None) };
    let events = patch.events.as_deref().map(bits::of);
    run(tx.conn, CHANGE, (key, &patch.label, events, patch.when.map(When::as_str), patch.digest_s))?;
    set_delay(tx, key)?;
    match (patch.paused, row.shown.state) {
        (Some(true), EndpointState::Active | EndpointState::Parked) => {
            let ends = Ends { endpoint: "paused", reason: None, delivery: "cancelled", why: "paused" };
            switch::off(tx, key, &ends)?;
        }
        (Some(false), EndpointState::Paused | EndpointState::Parked) => switch::on(tx, key)?,
        _ => switch::refresh_owner(tx, key)?,
    }
    whole(tx, key).map(Some)
}

/// How long from an event until this endpoint is told, by its own settings and its owner's.
pub(super) fn set_delay(tx: &Tx<'_>, endpoint: i64) -> StoreResult<()> {
    const OWNER: &str = "SELECT o.uuid FROM endpoint e JOIN owner o ON o.id = e.owner WHERE e.id = ?1";
    const SET: &str =
        "UPDATE endpoint SET delay_ms = max(digest_s * 1000, iif(told_when = 'fallback', ?2, 0)) WHERE id = ?1";
    let Some(owner) = first(tx.conn, OWNER, [endpoint], |row| Ok(OwnerId::from_bytes(row.get(0)?)))? else {
        return Ok(());
    };
    let fallback_ms = i64::from(rows::settings(tx.conn, owner)?.fallback_after_s) * 1000;
    run(tx.conn, SET, (endpoint, fallback_ms))?;
    Ok(())
}

/// Makes another secret sign.
pub(super) fn rotate(
    tx: &mut Tx<'_>,
    owner: OwnerId,
    id: EndpointId,
    secret: &[u8],
    previous_until: Timestamp,
) -> StoreResult<Option<EndpointRow>> {
    const ROTATE: &str = "UPDATE endpoint SET previous = secret, secret = ?2, previous_until = ?3 WHERE id = ?1";
    let Some((key, row)) = find(tx.conn, owner, id)? else { return Ok(None) };
    if row.shown.kind != EndpointKind::Webhook {
        return Ok(None);
    }
    run(tx.conn, ROTATE, (key, secret, previous_until.0))?;
    whole(tx, key).map(Some)
}

/// Removes one of an owner.
pub(super) fn remove(tx: &mut Tx<'_>, owner: OwnerId, id: EndpointId) -> StoreResult<bool> {
    let Some((key, _)) = find(tx.conn, owner, id)? else { return Ok(false) };
    remove_one(tx, key)?;
    Ok(true)
}

/// Switches it off and forgets how it is reached; its log stays.
pub(super) fn remove_one(tx: &mut Tx<'_>, endpoint: i64) -> StoreResult<()> {
    const FORGET: &str =
        "UPDATE endpoint SET address = NULL, public_key = NULL, secret = NULL, previous = NULL, host = ''
        WHERE id = ?1";
    let ends = Ends { endpoint: "removed", reason: None, delivery: "cancelled", why: "endpoint-removed" };
    switch::off(tx, endpoint, &ends)?;
    run(tx.conn, FORGET, [endpoint])?;
    Ok(())
}

/// The e-mail endpoint with a token.
pub(super) fn of_token(conn: &Connection, token: &[u8]) -> rusqlite::Result<Option<(i64, EndpointRow)>> {
    const FIND: &str = select_endpoints!(
        "endpoint e INDEXED BY endpoint_secret JOIN owner o ON o.id = e.owner
        WHERE e.kind = 'email' AND e.secret = ?1 AND e.state <> 'removed'"
    );
    first(conn, FIND, [token], read_endpoint)
}

/// Its owner holds the mail in hand.
pub(super) fn confirm(tx: &mut Tx<'_>, token: &[u8]) -> StoreResult<bool> {
    let Some((key, row)) = of_token(tx.conn, token)? else { return Ok(false) };
    if row.shown.state == EndpointState::Unconfirmed {
        switch::on(tx, key)?;
    }
    Ok(true)
}

/// Whoever gets the mails wants no more of them.
pub(super) fn unsubscribe(tx: &mut Tx<'_>, token: &[u8]) -> StoreResult<bool> {
    let Some((key, row)) = of_token(tx.conn, token)? else { return Ok(false) };
    if row.shown.state != EndpointState::Gone {
        let ends = Ends { endpoint: "gone", reason: Some("unsubscribed"), delivery: "cancelled", why: "unsubscribed" };
        switch::off(tx, key, &ends)?;
    }
    Ok(true)
}

fn whole(tx: &Tx<'_>, id: i64) -> StoreResult<EndpointRow> {
    let row = rows::endpoint(tx.conn, id)?;
    Ok(row.ok_or_else(|| super::super::statement::damaged(0, "an endpoint vanished while it was changed"))?)
}

/// The owner's inner key; the row is made when this is the first that is known of them.
pub(super) fn owner_key(tx: &Tx<'_>, owner: OwnerId) -> rusqlite::Result<i64> {
    const OWNER: &str =
        "INSERT INTO owner (uuid) VALUES (?1) ON CONFLICT (uuid) DO UPDATE SET uuid = uuid RETURNING id";
    first(tx.conn, OWNER, [owner.as_bytes()], |row| row.get(0))?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}
