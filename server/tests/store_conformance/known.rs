//! A job as the model of the store knows it, and how an attempt of it may end: the state machine once more, in a few lines.
//!
//! Used by `model` alone. Knows no SQL and none of the store's code.

use domain::{JobId, JobState, OwnerId, Timestamp};
use server::store::OnTimeout;

const CRASH_BUDGET: u32 = 5;

#[derive(Debug, Clone, Copy)]
pub enum How {
    Succeed,
    Fail,
    Retry(i64),
    Cancel,
    Release,
    /// Until a call-back, for some milliseconds; then it fails or goes on.
    Wait(i64, OnTimeout),
    /// With the token of an earlier claim.
    Stale,
}

/// A job as the model knows it.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: JobId,
    pub owner: OwnerId,
    pub state: JobState,
    pub attempt: u32,
    pub max_attempts: u32,
    pub token: u64,
    pub lease_until: Timestamp,
    pub crashes: u32,
    pub cancel: bool,
    pub checkpoint: Option<u8>,
    pub progress: Option<u64>,
    pub due: Option<Timestamp>,
    pub priority: i32,
    pub start_by: Option<Timestamp>,
    pub failed: bool,
    /// How many events it has.
    pub jseq: u64,
    /// What its wait's deadline brings, while it waits.
    pub wait: Option<OnTimeout>,
    /// How often it was opened again.
    pub rounds: u32,
    /// Call-backs that came and were not taken, in order.
    pub received: Vec<usize>,
    /// The latest that the attempt has looked at.
    pub seen: u64,
}

impl Known {
    pub fn go(&mut self, state: JobState, events: u64) {
        self.state = state;
        self.jseq += events;
        if state.is_terminal() {
            (self.cancel, self.due, self.start_by) = (false, None, None);
            self.received.clear();
        }
        if state != JobState::Waiting {
            self.wait = None;
        }
    }

    /// The wait is over.
    pub fn resume(&mut self) {
        self.attempt -= 1;
        self.due = None;
        self.go(JobState::Queued, 1);
    }

    /// Its time has come.
    pub fn promote(&mut self) {
        match self.wait {
            None => {
                self.due = None;
                self.go(JobState::Queued, 1);
            }
            Some(OnTimeout::Resume) => self.resume(),
            Some(OnTimeout::Fail) => {
                self.failed = true;
                self.go(JobState::Failed, 1);
            }
        }
    }

    pub fn finish(&mut self, how: How, now: Timestamp) -> JobState {
        match how {
            How::Succeed => {
                (self.failed, self.checkpoint, self.crashes) = (false, None, 0);
                self.go(JobState::Succeeded, 1);
            }
            How::Fail => {
                self.failed = true;
                self.go(JobState::Failed, 2);
            }
            How::Retry(after) => {
                (self.failed, self.crashes) = (true, 0);
                if self.cancel {
                    self.go(JobState::Cancelled, 2);
                } else if self.attempt >= self.max_attempts {
                    self.go(JobState::Failed, 2);
                } else {
                    self.due = Some(now.plus_ms(after));
                    self.go(JobState::Retrying, 2);
                }
            }
            How::Release if !self.cancel => {
                self.attempt -= 1;
                self.go(JobState::Queued, 1);
            }
            How::Wait(..) if self.cancel => self.go(JobState::Cancelled, 1),
            How::Wait(within, on_timeout) => {
                self.crashes = 0;
                self.go(JobState::Waiting, 1);
                if self.received.iter().any(|&body| body as u64 > self.seen) {
                    self.resume();
                } else {
                    (self.due, self.wait) = (Some(now.plus_ms(within)), Some(on_timeout));
                }
            }
            How::Release | How::Cancel => self.go(JobState::Cancelled, 1),
            How::Stale => unreachable!("writes nothing"),
        }
        self.state
    }

    pub fn rescue(&mut self) -> JobState {
        self.crashes += 1;
        if self.cancel {
            self.go(JobState::Cancelled, 1);
        } else if self.crashes >= CRASH_BUDGET {
            self.failed = true;
            self.go(JobState::Failed, 2);
        } else {
            self.attempt -= 1;
            self.go(if self.crashes == 1 { JobState::Queued } else { JobState::Retrying }, 1);
        }
        self.state
    }

    /// The longest pause after a crash.
    pub fn pause_ms(&self) -> i64 {
        250 << self.crashes
    }
}
