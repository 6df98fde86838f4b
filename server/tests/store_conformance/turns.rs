//! Whose turn it is, and when a job may and must start: lanes, priorities, quotas, expiry, idleness.

use super::fixture::*;
use domain::{Deferral, EventType, FailureReason, JobId, JobState, OwnerId};
use server::store::*;

fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|claimed| claimed.lease.job).collect()
}

async fn accept(bench: &Bench, owner: OwnerId, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(bench.accept(new_job(owner)).await.id);
    }
    ids
}

async fn take(bench: &Bench, quotas: &[Quota], limit: usize) -> Vec<JobId> {
    ids(&bench.store.claim("worker", quotas, limit, at(10), at(LEASE_MS)).await.unwrap())
}

pub async fn owners_take_turns_however_many_jobs_one_has(bench: Bench) {
    let flood = accept(&bench, OWNER, 20).await;
    let other = accept(&bench, OTHER, 2).await;
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), [flood[0]]);
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), [other[0]], "served after the first owner's one");
    // A claim of several gives each lane its turns, and an empty lane's to the others.
    let taken = ids(&bench.claim("worker", 5, at(10)).await);
    assert_eq!(taken.iter().filter(|id| other.contains(id)).count(), 1);
    assert_eq!(taken.iter().filter(|id| flood.contains(id)).count(), 4);
    // One who comes again goes behind those who wait.
    let again = accept(&bench, OTHER, 1).await;
    assert_eq!(ids(&bench.claim("worker", 2, at(10)).await), [flood[5], again[0]]);
    bench.assert_sound(OWNER).await;
    bench.assert_sound(OTHER).await;
}

pub async fn turns_survive_reopening(bench: Bench) {
    let flood = accept(&bench, OWNER, 3).await;
    let other = accept(&bench, OTHER, 2).await;
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), [flood[0]]);
    let bench = bench.restart().await;
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), [other[0]]);
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), [flood[1]]);
}

pub async fn a_high_priority_goes_first_in_its_own_lane_only(bench: Bench) {
    let mine = accept(&bench, OWNER, 2).await;
    let theirs = accept(&bench, OTHER, 2).await;
    let high = bench.accept(NewJob { priority: 10, ..new_job(OTHER) }).await;
    let low = bench.accept(NewJob { priority: -10, ..new_job(OTHER) }).await;
    assert_eq!((high.priority, low.priority), (10, -10));
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(bench.claim_one(at(10)).await.lease.job);
    }
    assert_eq!(order, [mine[0], high.id, mine[1], theirs[0], theirs[1], low.id]);
    bench.assert_sound(OTHER).await;
}

pub async fn a_position_counts_the_lane_and_the_turns_of_others(bench: Bench) {
    accept(&bench, OWNER, 5).await;
    let first = bench.accept(new_job(OTHER)).await;
    let second = bench.accept(new_job(OTHER)).await;
    let high = match bench.store.accept(NewJob { priority: 1, ..new_job(OTHER) }, at(0)).await.unwrap() {
        Accepted::Created(job, queue) => {
            assert_eq!(queue.ahead, 1, "told with the answer");
            job.value
        }
        other => panic!("{other:?}"),
    };
    let ahead = async |job: &JobRow| bench.store.queue(job).await.unwrap().ahead;
    assert_eq!((ahead(&high).await, ahead(&first).await, ahead(&second).await), (1, 3, 5));
    bench.claim_one(at(10)).await;
    assert_eq!(ahead(&high).await, 0, "its lane is next");
    bench.store.cancel(OTHER, high.id, at(20)).await.unwrap();
    assert_eq!((ahead(&first).await, ahead(&second).await), (0, 2));
}

pub async fn a_claim_keeps_to_the_kinds_quotas(bench: Bench) {
    let mine = accept(&bench, OWNER, 4).await;
    let other = bench.accept(NewJob { kind: "other".into(), ..new_job(OWNER) }).await.id;
    let at_most = |running| vec![Quota { running: Some(running), ..Quota::unlimited(KIND) }, Quota::unlimited("other")];
    assert_eq!(take(&bench, &at_most(2), 10).await, [mine[0], mine[1], other], "two of the one, all of the other");
    assert_eq!(take(&bench, &at_most(2), 10).await, [], "as many run as may");
    assert_eq!(take(&bench, &at_most(3), 10).await, [mine[2]]);
    let starts = |starts| vec![Quota { starts: Some(starts), ..Quota::unlimited(KIND) }];
    assert_eq!(take(&bench, &starts(0), 10).await, []);
    assert_eq!(take(&bench, &starts(1), 10).await, [mine[3]]);
    bench.assert_sound(OWNER).await;
}

pub async fn what_was_cancelled_while_queued_leaves_the_turn_to_others(bench: Bench) {
    let gone = accept(&bench, OWNER, 3).await;
    let other = accept(&bench, OTHER, 1).await;
    for id in gone {
        bench.store.cancel(OWNER, id, at(1)).await.unwrap();
    }
    assert_eq!(ids(&bench.claim("worker", 1, at(10)).await), other);
    let back = accept(&bench, OWNER, 1).await;
    assert_eq!(ids(&bench.claim("worker", 5, at(10)).await), back);
}

pub async fn what_does_not_start_in_time_expires(bench: Bench) {
    let queued = bench.accept(NewJob { start_by: Some(at(5000)), ..new_job(OWNER) }).await;
    let deferred = NewJob { run_at: Some(at(2000)), start_by: Some(at(4000)), ..new_job(OWNER) };
    let deferred = bench.accept(deferred).await;
    let started = bench.claim_one(at(10)).await;
    assert_eq!((started.lease.job, started.row.start_by), (queued.id, None), "one that has started does not expire");
    // Neither does it when its worker dies and it is queued again.
    bench.store.rescue(at(10), None, true, 10).await.unwrap();
    let promoted = bench.store.promote_due(at(2000), 10).await.unwrap();
    assert_eq!(promoted, Promoted { count: 1, expired: 0, next_due: Some(at(4000)) });
    let promoted = bench.store.promote_due(at(9000), 10).await.unwrap();
    assert_eq!(promoted, Promoted { count: 0, expired: 1, next_due: None });
    let row = bench.row(deferred.id).await;
    let failure = row.failure.unwrap();
    assert_eq!((row.state, failure.reason), (JobState::Failed, FailureReason::Expired));
    assert_eq!((failure.code.as_str(), &failure.params["start_within_s"]), ("not-started-in-time", &2.into()));
    assert_eq!(bench.log(deferred.id).await, [EventType::Accepted, EventType::Queued, EventType::Failed]);
    assert_eq!(bench.claim_one(at(9000)).await.lease.job, queued.id);
    // A claim that comes before the scheduler looks does not start it either.
    let late = bench.accept(NewJob { start_by: Some(at(5000)), ..new_job(OWNER) }).await.id;
    assert_eq!(bench.claim("worker", 10, at(5000)).await, []);
    assert_eq!(bench.row(late).await.state, JobState::Failed);
    assert_eq!(bench.store.load().await.unwrap(), Load { queued: 0, running: 1, idle: 0 });
    bench.assert_sound(OWNER).await;
}

pub async fn what_waits_for_idleness_starts_when_there_is_nothing_else(bench: Bench) {
    let idle = |owner| NewJob { deferral: Some(Deferral::Idle), ..new_job(owner) };
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(bench.accept(idle(OWNER)).await.id);
    }
    let theirs = bench.accept(idle(OTHER)).await.id;
    let other = bench.accept(new_job(OWNER)).await.id;
    let promote = async || bench.store.promote_idle(at(10), 2).await.unwrap();
    assert_eq!(bench.row(mine[0]).await.state, JobState::Scheduled);
    assert_eq!(bench.store.load().await.unwrap(), Load { queued: 1, running: 0, idle: 4 });
    assert_eq!(promote().await, 0, "another job is queued");
    let lease = bench.claim_one(at(10)).await.lease;
    assert_eq!(promote().await, 0, "another job runs");
    bench.finish(lease, success(), at(20)).await;
    assert_eq!(promote().await, 2);
    let taken = ids(&bench.claim("worker", 10, at(30)).await);
    assert_eq!(taken.len(), 2);
    assert!(taken.contains(&mine[0]) && taken.contains(&theirs), "owners take turns");
    assert_eq!(promote().await, 0, "as many run as may");
    assert_eq!(bench.store.load().await.unwrap(), Load { queued: 0, running: 2, idle: 2 });
    bench.store.cancel(OWNER, mine[1], at(40)).await.unwrap();
    assert_eq!(bench.store.load().await.unwrap().idle, 1);
    assert_ne!(lease.job, mine[0]);
    assert_eq!(bench.row(other).await.state, JobState::Succeeded);
    let bench = bench.restart().await;
    assert_eq!(bench.store.load().await.unwrap(), Load { queued: 0, running: 2, idle: 1 });
    bench.assert_sound(OWNER).await;
    bench.assert_sound(OTHER).await;
}
