//! Where an owner's jobs that have not started stand, told as it changes: hints beside the log, with `watch=positions`.
//!
//! Used by `follower` for the streams, by `poll` for one answer. No event tells when somebody else's job makes room, so it looks again
//! each second; but only while such jobs are there, and else after the owner's stream has moved.
//! Invariants: the log and its cursor are not touched; a place is told once until it changes; [`PositionWatch::next`] may be dropped while
//! it waits and called again.

use crate::{
    representation,
    state::AppState,
    store::{JobFilter, Snapshot, StoreResult},
};
use domain::{
    Job, JobId, JobState, OwnerId,
    frame::{Hint, POSITIONS_TOLD},
    job::{Queue, Why},
};
use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};

/// Least time between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was told of a job. Its last event is part of it: after an event the reader no longer knows the place.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    jseq: u64,
    position: u64,
    why: Why,
}

/// What has been told, and what is still to be.
#[derive(Debug, Default)]
struct Telling {
    told: HashMap<JobId, Told>,
    pending: VecDeque<Hint>,
}

/// The places of one owner's jobs, for one connection.
pub struct PositionWatch {
    app: AppState,
    owner: OwnerId,
    /// Only this job.
    job: Option<JobId>,
    moved: watch::Receiver<u64>,
    telling: Telling,
    /// Whether there may be something new to see.
    due: bool,
    not_before: Instant,
}

impl PositionWatch {
    /// Begins; the present places are told first, since whoever subscribes cannot know what it missed.
    pub fn open(app: &AppState, owner: OwnerId, job: Option<JobId>) -> Self {
        Self {
            app: app.clone(),
            owner,
            job,
            moved: app.bus.subscribe(owner),
            telling: Telling::default(),
            due: true,
            not_before: Instant::now(),
        }
    }

    /// Waits for a place that has changed.
    pub async fn next(&mut self) -> Hint {
        loop {
            if let Some(hint) = self.telling.pending.pop_front() {
                return hint;
            }
            while !self.due {
                if self.moved.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                self.due = true;
            }
            sleep_until(self.not_before).await;
            self.look().await;
        }
    }

    /// Looks once, and notes what is to be told.
    async fn look(&mut self) {
        // Before the store is read: a move in between makes another look due.
        self.moved.borrow_and_update();
        let found = unstarted(&self.app, self.owner, self.job).await;
        self.not_before = Instant::now() + LOOK_EVERY;
        match found {
            Ok(jobs) => {
                self.due = !jobs.is_empty();
                self.telling.note(jobs);
            }
            // Of a store that does not answer the feed tells; here the next look does.
            Err(error) => tracing::debug!(%error, "no look at the places in the queue"),
        }
    }
}

impl Telling {
    /// Takes all the places as they are now.
    fn note(&mut self, jobs: Vec<Job>) {
        let mut told = HashMap::with_capacity(jobs.len());
        for job in jobs {
            let Some(queue) = job.queue else { continue };
            let now = Told { jseq: job.jseq, position: queue.position, why: queue.why.clone() };
            if self.told.get(&job.id) != Some(&now) {
                self.pending.push_back(hint(job.id, queue));
            }
            told.insert(job.id, now);
        }
        self.told = told;
    }
}

/// The places as they are now, and a number that changes when one of them does.
///
/// # Errors
/// What the store said.
pub async fn present(app: &AppState, owner: OwnerId, job: Option<JobId>) -> StoreResult<(Vec<Hint>, u64)> {
    let mut hasher = DefaultHasher::new();
    let mut hints = Vec::new();
    for job in unstarted(app, owner, job).await? {
        let Some(queue) = job.queue else { continue };
        let why = serde_json::to_string(&queue.why).unwrap_or_default();
        (job.id, job.jseq, queue.position, why).hash(&mut hasher);
        hints.push(hint(job.id, queue));
    }
    Ok((hints, hasher.finish()))
}

fn hint(job: JobId, queue: Queue) -> Hint {
    Hint::Position { job, position: queue.position, eta_s: queue.eta_s, why: Some(queue.why) }
}

async fn unstarted(app: &AppState, owner: OwnerId, job: Option<JobId>) -> StoreResult<Vec<Job>> {
    let mut snapshot = match job {
        Some(id) => match app.store.job(owner, id).await? {
            Some(found) => Snapshot { value: vec![found.value], head: found.head },
            None => return Ok(Vec::new()),
        },
        None => {
            let states = JobState::ALL.into_iter().filter(|state| state.is_unstarted()).collect();
            let filter = JobFilter { states, limit: POSITIONS_TOLD, ..JobFilter::default() };
            app.store.jobs(owner, filter).await?
        }
    };
    snapshot.value.retain(|row| row.state.is_unstarted());
    representation::jobs(&app.engine, snapshot).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Event, EventType, Timestamp, event::begin};
    use serde_json::{Map, json};

    fn job(jseq: u64, position: u64, code: &str, eta_s: Option<[u64; 2]>) -> Job {
        let accepted = Event {
            epoch: "a".into(),
            seq: 1,
            prev: 0,
            job: JobId::from_bytes([1; 16]),
            kind: "rehearsal".into(),
            jseq: 1,
            at: Timestamp(0),
            type_: EventType::Accepted,
            data: json!({"label": null, "max_attempts": 3}),
        };
        let why = Why { code: code.to_owned(), params: Map::new() };
        Job { jseq, queue: Some(Queue { position, eta_s, why }), ..begin(&accepted).unwrap() }
    }

    #[test]
    fn a_place_is_told_once_until_it_changes() {
        let mut telling = Telling::default();
        let mut told = |jobs: Vec<Job>| {
            telling.note(jobs);
            std::mem::take(&mut telling.pending).len()
        };
        assert_eq!(told(vec![job(1, 2, "ahead", Some([4, 8]))]), 1);
        assert_eq!(told(vec![job(1, 2, "ahead", Some([3, 7]))]), 0, "time passes for everybody");
        assert_eq!(told(vec![job(1, 1, "ahead", Some([3, 7]))]), 1, "another place");
        assert_eq!(told(vec![job(1, 1, "kind-limit", Some([3, 7]))]), 1, "another reason");
        assert_eq!(told(vec![job(5, 1, "kind-limit", Some([3, 7]))]), 1, "an event makes the reader forget the place");
        assert_eq!((told(vec![]), told(vec![job(5, 1, "kind-limit", None)])), (0, 1), "it was away");
    }
}
