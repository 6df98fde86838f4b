//! One attempt, from claim to finish.
//!
//! [`start`] is called by the producer and returns at once. The handler has a task of its own, so that its panic is caught and so
//! that a supervisor can drop it: on timeout at once, after a cancel when its grace is over, in a drain when the stop's grace is
//! over, on a lost lease at once. One that blocks its thread cannot be dropped: it keeps its slot and is reported, and the store's
//! fence refuses whatever it still writes.
//! Invariant: every attempt ends in exactly one `finish`, which is repeated until the store answers, or in a lost lease.

use super::{
    Shared,
    backoff::{self, Patience},
    context::{Context, JobError},
    failure::Fault,
    live::Run,
};
use crate::{
    clock,
    store::{Claimed, Finish, LeaseLost, StoreError},
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinError, JoinHandle},
    time::Instant,
};
use tracing::Instrument;

/// Largest output of a job, in bytes of JSON; more belongs into a file.
pub const OUTPUT_LIMIT: usize = 4 << 20;
/// How long a dropped handler may take to let go of its thread before it is reported.
const LETTING_GO: Duration = Duration::from_secs(1);

/// How a handler ended.
enum Ended {
    Returned(Result<String, JobError>),
    Panicked(String),
    TimedOut,
    /// It did not stop in time after a cancel or in a drain, its lease was lost, or the runtime goes down.
    Dropped,
}

/// Begins an attempt; the slot is the handler's until it has ended.
pub(super) fn start(engine: &Arc<Shared>, claimed: Claimed, slot: OwnedSemaphorePermit) {
    // Here and not in the task: the heartbeat and a stop must know of it from now on.
    let run = engine.live.register(claimed.lease);
    let span = tracing::info_span!("attempt", job.id = %claimed.row.id, job.kind = %claimed.row.kind,
        owner = %claimed.row.owner, attempt = claimed.row.attempt);
    engine.attempts.spawn(supervise(Arc::clone(engine), claimed, run, slot).instrument(span));
}

async fn supervise(engine: Arc<Shared>, mut claimed: Claimed, run: Arc<Run>, slot: OwnedSemaphorePermit) {
    let context = Arc::new(Context::new(Arc::clone(&engine), Arc::clone(&run), &mut claimed));
    let began = Instant::now();
    let ended = if run.stop().any() {
        drop(slot);
        Ended::Dropped
    } else {
        run_handler(&engine, &claimed, &run, &context, slot).await
    };
    if !run.stop().lost {
        context.flush().await;
        finish(&engine, &claimed, &run, decide(&claimed, &run, &context, ended)).await;
    } else {
        tracing::warn!("lost its lease; nothing was written");
    }
    engine.metrics.attempted(&claimed.row.kind, began.elapsed());
    engine.live.remove(claimed.lease);
    // A free worker wakes the producer by itself; this may be news only for what its kind's limit held back, or idleness.
    if engine.kind_limits.frees(&claimed.row.kind) || engine.store.load().await.is_ok_and(|load| load.idle > 0) {
        engine.claimable.notify_one();
    }
}

async fn run_handler(
    engine: &Arc<Shared>,
    claimed: &Claimed,
    run: &Run,
    context: &Arc<Context>,
    slot: OwnedSemaphorePermit,
) -> Ended {
    let Some(kind) = engine.registry.get(&claimed.row.kind) else {
        return Ended::Returned(Err(JobError::permanent("unknown-kind", "this server does not run this kind")));
    };
    let (handed, input) = (Arc::clone(context), claimed.row.input.clone());
    let handler = async move {
        let _slot = slot;
        kind.run(&handed, &input).await
    };
    let handler = tokio::spawn(handler.in_current_span());
    let mut keep_current = pin!(context.keep_current());
    let timeout = Duration::from_millis(u64::try_from(claimed.row.timeout_ms).unwrap_or(0));
    let timeout_at = Instant::now() + timeout;
    let mut cancel_until = None;
    let mut stops = run.watch();
    let mut handler = handler;
    loop {
        let stop = *stops.borrow_and_update();
        let until = if stop.lost {
            Instant::now()
        } else if stop.cancel {
            *cancel_until.get_or_insert_with(|| Instant::now() + engine.config.cancel_grace)
        } else {
            stop.drain_until.unwrap_or(timeout_at)
        };
        tokio::select! {
            biased;
            joined = &mut handler => return ended(joined),
            Ok(()) = stops.changed() => {}
            () = tokio::time::sleep_until(until) => {
                let returned = drop_handler(&mut handler).await;
                // It may have returned in the very last moment; then that counts.
                return returned.unwrap_or(if stop.any() { Ended::Dropped } else { Ended::TimedOut });
            }
            () = &mut keep_current => {}
        }
    }
}

fn ended(joined: Result<Result<String, JobError>, JoinError>) -> Ended {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(result) => Ended::Returned(result),
        Err(Ok(panic)) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            Ended::Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
        }
        // The runtime goes down under it, which is no fault of the job.
        Err(Err(_cancelled)) => Ended::Dropped,
    }
}

/// Drops a handler at its next await, and reports one that blocks its thread.
async fn drop_handler(handler: &mut JoinHandle<Result<String, JobError>>) -> Option<Ended> {
    handler.abort();
    match tokio::time::timeout(LETTING_GO, handler).await {
        Ok(Err(error)) if error.is_cancelled() => None,
        Ok(joined) => Some(ended(joined)),
        Err(_elapsed) => {
            tracing::error!("the handler blocks its thread; it keeps its slot until it returns");
            None
        }
    }
}

/// What the store is to be told.
fn decide(claimed: &Claimed, run: &Run, context: &Context, ended: Ended) -> Finish {
    let stop = run.stop();
    let fault = match ended {
        // Also after a cancel: it came too late.
        Ended::Returned(Ok(output)) if output.len() <= OUTPUT_LIMIT => {
            return Finish::Succeeded { output, files: context.take_files() };
        }
        Ended::Returned(Ok(output)) => {
            let detail = format!("the output has {} bytes; the limit is {OUTPUT_LIMIT}", output.len());
            Fault::permanent("output-too-large", detail).with("limit", OUTPUT_LIMIT as u64)
        }
        Ended::Returned(Err(JobError::Waiting(waiting))) => return waiting.finish(context),
        Ended::Returned(Err(JobError::Failed(fault))) => *fault,
        Ended::Returned(Err(JobError::Stopped)) if !stop.any() => {
            Fault::permanent("stopped-unasked", "the handler stopped though nothing stopped it")
        }
        Ended::Returned(Err(JobError::Stopped)) | Ended::Dropped => {
            return if stop.cancel { Finish::Cancelled } else { Finish::Released };
        }
        Ended::Panicked(message) => Fault::transient("handler-panicked", message),
        Ended::TimedOut => Fault::timed_out(claimed.row.timeout_ms),
    };
    failed(claimed, context, fault)
}

fn failed(claimed: &Claimed, context: &Context, fault: Fault) -> Finish {
    let attempt = claimed.row.attempt;
    let delay = fault.delay().unwrap_or_else(|| backoff::delay(attempt));
    let retry = fault.retryable() && attempt < claimed.row.max_attempts;
    let failure = fault.of_attempt(attempt);
    tracing::info!(code = failure.code, detail = failure.detail, retry, "the attempt failed");
    if retry {
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        Finish::Retry { failure, at: clock::now().plus_ms(delay_ms) }
    } else {
        Finish::Failed { failure, files: context.take_files() }
    }
}

/// Commits the end. A store that refuses is asked again as long as it takes: the heartbeat keeps the lease meanwhile, so that the
/// outcome is neither lost nor reached twice.
async fn finish(engine: &Shared, claimed: &Claimed, run: &Run, finish: Finish) {
    let mut patience = Patience::new();
    loop {
        match engine.store.finish(claimed.lease, finish.clone(), clock::now()).await {
            Ok(Ok(state)) => {
                if state.is_terminal() {
                    engine.live.forget(claimed.row.id);
                }
                tracing::debug!(state = state.as_str(), "the attempt ended");
                return;
            }
            Ok(Err(LeaseLost)) => {
                run.lose();
                tracing::warn!("lost its lease at the end; nothing was written");
                return;
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "the end of an attempt cannot be committed yet");
                patience.pause().await;
            }
        }
    }
}
