//! What a worker writes while it runs a job and when it ends: progress, partials, checkpoints, the kind's data, the outcome.
//!
//! Called by the executor through `Context`; `schedule.rs` ends the attempts of dead workers by the same [`end`].
//! Invariants: every write is fenced by the lease (3); a terminal state is written once per round (6). Success wins over a
//! cancel that was requested meanwhile: the work is done, and the cancel came too late.

use super::{
    callbacks, catalogue,
    events::{Log, bounded},
    operations,
    row::{Core, held},
    spill::{Slot, forget, put, replace},
    statement::{only, run, text},
    writer::Tx,
};
use crate::store::{Advance, Advanced, FileRow, Finish, Lease, LeaseLost, OnTimeout, StoreError, StoreResult, Wait};
use domain::{EventType, Failure, JobState, Timestamp, api::AttemptOutcome, api::EVENT_LIMIT, event::data};

const OUTCOMES: [(AttemptOutcome, &str); 7] = [
    (AttemptOutcome::Running, "running"),
    (AttemptOutcome::Succeeded, "succeeded"),
    (AttemptOutcome::Failed, "failed"),
    (AttemptOutcome::Cancelled, "cancelled"),
    (AttemptOutcome::Released, "released"),
    (AttemptOutcome::Lost, "lost"),
    (AttemptOutcome::Waited, "waited"),
];

/// The word in the store.
pub(super) fn outcome_word(outcome: AttemptOutcome) -> &'static str {
    OUTCOMES.iter().find(|(known, _)| *known == outcome).map_or("", |(_, word)| word)
}

/// Reads [`outcome_word`] back.
pub(super) fn outcome_of(word: &str) -> Option<AttemptOutcome> {
    OUTCOMES.iter().find(|(_, text)| *text == word).map(|(outcome, _)| *outcome)
}

/// Commits one step of a running handler.
pub(super) fn advance(
    tx: &mut Tx<'_>,
    lease: Lease,
    step: &Advance,
    now: Timestamp,
) -> StoreResult<Result<Advanced, LeaseLost>> {
    const ADVANCE: &str = "UPDATE job SET jseq = ?1, progress = coalesce(?2, progress), checkpoint = iif(?3, ?4, checkpoint),
        resumable = resumable OR ?3, crashes = iif(?5, 0, crashes) WHERE id = ?6 AND lease_token = ?7 AND state = 'running'";
    let Some(job) = held(tx.conn, lease)? else { return Ok(Err(LeaseLost)) };
    let mut log = Log::of(&job);
    for partial in &step.partials {
        log.push(EventType::Partial, partial.as_str())?;
    }
    let progress = step.progress.as_ref().map(text).transpose()?;
    if let Some(progress) = &progress {
        log.push(EventType::Progress, progress.as_str())?;
    }
    if !job.attached && (step.catalogue.is_some() || !step.callbacks.is_empty()) {
        run(tx.conn, "UPDATE job SET attached = 1 WHERE id = ?1", [job.id])?;
    }
    let catalogue = match &step.catalogue {
        Some(batch) => {
            let (counts, revision) = catalogue::apply(tx.conn, job.id, batch, now)?;
            tx.committed.catalogue = revision;
            Some(counts)
        }
        None => None,
    };
    callbacks::register(tx.conn, job.id, &step.callbacks, now)?;
    callbacks::take(tx.conn, job.id, &step.taken)?;
    let acted = step.bulk.as_ref().map(|batch| operations::act(tx, batch, now)).transpose()?;
    let of_bulk = acted.as_ref().map(|acted| text(&acted.checkpoint)).transpose()?;
    let saved = of_bulk.as_ref().or(step.checkpoint.as_ref());
    if !log.is_empty() || saved.is_some() {
        let moved = job.crashes > 0 && checkpoint_moved(tx, &job, saved.map(String::as_str))?;
        let checkpoint = match saved {
            Some(checkpoint) => replace(tx.conn, job.id, Slot::Checkpoint, checkpoint)?,
            None => None,
        };
        let params = (log.jseq(), progress, saved.is_some(), checkpoint, moved, job.id, job.token);
        if run(tx.conn, ADVANCE, params)? != 1 {
            return Err(fence_failed(&job));
        }
    }
    if !log.is_empty() {
        log.write(tx, now)?;
    }
    let (bulk, ended) = acted.map(|acted| (acted.checkpoint, acted.ended)).unzip();
    Ok(Ok(Advanced { cancel_requested: job.cancel_requested, catalogue, bulk, ended: ended.unwrap_or_default() }))
}

/// Whether a checkpoint is another one than before: saving the same again is no proof of progress.
fn checkpoint_moved(tx: &Tx<'_>, job: &Core, checkpoint: Option<&str>) -> rusqlite::Result<bool> {
    const DIFFERS: &str = "SELECT coalesce(j.checkpoint, (SELECT body FROM spill WHERE id = j.id * 4 + 2)) IS NOT ?2
        FROM job j WHERE j.id = ?1";
    checkpoint.map_or(Ok(false), |checkpoint| only(tx.conn, DIFFERS, (job.id, checkpoint)))
}

/// Ends the attempt as its worker says.
pub(super) fn finish(
    tx: &mut Tx<'_>,
    lease: Lease,
    finish: Finish,
    now: Timestamp,
) -> StoreResult<Result<JobState, LeaseLost>> {
    let Some(job) = held(tx.conn, lease)? else { return Ok(Err(LeaseLost)) };
    let mut ending = Ending::of(&job);
    match finish {
        Finish::Succeeded { output, files } => {
            ending.outcome = AttemptOutcome::Succeeded;
            ending.log.took(job.started_at.map_or(0, |started| now.ms_since(started)));
            ending.log.push(EventType::Succeeded, succeeded(&output))?;
            ending.crashes = 0;
            (ending.output, ending.files) = (Some(output), files);
        }
        Finish::Failed { failure, files } => {
            ending.attempt_failed(&job, failure)?;
            ending.failed()?;
            ending.files = files;
        }
        Finish::Retry { failure, at } => {
            ending.attempt_failed(&job, failure)?;
            // It ended by itself, so its crashes were not in a row.
            ending.crashes = 0;
            if job.cancel_requested {
                ending.log.push(EventType::Cancelled, "{}")?;
            } else if job.attempt >= job.max_attempts {
                ending.failed()?;
            } else {
                ending.try_again(at, None)?;
            }
        }
        Finish::Waiting { .. } if job.cancel_requested => ending.cancelled()?,
        Finish::Waiting { wait, seen, files } => {
            ending.outcome = AttemptOutcome::Waited;
            ending.crashes = 0;
            ending.files = files;
            ending.wait(tx, &job, wait, seen)?;
        }
        Finish::Cancelled => ending.cancelled()?,
        Finish::Released if job.cancel_requested => ending.cancelled()?,
        Finish::Released => {
            ending.outcome = AttemptOutcome::Released;
            ending.give_back("drain")?;
        }
    }
    end(tx, &job, ending, now).map(Ok)
}

/// `data` of `succeeded`: the output itself when an event can hold it.
fn succeeded(output: &str) -> String {
    let data = format!("{{\"result\":{output}}}");
    if data.len() <= EVENT_LIMIT { data } else { "{}".into() }
}

/// What the end of an attempt writes.
pub(super) struct Ending {
    pub(super) log: Log,
    pub(super) outcome: AttemptOutcome,
    failure: Option<Failure>,
    due: Option<Timestamp>,
    waiting: Option<(String, OnTimeout)>,
    attempt: u32,
    pub(super) crashes: u32,
    output: Option<String>,
    files: Vec<FileRow>,
}

impl Ending {
    /// Of this job's attempt, with nothing said yet.
    pub(super) fn of(job: &Core) -> Self {
        Self {
            log: Log::of(job),
            outcome: AttemptOutcome::Cancelled,
            failure: None,
            due: None,
            waiting: None,
            attempt: job.attempt,
            crashes: job.crashes,
            output: None,
            files: Vec::new(),
        }
    }

    /// The attempt failed; what becomes of the job is the next event.
    pub(super) fn attempt_failed(&mut self, job: &Core, failure: Failure) -> StoreResult<()> {
        let failure = bounded(failure);
        self.outcome = AttemptOutcome::Failed;
        self.failure = Some(failure.clone());
        self.log.push(EventType::AttemptFailed, text(&data::AttemptFailed { attempt: job.attempt, failure })?)
    }

    /// The job failed, for the reason its attempt did.
    pub(super) fn failed(&mut self) -> StoreResult<()> {
        let Some(failure) = self.failure.clone() else { return Ok(()) };
        self.log.push(EventType::Failed, text(&data::Failed { failure })?)
    }

    /// The job ends on its owner's wish.
    pub(super) fn cancelled(&mut self) -> StoreResult<()> {
        self.log.push(EventType::Cancelled, "{}")
    }

    /// The job waits; or goes on in the same commit, when what it waits for came while the attempt ran and was not seen by it.
    fn wait(&mut self, tx: &Tx<'_>, job: &Core, wait: Wait, seen: u64) -> StoreResult<()> {
        let Wait { what, until, on_timeout } = wait;
        let waiting = text(&data::Waiting { what, until })?;
        self.log.push(EventType::Waiting, waiting.as_str())?;
        if callbacks::is_unseen(tx.conn, job.id, seen)? {
            let (attempt, resumed) = callbacks::resumed(job, "callback")?;
            self.attempt = attempt;
            return self.log.push(EventType::Resumed, resumed);
        }
        (self.due, self.waiting) = (Some(until), Some((waiting, on_timeout)));
        Ok(())
    }

    /// Another attempt is due then; `attempt`: how many were made, when the last one does not count.
    fn try_again(&mut self, at: Timestamp, attempt: Option<u32>) -> StoreResult<()> {
        self.due = Some(at);
        self.log.push(EventType::RetryScheduled, text(&data::RetryScheduled { at, attempt })?)
    }

    /// The worker died, and not for the first time: the job comes back a while later, and the attempt does not count.
    pub(super) fn come_back(&mut self, at: Timestamp) -> StoreResult<()> {
        self.attempt = self.attempt.saturating_sub(1);
        self.try_again(at, Some(self.attempt))
    }

    /// The job goes back to the queue and the attempt does not count.
    pub(super) fn give_back(&mut self, reason: &str) -> StoreResult<()> {
        self.attempt = self.attempt.saturating_sub(1);
        let released = data::Released { reason: reason.to_owned(), attempt: self.attempt };
        self.log.push(EventType::Released, text(&released)?)
    }
}

/// Writes the end of an attempt, fenced by its token; answers where the job stands now.
pub(super) fn end(tx: &mut Tx<'_>, job: &Core, ending: Ending, now: Timestamp) -> StoreResult<JobState> {
    const END_JOB: &str =
        "UPDATE job SET state = ?1, jseq = ?2, attempt = ?3, crashes = ?4, finished_at = ?5, due_at = ?6,
        lease_until = NULL, cancel_requested_at = NULL, output = ?7, waiting = ?11, wait_timeout = ?12,
        failure = iif(?1 = 'succeeded', NULL, coalesce(?8, failure)),
        checkpoint = iif(?1 = 'succeeded', NULL, checkpoint), resumable = iif(?1 = 'succeeded', 0, resumable)
        WHERE id = ?9 AND lease_token = ?10 AND state = 'running'";
    const END_ATTEMPT: &str =
        "UPDATE attempt SET finished_at = ?1, outcome = ?2, failure = ?3 WHERE job = ?4 AND lease_token = ?5";
    let state = ending.log.state;
    let finished_at = state.is_terminal().then_some(now.0);
    let failure = ending.failure.as_ref().map(text).transpose()?;
    let output = match &ending.output {
        // Success is never left, so there was none before.
        Some(output) => put(tx.conn, job.id, Slot::Output, output)?,
        None => None,
    };
    let due = ending.due.map(|due| due.0);
    let jseq = ending.log.jseq();
    let (waiting, wish) = ending.waiting.as_ref().map(|(waiting, wish)| (waiting.as_str(), wish.as_str())).unzip();
    let params = rusqlite::params![
        state.as_str(),
        jseq,
        ending.attempt,
        ending.crashes,
        finished_at,
        due,
        output,
        &failure,
        job.id,
        job.token,
        waiting,
        wish
    ];
    if run(tx.conn, END_JOB, params)? != 1 {
        return Err(fence_failed(job));
    }
    run(tx.conn, END_ATTEMPT, (now.0, outcome_word(ending.outcome), &failure, job.id, job.token))?;
    for file in &ending.files {
        const ADD: &str = "INSERT OR REPLACE INTO job_file (job, name, content_type, size, sha256, is_result)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        run(tx.conn, ADD, (job.id, &file.name, &file.content_type, file.size, file.sha256, file.is_result))?;
    }
    if state == JobState::Succeeded && job.resumable {
        forget(tx.conn, job.id, Slot::Checkpoint)?;
    }
    // One that may go on from its checkpoint keeps what it has counted.
    if job.attached && (state == JobState::Succeeded || state.is_terminal() && !job.resumable) {
        catalogue::forget_job(tx.conn, job.id)?;
    }
    tx.committed.claimable |= state == JobState::Queued;
    tx.committed.due = ending.due;
    ending.log.write(tx, now)?;
    Ok(state)
}

/// The row is read and written in one transaction of the only writer, so this means a defect, and undoes the command.
fn fence_failed(job: &Core) -> StoreError {
    StoreError::Driver(format!("job {} changed between reading and writing", job.uuid))
}
