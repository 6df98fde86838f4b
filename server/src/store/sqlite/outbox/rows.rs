//! Rows of endpoints and deliveries as the outbox answers them.
//!
//! Used by every call that answers one. Writes nothing.
//! Invariant: a delivery of an era that is over reads as ended, as its endpoint says, whether or not that is written down yet.

use super::{
    super::statement::{all, damaged, first, maybe_moment, moment},
    bits,
};
use crate::store::{EndpointRow, StoreResult, Target, Told};
use domain::{
    DeliveryId, EndpointId, EventType, JobId, OwnerId,
    push::{
        Delivery, DeliveryAttempt, DeliveryState, EndpointKind, EndpointState, NotificationSettings, PushEndpoint, When,
    },
};
use rusqlite::{Connection, Row};

/// `SELECT` of [`read_endpoint`]'s columns and the rest of the query, which names `endpoint e` and `owner o`.
macro_rules! select_endpoints {
    ($rest:literal) => {
        concat!(
            "SELECT e.uuid, o.uuid, e.kind, e.label, e.address, e.state, e.reason, e.events, e.told_when, e.digest_s, e.created_at, ",
            "e.delivered_at, e.failing_since, e.pending, e.host, e.public_key, e.secret, e.previous, e.previous_until, e.id FROM ",
            $rest
        )
    };
}
pub(super) use select_endpoints;

/// An endpoint and its inner key.
pub(super) fn read_endpoint(row: &Row<'_>) -> rusqlite::Result<(i64, EndpointRow)> {
    let kind = word(row, 2, EndpointKind::parse)?;
    let address: String = row.get(4)?;
    let (secret, previous_until) = (row.get::<_, Option<Vec<u8>>>(16)?.unwrap_or_default(), maybe_moment(row, 18)?);
    let host: String = row.get(14)?;
    let shown = PushEndpoint {
        id: EndpointId::from_bytes(row.get(0)?),
        kind,
        label: row.get(3)?,
        // What identifies a browser at its push service is a secret: whoever has it can send to it.
        address: if kind == EndpointKind::WebPush { origin(&address).to_owned() } else { address.clone() },
        state: word(row, 5, EndpointState::parse)?,
        reason: row.get(6)?,
        events: bits::events(row.get(7)?),
        when: word(row, 8, When::parse)?,
        digest_s: row.get(9)?,
        created_at: moment(row, 10)?,
        delivered_at: maybe_moment(row, 11)?,
        failing_since: maybe_moment(row, 12)?,
        pending: row.get(13)?,
        held_until: None,
    };
    let target = match kind {
        EndpointKind::WebPush => Target::WebPush {
            url: address,
            p256dh: row.get::<_, Option<Vec<u8>>>(15)?.unwrap_or_default(),
            auth: secret,
        },
        EndpointKind::Webhook => {
            let previous = row.get::<_, Option<Vec<u8>>>(17)?.zip(previous_until);
            Target::Webhook { url: address, secret, previous }
        }
        EndpointKind::Email => Target::Email { address, token: secret },
    };
    Ok((row.get(19)?, EndpointRow { owner: OwnerId::from_bytes(row.get(1)?), shown, target, host }))
}

/// Scheme and authority of an URL.
fn origin(url: &str) -> &str {
    url.match_indices('/').nth(2).map_or(url, |(at, _)| &url[..at])
}

/// An endpoint by its inner key, unless it was removed.
pub(super) fn endpoint(conn: &Connection, id: i64) -> rusqlite::Result<Option<EndpointRow>> {
    const ONE: &str =
        select_endpoints!("endpoint e JOIN owner o ON o.id = e.owner WHERE e.id = ?1 AND e.state <> 'removed'");
    Ok(first(conn, ONE, [id], read_endpoint)?.map(|(_, row)| row))
}

/// `SELECT` of [`read_delivery`]'s columns and the rest of the query, which names `delivery d` and `endpoint e`.
macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT d.uuid, e.uuid, e.kind, e.label, j.uuid, d.event, d.seq, ",
            "iif(d.era < e.era AND (d.state = 'held' OR d.state = 'queued' OR d.state = 'retrying'), e.ends_as, d.state), ",
            "iif(d.era < e.era AND (d.state = 'held' OR d.state = 'queued' OR d.state = 'retrying'), e.ends_why, d.reason), ",
            "d.attempts, d.status, d.created_at, iif(d.era < e.era, NULL, d.due_at), d.delivered_at, d.received_at, d.shown_at, ",
            "d.clicked_at, w.uuid, d.id FROM ",
            $rest
        )
    };
}
pub(super) use select_deliveries;

/// A delivery and its inner key.
pub(super) fn read_delivery(row: &Row<'_>) -> rusqlite::Result<(i64, Delivery)> {
    let state = word(row, 7, DeliveryState::parse)?;
    let shown = Delivery {
        id: DeliveryId::from_bytes(row.get(0)?),
        endpoint: EndpointId::from_bytes(row.get(1)?),
        endpoint_kind: word(row, 2, EndpointKind::parse)?,
        endpoint_label: row.get(3)?,
        job: row.get::<_, Option<[u8; 16]>>(4)?.map(JobId::from_bytes),
        event: row.get(5)?,
        seq: row.get(6)?,
        state,
        reason: row.get(8)?,
        attempts: row.get(9)?,
        status: row.get(10)?,
        created_at: moment(row, 11)?,
        next_at: maybe_moment(row, 12)?.filter(|_| !state.has_ended() && state != DeliveryState::Sending),
        delivered_at: maybe_moment(row, 13)?,
        received_at: maybe_moment(row, 14)?,
        shown_at: maybe_moment(row, 15)?,
        clicked_at: maybe_moment(row, 16)?,
        within: row.get::<_, Option<[u8; 16]>>(17)?.map(DeliveryId::from_bytes),
    };
    Ok((row.get(18)?, shown))
}

/// What a delivery tells, and what is gathered with it, in order.
pub(super) fn told(conn: &Connection, delivery: i64) -> rusqlite::Result<Vec<Told>> {
    const TOLD: &str = "SELECT j.uuid, j.kind, j.label, d.event, d.seq, d.created_at, v.data ->> '$.failure.code'
        FROM (SELECT * FROM delivery WHERE id = ?1 UNION ALL SELECT * FROM delivery WHERE within = ?1) d
        CROSS JOIN job j ON j.id = d.job LEFT JOIN event v ON v.owner = j.owner AND v.seq = d.seq ORDER BY d.id";
    all(conn, TOLD, [delivery], |row| {
        let word: String = row.get(3)?;
        Ok(Told {
            job: JobId::from_bytes(row.get(0)?),
            kind: row.get(1)?,
            label: row.get(2)?,
            event: EventType::parse(&word),
            seq: row.get(4)?,
            at: moment(row, 5)?,
            code: row.get(6)?,
        })
    })
}

/// The attempts of a delivery, oldest first, with the one that is under way.
pub(super) fn attempts(conn: &Connection, delivery: i64) -> rusqlite::Result<Vec<DeliveryAttempt>> {
    const LOG: &str = "SELECT number, at, took_ms, status, outcome, detail FROM delivery_attempt WHERE delivery = ?1
        UNION ALL SELECT attempts, attempt_at, NULL, NULL, 'sending', NULL FROM delivery WHERE id = ?1 AND lease_until IS NOT NULL
        ORDER BY 1";
    all(conn, LOG, [delivery], |row| {
        Ok(DeliveryAttempt {
            number: row.get(0)?,
            at: moment(row, 1)?,
            took_ms: row.get(2)?,
            status: row.get(3)?,
            outcome: row.get(4)?,
            detail: row.get(5)?,
        })
    })
}

/// What an owner has set, or what one starts with.
pub(super) fn settings(conn: &Connection, owner: OwnerId) -> StoreResult<NotificationSettings> {
    const FIND: &str = "SELECT p.settings FROM owner o JOIN owner_push p ON p.owner = o.id WHERE o.uuid = ?1";
    let text = first(conn, FIND, [owner.as_bytes()], |row| row.get::<_, String>(0))?;
    // Settings that a later version wrote are as good as none.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    parse(word).ok_or_else(|| damaged(column, format!("no known word: {word}")))
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn of_a_browsers_address_only_the_origin_is_shown() {
        assert_eq!(origin("https://push.example:8443/wpush/v2/secret"), "https://push.example:8443");
        assert_eq!(origin("https://push.example"), "https://push.example");
    }
}
