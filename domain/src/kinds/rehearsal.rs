//! `rehearsal`: a job whose course its input dictates, for demos and tests.
//!
//! Invariant: deterministic; the same input takes the same course on every run.

use super::Validate;
use crate::InputError;
use serde::{Deserialize, Serialize};

/// The kind's name.
pub const NAME: &str = "rehearsal";
/// Most steps.
pub const MAX_STEPS: u32 = 10_000;
/// Longest step, in milliseconds.
pub const MAX_STEP_MS: u64 = 600_000;
/// Longest wait for a call-back, in seconds.
pub const MAX_WAIT_S: u64 = 86_400;

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FailureMode {
    /// Another attempt may succeed.
    Transient,
    /// No attempt will.
    Permanent,
    /// The handler panics.
    Panic,
    /// It never comes back, until its timeout or a cancel.
    Hang,
}

/// What happens when no call-back comes in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WaitTimeout {
    /// The job fails.
    Fail,
    /// It goes on without.
    Resume,
}

/// What to rehearse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// How many steps; of none, it succeeds at once: what it costs is then the server's alone.
    #[cfg_attr(feature = "schema", schemars(range(max = 10_000)))]
    pub steps: u32,
    /// How long each takes, in milliseconds.
    #[serde(default = "default_step_ms")]
    #[cfg_attr(feature = "schema", schemars(range(max = 600_000)))]
    pub step_ms: u64,
    /// Whether each step reports a partial result.
    #[serde(default)]
    pub partials: bool,
    /// The step that fails, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_at: Option<u32>,
    /// How it fails.
    #[serde(default = "default_failure")]
    pub failure: FailureMode,
    /// How many attempts fail that way when it is `transient`; the next one succeeds.
    #[serde(default = "default_fail_attempts")]
    pub fail_attempts: u32,
    /// Whether each step waits for `POST /api/v1/jobs/{id}/step`.
    #[serde(default)]
    pub hold: bool,
    /// The step before which it waits for a call-back, from 1, holding no worker. A partial result tells where to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_at: Option<u32>,
    /// How long it waits, in seconds.
    #[serde(default = "default_wait_s")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 86_400)))]
    pub wait_s: u64,
    /// What happens when no call-back comes in time.
    #[serde(default = "default_wait_timeout")]
    pub wait_timeout: WaitTimeout,
}

fn default_step_ms() -> u64 {
    200
}

fn default_failure() -> FailureMode {
    FailureMode::Permanent
}

fn default_fail_attempts() -> u32 {
    1
}

fn default_wait_s() -> u64 {
    600
}

fn default_wait_timeout() -> WaitTimeout {
    WaitTimeout::Fail
}

impl Validate for Input {
    fn validate(&self) -> Vec<InputError> {
        let mut errors = Vec::new();
        // What is to fail at a step needs one.
        let least = u32::from(self.fail_at.is_some());
        if !(least..=MAX_STEPS).contains(&self.steps) {
            errors.push(InputError::out_of_range("/steps", least.into(), MAX_STEPS.into()));
        }
        if self.step_ms > MAX_STEP_MS {
            errors.push(InputError::out_of_range("/step_ms", 0, MAX_STEP_MS));
        }
        let last = self.steps.max(1);
        if self.fail_at.is_some_and(|step| !(1..=last).contains(&step)) {
            errors.push(InputError::out_of_range("/fail_at", 1, last.into()));
        }
        if self.wait_at.is_some_and(|step| step < 1 || step > self.steps) {
            errors.push(InputError::out_of_range("/wait_at", 1, self.steps.into()));
        }
        if !(1..=MAX_WAIT_S).contains(&self.wait_s) {
            errors.push(InputError::out_of_range("/wait_s", 1, MAX_WAIT_S));
        }
        errors
    }
}

/// What a rehearsal leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Output {
    /// Steps done.
    pub steps: u32,
    /// What the call-back brought, if it waited for one that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<serde_json::Value>,
}

/// `data` of a `partial`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// The step that it is of, from 1.
    pub step: u32,
}

/// `data` of the `partial` that tells where the call-back is awaited.
///
/// The token stands in clear in the owner's log, as that of no other kind does: here the owner plays the third party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Path to post to, once.
    pub callback_url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_is_required_and_the_rest_is_judged() {
        let input: Input = serde_json::from_str(r#"{"steps":5}"#).unwrap();
        assert_eq!(input.validate(), []);
        assert_eq!(input.step_ms, 200);
        let wrong = Input { steps: 0, step_ms: MAX_STEP_MS + 1, fail_at: Some(3), ..input };
        let pointers: Vec<_> = wrong.validate().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/steps", "/step_ms", "/fail_at"]);
        let wrong = Input { steps: 2, step_ms: 0, fail_at: None, wait_at: Some(3), wait_s: MAX_WAIT_S + 1, ..wrong };
        let pointers: Vec<_> = wrong.validate().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/wait_at", "/wait_s"]);
        assert!(serde_json::from_str::<Input>(r#"{"steps":5,"stepms":1}"#).is_err());
    }

    #[test]
    fn there_may_be_no_steps_but_then_none_can_fail() {
        let judge = |json: &str| {
            let input: Input = serde_json::from_str(json).unwrap();
            input.validate().into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        assert_eq!(judge(r#"{"steps":0}"#), Vec::<String>::new());
        assert_eq!(judge(r#"{"steps":10000}"#), Vec::<String>::new());
        assert_eq!(judge(r#"{"steps":10001}"#), ["/steps"]);
        assert_eq!(judge(r#"{"steps":0,"fail_at":1}"#), ["/steps"]);
        assert_eq!(judge(r#"{"steps":2,"fail_at":0}"#), ["/fail_at"]);
    }
}
