//! The writer's two queues: `express` (accepts, claims, finishes, progress) before `bulk` (imports, expiries).
//!
//! Filled by the store's calls, drained by the writer. Knows no SQL.
//! Invariant: a command that was taken in is run, or its caller is told: when the writer ends, for whatever reason, the
//! lanes close and what is left in them is dropped, which its callers see as `Closed`.

use super::writer::Command;
use crate::{histogram::Histogram, store::Statistics};
use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// A command with its type erased.
pub(super) type Boxed = Box<dyn Command>;

/// Which queue a command waits in.
#[derive(Clone, Copy)]
pub(super) enum Lane {
    Express,
    Bulk,
}

#[derive(Default)]
struct Queues {
    express: VecDeque<Boxed>,
    bulk: VecDeque<Boxed>,
    closed: bool,
    /// How many express commands the sleeping writer waits for, any bulk one besides: waking it costs a system call, so only then.
    awaited: Option<usize>,
}

/// Both queues.
#[derive(Default)]
pub(super) struct Lanes {
    queues: Mutex<Queues>,
    filled: Condvar,
    commits: AtomicU64,
    commands: AtomicU64,
    commit_us: AtomicU64,
    /// How long commands waited for the writer to begin, and how long from then on for their commit.
    waits: Histogram,
    commits_for: Histogram,
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        // No code that can panic runs under this lock.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a command in; false (and drops it) when closed.
    pub(super) fn push(&self, lane: Lane, command: Boxed) -> bool {
        let mut queues = self.lock();
        if queues.closed {
            return false;
        }
        match lane {
            Lane::Express => queues.express.push_back(command),
            Lane::Bulk => queues.bulk.push_back(command),
        }
        let waiting = queues.express.len();
        if queues.awaited.take_if(|awaited| *awaited <= waiting || *awaited <= 1).is_some() {
            self.filled.notify_one();
        }
        true
    }

    /// Waits for commands and moves up to `limit` express ones into `batch`, which stays empty when only bulk waits.
    /// False: closed, and nothing is left.
    pub(super) fn take(&self, batch: &mut Vec<Boxed>, limit: usize) -> bool {
        let mut queues = self.lock();
        while queues.express.is_empty() && queues.bulk.is_empty() {
            if queues.closed {
                return false;
            }
            queues.awaited = Some(1);
            queues = self.filled.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
        queues.awaited = None;
        let count = queues.express.len().min(limit);
        batch.extend(queues.express.drain(..count));
        true
    }

    /// Waits until so many express commands are here, but not for long.
    pub(super) fn gather(&self, enough: usize, patience: Duration) {
        let mut queues = self.lock();
        let until = Instant::now() + patience;
        while queues.express.len() < enough && !queues.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queues.awaited = Some(enough);
            queues = self.filled.wait_timeout(queues, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queues.awaited = None;
    }

    /// The next bulk command, without waiting.
    pub(super) fn take_bulk(&self) -> Option<Boxed> {
        self.lock().bulk.pop_front()
    }

    /// Notes a commit, for the statistics.
    pub(super) fn committed(&self, commands: &[Boxed], started: Instant, durable: Instant) {
        let (count, took) = (commands.len() as u64, durable.duration_since(started));
        commands.iter().for_each(|command| self.waits.add(started.saturating_duration_since(command.sent()), 1));
        self.commits_for.add(took, count);
        self.commits.fetch_add(1, Relaxed);
        self.commands.fetch_add(count, Relaxed);
        self.commit_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Adds what was noted.
    pub(super) fn count_commits(&self, statistics: &mut Statistics) {
        statistics.commits = self.commits.load(Relaxed);
        statistics.commands = self.commands.load(Relaxed);
        (statistics.waits, statistics.commits_for) = (self.waits.counted(), self.commits_for.counted());
        statistics.commit_s = Duration::from_micros(self.commit_us.load(Relaxed)).as_secs_f64();
    }

    /// Takes no more in; the writer ends when it has run what is here.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Closes and drops what is left.
    pub(super) fn abandon(&self) {
        let mut queues = self.lock();
        queues.closed = true;
        let left = (std::mem::take(&mut queues.express), std::mem::take(&mut queues.bulk));
        drop(queues);
        drop(left);
    }
}
