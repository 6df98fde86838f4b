//! The state machine against a small model in memory: random calls, random time, stale leases among them.
//!
//! After each call every row is the model's; at the end every stream is gap-free and every log folds to its row, also
//! after a restart. The model knows no SQL and none of the store's code.

use super::{
    fixture::*,
    known::{How, Known},
};
use domain::{JobState, OwnerId, Timestamp, api::CancelOutcome};
use proptest::{prelude::*, sample::Index};
use server::store::*;
use std::collections::{HashMap, VecDeque};

#[derive(Debug, Clone)]
enum Call {
    Accept {
        other: bool,
        due_in: Option<i64>,
        max_attempts: u32,
        priority: i32,
        start_in: Option<i64>,
    },
    Claim(usize),
    Advance {
        job: Index,
        progress: Option<u64>,
        checkpoint: Option<u8>,
        partials: usize,
    },
    Finish {
        job: Index,
        how: How,
    },
    /// Gives out an address for some milliseconds.
    Register {
        job: Index,
        valid_ms: i64,
    },
    /// Uses an address, used ones among them.
    Answer(Index),
    /// The handler looks at what came, and takes the first of it with its checkpoint.
    Take(Index),
    Cancel(Index),
    Reopen {
        job: Index,
        from: ReopenFrom,
        fresh: u32,
    },
    Renew(Index),
    Promote,
    Rescue {
        all: bool,
    },
    Tick(i64),
}

fn call() -> impl Strategy<Value = Call> {
    let how = prop_oneof![
        2 => Just(How::Succeed), 2 => Just(How::Fail), 3 => (0i64..20_000).prop_map(How::Retry),
        1 => Just(How::Cancel), 1 => Just(How::Release), 2 => Just(How::Stale),
        4 => (0i64..20_000, prop::bool::ANY).prop_map(|(within, fails)| {
            How::Wait(within, if fails { OnTimeout::Fail } else { OnTimeout::Resume })
        }),
    ];
    let from = prop_oneof![Just(ReopenFrom::Checkpoint), Just(ReopenFrom::Start)];
    let index = any::<Index>;
    prop_oneof![
        4 => (any::<bool>(), prop::option::weighted(0.3, 0i64..20_000), 0u32..4, -1i32..2, prop::option::weighted(0.2, 1i64..30_000))
            .prop_map(|(other, due_in, max_attempts, priority, start_in)| {
                Call::Accept { other, due_in, max_attempts, priority, start_in }
            }),
        5 => (0usize..4).prop_map(Call::Claim),
        3 => (index(), prop::option::of(0u64..10), prop::option::of(0u8..3), 0usize..3)
            .prop_map(|(job, progress, checkpoint, partials)| Call::Advance { job, progress, checkpoint, partials }),
        4 => (index(), how).prop_map(|(job, how)| Call::Finish { job, how }),
        3 => (index(), 1i64..20_000).prop_map(|(job, valid_ms)| Call::Register { job, valid_ms }),
        4 => index().prop_map(Call::Answer),
        2 => index().prop_map(Call::Take),
        2 => index().prop_map(Call::Cancel),
        3 => (index(), from, 1u32..3).prop_map(|(job, from, fresh)| Call::Reopen { job, from, fresh }),
        1 => index().prop_map(Call::Renew),
        2 => Just(Call::Promote),
        4 => prop::bool::weighted(0.5).prop_map(|all| Call::Rescue { all }),
        3 => (0i64..15_000).prop_map(Call::Tick),
    ]
}

struct Model {
    bench: Bench,
    now: Timestamp,
    jobs: Vec<Known>,
    /// Owners with a place in the round, who is next first.
    round: VecDeque<OwnerId>,
    /// Every address ever given out: whose, until when, and whether it was used.
    addresses: Vec<Address>,
    /// Call-backs taken so far, of any job: the store numbers them.
    bodies: usize,
}

#[derive(Debug, Clone, Copy)]
struct Address {
    job: usize,
    /// How often the job had been opened again: an earlier round's address is dead.
    round: u32,
    until: Timestamp,
    used: bool,
}

impl Model {
    async fn run(&mut self, call: Call) {
        let (store, now) = (self.bench.store.clone(), self.now);
        match call {
            Call::Tick(ms) => self.now = now.plus_ms(ms),
            Call::Accept { other, due_in, max_attempts, priority, start_in } => {
                let owner = if other { OTHER } else { OWNER };
                let due = due_in.map(|ms| now.plus_ms(ms));
                let start_by = start_in.map(|ms| due.unwrap_or(now).plus_ms(ms));
                self.accept(NewJob { run_at: due, max_attempts, priority, start_by, ..new_job(owner) }).await;
            }
            Call::Claim(limit) => self.claim(limit).await,
            Call::Promote => {
                let promoted = store.promote_due(now, 1000).await.unwrap();
                let mut expired = 0;
                for job in self.jobs.iter_mut().filter(|job| job.start_by.is_some_and(|start_by| start_by <= now)) {
                    expired += 1;
                    job.failed = true;
                    job.go(JobState::Failed, 1);
                }
                let due = self.jobs.iter_mut().filter(|job| job.due.is_some_and(|due| due <= now));
                let mut due: Vec<_> = due.collect();
                due.sort_by_key(|job| job.due);
                let count = due.len();
                for job in due {
                    job.promote();
                    // In the order in which they were due, before `enter` does it in the order of the jobs.
                    if job.state == JobState::Queued && !self.round.contains(&job.owner) {
                        self.round.push_back(job.owner);
                    }
                }
                let next_due = self.jobs.iter().flat_map(|job| job.due.into_iter().chain(job.start_by)).min();
                assert_eq!(promoted, Promoted { count, expired, next_due });
            }
            Call::Rescue { all } => {
                let rescued = store.rescue(now, None, all, 1000).await.unwrap();
                let lost = self.jobs.iter_mut().filter(|job| job.state == JobState::Running);
                let lost = lost.filter(|job| all || job.lease_until < now);
                let expected: Vec<_> = lost.map(|job| Rescued { job: job.id, state: job.rescue() }).collect();
                assert_eq!(rescued, expected);
                for job in self.jobs.iter_mut().filter(|job| job.state == JobState::Retrying && job.due.is_none()) {
                    let row = store.job(job.owner, job.id).await.unwrap().unwrap().value;
                    let pause = row.due_at.unwrap().ms_since(now);
                    assert!(
                        pause > 0 && pause * 2 > job.pause_ms() - 2 && pause <= job.pause_ms(),
                        "{pause} ms: {job:?}"
                    );
                    job.due = row.due_at;
                }
            }
            _ if self.jobs.is_empty() => {}
            Call::Advance { job, progress: done, checkpoint, partials } => {
                let job = job.get_mut(&mut self.jobs);
                let step = Advance {
                    progress: done.map(progress),
                    partials: vec!["{}".into(); partials],
                    checkpoint: checkpoint.map(|checkpoint| checkpoint.to_string()),
                    ..Advance::default()
                };
                let answer = store.advance(Lease { job: job.id, token: job.token }, step, now).await.unwrap();
                assert_eq!(answer.is_ok(), job.state == JobState::Running);
                if let Ok(advanced) = answer {
                    assert_eq!(advanced.cancel_requested, job.cancel);
                    job.jseq += partials as u64 + u64::from(done.is_some());
                    job.progress = done.or(job.progress);
                    if checkpoint.is_some() && checkpoint != job.checkpoint {
                        (job.checkpoint, job.crashes) = (checkpoint, 0);
                    }
                }
            }
            Call::Finish { job, how } => {
                let job = job.get_mut(&mut self.jobs);
                let stale = u64::from(matches!(how, How::Stale));
                let lease = Lease { job: job.id, token: job.token.saturating_sub(stale) };
                let answer = store.finish(lease, finish(how, now, job.seen), now).await.unwrap();
                let stands = job.state == JobState::Running && stale == 0;
                assert_eq!(answer, if stands { Ok(job.finish(how, now)) } else { Err(LeaseLost) });
            }
            Call::Register { job, valid_ms } => {
                let index = job.index(self.jobs.len());
                let job = &self.jobs[index];
                let until = now.plus_ms(valid_ms);
                let address = CallbackAddress { hash: hash(self.addresses.len()), name: "a".into(), until };
                let step = Advance { callbacks: vec![address], ..Advance::default() };
                let answer = store.advance(Lease { job: job.id, token: job.token }, step, now).await.unwrap();
                assert_eq!(answer.is_ok(), job.state == JobState::Running);
                if answer.is_ok() {
                    self.addresses.push(Address { job: index, round: job.rounds, until, used: false });
                }
            }
            Call::Answer(_) if self.addresses.is_empty() => {}
            Call::Answer(address) => {
                let index = address.index(self.addresses.len());
                let address = &mut self.addresses[index];
                let job = &mut self.jobs[address.job];
                let stands = !address.used && now < address.until && address.round == job.rounds;
                let taken = store.receive_callback(hash(index), index.to_string(), now).await.unwrap();
                assert_eq!(taken, stands && !job.state.is_terminal(), "{address:?} {job:?}");
                if taken {
                    address.used = true;
                    self.bodies += 1;
                    job.received.push(self.bodies);
                    if job.state == JobState::Waiting {
                        job.resume();
                    }
                }
            }
            Call::Take(job) => {
                let job = job.get_mut(&mut self.jobs);
                let lease = Lease { job: job.id, token: job.token };
                let found = store.callbacks(lease, now).await.unwrap();
                assert_eq!(found.is_ok(), job.state == JobState::Running);
                let Ok(found) = found else { return };
                let ids: Vec<_> = found.received.iter().map(|body| body.id).collect();
                assert_eq!(ids, job.received.iter().map(|&body| body as u64).collect::<Vec<_>>());
                job.seen = ids.last().copied().unwrap_or(0).max(job.seen);
                if let Some(&first) = ids.first() {
                    let step = Advance { taken: vec![first], ..Advance::default() };
                    store.advance(lease, step, now).await.unwrap().unwrap();
                    job.received.remove(0);
                }
            }
            Call::Renew(job) => {
                let job = job.get_mut(&mut self.jobs);
                let (lease, held) = (Lease { job: job.id, token: job.token }, job.state == JobState::Running);
                let until = now.plus_ms(LEASE_MS);
                let answer = store.renew(&[lease], until).await.unwrap();
                assert_eq!(answer, [LeaseState { lease, held, cancel_requested: held && job.cancel }]);
                job.lease_until = until;
            }
            Call::Cancel(job) => {
                let job = job.get_mut(&mut self.jobs);
                let answer = store.cancel(job.owner, job.id, now).await.unwrap().unwrap();
                if job.state.is_terminal() {
                    assert_eq!(answer, CancelOutcome::TooLate);
                } else if job.state == JobState::Running {
                    assert_eq!(answer, CancelOutcome::Requested);
                    job.jseq += u64::from(!std::mem::replace(&mut job.cancel, true));
                } else {
                    assert_eq!(answer, CancelOutcome::Cancelled);
                    job.go(JobState::Cancelled, 1);
                }
            }
            Call::Reopen { job, from, fresh } => {
                let job = job.get_mut(&mut self.jobs);
                let answer = store.reopen(job.owner, job.id, from, fresh, now).await.unwrap();
                let can = matches!(job.state, JobState::Failed | JobState::Cancelled);
                assert_eq!(matches!(answer, Reopened::Reopened(_)), can, "{answer:?}");
                if can {
                    (job.max_attempts, job.crashes, job.failed) = (job.attempt + fresh, 0, false);
                    if from == ReopenFrom::Start || job.checkpoint.is_none() {
                        (job.checkpoint, job.progress) = (None, None);
                    }
                    job.rounds += 1;
                    job.go(JobState::Queued, 1);
                }
            }
        }
    }

    async fn accept(&mut self, new: NewJob) {
        let NewJob { owner, run_at: due, max_attempts, priority, start_by, .. } = new;
        let row = self.bench.accept_at(new, self.now).await;
        self.jobs.push(Known {
            id: row.id,
            owner,
            state: if due.is_some() { JobState::Scheduled } else { JobState::Queued },
            attempt: 0,
            max_attempts,
            token: 0,
            lease_until: self.now,
            crashes: 0,
            cancel: false,
            checkpoint: None,
            progress: None,
            due,
            priority,
            start_by,
            failed: false,
            jseq: 1,
            wait: None,
            rounds: 0,
            received: Vec::new(),
            seen: 0,
        });
    }

    /// One job of each owner in turn, whatever has to be failed on the way; an owner whose lane is found empty loses the place in the round.
    async fn claim(&mut self, limit: usize) {
        let claimed = self.bench.claim("worker", limit, self.now).await;
        let mut expected = Vec::new();
        while expected.len() < limit
            && let Some(owner) = self.round.pop_front()
        {
            let mine = self.jobs.iter_mut().filter(|job| job.state == JobState::Queued && job.owner == owner);
            // `min_by_key` takes the first, and so the oldest, of equals.
            let Some(job) = mine.min_by_key(|job| -job.priority) else { continue };
            if job.start_by.is_some_and(|start_by| start_by <= self.now) || job.attempt >= job.max_attempts {
                // It takes no turn.
                self.round.push_front(owner);
                job.failed = true;
                job.go(JobState::Failed, 1);
                continue;
            }
            self.round.push_back(owner);
            (job.attempt, job.token, job.lease_until) = (job.attempt + 1, job.token + 1, self.now.plus_ms(LEASE_MS));
            job.start_by = None;
            job.seen = 0;
            job.go(JobState::Running, 1);
            let checkpoint = job.checkpoint.map(|checkpoint| checkpoint.to_string());
            expected.push((Lease { job: job.id, token: job.token }, checkpoint));
        }
        let mut claimed: Vec<_> = claimed.into_iter().map(|claimed| (claimed.lease, claimed.checkpoint)).collect();
        // A claim reads whole rounds at once: what it takes is the promise, in which order it lists it is not.
        claimed.sort_by_key(|(lease, _)| lease.job);
        expected.sort_by_key(|(lease, _)| lease.job);
        assert_eq!(claimed, expected);
    }

    /// Owners whose first job became queued go behind those who wait.
    fn enter(&mut self) {
        for job in self.jobs.iter().filter(|job| job.state == JobState::Queued) {
            if !self.round.contains(&job.owner) {
                self.round.push_back(job.owner);
            }
        }
    }

    /// Every row is the model's.
    async fn compare(&self) {
        let mut rows = HashMap::new();
        for owner in [OWNER, OTHER] {
            let page = self.bench.store.jobs(owner, JobFilter { limit: 1000, ..JobFilter::default() }).await.unwrap();
            let events: u64 = self.jobs.iter().filter(|job| job.owner == owner).map(|job| job.jseq).sum();
            assert_eq!(page.head, events);
            rows.extend(page.value.into_iter().map(|row| (row.id, row)));
        }
        assert_eq!(rows.len(), self.jobs.len());
        let count = |state| self.jobs.iter().filter(|job| job.state == state).count() as u64;
        let load = Load { queued: count(JobState::Queued), running: count(JobState::Running), idle: 0 };
        assert_eq!(self.bench.store.load().await.unwrap(), load);
        for job in &self.jobs {
            let row = &rows[&job.id];
            assert_eq!((row.state, row.jseq), (job.state, job.jseq), "{job:?}");
            assert_eq!((row.attempt, row.max_attempts), (job.attempt, job.max_attempts), "{job:?}");
            assert_eq!((row.priority, row.start_by.filter(|_| !row.state.is_terminal())), (job.priority, job.start_by));
            assert_eq!((row.cancel_requested_at.is_some(), row.due_at), (job.cancel, job.due), "{job:?}");
            assert_eq!(
                (row.resumable, &row.progress),
                (job.checkpoint.is_some(), &job.progress.map(progress)),
                "{job:?}"
            );
            assert_eq!((row.failure.is_some(), row.output.is_some()), (job.failed, job.state == JobState::Succeeded));
            assert_eq!(row.finished_at.is_some(), job.state.is_terminal(), "{job:?}");
            assert_eq!(row.waiting.is_some(), job.state == JobState::Waiting, "{job:?}");
        }
    }
}

/// The hash of the nth address.
fn hash(address: usize) -> [u8; 32] {
    [address as u8; 32]
}

fn finish(how: How, now: Timestamp, seen: u64) -> Finish {
    match how {
        How::Succeed | How::Stale => success(),
        How::Fail => Finish::Failed { failure: failure("broken"), files: Vec::new() },
        How::Retry(after) => Finish::Retry { failure: failure("rain"), at: now.plus_ms(after) },
        How::Cancel => Finish::Cancelled,
        How::Release => Finish::Released,
        How::Wait(within, on_timeout) => {
            Finish::Waiting { wait: Wait { on_timeout, ..wait_until(now.plus_ms(within)) }, seen, files: Vec::new() }
        }
    }
}

/// Runs random courses on fresh databases.
pub fn any_course_of_events_is_the_models<D: Driver>(fresh: fn() -> D) {
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(calls in prop::collection::vec(call(), 1..80))| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (bench, jobs, round) = (Bench::open(fresh()), Vec::new(), VecDeque::new());
            let mut model = Model { bench, now: at(0), jobs, round, addresses: Vec::new(), bodies: 0 };
            for call in calls {
                model.run(call).await;
                model.enter();
                model.compare().await;
            }
            model.bench = model.bench.restart().await;
            model.compare().await;
            model.bench.assert_sound(OWNER).await;
            model.bench.assert_sound(OTHER).await;
        });
    });
}
