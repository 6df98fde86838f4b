//! How deliveries and endpoints go: with their job, by age, with their owner; and what a restart finds.

use super::{fixture::*, post::*};
use server::store::*;

const DAY: i64 = 24 * 3600 * 1000;

async fn age(bench: &Bench) {
    let mut next = Some(0);
    while let Some(after) = next {
        next = bench.store.prune(at(30 * DAY), after, 2).await.unwrap().next;
    }
    while bench.store.sweep(3).await.unwrap().more {}
    while bench.store.prune_deliveries(at(30 * DAY), 2).await.unwrap() {}
}

pub async fn a_job_stays_until_all_of_it_is_told(bench: Bench) {
    bench.hook("hook").await;
    let (job, _) = bench.end_job(at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    age(&bench).await;
    bench.row(job).await;
    bench.end(claimed.lease, Then::Retry(at(31 * DAY)), at(30)).await;
    age(&bench).await;
    bench.row(job).await;
    let claimed = bench.take_one(at(31 * DAY)).await;
    assert_eq!(claimed.told.len(), 1, "and can still be told in full");
    bench.end(claimed.lease, Then::Delivered, at(31 * DAY)).await;
    age(&bench).await;
    assert!(bench.store.job(OWNER, job).await.unwrap().is_none());
    assert!(bench.posted().await.is_empty());
}

pub async fn deliveries_go_with_their_job_and_tests_by_age(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(5, at(10)).await;
    bench.store.send_test(OWNER, hook, delivery_id(), at(15)).await.unwrap();
    bench.store.send_test(OWNER, hook, delivery_id(), at(40 * DAY)).await.unwrap();
    for _ in 0..6 {
        let claimed = bench.take_one(at(20)).await;
        bench.end(claimed.lease, Then::Delivered, at(30)).await;
    }
    bench.end_job(at(40 * DAY)).await;
    age(&bench).await;
    let left: Vec<_> = bench.to(hook).await.into_iter().map(|one| (one.event, one.created_at)).collect();
    assert_eq!(left, [("test".to_owned(), at(40 * DAY)), ("succeeded".to_owned(), at(40 * DAY))]);
    assert_eq!(bench.take(9, at(40 * DAY)).await.len(), 2);
}

pub async fn when_an_owner_goes_nothing_is_sent_and_no_address_stays(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.add(mail(OWNER, "me", 3)).await;
    bench.end_jobs(5, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    bench.store.disown(OWNER, at(30)).await.unwrap();
    assert!(bench.take(9, at(100_000)).await.is_empty(), "from that commit on");
    assert_eq!(bench.store.endpoint_of_token(&[3; 32]).await.unwrap(), None);
    assert!(bench.store.endpoints(OWNER).await.unwrap().is_empty() && bench.posted().await.is_empty());
    loop {
        let erased = bench.store.erase(2).await.unwrap();
        if !bench.store.sweep(3).await.unwrap().more && !erased.more {
            break;
        }
    }
    // Its answer finds nothing any more, and harms nobody.
    let late = bench.store.end_attempt(claimed.lease, ended(Then::Delivered), at(40)).await.unwrap();
    assert_eq!(late, Err(LeaseLost));
    let again = bench.hook("hook").await;
    assert_ne!(again, hook);
    bench.end_job(at(50)).await;
    assert_eq!(
        (bench.posted().await.len(), bench.take(9, at(60)).await.len()),
        (1, 1),
        "whoever comes back begins anew"
    );
}

pub async fn a_restored_or_restarted_store_sends_what_was_under_way(bench: Bench) {
    bench.hook("hook").await;
    bench.hook("other").await;
    bench.end_jobs(300, at(10)).await;
    let under_way: Vec<_> = bench.take(9, at(20)).await.into_iter().map(|one| one.delivery.id).collect();
    assert_eq!(under_way.len(), 2);
    let bench = bench.restart().await;
    assert_eq!(bench.store.rescue_deliveries(at(30), true).await.unwrap(), 2);
    let again: Vec<_> = bench.take(9, at(30)).await.into_iter().map(|one| one.delivery.id).collect();
    assert_eq!(again.len(), 2);
    assert!(under_way.iter().all(|id| again.contains(id)));
    let load = bench.store.outbox_load().await.unwrap();
    let count: u64 = load.pending.iter().map(|(_, _, count)| count).sum();
    assert_eq!(count, 600);
}
