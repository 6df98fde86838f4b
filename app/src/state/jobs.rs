//! The page's rows: every job that it knows, each behind a signal of its own, moved on by the events of the log.
//!
//! Filled from the snapshot, moved by [`JobStore::apply_all`] once per animation frame; views read it through [`use_jobs`]. Fetches
//! nothing: what an event cannot tell is put on a wish list ([`JobStore::take_wanted`]) that the conductor of the channels serves.
//! Invariant: a row only moves forward (`jseq`), except when a snapshot of another epoch replaces it.

use domain::{
    Event, EventType, Job, JobId, Problem,
    api::JobList,
    cursor::Cursor,
    event::{begin, fold},
    frame::POSITIONS_TOLD,
    job::{Queue, Why},
};
use leptos::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A submit that the server has not answered yet, or could not be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Unconfirmed {
    /// The idempotency key that it was sent with.
    pub key: String,
    /// The type of job.
    pub kind: String,
    /// The owner's name for it.
    pub label: Option<String>,
    /// Why it did not get through, when sending it again with the same key may help.
    pub problem: Option<Problem>,
}

#[derive(Default)]
struct Rows {
    rows: BTreeMap<JobId, ArcRwSignal<Job>>,
    /// Only of jobs that a view looks at: a log can be long.
    logs: BTreeMap<JobId, ArcRwSignal<Vec<Event>>>,
    wanted: BTreeSet<JobId>,
    /// Jobs of which the channel tells where they stand.
    hinted: BTreeSet<JobId>,
    snapshot: Option<Cursor>,
}

/// Every job that the page knows.
#[derive(Clone, Copy)]
pub struct JobStore {
    inner: StoredValue<Rows>,
    ids: RwSignal<Vec<JobId>>,
    unconfirmed: RwSignal<Vec<Unconfirmed>>,
}

/// Puts an empty store into context and returns it; called once, by the shell.
pub fn provide_jobs() -> JobStore {
    let store = JobStore::default();
    provide_context(store);
    store
}

/// The page's jobs.
pub fn use_jobs() -> JobStore {
    use_context().unwrap_or_default()
}

impl Default for JobStore {
    fn default() -> Self {
        Self {
            inner: StoredValue::new(Rows::default()),
            ids: RwSignal::new(Vec::new()),
            unconfirmed: RwSignal::new(Vec::new()),
        }
    }
}

impl JobStore {
    /// Every known job, newest first.
    pub fn ids(&self) -> Signal<Vec<JobId>> {
        self.ids.into()
    }

    /// The row of a job; does not track whether it exists, see [`Self::watch`].
    pub fn get(&self, id: JobId) -> Option<ArcRwSignal<Job>> {
        self.inner.with_value(|inner| inner.rows.get(&id).cloned())
    }

    /// The row of a job, also when it comes later.
    pub fn watch(&self, id: JobId) -> Signal<Option<Job>> {
        let store = *self;
        Memo::new(move |_| {
            store.ids.track();
            store.get(id).map(|row| row.get())
        })
        .into()
    }

    /// Takes a row that was read from the server; an older one than the row known only lends it the input.
    pub fn upsert(&self, job: Job) {
        if let Some(row) = self.get(job.id) {
            let older = row.with_untracked(|known| known.jseq > job.jseq);
            row.update(|known| {
                let input = if job.input.is_null() { known.input.take() } else { job.input.clone() };
                if !older {
                    *known = job;
                }
                known.input = input;
            });
        } else {
            self.insert([job]);
        }
    }

    /// Takes the snapshot: its rows replace the known ones. Rows that it does not cover stay (older than its last item when there is a next
    /// page, or read after it), and are wished for again.
    pub fn load(&self, list: JobList) {
        let last = list.items.last().map(|job| job.id).filter(|_| list.next.is_some());
        let covered: BTreeSet<JobId> = list.items.iter().map(|job| job.id).collect();
        let same_epoch =
            self.inner.with_value(|inner| inner.snapshot.as_ref().is_none_or(|old| old.epoch == list.cursor.epoch));
        self.inner.update_value(|inner| {
            let mut again = Vec::new();
            inner.rows.retain(|id, row| {
                let later = row.with_untracked(|job| job.cursor.as_ref().is_some_and(|at| at.seq > list.cursor.seq));
                let beyond = last.is_some_and(|last| *id < last);
                let stays = covered.contains(id) || beyond || (same_epoch && later);
                if stays && !covered.contains(id) {
                    again.push(*id);
                }
                stays
            });
            inner.wanted.extend(again);
            inner.snapshot = Some(list.cursor.clone());
            if !same_epoch {
                inner.logs.values().for_each(|log| log.update(Vec::clear));
            }
        });
        let (known, new): (Vec<Job>, Vec<Job>) = list.items.into_iter().partition(|job| self.get(job.id).is_some());
        for job in known {
            match self.get(job.id) {
                Some(row) if !same_epoch => row.set(job),
                _ => self.upsert(job),
            }
        }
        self.insert(new);
    }

    /// Forgets a job that the server does not know any more.
    pub fn forget(&self, id: JobId) {
        self.inner.update_value(|inner| {
            inner.rows.remove(&id);
            inner.wanted.remove(&id);
        });
        self.list();
    }

    /// Applies one event of the log to its row.
    pub fn apply(&self, event: Event) {
        self.apply_all([event]);
    }

    /// Applies events in order; each row that they touch notifies once per run of its events.
    pub fn apply_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut new: BTreeMap<JobId, Job> = BTreeMap::new();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let id = event.job;
            let mut run = vec![event];
            while let Some(event) = events.next_if(|event| event.job == id) {
                run.push(event);
            }
            self.grow_log(id, &run);
            if let Some(row) = self.get(id) {
                row.update(|job| run.iter().for_each(|event| fold(job, event)));
            } else {
                for event in &run {
                    match new.get_mut(&id) {
                        Some(job) => fold(job, event),
                        None => match begin(event) {
                            Some(job) => drop(new.insert(id, job)),
                            // An event of a job that is older than the snapshot's page.
                            None => self.want(id),
                        },
                    }
                }
            }
            if run.iter().any(|event| self.leaves_open(event)) {
                self.want(id);
            }
        }
        self.insert(new.into_values());
    }

    /// Whether an event cannot tell all that is shown: a result too big for the log, or, of a job that a view looks at, what the log
    /// never carries (queue position, whether it can be resumed).
    fn leaves_open(&self, event: &Event) -> bool {
        let looked_at = self.inner.with_value(|inner| inner.logs.contains_key(&event.job));
        match event.type_ {
            EventType::Progress | EventType::Partial => false,
            EventType::Succeeded => looked_at || event.data.get("result").is_none_or(Value::is_null),
            EventType::Failed | EventType::Cancelled => true,
            _ => looked_at,
        }
    }

    /// The events of one job that the page has seen, in order, growing; from now on the log is kept.
    pub fn watch_log(&self, id: JobId) -> Signal<Vec<Event>> {
        self.log(id).into()
    }

    /// Gives the part of a job's log that was read from the server.
    pub fn seed_log(&self, id: JobId, events: Vec<Event>) {
        self.log(id);
        self.grow_log(id, &events);
    }

    fn log(&self, id: JobId) -> ArcRwSignal<Vec<Event>> {
        self.inner.try_update_value(|inner| inner.logs.entry(id).or_default().clone()).unwrap_or_default()
    }

    fn grow_log(&self, id: JobId, events: &[Event]) {
        let Some(log) = self.inner.with_value(|inner| inner.logs.get(&id).cloned()) else { return };
        let fresh = log.with_untracked(|known| {
            let is_new = |event: &&Event| known.binary_search_by_key(&event.jseq, |event| event.jseq).is_err();
            events.iter().filter(is_new).cloned().collect::<Vec<_>>()
        });
        if !fresh.is_empty() {
            log.update(|known| {
                known.extend(fresh);
                known.sort_by_key(|event| event.jseq);
                known.dedup_by_key(|event| event.jseq);
            });
        }
    }

    /// Shows a submit before the server has answered; `key` is its idempotency key.
    pub fn optimistic(&self, key: &str, kind: &str, label: Option<String>) {
        self.unconfirmed.update(|all| {
            all.retain(|one| one.key != key);
            all.insert(0, Unconfirmed { key: key.to_owned(), kind: kind.to_owned(), label, problem: None });
        });
    }

    /// Takes the answer to a submit. A failure stays in the list only when sending it again may help (no answer, 429, 5xx).
    pub fn settle(&self, key: &str, answer: Result<Job, Problem>) {
        match answer {
            Ok(job) => {
                self.upsert(job);
                self.dismiss(key);
            }
            Err(problem) if problem.status == 0 || problem.status == 429 || problem.status >= 500 => {
                self.unconfirmed.update(|all| {
                    all.iter_mut().filter(|one| one.key == key).for_each(|one| one.problem = Some(problem.clone()));
                });
            }
            Err(_) => self.dismiss(key),
        }
    }

    /// Takes an unconfirmed submit off the list.
    pub fn dismiss(&self, key: &str) {
        self.unconfirmed.update(|all| all.retain(|one| one.key != key));
    }

    /// Submits without an answer, newest first.
    pub fn unconfirmed(&self) -> Signal<Vec<Unconfirmed>> {
        self.unconfirmed.into()
    }

    /// Takes a hint on where a job stands among the others. One that comes late, after the start, says nothing any more.
    pub fn set_position(&self, id: JobId, position: u64, eta_s: Option<[u64; 2]>, why: Why) {
        let Some(row) = self.get(id) else { return };
        self.inner.update_value(|inner| inner.hinted.extend([id]));
        if row.with_untracked(|job| job.state.is_unstarted()) {
            row.update(|job| job.queue = Some(Queue { position, eta_s, why }));
        }
    }

    /// Whether the channel has told where a job stands, and so will again; does not track.
    pub fn is_hinted(&self, id: JobId) -> bool {
        self.inner.with_value(|inner| {
            let is_newer = |row: &&ArcRwSignal<Job>| row.with_untracked(|job| job.id > id && job.state.is_unstarted());
            // One that newer jobs have pushed off the channel's list is told of no more.
            inner.hinted.contains(&id) && inner.rows.values().filter(is_newer).count() < POSITIONS_TOLD
        })
    }

    /// Whether a job has not started, or not again.
    pub fn has_unstarted(&self) -> bool {
        self.ids.read().iter().filter_map(|id| self.get(*id)).any(|row| row.read().state.is_unstarted())
    }

    /// How many jobs have not ended; does not track.
    pub fn unfinished(&self) -> usize {
        self.inner.with_value(|inner| {
            inner.rows.values().filter(|row| row.with_untracked(|job| !job.state.is_terminal())).count()
        })
    }

    /// Asks for a row to be read again from the server.
    pub fn want(&self, id: JobId) {
        self.inner.update_value(|inner| inner.wanted.extend([id]));
    }

    /// Takes the wish list.
    pub fn take_wanted(&self) -> BTreeSet<JobId> {
        self.inner.try_update_value(|inner| std::mem::take(&mut inner.wanted)).unwrap_or_default()
    }

    fn insert(&self, jobs: impl IntoIterator<Item = Job>) {
        self.inner.update_value(|inner| {
            inner.rows.extend(jobs.into_iter().map(|job| (job.id, ArcRwSignal::new(job))));
        });
        self.list();
    }

    /// Ids are UUIDv7, so their order is that of acceptance.
    fn list(&self) {
        let ids: Vec<JobId> = self.inner.with_value(|inner| inner.rows.keys().rev().copied().collect());
        if self.ids.with_untracked(|known| *known != ids) {
            self.ids.set(ids);
        }
    }
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
