//! `rehearsal`: a job whose course its input dictates, for demos and tests. Run by the engine; touches nothing outside its own log.
//!
//! A step takes `step_ms` (after its permit, with `hold`), then fails if it is the one that fails, else is done: progress, partial
//! and checkpoint in one commit, so that an attempt after a crash or a retry goes on with the next step. Of no steps, nothing is
//! reported: it succeeds at once.
//! `permanent` fails on every attempt that comes to the step, a manual retry included. `transient`, `panic` and `hang` fail the
//! job's first `fail_attempts` attempts and then no more, so a retry, automatic or manual, gets through. `hang` ignores
//! everything but being dropped: it ends by timeout, or when a cancel's grace is over.
//! Invariant: deterministic but for the time that it takes.

use crate::{
    engine::{
        context::{Context, JobError},
        registry::Kind,
    },
    store::Advance,
};
use async_trait::async_trait;
use domain::{
    Progress,
    kinds::rehearsal::{FailureMode, Input, NAME, Output, Partial},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsal;

/// Where an attempt goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    /// Steps done.
    step: u32,
}

#[async_trait]
impl Kind for Rehearsal {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = NAME;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        let done = ctx.checkpoint::<Checkpoint>().map_or(0, |checkpoint| checkpoint.step);
        if input.steps > 0 && (input.hold || input.step_ms > 0) {
            // The first step may take a while, and its owner wants to see out of how many.
            ctx.progress(progress(done, input.steps)).await?;
        }
        for step in done + 1..=input.steps {
            if input.hold {
                ctx.next_step().await?;
            }
            ctx.sleep(Duration::from_millis(input.step_ms)).await?;
            if input.fail_at == Some(step) {
                fail(&input, ctx.attempt(), step).await?;
            }
            ctx.advance(Advance {
                progress: Some(progress(step, input.steps)),
                partials: if input.partials { vec![text(&Partial { step })?] } else { Vec::new() },
                checkpoint: Some(text(&Checkpoint { step })?),
                catalogue: None,
            })
            .await?;
        }
        Ok(Output { steps: input.steps })
    }
}

fn progress(done: u32, steps: u32) -> Progress {
    Progress::of(done.into(), steps.into(), "steps")
}

fn text(value: &impl Serialize) -> Result<String, JobError> {
    serde_json::to_string(value).map_err(|error| JobError::permanent("unwritable-value", error.to_string()))
}

#[expect(clippy::panic, reason = "to panic is what is rehearsed")]
async fn fail(input: &Input, attempt: u32, step: u32) -> Result<(), JobError> {
    if input.failure != FailureMode::Permanent && attempt > input.fail_attempts {
        return Ok(());
    }
    let detail = format!("step {step} was to fail");
    match input.failure {
        FailureMode::Transient => Err(JobError::transient("rehearsed-transient", detail).with("step", step)),
        FailureMode::Permanent => Err(JobError::permanent("rehearsed-permanent", detail).with("step", step)),
        FailureMode::Panic => std::panic::panic_any(detail),
        FailureMode::Hang => std::future::pending().await,
    }
}
