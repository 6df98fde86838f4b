//! `bulk-retry` and `bulk-cancel`: work through every job that a filter matches, in small batches, newest first.
//!
//! Run by the engine; submitted by operators only (`Kind::OPERATOR_ONLY`). Finds jobs through [`Context::matching`] and acts by steps
//! that commit their effects with the checkpoint. Knows no SQL.
//! Invariants: every job is done or skipped once, however often an attempt is interrupted; a cancel stops it between two batches, and
//! what was done until then stays; it never touches itself, another bulk job, or a job that ended (or came) after its moment.

use crate::{
    engine::{
        context::{Context, JobError},
        registry::Kind,
    },
    store::{BULK_BATCH, BulkCheckpoint, Scope},
};
use async_trait::async_trait;
use domain::{
    Progress,
    kinds::bulk::{CANCEL, Input, Output, RETRY},
    operations::Action,
};
use std::time::Duration;

/// Opens failed or cancelled jobs again.
pub struct BulkRetry;

/// Ends unfinished jobs.
pub struct BulkCancel;

#[async_trait]
impl Kind for BulkRetry {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = RETRY;
    const OPERATOR_ONLY: bool = true;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        work_through(ctx, Action::Retry, input).await
    }
}

#[async_trait]
impl Kind for BulkCancel {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = CANCEL;
    const OPERATOR_ONLY: bool = true;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        work_through(ctx, Action::Cancel, input).await
    }
}

async fn work_through(ctx: &Context, action: Action, input: Input) -> Result<Output, JobError> {
    let Input { filter, as_of, per_second } = input;
    let Some(scope) = Scope::of_action(action, filter, as_of) else {
        return Err(JobError::rejected("state-does-not-fit", "no job in these states can have this action"));
    };
    let mut at = match ctx.checkpoint::<BulkCheckpoint>() {
        Some(checkpoint) => checkpoint,
        None => {
            let matched = ctx.count_matching(scope.clone()).await?;
            let first = BulkCheckpoint { matched, ..BulkCheckpoint::default() };
            ctx.advance(crate::store::Advance {
                progress: Some(progress(&first, 0)),
                checkpoint: Some(text(&first)?),
                ..Default::default()
            })
            .await?;
            first
        }
    };
    let limit = per_second.map_or(BULK_BATCH, |rate| rate as usize);
    while !at.complete {
        let found = ctx.matching(scope.clone(), at.position, limit).await?;
        let size = found.items.len();
        let progress = progress(&at, size as u64);
        at = ctx.act(action, found, as_of, at, progress).await?;
        if let Some(rate) = per_second.filter(|_| !at.complete) {
            ctx.sleep(Duration::from_secs_f64(size as f64 / f64::from(rate.max(1)))).await?;
        }
    }
    let BulkCheckpoint { done, skipped, .. } = at;
    Ok(Output { matched: done + skipped, done, skipped })
}

/// Every job of a batch is done or skipped, so how far it will be is known before it is committed.
fn progress(at: &BulkCheckpoint, batch: u64) -> Progress {
    let done = at.done + at.skipped + batch;
    Progress::of(done, at.matched.max(done), "jobs")
}

fn text(value: &impl serde::Serialize) -> Result<String, JobError> {
    serde_json::to_string(value).map_err(|error| JobError::permanent("unwritable-value", error.to_string()))
}
