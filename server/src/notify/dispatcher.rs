//! The dispatcher: claims what is due, has it sent, writes down what it came to.
//!
//! One task, begun by `startup`; each attempt is a task of its own, and so many run side by side. Woken by commits, which may be lost: it
//! also looks at when the next delivery is due. Knows neither jobs nor HTTP.
//! Invariants: what it claims ends in a written answer, or its lease is taken back at the next start; one message that hangs takes one
//! place until its time is over, one host no more than its share; nothing is claimed once the server stops, and what is under way then
//! gets the grace that the server has. Time that it schedules by never goes backwards while it runs.

use super::{
    Report, Sender, Verdict,
    circuit::Circuits,
    render,
    schedule::{self, Step},
    seen::Watch,
};
use crate::{
    clock,
    metrics::Metrics,
    store::{AttemptEnd, ClaimedDelivery, Committed, DeliveryClaim, LeaseLost, Store, StoreError, StoreResult, Then},
};
use domain::{Timestamp, push::EndpointKind};
use futures_util::FutureExt as _;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Attempts side by side.
const PLACES: usize = 64;
/// Deliveries claimed in one command: what others wait for the writer meanwhile.
const BATCH: usize = 16;
/// Longest attempt. Senders bound themselves far below it; this is for one that does not.
const LONGEST: Duration = Duration::from_secs(60);
/// A lease outlasts the longest attempt; nobody renews it.
const LEASE_MS: i64 = 120_000;
/// For lost wake-ups and clocks that jump.
const SAFETY_TICK: Duration = Duration::from_secs(30);
/// Rows that end with their endpoint, in one command.
const SETTLED: usize = 200;

/// Who sends to endpoints of a kind, if anybody does.
pub type SenderOf = Arc<dyn Fn(EndpointKind) -> Option<Arc<dyn Sender>> + Send + Sync>;

/// The dispatcher, for those who wake and ask it; clones are the same.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    sender_of: SenderOf,
    circuits: Circuits,
    watch: Watch,
    metrics: Metrics,
    wake: Notify,
    /// The earliest moment that commits have told of since it looked.
    earliest: AtomicI64,
    unsettled: AtomicBool,
    steady: Steady,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl Dispatcher {
    /// Begins to send. Takes back first what a predecessor had under way.
    pub fn start(
        store: Arc<dyn Store>,
        sender_of: SenderOf,
        watch: Watch,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            store,
            sender_of,
            circuits: Circuits::default(),
            watch,
            metrics,
            wake: Notify::new(),
            earliest: AtomicI64::new(i64::MAX),
            unsettled: AtomicBool::new(true),
            steady: Steady::new(),
            stopping,
            stopped: CancellationToken::new(),
        });
        tokio::spawn(run(shared.clone()));
        Self(shared)
    }

    /// Tells it of a commit.
    pub fn committed(&self, committed: &Committed) {
        if committed.unsettled {
            self.0.unsettled.store(true, Ordering::Release);
        }
        if let Some(due) = committed.deliveries {
            self.0.earliest.fetch_min(due.0, Ordering::AcqRel);
        }
        if committed.unsettled || committed.deliveries.is_some() {
            self.0.wake.notify_one();
        }
    }

    /// Until when a host is left alone, if it is.
    pub fn held_until(&self, host: &str) -> Option<Timestamp> {
        self.0.circuits.held_until(host, clock::now())
    }

    /// Waits until nothing is under way, or the grace is over. The stop itself is the token's.
    pub async fn stop(&self, grace: Duration) {
        if tokio::time::timeout(grace, self.0.stopped.cancelled()).await.is_err() {
            tracing::warn!(
                "messages were under way at the end of the grace period; they are sent again at the next start"
            );
        }
    }
}

async fn run(shared: Arc<Shared>) {
    let _stopped = shared.stopped.clone().drop_guard();
    let all = until_kept(&shared, || shared.store.rescue_deliveries(shared.steady.now(), true)).await;
    match all {
        Some(0) => {}
        Some(rescued) => tracing::info!(rescued, "messages that were under way at the last stop are sent again"),
        None => return,
    }
    let mut under_way = JoinSet::new();
    loop {
        while let Some(ended) = under_way.try_join_next() {
            note_panic(ended);
        }
        // Before the look at the store: what is told afterwards wakes again.
        shared.earliest.store(i64::MAX, Ordering::Release);
        let free = PLACES.saturating_sub(under_way.len());
        let claimed = if free == 0 { Ok(Vec::new()) } else { claim(&shared, free.min(BATCH)).await };
        match claimed {
            Ok(claimed) if !claimed.is_empty() => {
                for one in claimed {
                    under_way.spawn(attempt(shared.clone(), one));
                }
            }
            Ok(_) => {
                settle(&shared).await;
                if !idle(&shared, &mut under_way, free).await {
                    break;
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "due messages cannot be claimed");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = shared.stopping.cancelled() => break,
                }
            }
        }
        if shared.stopping.is_cancelled() {
            break;
        }
    }
    while let Some(ended) = under_way.join_next().await {
        note_panic(ended);
    }
}

async fn claim(shared: &Shared, limit: usize) -> StoreResult<Vec<ClaimedDelivery>> {
    let now = shared.steady.now();
    let held_hosts = shared.circuits.held(Instant::now());
    let lease_until = now.plus_ms(LEASE_MS);
    shared.store.claim_deliveries(DeliveryClaim { limit, held_hosts, now, lease_until }).await
}

/// Waits until there may be something to do; `false` when the server stops.
async fn idle(shared: &Shared, under_way: &mut JoinSet<()>, free: usize) -> bool {
    let held = shared.circuits.held(Instant::now());
    let next = match shared.store.next_delivery(&held).await {
        Ok(next) => next,
        Err(StoreError::Closed) => return false,
        Err(error) => {
            tracing::warn!(%error, "what is due next cannot be read");
            None
        }
    };
    loop {
        let told = shared.earliest.load(Ordering::Acquire);
        let due = next.map_or(told, |due| due.0.min(told));
        let mut wait =
            u64::try_from(due.saturating_sub(shared.steady.now().0)).map_or(Duration::ZERO, Duration::from_millis);
        if free == 0 {
            wait = SAFETY_TICK;
        } else if wait.is_zero() {
            // Due, and yet nothing was claimed: its host has only just become busy, or is held.
            wait = if told <= due { Duration::ZERO } else { Duration::from_millis(20) };
        }
        let opens = shared.circuits.next_change(Instant::now()).unwrap_or(SAFETY_TICK);
        if wait.is_zero() {
            return !shared.stopping.is_cancelled();
        }
        tokio::select! {
            () = tokio::time::sleep(wait.min(opens).min(SAFETY_TICK)) => return true,
            () = shared.wake.notified() => {
                if shared.unsettled.load(Ordering::Acquire) {
                    return true;
                }
            }
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                note_panic(ended);
                return true;
            }
            () = shared.stopping.cancelled() => return false,
        }
    }
}

/// Writes down what ended with its endpoint, a slice at a time.
async fn settle(shared: &Shared) {
    if shared.unsettled.swap(false, Ordering::AcqRel) {
        match shared.store.settle_deliveries(SETTLED).await {
            // Once more, after whatever has become due meanwhile.
            Ok(true) => {
                shared.unsettled.store(true, Ordering::Release);
                shared.wake.notify_one();
            }
            Ok(false) | Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::warn!(%error, "what ended with its endpoint cannot be written down");
                shared.unsettled.store(true, Ordering::Release);
            }
        }
    }
}

/// One delivery that was claimed, until what became of it is written.
async fn attempt(shared: Arc<Shared>, claimed: ClaimedDelivery) {
    let (lease, kind) = (claimed.lease, claimed.endpoint.shown.kind);
    let insists = claimed.by_hand;
    match schedule::step(&claimed, shared.watch.of(claimed.endpoint.owner), shared.steady.now()) {
        Step::Send => {}
        Step::Hold(until, reason) => return put_off(&shared, &claimed, Some(until), reason).await,
        Step::Drop(reason) => return put_off(&shared, &claimed, None, reason).await,
    }
    let Some(passage) = shared.circuits.begin(&claimed.endpoint.host, insists, Instant::now()) else {
        // Claimed together with the one that opened it.
        let now = shared.steady.now();
        let until = shared.circuits.held_until(&claimed.endpoint.host, now).unwrap_or(now.plus_ms(1_000));
        return put_off(&shared, &claimed, Some(until), "host-held").await;
    };
    let message = render::message(&claimed.delivery, &claimed.told, &claimed.lang, shared.store.epoch());
    let started = Instant::now();
    let report = match (shared.sender_of)(kind) {
        Some(sender) => {
            let sent = AssertUnwindSafe(sender.send(&claimed.endpoint, &message, clock::now())).catch_unwind();
            match tokio::time::timeout(LONGEST, sent).await {
                Ok(Ok(report)) => report,
                Ok(Err(_)) => failed("internal", false),
                Err(_) => failed("timeout", true),
            }
        }
        None => Report { status: None, outcome: NOBODY_SENDS, detail: None, verdict: Verdict::Rejected },
    };
    match report.verdict {
        Verdict::Retry { blames_host: true, .. } => passage.failed(Instant::now()),
        _ if report.outcome == NOBODY_SENDS => drop(passage),
        _ => passage.worked(),
    }
    let took = started.elapsed();
    let then = schedule::then(&claimed, &report, shared.steady.now());
    let taken = then == Then::Delivered;
    let end = AttemptEnd {
        status: report.status,
        outcome: report.outcome.to_owned(),
        detail: report.detail.clone(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        then,
    };
    let kept = until_kept(&shared, || shared.store.end_attempt(lease, end.clone(), clock::now())).await;
    let since = clock::now().ms_since(claimed.delivery.created_at);
    let since = taken.then(|| Duration::from_millis(u64::try_from(since).unwrap_or(0)));
    shared.metrics.pushed(kind.as_str(), report.outcome, since);
    note(&claimed, report.outcome, kept);
}

/// What an endpoint of a kind gets that nobody sends to.
const NOBODY_SENDS: &str = "no-mail-server";

fn failed(outcome: &'static str, blames_host: bool) -> Report {
    Report { status: None, outcome, detail: None, verdict: Verdict::Retry { after: None, blames_host } }
}

async fn put_off(shared: &Shared, claimed: &ClaimedDelivery, until: Option<Timestamp>, reason: &'static str) {
    let kept = until_kept(shared, || shared.store.put_off(claimed.lease, until, reason, shared.steady.now())).await;
    note(claimed, reason, kept);
}

/// Asks the store until it answers: what became of a message must not be lost to a full disk. `None`: the store has closed, and the lease
/// is taken back at the next start.
async fn until_kept<T, F: Future<Output = StoreResult<T>>>(shared: &Shared, mut call: impl FnMut() -> F) -> Option<T> {
    let mut pause = Duration::from_millis(25);
    loop {
        match call().await {
            Ok(answer) => return Some(answer),
            Err(StoreError::Closed) => return None,
            Err(error) => tracing::warn!(%error, "what became of a message cannot be kept"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        if shared.stopped.is_cancelled() {
            return None;
        }
    }
}

fn note(claimed: &ClaimedDelivery, outcome: &str, kept: Option<Result<(), LeaseLost>>) {
    let (id, endpoint) = (claimed.delivery.id, claimed.endpoint.shown.id);
    match kept {
        Some(Ok(())) => tracing::debug!(delivery = %id, %endpoint, outcome, "a message was attended to"),
        Some(Err(LeaseLost)) => {
            tracing::debug!(delivery = %id, %endpoint, outcome, "somebody else has the message now")
        }
        None => tracing::warn!(delivery = %id, %endpoint, outcome, "the store closed before this could be kept"),
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("an attempt panicked; its message is sent again at the next start");
    }
}

/// The wall clock, except that it never goes backwards while the process runs: what is due stays due. One that jumps ahead is followed.
struct Steady {
    anchor: Mutex<(Instant, Timestamp)>,
}

impl Steady {
    fn new() -> Self {
        Self { anchor: Mutex::new((Instant::now(), clock::now())) }
    }

    fn now(&self) -> Timestamp {
        self.at(Instant::now(), clock::now())
    }

    fn at(&self, instant: Instant, wall: Timestamp) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = i64::try_from(instant.saturating_duration_since(anchor.0).as_millis()).unwrap_or(i64::MAX);
        let steady = anchor.1.plus_ms(elapsed);
        if wall > steady {
            *anchor = (instant, wall);
        }
        steady.max(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_a_clock_that_jumps_ahead_and_not_one_that_jumps_back() {
        let (steady, start) = (Steady::new(), Instant::now());
        let wall = steady.at(start, clock::now()).plus_ms(1_000);
        let day = Duration::from_secs(86_400);
        assert_eq!(steady.at(start, wall.plus_ms(86_400_000)), wall.plus_ms(86_400_000));
        assert_eq!(steady.at(start + day, wall), wall.plus_ms(2 * 86_400_000));
    }
}
