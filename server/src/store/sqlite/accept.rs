//! Accepting a job: the row, its `accepted` event, its idempotency key and the uploads it uses, in one transaction.
//!
//! Called by the engine's submit. Runs nothing and checks no input.
//! Invariants: the answer means committed (1); owner and key name one job for as long as the key is valid (7).

use super::{
    backlog::{Change, Move},
    events::insert,
    row::whole,
    spill::{Slot, inline, put},
    statement::{damaged, first, run, text},
    writer::Tx,
};
use crate::store::{Accepted, EventRow, Idempotency, JobRow, NewJob, QueueState, Snapshot, StoreResult};
use domain::{Deferral, EventType, JobState, OwnerId, Timestamp, UploadId, event::data, event::next_state};

/// Commits a new job or finds the one that its key made.
pub(super) fn accept(tx: &mut Tx<'_>, new: &NewJob, open_limit: i64, now: Timestamp) -> StoreResult<Accepted> {
    if let Some(idempotency) = &new.idempotency
        && let Some(answer) = replay(tx, new.owner, idempotency)?
    {
        return Ok(answer);
    }
    let mut uploads = Vec::with_capacity(new.uploads.len());
    for &upload in &new.uploads {
        let Some(row) = upload_of(tx, new.owner, upload)? else { return Ok(Accepted::UploadMissing(upload)) };
        uploads.push(row);
    }
    let state = next_state(None, EventType::Accepted, new.is_deferred())
        .ok_or_else(|| damaged(0, "the state machine accepts no job"))?;
    let Some((owner, head)) = advance_head(tx, new.owner, open_limit)? else { return Ok(Accepted::TooMany) };
    let job = insert_job(tx, owner, state, new, now)?;
    let data = text(&data::Accepted {
        label: new.label.clone(),
        max_attempts: new.max_attempts,
        run_at: new.run_at,
        deferral: new.deferral,
        priority: new.priority,
        origin: new.origin,
    })?;
    insert(tx, owner, head, job, 1, now, EventType::Accepted, &data)?;
    for upload in uploads {
        run(tx.conn, "INSERT OR IGNORE INTO job_upload (upload, job) VALUES (?1, ?2)", (upload, job))?;
    }
    if let Some(Idempotency { key, fingerprint, .. }) = &new.idempotency {
        // What it replaces is a key that is valid no more.
        const REMEMBER: &str =
            "INSERT OR REPLACE INTO idempotency (owner, key, fingerprint, job, made_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        run(tx.conn, REMEMBER, (owner, key, fingerprint, job, now.0))?;
    }
    tx.committed.heads.push((new.owner, head));
    let (kind, type_) = (new.kind.clone(), EventType::Accepted);
    let event = EventRow { seq: head, prev: head - 1, job: new.id, kind, jseq: 1, at: now, type_, data };
    tx.committed.events.push((new.owner, event));
    let turn = if state == JobState::Queued { Some(tx.turns.enter(tx.conn, &new.kind, owner)?) } else { None };
    tx.changes.push(Change::Moved(Move {
        owner: new.owner,
        kind: new.kind.clone(),
        prioritised: new.priority != 0,
        deferral: new.deferral,
        from: None,
        to: state,
        turn,
        took_ms: None,
    }));
    // One that waits for idleness may find it at once.
    tx.committed.claimable |= state == JobState::Queued || new.deferral == Some(Deferral::Idle);
    tx.committed.due = new.run_at.into_iter().chain(new.start_by).min();
    // Where it stands is known once it is committed.
    Ok(Accepted::Created(Snapshot { value: fresh_row(new, state, now), head }, QueueState::default()))
}

/// The answer that an earlier request with this key had, if the key still counts.
fn replay(tx: &Tx<'_>, owner: OwnerId, idempotency: &Idempotency) -> StoreResult<Option<Accepted>> {
    const FIND: &str = "SELECT i.fingerprint, i.job, o.head FROM owner o JOIN idempotency i ON i.owner = o.id
        WHERE o.uuid = ?1 AND i.key = ?2 AND i.made_at >= ?3";
    let params = (owner.as_bytes(), &idempotency.key, idempotency.valid_since.0);
    let found = first(tx.conn, FIND, params, |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?, row.get::<_, u64>(2)?))
    })?;
    let Some((fingerprint, job, head)) = found else { return Ok(None) };
    if fingerprint != idempotency.fingerprint {
        return Ok(Some(Accepted::KeyReused));
    }
    // A job that retention has removed leaves its key free.
    Ok(whole(tx.conn, job)?.map(|value| Accepted::Replayed(Snapshot { value, head })))
}

/// The row of an upload of this owner.
fn upload_of(tx: &Tx<'_>, owner: OwnerId, upload: UploadId) -> rusqlite::Result<Option<i64>> {
    const FIND: &str = "SELECT u.id FROM upload u JOIN owner o ON o.id = u.owner WHERE u.uuid = ?1 AND o.uuid = ?2";
    first(tx.conn, FIND, (upload.as_bytes(), owner.as_bytes()), |row| row.get(0))
}

/// Takes the next position of an owner's stream, which begins with the owner's first job. `None`: the owner has as many unfinished
/// jobs as may be. The quota rides on the statement that every accept runs anyway, so it costs nothing and cannot be raced.
fn advance_head(tx: &Tx<'_>, owner: OwnerId, open_limit: i64) -> rusqlite::Result<Option<(i64, u64)>> {
    const ADVANCE: &str = "INSERT INTO owner (uuid, head, open) VALUES (?1, 1, 1)
        ON CONFLICT (uuid) DO UPDATE SET head = head + 1, open = open + 1 WHERE open < ?2 RETURNING id, head";
    first(tx.conn, ADVANCE, (owner.as_bytes(), open_limit), |row| Ok((row.get(0)?, row.get(1)?)))
}

fn insert_job(tx: &Tx<'_>, owner: i64, state: JobState, new: &NewJob, now: Timestamp) -> rusqlite::Result<i64> {
    const INSERT: &str =
        "INSERT INTO job (uuid, owner, kind, state, jseq, max_attempts, timeout_ms, created_at, due_at,
        run_at, origin, label, input, priority, deferral, start_by)
        VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let origin = new.origin.as_ref().map(|origin| origin.as_bytes());
    let job = tx.conn.prepare_cached(INSERT)?.insert((
        new.id.as_bytes(),
        owner,
        &new.kind,
        state.as_str(),
        new.max_attempts,
        new.timeout_ms,
        now.0,
        new.run_at.map(|at| at.0),
        origin,
        &new.label,
        inline(&new.input),
        new.priority,
        new.deferral.map(Deferral::as_str),
        new.start_by.map(|at| at.0),
    ))?;
    if inline(&new.input).is_none() {
        put(tx.conn, job, Slot::Input, &new.input)?;
    }
    Ok(job)
}

/// What was just inserted, without reading it back.
fn fresh_row(new: &NewJob, state: JobState, now: Timestamp) -> JobRow {
    JobRow {
        id: new.id,
        owner: new.owner,
        kind: new.kind.clone(),
        label: new.label.clone(),
        state,
        input: new.input.clone(),
        created_at: now,
        started_at: None,
        first_started_at: None,
        finished_at: None,
        attempt: 0,
        max_attempts: new.max_attempts,
        timeout_ms: new.timeout_ms,
        due_at: new.run_at,
        priority: new.priority,
        waiting: None,
        run_at: new.run_at,
        deferral: new.deferral,
        start_by: new.start_by,
        cancel_requested_at: None,
        resumable: false,
        progress: None,
        output: None,
        failure: None,
        origin: new.origin,
        jseq: 1,
    }
}
