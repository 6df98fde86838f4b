//! Digests: several events in one message.

use super::{fixture::*, post::*};
use domain::push::DeliveryState;
use server::store::*;

fn told(claimed: &ClaimedDelivery) -> Vec<u64> {
    claimed.told.iter().map(|told| told.seq).collect()
}

pub async fn a_digest_tells_what_waits_in_one_message(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.change(hook, digest(60)).await;
    let expected = bench.end_jobs(3, at(10)).await;
    let claimed = bench.take_one(at(70_000)).await;
    assert_eq!((told(&claimed), claimed.delivery.seq), (expected, claimed.told[0].seq));
    assert!(bench.take(9, at(70_000)).await.is_empty());
    bench.end(claimed.lease, Then::Delivered, at(70_010)).await;
    let all = bench.to(hook).await;
    assert!(all.iter().all(|one| one.state == DeliveryState::Delivered && one.delivered_at == Some(at(70_010))));
    assert_eq!(all.iter().map(|one| one.within).collect::<Vec<_>>(), [None, Some(all[0].id), Some(all[0].id)]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 0);
    let next = bench.end_job(at(70_020)).await.1;
    assert_eq!(told(&bench.take_one(at(130_020)).await), [next]);
}

pub async fn a_digest_says_the_same_at_every_attempt(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.change(hook, digest(60)).await;
    let expected = bench.end_jobs(2, at(10)).await;
    let first = bench.take_one(at(70_000)).await;
    let late = bench.end_job(at(70_001)).await.1;
    let bench = bench.restart().await;
    bench.store.rescue_deliveries(at(70_010), true).await.unwrap();
    let again = bench.take_one(at(70_020)).await;
    assert_eq!((again.delivery.id, told(&again)), (first.delivery.id, expected.clone()), "after a death");
    bench.end(again.lease, Then::Retry(at(80_000)), at(70_030)).await;
    let again = bench.take_one(at(80_000)).await;
    assert_eq!((again.delivery.id, told(&again)), (first.delivery.id, expected), "after a failure");
    bench.end(again.lease, Then::GiveUp { endpoint: None }, at(80_010)).await;
    assert_eq!(bench.states(hook).await, [DeliveryState::GaveUp, DeliveryState::GaveUp, DeliveryState::Held]);
    assert_eq!(told(&bench.take_one(at(140_000)).await), [late]);
}

pub async fn what_a_digest_did_not_tell_goes_back_to_its_place(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.change(hook, digest(60)).await;
    let expected = bench.end_jobs(3, at(10)).await;
    let claimed = bench.take_one(at(70_000)).await;
    bench.put_off(claimed.lease, Some(at(90_000)), at(70_010)).await;
    assert!(bench.to(hook).await.iter().all(|one| one.within.is_none()));
    assert!(bench.take(9, at(80_000)).await.is_empty());
    let more = bench.end_job(at(85_000)).await.1;
    let claimed = bench.take_one(at(90_000)).await;
    assert_eq!(told(&claimed), [expected.clone(), vec![more]].concat());
    bench.put_off(claimed.lease, None, at(90_010)).await;
    let claimed = bench.take_one(at(90_020)).await;
    assert_eq!(told(&claimed), [expected[1], expected[2], more], "one that was seen takes no other with it");
    assert_eq!(bench.endpoint(hook).await.shown.pending, 3);
}

pub async fn a_cancelled_digest_leaves_the_rest_to_the_next(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.change(hook, digest(60)).await;
    let expected = bench.end_jobs(3, at(10)).await;
    let claimed = bench.take_one(at(70_000)).await;
    bench.end(claimed.lease, Then::Retry(at(99_000)), at(70_010)).await;
    assert_eq!(bench.store.cancel_delivery(OWNER, claimed.delivery.id, at(70_020)).await.unwrap(), Some(true));
    let next = bench.take_one(at(70_030)).await;
    assert_eq!(told(&next), expected[1..]);
    // And one that is cancelled while it is under way tells the others, if it arrives.
    assert_eq!(bench.store.cancel_delivery(OWNER, next.delivery.id, at(70_040)).await.unwrap(), Some(true));
    bench.end(next.lease, Then::Delivered, at(70_050)).await;
    let states = bench.states(hook).await;
    assert_eq!(states, [DeliveryState::Cancelled, DeliveryState::Cancelled, DeliveryState::Delivered]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 0);
    assert!(bench.take(9, at(200_000)).await.is_empty());
}
