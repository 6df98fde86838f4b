//! The attempts that run in this process, and the signals that reach them.
//!
//! The producer registers an attempt before its task starts, the executor removes it after its end is committed; the heartbeat
//! renews what is registered; cancel, drain and lost leases arrive here and are seen by executor and handler as [`Stop`].
//! Also keeps the permits of held rehearsals, which outlive attempts. Writes nothing.
//! Invariant: at most one attempt per job is registered, the one with the highest lease token.

use crate::store::Lease;
use domain::JobId;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

/// Cancels remembered for jobs that are claimed but not registered yet.
const EARLY_CANCELS: usize = 256;

/// Why an attempt is to stop; several may hold at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stop {
    /// Its owner asked.
    pub(super) cancel: bool,
    /// The process shuts down, and waits until then.
    pub(super) drain_until: Option<Instant>,
    /// Another worker has the job, or it has ended: nothing may be written.
    pub(super) lost: bool,
}

impl Stop {
    pub(super) const fn any(&self) -> bool {
        self.cancel || self.lost || self.drain_until.is_some()
    }
}

/// An attempt that runs here.
pub(super) struct Run {
    pub(super) lease: Lease,
    stop: watch::Sender<Stop>,
}

impl Run {
    pub(super) fn stop(&self) -> Stop {
        *self.stop.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Stop> {
        self.stop.subscribe()
    }

    pub(super) fn cancel(&self) {
        self.change(|stop| stop.cancel = true);
    }

    pub(super) fn lose(&self) {
        self.change(|stop| stop.lost = true);
    }

    fn change(&self, change: impl FnOnce(&mut Stop)) {
        self.stop.send_if_modified(|stop| {
            let before = *stop;
            change(stop);
            *stop != before
        });
    }
}

#[derive(Default)]
struct Inner {
    runs: HashMap<JobId, Arc<Run>>,
    steps: HashMap<JobId, Arc<Semaphore>>,
    early_cancels: VecDeque<JobId>,
    drain_until: Option<Instant>,
}

/// What runs here.
#[derive(Default)]
pub(super) struct Live(Mutex<Inner>);

impl Live {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an attempt. An earlier one of the same job has lost its lease, or it could not have been claimed.
    pub(super) fn register(&self, lease: Lease) -> Arc<Run> {
        let mut inner = self.lock();
        let early = inner.early_cancels.iter().position(|job| *job == lease.job);
        let cancel = early.and_then(|at| inner.early_cancels.remove(at)).is_some();
        let stop = watch::Sender::new(Stop { cancel, drain_until: inner.drain_until, lost: false });
        let run = Arc::new(Run { lease, stop });
        if let Some(earlier) = inner.runs.insert(lease.job, Arc::clone(&run)) {
            earlier.lose();
        }
        run
    }

    /// Removes an attempt, unless a later one took its place.
    pub(super) fn remove(&self, lease: Lease) {
        let mut inner = self.lock();
        if inner.runs.get(&lease.job).is_some_and(|run| run.lease == lease) {
            inner.runs.remove(&lease.job);
        }
    }

    /// What the heartbeat has to renew.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.lock().runs.values().map(|run| run.lease).collect()
    }

    /// The attempt with this very lease.
    pub(super) fn run(&self, lease: Lease) -> Option<Arc<Run>> {
        self.lock().runs.get(&lease.job).filter(|run| run.lease == lease).cloned()
    }

    /// Tells a job's attempt that its owner wants it stopped.
    pub(super) fn cancel(&self, job: JobId) {
        let mut inner = self.lock();
        if let Some(run) = inner.runs.get(&job) {
            run.cancel();
        } else if !inner.early_cancels.contains(&job) {
            // Between the commit of a claim and its registration; the heartbeat would tell too, but seconds later.
            inner.early_cancels.push_back(job);
            if inner.early_cancels.len() > EARLY_CANCELS {
                inner.early_cancels.pop_front();
            }
        }
    }

    /// Tells all attempts, and those still to be registered, that the process shuts down.
    pub(super) fn drain(&self, until: Instant) {
        let mut inner = self.lock();
        inner.drain_until = Some(until);
        for run in inner.runs.values() {
            run.change(|stop| stop.drain_until = Some(until));
        }
    }

    /// The permits of a job that is walked step by step.
    pub(super) fn steps(&self, job: JobId) -> Arc<Semaphore> {
        Arc::clone(self.lock().steps.entry(job).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }

    /// Drops what was kept for a job that has ended.
    pub(super) fn forget(&self, job: JobId) {
        let mut inner = self.lock();
        inner.steps.remove(&job);
        inner.early_cancels.retain(|early| *early != job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(token: u64) -> Lease {
        Lease { job: JobId::from_bytes([7; 16]), token }
    }

    #[test]
    fn a_later_attempt_of_the_same_job_takes_the_place_of_the_earlier() {
        let live = Live::default();
        let earlier = live.register(lease(1));
        let later = live.register(lease(2));
        assert!(earlier.stop().lost && !later.stop().any());
        live.remove(lease(1));
        assert_eq!(live.leases(), [lease(2)], "the end of the earlier one must not stop the later one's heartbeat");
    }

    #[test]
    fn a_cancel_that_comes_before_the_registration_is_not_lost() {
        let live = Live::default();
        live.cancel(lease(1).job);
        assert!(live.register(lease(1)).stop().cancel);
        assert!(!live.register(lease(2)).stop().cancel, "it counts once");
    }

    #[test]
    fn what_is_registered_during_a_drain_is_told_so() {
        let live = Live::default();
        live.drain(Instant::now());
        assert!(live.register(lease(1)).stop().drain_until.is_some());
    }
}
