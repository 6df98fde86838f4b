//! Random courses: events, claims, every way in which an attempt can end, deaths, pauses, cancellations, in any order.
//!
//! What is checked after each step holds whatever the course: the promises of the contract, not a second implementation of it.

use super::{fixture::*, post::*};
use domain::{DeliveryId, EndpointId, push::DeliveryState};
use proptest::{prelude::*, test_runner::TestRunner};
use server::store::*;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone)]
enum Act {
    Event,
    Claim(usize),
    End(usize, Way),
    Rescue,
    Reopen,
    Pause(usize),
    Cancel(usize),
    Resend(usize),
    Test(usize),
    Wait,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Delivered,
    Retry,
    GiveUp,
    Gone,
    Hold,
    Drop,
}

fn act() -> impl Strategy<Value = Act> {
    let way = prop_oneof![
        4 => Just(Way::Delivered), 3 => Just(Way::Retry), 1 => Just(Way::GiveUp), 1 => Just(Way::Gone),
        2 => Just(Way::Hold), 2 => Just(Way::Drop)
    ];
    prop_oneof![
        6 => Just(Act::Event),
        6 => (1usize..5).prop_map(Act::Claim),
        8 => (0usize..4, way).prop_map(|(which, way)| Act::End(which, way)),
        1 => Just(Act::Rescue),
        1 => Just(Act::Reopen),
        1 => (0usize..3).prop_map(Act::Pause),
        2 => (0usize..20).prop_map(Act::Cancel),
        2 => (0usize..20).prop_map(Act::Resend),
        1 => (0usize..3).prop_map(Act::Test),
        3 => Just(Act::Wait),
    ]
}

struct World {
    bench: Bench,
    endpoints: Vec<EndpointId>,
    now: i64,
    leases: Vec<ClaimedDelivery>,
    stale: Vec<DeliveryLease>,
    /// The last seq whose first attempt was begun, by endpoint.
    begun: HashMap<EndpointId, u64>,
    attempted: HashSet<DeliveryId>,
    ended: HashMap<DeliveryId, DeliveryState>,
}

impl World {
    async fn new(bench: Bench) -> Self {
        let endpoints = vec![bench.hook("a").await, bench.hook("b").await, bench.hook("c").await];
        // The last one gathers.
        bench.change(endpoints[2], digest(60)).await;
        let (leases, stale, begun) = (Vec::new(), Vec::new(), HashMap::new());
        Self { bench, endpoints, now: 1_000, leases, stale, begun, attempted: HashSet::new(), ended: HashMap::new() }
    }

    async fn run(&mut self, act: Act) {
        let now = at(self.now);
        match act {
            Act::Event => drop(self.bench.end_job(now).await),
            Act::Wait => self.now += 30_000,
            Act::Claim(limit) => {
                let claimed = self.bench.take(limit, now).await;
                for one in &claimed {
                    self.claimed(one);
                }
                self.leases.extend(claimed);
            }
            Act::End(which, way) if !self.leases.is_empty() => {
                let claimed = self.leases.remove(which % self.leases.len());
                self.stale.push(claimed.lease);
                match way {
                    Way::Delivered => self.bench.end(claimed.lease, Then::Delivered, now).await,
                    Way::Retry => self.bench.end(claimed.lease, Then::Retry(now.plus_ms(20_000)), now).await,
                    Way::GiveUp => self.bench.end(claimed.lease, Then::GiveUp { endpoint: None }, now).await,
                    Way::Gone => {
                        let gone = Some(domain::push::EndpointState::Gone);
                        self.bench.end(claimed.lease, Then::GiveUp { endpoint: gone }, now).await;
                    }
                    Way::Hold => {
                        self.unbegin(&claimed);
                        self.bench.put_off(claimed.lease, Some(now.plus_ms(10_000)), now).await;
                    }
                    Way::Drop => self.bench.put_off(claimed.lease, None, now).await,
                }
            }
            Act::Rescue | Act::Reopen => {
                if matches!(act, Act::Reopen) {
                    self.bench.store.close().await;
                    self.bench.store = self.bench.driver.try_open().unwrap();
                }
                let rescued = self.bench.store.rescue_deliveries(now, true).await.unwrap();
                assert_eq!(rescued, self.leases.len());
                for claimed in std::mem::take(&mut self.leases) {
                    self.stale.push(claimed.lease);
                    // It may come once more, and before all others.
                    self.unbegin(&claimed);
                }
            }
            Act::Pause(which) => {
                let id = self.endpoints[which];
                let is_active = self.bench.endpoint(id).await.shown.state == domain::push::EndpointState::Active;
                if is_active {
                    self.bench.change(id, paused(true)).await;
                } else if matches!(self.bench.endpoint(id).await.shown.state, domain::push::EndpointState::Gone) {
                    let name = ["a", "b", "c"][which];
                    let known = self.bench.store.add_endpoint(webhook(OWNER, name), now).await.unwrap();
                    assert!(matches!(known, Added::Known(_)));
                } else {
                    self.bench.change(id, paused(false)).await;
                }
            }
            Act::Cancel(which) => {
                if let Some(one) = self.bench.posted().await.get(which) {
                    let cancelled = self.bench.store.cancel_delivery(OWNER, one.id, now).await.unwrap();
                    assert_eq!(cancelled, Some(!one.state.has_ended()));
                }
            }
            Act::Resend(which) => {
                if let Some(one) = self.bench.posted().await.get(which)
                    && let Resent::Queued(again) = self.bench.store.resend(OWNER, one.id, now).await.unwrap()
                {
                    assert!(one.state.has_ended());
                    assert_eq!(again.id, one.id);
                    self.ended.remove(&one.id);
                }
            }
            Act::Test(which) => {
                self.bench.store.send_test(OWNER, self.endpoints[which], delivery_id(), now).await.unwrap();
            }
            Act::End(..) => {}
        }
        self.now += 10;
    }

    fn claimed(&mut self, one: &ClaimedDelivery) {
        let (id, endpoint) = (one.delivery.id, one.delivery.endpoint);
        assert!(self.leases.iter().all(|other| other.delivery.id != id), "it is under way already");
        if !one.by_hand && self.attempted.insert(id) {
            let last = self.begun.entry(endpoint).or_default();
            assert!(one.delivery.seq > *last, "first attempts out of order: {} after {last}", one.delivery.seq);
            *last = one.delivery.seq;
        }
        self.attempted.insert(id);
    }

    /// Nothing was sent, or nobody knows whether it was: it is this one's turn still.
    fn unbegin(&mut self, claimed: &ClaimedDelivery) {
        if claimed.delivery.attempts == 1 && !claimed.by_hand && claimed.delivery.job.is_some() {
            self.attempted.remove(&claimed.delivery.id);
            self.begun.insert(claimed.delivery.endpoint, claimed.delivery.seq - 1);
        }
    }

    async fn check(&mut self) {
        let all = self.bench.posted().await;
        let mut told = HashSet::new();
        for one in &all {
            assert!(one.job.is_none() || told.insert((one.endpoint, one.seq)), "an event was told twice");
            assert_eq!(one.state.has_ended(), one.next_at.is_none() && one.state != DeliveryState::Sending, "{one:?}");
            // What has ended stays as it ended; only sending it again leads on from there.
            if let Some(ended) = self.ended.get(&one.id) {
                assert_eq!(*ended, one.state, "{one:?} ended otherwise before");
            } else if one.state.has_ended() {
                self.ended.insert(one.id, one.state);
            }
        }
        for endpoint in self.bench.store.endpoints(OWNER).await.unwrap() {
            let of = |one: &&domain::push::Delivery| one.endpoint == endpoint.shown.id && !one.state.has_ended();
            let active = endpoint.shown.state == domain::push::EndpointState::Active;
            // Under way when it was switched off: neither pending nor ended.
            let pending =
                all.iter().filter(of).filter(|one| active || one.state != DeliveryState::Sending).count() as u64;
            let of_before = all.iter().filter(of).filter(|one| one.state == DeliveryState::Sending).count() as u64;
            assert!(endpoint.shown.pending <= pending, "{endpoint:?} of {pending}");
            assert!(endpoint.shown.pending + of_before >= pending, "{endpoint:?} of {pending}");
        }
        for stale in &self.stale {
            let late = self.bench.store.end_attempt(*stale, ended(Then::Delivered), at(self.now)).await.unwrap();
            assert_eq!(late, Err(LeaseLost));
        }
        self.stale.clear();
    }

    /// Nothing is lost: without another fault, everything comes to an end.
    async fn drain(&mut self) {
        for claimed in std::mem::take(&mut self.leases) {
            self.bench.end(claimed.lease, Then::Delivered, at(self.now)).await;
        }
        for _ in 0..10_000 {
            self.now += 30_000;
            let claimed = self.bench.take(9, at(self.now)).await;
            if claimed.is_empty() && self.bench.store.next_delivery(&[]).await.unwrap().is_none() {
                break;
            }
            for one in claimed {
                self.claimed(&one);
                self.bench.end(one.lease, Then::Delivered, at(self.now)).await;
            }
        }
        while self.bench.store.settle_deliveries(7).await.unwrap() {}
        for one in self.bench.posted().await {
            assert!(one.state.has_ended(), "left behind: {one:?}");
        }
        assert_eq!(self.bench.store.outbox_load().await.unwrap(), OutboxLoad::default());
    }
}

pub async fn random_courses_keep_every_promise(bench: Bench) {
    drop(bench);
    // The runner is not async, and each course has a database of its own.
    tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut runner = TestRunner::new(ProptestConfig { cases: 40, ..ProptestConfig::default() });
        let course = proptest::collection::vec(act(), 1..80);
        let outcome = runner.run(&course, |course| {
            runtime.block_on(async {
                let mut world = World::new(Bench::open(Sqlite::fresh())).await;
                for act in course {
                    world.run(act).await;
                    world.check().await;
                }
                world.drain().await;
                world.bench.assert_sound(OWNER).await;
            });
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
    })
    .await
    .unwrap();
}
