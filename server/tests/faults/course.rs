//! What the jobs of the ledger's load go through, and how each must end whatever happens to its server.

use domain::JobState;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// One step that does nothing.
    Quick,
    /// Some steps with a checkpoint and a partial result each.
    Stepped,
    /// Its first attempt fails at the second of three steps.
    Flaky,
    /// Fails for good.
    Broken,
    /// Like that, and opened again by its owner.
    Reopened,
    /// Runs until its owner has it stopped.
    Cancelled,
}

/// How a job must end.
pub struct Wanted {
    pub state: JobState,
    /// The steps that its partial results tell of, each once and in order.
    pub partials: Vec<u64>,
}

impl Course {
    /// Two thirds do nothing, so that there are many.
    pub fn of(n: usize) -> Self {
        match n % 20 {
            14..=16 => Self::Stepped,
            17 => Self::Flaky,
            18 if n % 40 < 20 => Self::Broken,
            18 => Self::Reopened,
            19 => Self::Cancelled,
            _ => Self::Quick,
        }
    }

    pub fn input(self) -> Value {
        match self {
            Self::Quick => json!({"steps": 1, "step_ms": 0}),
            Self::Stepped => json!({"steps": 4, "step_ms": 1, "partials": true}),
            Self::Flaky => {
                json!({"steps": 3, "step_ms": 0, "partials": true, "fail_at": 2, "failure": "transient", "fail_attempts": 1})
            }
            Self::Broken | Self::Reopened => json!({"steps": 2, "step_ms": 0, "fail_at": 1, "failure": "permanent"}),
            // Too long to end by itself before it is stopped.
            Self::Cancelled => json!({"steps": 5000, "step_ms": 20}),
        }
    }

    pub fn wanted(self) -> Wanted {
        let (state, steps) = match self {
            Self::Quick => (JobState::Succeeded, 0),
            Self::Stepped => (JobState::Succeeded, 4),
            Self::Flaky => (JobState::Succeeded, 3),
            Self::Broken | Self::Reopened => (JobState::Failed, 0),
            Self::Cancelled => (JobState::Cancelled, 0),
        };
        Wanted { state, partials: (1..=steps).collect() }
    }
}
