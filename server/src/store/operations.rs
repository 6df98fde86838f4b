//! What an operator sees and does: every owner's jobs by filter, what there is to do by kind, and bulk actions in batches.
//!
//! Called by `api::operations`, by the bulk kinds through their `Context`, and by `metrics`. That only an operator may ask is the
//! caller's to see to: nothing here knows who asks. Time is an argument, as everywhere in the store.
//! Invariants, kept by every driver and tested by `tests/operations.rs`: a page costs a bounded look, whatever the filter and
//! however many jobs there are; each batch of a bulk action commits its effects, its tally and its position together, so that
//! every job is done or skipped once, however often the action is interrupted; a bulk action touches no bulk job.

use super::{JobRow, StoreResult};
use crate::histogram::Counted;
use async_trait::async_trait;
use domain::{
    JobId, JobState, Timestamp,
    operations::{Action, Filter, KindLoad},
};
use serde::{Deserialize, Serialize};

/// Jobs that a batch of a bulk action takes: a few milliseconds of the writer.
pub const BULK_BATCH: usize = 48;

/// Which jobs of whichever owner.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// As asked.
    pub filter: Filter,
    /// Of these states; empty for all.
    pub states: Vec<JobState>,
    /// Only those that had ended by then, or else were accepted by then, and no bulk jobs: what a bulk action may touch.
    pub as_of: Option<Timestamp>,
}

impl Scope {
    /// What a list shows. A reason or a code narrows to what has failed, now or in its latest attempt.
    pub fn listed(filter: Filter) -> Self {
        let mut states = filter.states();
        if states.is_empty() && (filter.reason.is_some() || filter.code.is_some()) {
            states = vec![JobState::Retrying, JobState::Failed];
        }
        Self { filter, states, as_of: None }
    }

    /// What a bulk action takes as of a moment; `None`: nothing that the filter names can have this action.
    pub fn of_action(action: Action, filter: Filter, as_of: Timestamp) -> Option<Self> {
        let states = action.states_of(&filter);
        (!states.is_empty()).then_some(Self { filter, states, as_of: Some(as_of) })
    }
}

/// A job as an operator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatedRow {
    /// The row.
    pub row: JobRow,
    /// The worker that holds it, and until when.
    pub lease: Option<(String, Timestamp)>,
}

/// Part of a list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Operated<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Where to go on; `None`: there is nothing further. Everything newer was looked at.
    pub next: Option<i64>,
}

/// One batch of a bulk action.
#[derive(Debug, Clone)]
pub struct BulkBatch {
    /// What to do.
    pub action: Action,
    /// With which jobs, as found before the batch; each is judged again in the transaction.
    pub jobs: Vec<JobId>,
    /// As of which moment.
    pub as_of: Timestamp,
    /// Attempts that a reopened job gets.
    pub fresh_attempts: u32,
    /// Where the action stands before the batch.
    pub before: BulkCheckpoint,
    /// The position behind it.
    pub next: Option<i64>,
}

/// Where a bulk action stands: its job's checkpoint. Written by the store, since only the transaction knows what a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkCheckpoint {
    /// Jobs that matched when it began.
    pub matched: u64,
    /// Jobs that it was done to.
    pub done: u64,
    /// Jobs that had changed meanwhile.
    pub skipped: u64,
    /// Where to go on; `None` for the newest.
    pub position: Option<i64>,
    /// Whether everything was looked at.
    pub complete: bool,
}

/// What the process counts beside its work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Unfinished jobs by kind and state.
    pub unfinished: Vec<(String, JobState, u64)>,
    /// Jobs accepted since the start, by kind.
    pub accepted: Vec<(String, u64)>,
    /// Jobs that ended since the start, by kind and how.
    pub finished: Vec<(String, JobState, u64)>,
    /// Transactions committed since the start.
    pub commits: u64,
    /// Commands in them.
    pub commands: u64,
    /// Seconds that they took.
    pub commit_s: f64,
    /// How long commands waited until the writer began with them.
    pub waits: Counted,
    /// How long it took from then until they were committed.
    pub commits_for: Counted,
}

/// The operator's part of the store.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// What there is to do by kind; failures count that ended at `failed_since` or later.
    async fn kind_loads(&self, failed_since: Timestamp) -> StoreResult<Vec<KindLoad>>;
    /// Jobs before a position, newest first.
    async fn operated(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<OperatedRow>>;
    /// The same, but only which they are.
    async fn matching(&self, scope: Scope, before: Option<i64>, limit: usize) -> StoreResult<Operated<JobId>>;
    /// How many there are. Costs a look at each.
    async fn count_matching(&self, scope: Scope) -> StoreResult<u64>;
    /// One job of whichever owner.
    async fn operated_job(&self, id: JobId) -> StoreResult<Option<OperatedRow>>;
    /// What was counted so far.
    fn statistics(&self) -> Statistics;
}
