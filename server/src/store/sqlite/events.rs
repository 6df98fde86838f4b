//! The log: appends a job's events to its owner's stream.
//!
//! Used by every command that changes a job; read back in `event_reads.rs`. Changes no job's row.
//! Invariants: `seq` is gap-free per owner and `jseq` per job, both given within the transaction that changes the job, and
//! no event is written that the state machine does not allow (invariant 2); a job that becomes queued has its lane in the same
//! transaction; `owner.open` counts the owner's unfinished jobs, since no job begins or stops being one except here and in `accept`; what somebody is to be told of is told in the same transaction.

use super::{
    backlog::{Change, Move},
    callbacks,
    outbox::tell,
    row::Core,
    statement::{damaged, first, run},
    writer::Tx,
};
use crate::store::{EventRow, StoreError, StoreResult};
use domain::{EventType, Failure, JobId, JobState, OwnerId, Timestamp, api::EVENT_LIMIT, event::next_state};

/// Longest `detail`, in characters, of a failure whose event would be too large.
const DETAIL_LIMIT: usize = 500;

/// Events of one job that are to be committed together.
pub(super) struct Log {
    job: i64,
    uuid: JobId,
    /// How the job moves in the backlog, when these events change its state.
    moved: Move,
    owner: i64,
    was_open: bool,
    attached: bool,
    /// Where the job stands after the events so far.
    pub(super) state: JobState,
    jseq: u64,
    entries: Vec<(EventType, String)>,
}

impl Log {
    /// Continues the log of a job.
    pub(super) fn of(job: &Core) -> Self {
        let moved = Move {
            owner: OwnerId::from_bytes([0; 16]),
            kind: job.kind.clone(),
            prioritised: job.priority != 0,
            deferral: job.deferral,
            from: Some(job.state),
            to: job.state,
            turn: None,
            took_ms: None,
        };
        let was_open = !job.state.is_terminal();
        Self {
            job: job.id,
            uuid: job.uuid,
            moved,
            owner: job.owner,
            was_open,
            attached: job.attached,
            state: job.state,
            jseq: job.jseq,
            entries: Vec::with_capacity(2),
        }
    }

    /// Adds an event, if it can happen in the job's state.
    pub(super) fn push(&mut self, event: EventType, data: impl Into<String>) -> StoreResult<()> {
        let data = data.into();
        if data.len() > EVENT_LIMIT {
            let (word, size) = (event.as_str(), data.len());
            return Err(StoreError::Driver(format!("the data of a {word} event has {size} bytes of {EVENT_LIMIT}")));
        }
        self.state = next_state(Some(self.state), event, false).ok_or_else(|| {
            StoreError::Driver(format!("a job that is {} cannot become {}", self.state.as_str(), event.as_str()))
        })?;
        self.entries.push((event, data));
        Ok(())
    }

    /// The job's `jseq` once this is written.
    pub(super) fn jseq(&self) -> u64 {
        self.jseq + self.entries.len() as u64
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends the events to the owner's stream; answers the owner and the new head.
    pub(super) fn write(self, tx: &mut Tx<'_>, now: Timestamp) -> StoreResult<(OwnerId, u64)> {
        const ADVANCE: &str =
            "UPDATE owner SET head = head + ?1, open = open + ?3 WHERE id = ?2 RETURNING head, uuid, told";
        let count = self.entries.len() as u64;
        let opened = i64::from(!self.state.is_terminal()) - i64::from(self.was_open);
        let (head, owner, told) = first(tx.conn, ADVANCE, (count, self.owner, opened), |row| {
            Ok((row.get::<_, u64>(0)?, OwnerId::from_bytes(row.get(1)?), row.get::<_, i64>(2)?))
        })?
        .ok_or_else(|| damaged(0, "a job without an owner"))?;
        let is_told = tell::concerns(told, self.entries.iter().map(|(event, _)| *event));
        let events: Vec<_> = if is_told { self.entries.iter().map(|(event, _)| *event).collect() } else { Vec::new() };
        for (index, (event, data)) in (1..).zip(self.entries) {
            let (seq, jseq) = (head - count + index, self.jseq + index);
            insert(tx, self.owner, seq, self.job, jseq, now, event, &data)?;
            let kind = self.moved.kind.clone();
            tx.committed.events.push((
                owner,
                EventRow { seq, prev: seq - 1, job: self.uuid, kind, jseq, at: now, type_: event, data },
            ));
        }
        if is_told {
            let place = tell::Place { owner: self.owner, job: self.job, first: head - count + 1 };
            tell::tell(tx, told, &place, events.into_iter(), now)?;
        }
        if self.state.is_terminal() && self.attached {
            // Here, where every end passes: an address of a job that has ended must not be there any more.
            callbacks::forget_job(tx.conn, self.job)?;
        }
        tx.committed.heads.push((owner, head));
        if self.moved.from != Some(self.state) {
            let queued = self.state == JobState::Queued;
            let turn = if queued { Some(tx.turns.enter(tx.conn, &self.moved.kind, self.owner)?) } else { None };
            tx.changes.push(Change::Moved(Move { owner, to: self.state, turn, ..self.moved }));
        }
        Ok((owner, head))
    }

    /// Says how long the attempt took that these events end with success.
    pub(super) fn took(&mut self, ms: i64) {
        self.moved.took_ms = Some(ms);
    }
}

/// Writes one event row. Its `seq` was taken from the owner's head in this transaction.
#[allow(clippy::too_many_arguments)] // the columns of the table
pub(super) fn insert(
    tx: &Tx<'_>,
    owner: i64,
    seq: u64,
    job: i64,
    jseq: u64,
    now: Timestamp,
    event: EventType,
    data: &str,
) -> StoreResult<()> {
    const INSERT: &str =
        "INSERT INTO event (owner, seq, job, jseq, at, type, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    run(tx.conn, INSERT, (owner, seq, job, jseq, now.0, event.as_str(), data))?;
    Ok(())
}

/// A failure that fits into an event: a handler's long complaint must not keep its job from failing.
pub(super) fn bounded(mut failure: Failure) -> Failure {
    // What the envelope of the data adds is far below the half.
    let fits = |failure: &Failure| serde_json::to_string(failure).is_ok_and(|text| text.len() <= EVENT_LIMIT / 2);
    if !fits(&failure) {
        failure.detail = failure.detail.map(|detail| detail.chars().take(DETAIL_LIMIT).collect());
        if !fits(&failure) {
            failure.params.clear();
        }
    }
    failure
}
