//! Makes deliveries: in the transaction of the event that they tell of.
//!
//! Called by the log for each batch of events that it appends. Sends nothing and judges nobody's presence.
//! Invariant: an event that an active endpoint is told of and its delivery rows, one for each such endpoint, commit together or not at
//! all; an owner without an active endpoint costs no statement.

use super::{
    super::{
        statement::{all, first, run},
        writer::Tx,
    },
    bits, line,
};
use domain::{DeliveryId, EventType, Timestamp};

/// Whether an owner with these bits may have to be told of one of these events.
pub(in super::super) fn concerns(told: i64, mut events: impl Iterator<Item = EventType>) -> bool {
    told & bits::ACTIVE != 0
        && events.any(|event| {
            let bit = bits::bit(event);
            told & bit != 0 || (bit != 0 && told & bits::OF_JOBS != 0)
        })
}

/// Where events of a job stand.
pub(in super::super) struct Place {
    /// The owner's inner key.
    pub(in super::super) owner: i64,
    /// The job's.
    pub(in super::super) job: i64,
    /// The position of the first.
    pub(in super::super) first: u64,
}

struct Listener {
    id: i64,
    era: i64,
    events: i64,
    delay_ms: i64,
    digest: bool,
}

/// Adds the deliveries of events that were just written, in their order.
pub(in super::super) fn tell(
    tx: &mut Tx<'_>,
    told: i64,
    place: &Place,
    events: impl Iterator<Item = EventType>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    const OF_JOB: &str = "SELECT events FROM job_push WHERE job = ?1";
    const LISTENERS: &str = "SELECT id, era, events, delay_ms, digest_s > 0 FROM endpoint INDEXED BY endpoint_of_owner
        WHERE owner = ?1 AND state = 'active'";
    let of_job = match told & bits::OF_JOBS {
        0 => None,
        _ => first(tx.conn, OF_JOB, [place.job], |row| row.get::<_, i64>(0))?,
    };
    let listeners = all(tx.conn, LISTENERS, [place.owner], |row| {
        let (id, era, events, delay_ms, digest) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Listener { id, era, events, delay_ms, digest })
    })?;
    for (seq, event) in (place.first..).zip(events) {
        for listener in &listeners {
            if of_job.unwrap_or(listener.events) & bits::bit(event) != 0 {
                let (state, reason) = match (listener.delay_ms, listener.digest) {
                    (0, _) => ("queued", None),
                    (_, true) => ("held", Some("digest")),
                    (_, false) => ("held", Some("fallback")),
                };
                let due = now.plus_ms(listener.delay_ms);
                let new = New {
                    endpoint: listener.id,
                    era: listener.era,
                    lane: line::FIRST,
                    job: Some(place.job),
                    seq,
                    event: event.as_str(),
                    state,
                    reason,
                    due,
                };
                insert(tx, fresh_id(), &new, now)?;
            }
        }
    }
    Ok(())
}

/// A delivery to insert.
pub(super) struct New<'n> {
    pub(super) endpoint: i64,
    pub(super) era: i64,
    pub(super) lane: i64,
    pub(super) job: Option<i64>,
    pub(super) seq: u64,
    pub(super) event: &'n str,
    pub(super) state: &'n str,
    pub(super) reason: Option<&'n str>,
    pub(super) due: Timestamp,
}

/// Inserts it and lets its lane know.
pub(super) fn insert(tx: &mut Tx<'_>, id: DeliveryId, new: &New<'_>, now: Timestamp) -> rusqlite::Result<i64> {
    const INSERT: &str =
        "INSERT INTO delivery (uuid, endpoint, era, lane, job, seq, event, state, reason, due_at, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let inserted = tx.conn.prepare_cached(INSERT)?.insert((
        id.as_bytes(),
        new.endpoint,
        new.era,
        new.lane,
        new.job,
        new.seq,
        new.event,
        new.state,
        new.reason,
        new.due.0,
        now.0,
    ))?;
    run(tx.conn, "UPDATE endpoint SET pending = pending + 1 WHERE id = ?1", [new.endpoint])?;
    line::enter(tx, new.endpoint, new.lane, new.due)?;
    Ok(inserted)
}

/// A new id. (The store makes it, since nobody asked for the delivery who could have given it one.)
pub(super) fn fresh_id() -> DeliveryId {
    DeliveryId::from_bytes(uuid::Uuid::now_v7().into_bytes())
}
