//! Where an unfinished job stands: its position, an honest estimate, and a true reason why it waits.
//!
//! Asked for every answer about a job, through [`super::Engine::outlook`]; what it is made of is the store's count of what there is to
//! do and the limits that this server keeps. Changes nothing.
//! Invariants: an estimate is a range, of the job's own pace or of what the kind's recent jobs took; without either there is none. A
//! reason names the rule that holds the job back now; the rule that keeps it longest is named first.

use super::{Engine, Shared};
use crate::{
    clock,
    store::{JobRow, QueueState, StoreResult},
};
use domain::{
    Deferral, JobState, Timestamp,
    job::{Queue, Why, left_at_own_pace},
};
use serde_json::{Map, Value};
use tokio::time::Instant;

/// A ready job that nobody is ahead of is taken within a moment; after this long, the workers must be busy.
const TAKEN_WITHIN_MS: i64 = 250;

impl Engine {
    /// Where a job stands; `None` for one that has ended. What a submit came with is used instead of asking again.
    ///
    /// # Errors
    /// What the store said.
    pub async fn outlook(&self, job: &JobRow, known: Option<&QueueState>) -> StoreResult<Option<Queue>> {
        if job.state.is_terminal() {
            return Ok(None);
        }
        let asked;
        let state = match known {
            Some(state) => state,
            None => {
                asked = self.shared.store.queue(job).await?;
                &asked
            }
        };
        Ok(Some(self.shared.queue(job, state, clock::now())))
    }
}

/// What this server's rules say about a kind.
#[derive(Debug, Default)]
struct Rules {
    parallel: Option<u32>,
    /// Starts per minute, while the next one has to wait for its time.
    paced: Option<u32>,
    quiet: [String; 3],
}

impl Shared {
    fn queue(&self, job: &JobRow, state: &QueueState, now: Timestamp) -> Queue {
        let limit = self.kind_limits.of(&job.kind);
        let paced = limit.per_minute.filter(|_| self.kind_limits.is_paced(&job.kind, Instant::now()));
        let quiet =
            if job.deferral == Some(Deferral::Quiet) { self.config.quiet_hours.words() } else { <_>::default() };
        let rules = Rules { parallel: limit.parallel, paced, quiet };
        let position = if job.state == JobState::Queued { state.ahead } else { 0 };
        Queue { position, eta_s: eta(job, state, now), why: why(job, state, &rules, now) }
    }
}

fn why(job: &JobRow, state: &QueueState, rules: &Rules, now: Timestamp) -> Why {
    let at = |moment: Option<Timestamp>| moment.map_or(Value::Null, |moment| moment.to_string().into());
    let reason = |code: &str, params: &[(&str, Value)]| {
        let mut params: Map<_, _> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(start_by) = job.start_by {
            params.insert("start_by".to_owned(), at(Some(start_by)));
        }
        Why { code: code.to_owned(), params }
    };
    match job.state {
        _ if job.cancel_requested_at.is_some() && !job.state.is_terminal() => {
            reason("cancelling", &[("since", at(job.cancel_requested_at))])
        }
        JobState::Running => reason("running", &[]),
        JobState::Retrying => reason("backing-off", &[("at", at(job.due_at))]),
        JobState::Scheduled if job.deferral == Some(Deferral::Idle) => {
            reason("idle", &[("unfinished", (state.load.queued + state.load.running).into())])
        }
        JobState::Scheduled if job.deferral == Some(Deferral::Quiet) => {
            let [from, to, zone] = rules.quiet.clone();
            reason(
                "quiet-hours",
                &[("at", at(job.due_at)), ("from", from.into()), ("to", to.into()), ("zone", zone.into())],
            )
        }
        JobState::Scheduled => reason("scheduled", &[("at", at(job.due_at))]),
        JobState::Waiting => reason("waiting", &[("until", at(job.due_at))]),
        JobState::Queued => {
            let kind = || Value::from(job.kind.as_str());
            match (rules.parallel, rules.paced) {
                (Some(limit), _) if state.running_of_kind >= u64::from(limit) => {
                    reason("kind-limit", &[("kind", kind()), ("limit", limit.into()), ("n", state.ahead.into())])
                }
                (_, Some(per_minute)) => reason(
                    "kind-rate",
                    &[("kind", kind()), ("per_minute", per_minute.into()), ("n", state.ahead.into())],
                ),
                _ if state.ahead > 0 => reason("ahead", &[("n", state.ahead.into())]),
                _ if state.load.running > 0 && now.ms_since(job.created_at) > TAKEN_WITHIN_MS => {
                    reason("workers-busy", &[("running", state.load.running.into())])
                }
                _ => reason("next", &[]),
            }
        }
        JobState::Succeeded | JobState::Failed | JobState::Cancelled => reason("finished", &[]),
    }
}

/// Once a running job has a pace of its own, from that; before, from what the kind's recent jobs took (20th to 90th percentile), and
/// first the turns of those ahead.
fn eta(job: &JobRow, state: &QueueState, now: Timestamp) -> Option<[u64; 2]> {
    // One that waited or was tried again began this attempt in the middle, which says nothing about its pace.
    if let (JobState::Running, Some(progress), Some(started)) = (job.state, &job.progress, job.started_at)
        && job.first_started_at == job.started_at
        && let Some(left) = left_at_own_pace(progress, job.attempt, started, now)
    {
        return Some(left);
    }
    // Nobody knows when there is nothing else to do, or when a call-back comes.
    if job.state == JobState::Waiting || job.state == JobState::Scheduled && job.deferral == Some(Deferral::Idle) {
        return None;
    }
    let mut durations: Vec<i64> = state.durations_ms.iter().map(|&ms| ms.max(0)).collect();
    durations.sort_unstable();
    let (short, usual, long) = (percentile(&durations, 20)?, percentile(&durations, 50)?, percentile(&durations, 90)?);
    let spent = match job.started_at {
        Some(started) if job.state == JobState::Running => now.ms_since(started),
        _ => 0,
    };
    // Longer at it than nearly all others were: what they took says nothing any more.
    if spent > long {
        return None;
    }
    let remaining = |whole: i64| (whole - spent).max(0);
    let delay = match job.state {
        JobState::Queued => {
            let turns = state.ahead / state.load.running.max(1);
            usual.saturating_mul(i64::try_from(turns).unwrap_or(i64::MAX))
        }
        JobState::Retrying | JobState::Scheduled => job.due_at.map_or(0, |due| due.ms_since(now).max(0)),
        _ => 0,
    };
    Some(seconds(delay.saturating_add(remaining(short)), delay.saturating_add(remaining(long))))
}

/// A range in whole seconds, from rounded down and to rounded up.
fn seconds(from_ms: i64, to_ms: i64) -> [u64; 2] {
    let whole = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
    [whole(from_ms), whole(to_ms.saturating_add(999)).max(whole(from_ms))]
}

fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent + 50) / 100).copied()
}

#[cfg(test)]
#[path = "outlook_tests.rs"]
mod tests;
