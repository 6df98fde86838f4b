//! `rehearsal`: a job whose course its input dictates, for demos and tests. Run by the engine; touches nothing outside its own log.
//!
//! A step takes `step_ms` (after its permit, with `hold`), then fails if it is the one that fails, else is done: progress, partial
//! and checkpoint in one commit, so that an attempt after a crash or a retry goes on with the next step. Of no steps, nothing is
//! reported: it succeeds at once. Before step `wait_at` it waits for a call-back (see [`wait`]), without a worker.
//! `permanent` fails on every attempt that comes to the step, a manual retry included. `transient`, `panic` and `hang` fail the
//! job's first `fail_attempts` attempts and then no more, so a retry, automatic or manual, gets through. `hang` ignores
//! everything but being dropped: it ends by timeout, or when a cancel's grace is over.
//! Invariant: deterministic but for the time that it takes and what the call-back brings.

use crate::{
    clock,
    engine::{
        context::{Callback, Context, JobError, Waiting},
        registry::Kind,
    },
    store::Advance,
};
use async_trait::async_trait;
use domain::{
    Progress, Timestamp,
    kinds::rehearsal::{Awaited, FailureMode, Input, NAME, Output, Partial, WaitTimeout},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsal;

/// Where an attempt goes on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// Steps done.
    step: u32,
    /// Until when it waits for the call-back, once it has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    /// Whether the wait is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waited: bool,
    /// What the call-back brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback: Option<Value>,
}

#[async_trait]
impl Kind for Rehearsal {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = NAME;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        let mut checkpoint = ctx.checkpoint::<Checkpoint>().unwrap_or_default();
        let done = checkpoint.step;
        if input.steps > 0 && (input.hold || input.step_ms > 0) {
            // The first step may take a while, and its owner wants to see out of how many.
            ctx.progress(progress(done, input.steps)).await?;
        }
        for step in done + 1..=input.steps {
            if input.wait_at == Some(step) && !checkpoint.waited {
                checkpoint = wait(ctx, &input, checkpoint).await?;
            }
            if input.hold {
                ctx.next_step().await?;
            }
            ctx.sleep(Duration::from_millis(input.step_ms)).await?;
            if input.fail_at == Some(step) {
                fail(&input, ctx.attempt(), step).await?;
            }
            checkpoint.step = step;
            ctx.advance(Advance {
                progress: Some(progress(step, input.steps)),
                partials: if input.partials { vec![text(&Partial { step })?] } else { Vec::new() },
                checkpoint: Some(text(&checkpoint)?),
                ..Advance::default()
            })
            .await?;
        }
        Ok(Output { steps: input.steps, callback: checkpoint.callback })
    }
}

/// Asks for the call-back, or goes on with what has come of it: the model for a kind that asks a third party.
///
/// Answers the checkpoint after the wait. Each way through it is one commit, so that a crash anywhere leaves an earlier state of the
/// same course: not asked (an address nobody was told of may be left, and expires), asked and waiting, or answered.
async fn wait(ctx: &Context, input: &Input, checkpoint: Checkpoint) -> Result<Checkpoint, JobError> {
    let callbacks = ctx.callbacks().await?;
    let overdue = checkpoint.deadline.is_some_and(|deadline| deadline <= clock::now());
    if let Some(body) = callbacks.received.first() {
        let checkpoint = Checkpoint { waited: true, callback: Some(body.read()?), ..checkpoint };
        let taken = vec![body.id];
        ctx.advance(Advance { checkpoint: Some(text(&checkpoint)?), taken, ..Advance::default() }).await?;
        return Ok(checkpoint);
    }
    if overdue && input.wait_timeout == WaitTimeout::Resume {
        return Ok(Checkpoint { waited: true, ..checkpoint });
    }
    let deadline = match checkpoint.deadline {
        // Asked already, by an attempt that was lost on the way to its wait.
        Some(deadline) if !callbacks.open.is_empty() => deadline,
        // Not asked, or by an earlier round, whose addresses are dead.
        _ => {
            let deadline = clock::now().plus_ms(i64::try_from(input.wait_s * 1000).unwrap_or(i64::MAX));
            let callback = Callback::new("rehearsed", deadline)?;
            ctx.advance(Advance {
                partials: vec![text(&Awaited { callback_url: callback.path() })?],
                checkpoint: Some(text(&Checkpoint { deadline: Some(deadline), ..checkpoint })?),
                callbacks: vec![callback.address()],
                ..Advance::default()
            })
            .await?;
            deadline
        }
    };
    let waiting = Waiting::until("rehearsed-callback", deadline).with("step", input.wait_at.unwrap_or_default());
    Err(match input.wait_timeout {
        WaitTimeout::Fail => waiting,
        WaitTimeout::Resume => waiting.or_go_on(),
    }
    .into())
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
