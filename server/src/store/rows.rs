//! What goes into the store and comes out: rows and answers, with no SQL and no HTTP in them.
//!
//! JSON travels as text (`String`), so that nothing is parsed on the way from the database to the wire.

use super::{BulkBatch, BulkCheckpoint, CallbackAddress, CatalogueBatch, CatalogueCounts, Wait};
use domain::{
    Deferral, EventType, Failure, JobId, JobState, OwnerId, Progress, Timestamp, UploadId, api, job::Waiting,
};
use serde_json::Value;
use std::sync::Arc;

/// What a commit changed, for those who wait. A hint that may be lost: whoever misses it reads the store (invariant 5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Owners whose head moved, and their new heads.
    pub heads: Vec<(OwnerId, u64)>,
    /// The events themselves, in the order of each stream, for those who keep the newest at hand.
    pub events: Vec<(OwnerId, EventRow)>,
    /// Whether a job became `queued`.
    pub claimable: bool,
    /// When a job became due later (`scheduled`, `retrying`, `waiting`): the earliest of them.
    pub due: Option<Timestamp>,
    /// Running jobs whose cancel was requested.
    pub cancel_requested: Vec<JobId>,
    /// The catalogue's revision, if it changed.
    pub catalogue: Option<u64>,
    /// Running jobs of the kinds that change the catalogue, if one of them began or stopped running.
    pub changing: Option<u64>,
    /// When something is to be sent, or to be looked at by who sends: the earliest of it.
    pub deliveries: Option<Timestamp>,
    /// Whether an endpoint was switched off with more pending than was written at once.
    pub unsettled: bool,
}

/// Called after each commit, on the writer's thread: quick and never blocking.
pub type CommitListener = Arc<dyn Fn(&Committed) + Send + Sync>;

/// A value and the owner's head at which it is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<T> {
    /// What was read.
    pub value: T,
    /// The owner's head in the same transaction.
    pub head: u64,
}

/// A job to accept; already validated.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Fresh UUIDv7; unused when the key finds an earlier job.
    pub id: JobId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its kind.
    pub kind: String,
    /// The owner's name for it.
    pub label: Option<String>,
    /// JSON.
    pub input: String,
    /// Attempts that may be made.
    pub max_attempts: u32,
    /// Milliseconds an attempt may take.
    pub timeout_ms: i64,
    /// Higher goes first among its owner's jobs of its kind.
    pub priority: i32,
    /// When it may start, if deferred to a time.
    pub run_at: Option<Timestamp>,
    /// How its start was named, when not as a time; `Idle` has no `run_at`.
    pub deferral: Option<Deferral>,
    /// When it expires, unless it has started.
    pub start_by: Option<Timestamp>,
    /// The job that it retries with edited input.
    pub origin: Option<JobId>,
    /// Uploads that it uses; they must be the owner's.
    pub uploads: Vec<UploadId>,
    /// The submitter's key.
    pub idempotency: Option<Idempotency>,
}

impl NewJob {
    /// Whether its time is still to come.
    pub fn is_deferred(&self) -> bool {
        self.run_at.is_some() || self.deferral == Some(Deferral::Idle)
    }
}

/// Scope is owner and key (invariant 7).
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// As sent.
    pub key: String,
    /// SHA-256 of the canonical request.
    pub fingerprint: [u8; 32],
    /// Keys made before this moment are forgotten.
    pub valid_since: Timestamp,
}

/// What became of a submit.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// A new job, and where it stands.
    Created(Snapshot<JobRow>, QueueState),
    /// The job that the same request made before.
    Replayed(Snapshot<JobRow>),
    /// The key belongs to another request.
    KeyReused,
    /// An upload is not there or another owner's.
    UploadMissing(UploadId),
    /// The owner has as many unfinished jobs as the policy allows.
    TooMany,
}

/// A job's row.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// UUIDv7.
    pub id: JobId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its kind.
    pub kind: String,
    /// The owner's name for it.
    pub label: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// JSON.
    pub input: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its current or latest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Attempts made, the current one included.
    pub attempt: u32,
    /// Attempts that may be made.
    pub max_attempts: u32,
    /// Milliseconds an attempt may take.
    pub timeout_ms: i64,
    /// When it becomes due, while `scheduled`, `retrying` or `waiting` (its deadline).
    pub due_at: Option<Timestamp>,
    /// Higher goes first among its owner's jobs of its kind.
    pub priority: i32,
    /// What it waits for, while `waiting`.
    pub waiting: Option<Waiting>,
    /// As submitted.
    pub run_at: Option<Timestamp>,
    /// How its start was named, when not as a time.
    pub deferral: Option<Deferral>,
    /// When it expires, unless it has started by then; none once it has.
    pub start_by: Option<Timestamp>,
    /// When its owner asked to cancel it.
    pub cancel_requested_at: Option<Timestamp>,
    /// Whether it has a checkpoint.
    pub resumable: bool,
    /// How far it is.
    pub progress: Option<Progress>,
    /// JSON, when succeeded.
    pub output: Option<String>,
    /// What went wrong last.
    pub failure: Option<Failure>,
    /// The job that it retries with edited input.
    pub origin: Option<JobId>,
    /// Its own last event.
    pub jseq: u64,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Any of these; empty for all.
    pub states: Vec<JobState>,
    /// Only this kind.
    pub kind: Option<String>,
    /// Text in label, kind or id.
    pub q: Option<String>,
    /// Older than this job (keyset).
    pub before: Option<JobId>,
    /// At most so many.
    pub limit: usize,
}

/// Where a reopened job starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReopenFrom {
    /// From its checkpoint, if it has one.
    Checkpoint,
    /// Anew: checkpoint and progress are forgotten.
    Start,
}

/// What became of a retry.
#[allow(clippy::large_enum_variant)] // short-lived, and the large one is the answer that is wanted
#[derive(Debug, Clone, PartialEq)]
pub enum Reopened {
    /// It is queued again.
    Reopened(Snapshot<JobRow>),
    /// It is in a state that cannot be retried.
    NotRetryable(JobState),
    /// The owner has as many unfinished jobs as the policy allows.
    TooMany,
    /// No such job of this owner.
    Missing,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRow {
    /// From 1.
    pub attempt: u32,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Which worker ran it.
    pub worker: String,
    /// How it ended.
    pub outcome: api::AttemptOutcome,
    /// What went wrong.
    pub failure: Option<Failure>,
}

/// Both ends of an owner's stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamState {
    /// The last `seq`.
    pub head: u64,
    /// The highest pruned `seq`.
    pub floor: u64,
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Position in the owner's stream.
    pub seq: u64,
    /// The position before it: of the stream, or of the same job when read for one job.
    pub prev: u64,
    /// The job.
    pub job: JobId,
    /// The job's kind.
    pub kind: String,
    /// Position in the job's log.
    pub jseq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened.
    pub type_: EventType,
    /// JSON object.
    pub data: String,
}

/// A page of events and both ends of the stream, read in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct EventsRead {
    /// In order.
    pub rows: Vec<EventRow>,
    /// Both ends.
    pub stream: StreamState,
    /// Whether more follows.
    pub more: bool,
}

/// What position, ETA and "why is it waiting" of one job are made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueueState {
    /// Queued jobs whose turn comes before its own, at most: those before it in its lane, and as many turns of every other lane.
    pub ahead: u64,
    /// What there is to do for everybody.
    pub load: Load,
    /// Jobs of its kind running now.
    pub running_of_kind: u64,
    /// Milliseconds that the kind's latest successes took, at most 20.
    pub durations_ms: Vec<i64>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that are ready and wait for a worker.
    pub queued: u64,
    /// Jobs running now.
    pub running: u64,
    /// Jobs that wait until there is nothing else to do.
    pub idle: u64,
}

/// How many jobs of a kind a claim may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The kind.
    pub kind: String,
    /// Most that may run at once, on all workers together.
    pub running: Option<u32>,
    /// Most that may start by this claim.
    pub starts: Option<u32>,
}

impl Quota {
    /// As many as there are workers.
    pub fn unlimited(kind: &str) -> Self {
        Self { kind: kind.to_owned(), running: None, starts: None }
    }
}

/// A worker's right to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The fencing token: grows with each claim.
    pub token: u64,
}

/// A job as claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The right to write.
    pub lease: Lease,
    /// The row, already `running`.
    pub row: JobRow,
    /// JSON of the latest checkpoint.
    pub checkpoint: Option<String>,
}

/// What a renewal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseState {
    /// Which one.
    pub lease: Lease,
    /// Whether it still stands; if not, the handler is to be aborted.
    pub held: bool,
    /// Whether its owner asked to cancel the job.
    pub cancel_requested: bool,
}

/// What a running handler commits in one step.
#[derive(Debug, Clone, Default)]
pub struct Advance {
    /// How far it is; makes a `progress` event.
    pub progress: Option<Progress>,
    /// JSON objects; each makes a `partial` event.
    pub partials: Vec<String>,
    /// JSON; makes no event, renews the crash budget.
    pub checkpoint: Option<String>,
    /// Rows for the catalogue; run in the bulk lane.
    pub catalogue: Option<CatalogueBatch>,
    /// Addresses for call-backs, committed before anybody is told of them.
    pub callbacks: Vec<CallbackAddress>,
    /// Call-backs that the checkpoint of this step has taken in: they are not delivered again.
    pub taken: Vec<u64>,
    /// A batch of a bulk action, which brings the checkpoint of this step; run in the bulk lane.
    pub bulk: Option<BulkBatch>,
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advanced {
    /// Whether its owner asked to cancel the job.
    pub cancel_requested: bool,
    /// What the catalogue batch did, when there was one.
    pub catalogue: Option<CatalogueCounts>,
    /// Where the bulk action stands, when there was a batch of one.
    pub bulk: Option<BulkCheckpoint>,
    /// Jobs that the batch has ended.
    pub ended: Vec<JobId>,
}

/// How an attempt ends.
#[derive(Debug, Clone)]
pub enum Finish {
    /// With an output (JSON).
    Succeeded {
        /// JSON.
        output: String,
        /// Files on disk that belong to the output.
        files: Vec<FileRow>,
    },
    /// For good: `attempt_failed`, then `failed`.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// Files on disk that belong to what was done until then.
        files: Vec<FileRow>,
    },
    /// Until the next attempt: `attempt_failed`, `retry_scheduled`. The store makes it `failed` when no attempt is left.
    Retry {
        /// What went wrong.
        failure: Failure,
        /// When the next attempt is due.
        at: Timestamp,
    },
    /// The handler has stopped on its owner's wish.
    Cancelled,
    /// Handed back at a shutdown; the attempt does not count.
    Released,
    /// Waits for a call-back; the attempt does not count once it goes on. It goes on at once when there is a call-back beyond `seen`.
    Waiting {
        /// What for.
        wait: Wait,
        /// The latest call-back that the attempt was given; 0 for none.
        seen: u64,
        /// Files on disk that belong to what was done until then.
        files: Vec<FileRow>,
    },
}

/// A file that belongs to a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileRow {
    /// Its name in the job's folder and in the link, such as `rejects.csv`.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content, of a file that never changes once it is there.
    pub sha256: Option<[u8; 32]>,
    /// Whether it is the job's result: what `GET …/result` answers.
    pub is_result: bool,
}

/// What was promoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promoted {
    /// How many jobs were queued.
    pub count: usize,
    /// How many had not started in time and failed as `expired`.
    pub expired: usize,
    /// When the next one is due or expires.
    pub next_due: Option<Timestamp>,
}

/// A job taken back from a dead worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job.
    pub job: JobId,
    /// `queued`, `failed` (its crash budget is spent) or `cancelled` (its owner had asked).
    pub state: JobState,
}

/// An upload's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// UUIDv7, also the file's name on disk.
    pub id: UploadId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The file's name as sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// When it was complete.
    pub created_at: Timestamp,
}

/// Reads JSON text that the store itself wrote; null if it were ever damaged.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
