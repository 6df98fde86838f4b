//! How deliveries end: with their endpoint, by their owner's wish, and how they begin again.

use super::{fixture::*, post::*};
use domain::push::{DeliveryState, EndpointState};
use server::store::*;

pub async fn an_endpoint_that_is_gone_takes_everything_with_it(bench: Bench) {
    for (state, word) in [(EndpointState::Gone, "gone"), (EndpointState::Parked, "parked")] {
        let hook = bench.hook(word).await;
        bench.end_jobs(3, at(10)).await;
        let claimed = bench.take_one(at(20)).await;
        bench.end(claimed.lease, Then::GiveUp { endpoint: Some(state) }, at(30)).await;
        let all = bench.to(hook).await;
        assert!(all.iter().all(|one| one.state == DeliveryState::GaveUp && one.next_at.is_none()));
        assert_eq!(
            all.iter().map(|one| one.reason.as_deref()).collect::<Vec<_>>(),
            [Some("gone"), Some(word), Some(word)]
        );
        let row = bench.endpoint(hook).await.shown;
        assert_eq!((row.state, row.reason.as_deref(), row.pending), (state, Some("gone"), 0));
        bench.end_job(at(40)).await;
        assert_eq!(bench.to(hook).await.len(), 3, "it is told nothing more");
        assert!(bench.take(9, at(100_000)).await.is_empty());
    }
}

pub async fn nothing_of_before_a_pause_is_made_up_for(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(2, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    bench.end(claimed.lease, Then::Retry(at(50)), at(30)).await;
    assert_eq!(bench.change(hook, paused(true)).await.shown.state, EndpointState::Paused);
    assert_eq!(bench.states(hook).await, [DeliveryState::Cancelled; 2]);
    bench.end_job(at(60)).await;
    assert_eq!(bench.change(hook, paused(false)).await.shown.state, EndpointState::Active);
    assert!(bench.take(9, at(100_000)).await.is_empty());
    let seq = bench.end_job(at(100_010)).await.1;
    assert_eq!(seqs(&bench.take(9, at(100_010)).await), [seq]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 1);
}

pub async fn a_removed_endpoint_keeps_no_secret_and_its_log_stays(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(2, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    bench.end(claimed.lease, Then::Delivered, at(30)).await;
    assert!(bench.store.remove_endpoint(OWNER, hook, at(40)).await.unwrap());
    assert!(!bench.store.remove_endpoint(OWNER, hook, at(40)).await.unwrap());
    assert_eq!(bench.store.endpoint(OWNER, hook).await.unwrap(), None);
    assert!(bench.store.endpoints(OWNER).await.unwrap().is_empty());
    let all = bench.to(hook).await;
    assert_eq!(
        all.iter().map(|one| one.state).collect::<Vec<_>>(),
        [DeliveryState::Delivered, DeliveryState::Cancelled]
    );
    assert_eq!((all[1].reason.as_deref(), all[1].endpoint_label.as_str()), (Some("endpoint-removed"), "hook"));
    assert_eq!(bench.detail(all[0].id).await.endpoint, None);
    assert_eq!(bench.store.resend(OWNER, all[0].id, at(50)).await.unwrap(), Resent::EndpointOff);
    // The same address later is another endpoint.
    assert!(matches!(bench.store.add_endpoint(webhook(OWNER, "hook"), at(60)).await.unwrap(), Added::New(_)));
    assert!(bench.take(9, at(100_000)).await.is_empty());
}

pub async fn much_that_ends_with_its_endpoint_reads_as_ended_at_once(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(130, at(10)).await;
    bench.heard();
    bench.change(hook, paused(true)).await;
    assert!(bench.heard().iter().any(|committed| committed.unsettled), "not all of it is written at once");
    let ended =
        |all: Vec<DeliveryState>| all.len() == 130 && all.iter().all(|state| *state == DeliveryState::Cancelled);
    assert!(ended(bench.states(hook).await));
    assert_eq!(bench.store.outbox_load().await.unwrap(), OutboxLoad::default());
    let last = bench.to(hook).await[129].clone();
    assert_eq!((last.reason.as_deref(), last.next_at), (Some("paused"), None));
    assert_eq!(bench.store.cancel_delivery(OWNER, last.id, at(60)).await.unwrap(), Some(false));
    bench.change(hook, paused(false)).await;
    let fresh = bench.end_job(at(100_000)).await.1;
    let taken = bench.take(9, at(100_000)).await;
    assert_eq!(seqs(&taken), [fresh], "what is not written yet has ended all the same");
    bench.end(taken[0].lease, Then::Delivered, at(100_000)).await;
    assert!(matches!(bench.store.resend(OWNER, last.id, at(70)).await.unwrap(), Resent::Queued(_)));
    while bench.store.settle_deliveries(10).await.unwrap() {}
    let states = bench.states(hook).await;
    assert_eq!(states.iter().filter(|state| **state == DeliveryState::Cancelled).count(), 129);
    assert_eq!(bench.take_one(at(100_000)).await.delivery.id, last.id);
}

pub async fn what_is_under_way_when_its_endpoint_goes_is_noted(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(1, at(10)).await;
    let arrives = bench.take_one(at(20)).await;
    bench.change(hook, paused(true)).await;
    assert_eq!(bench.states(hook).await, [DeliveryState::Sending]);
    bench.end(arrives.lease, Then::Delivered, at(60)).await;
    bench.change(hook, paused(false)).await;
    bench.end_jobs(1, at(70)).await;
    let fails = bench.take_one(at(80)).await;
    bench.store.remove_endpoint(OWNER, hook, at(90)).await.unwrap();
    bench.end(fails.lease, Then::Retry(at(200)), at(100)).await;
    assert_eq!(bench.states(hook).await, [DeliveryState::Delivered, DeliveryState::Cancelled]);
    assert_eq!(bench.outcomes(fails.delivery.id).await, ["server-error"]);
    assert!(bench.take(9, at(100_000)).await.is_empty());
}

pub async fn a_cancelled_delivery_is_not_sent_and_ends_once(bench: Bench) {
    let hook = bench.hook("hook").await;
    let expected = bench.end_jobs(3, at(10)).await;
    let all = bench.to(hook).await;
    let cancel = async |id| bench.store.cancel_delivery(OWNER, id, at(15)).await.unwrap();
    assert_eq!(cancel(all[0].id).await, Some(true));
    assert_eq!(cancel(all[0].id).await, Some(false));
    assert_eq!(cancel(delivery_id()).await, None);
    let claimed = bench.take_one(at(20)).await;
    assert_eq!(claimed.delivery.seq, expected[1], "the next one is the head");
    bench.end(claimed.lease, Then::Retry(at(50)), at(30)).await;
    assert_eq!(cancel(all[1].id).await, Some(true));
    assert_eq!(seqs(&bench.take(9, at(100_000)).await), [expected[2]]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 1);
}

pub async fn what_was_under_way_when_it_was_cancelled_is_noted(bench: Bench) {
    let hook = bench.hook("hook").await;
    let expected = bench.end_jobs(2, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    assert_eq!(bench.store.cancel_delivery(OWNER, claimed.delivery.id, at(30)).await.unwrap(), Some(true));
    assert!(bench.take(9, at(40)).await.is_empty(), "it is still under way");
    bench.end(claimed.lease, Then::Delivered, at(50)).await;
    let detail = bench.detail(claimed.delivery.id).await;
    assert_eq!((detail.delivery.state, detail.delivery.status), (DeliveryState::Cancelled, Some(200)));
    assert_eq!(bench.outcomes(claimed.delivery.id).await, ["ok"]);
    assert_eq!(seqs(&bench.take(9, at(60)).await), [expected[1]]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 1);
}

pub async fn what_is_sent_again_keeps_its_id_and_gets_a_fresh_course(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_jobs(2, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    let id = claimed.delivery.id;
    bench.end(claimed.lease, Then::GiveUp { endpoint: None }, at(30)).await;
    let Resent::Queued(queued) = bench.store.resend(OWNER, id, at(40)).await.unwrap() else { panic!("not queued") };
    assert_eq!((queued.id, queued.state, queued.attempts), (id, DeliveryState::Queued, 1));
    assert!(matches!(bench.store.resend(OWNER, id, at(40)).await.unwrap(), Resent::Pending(_)));
    assert_eq!(bench.store.resend(OWNER, delivery_id(), at(40)).await.unwrap(), Resent::NotFound);
    let taken = bench.take(9, at(50)).await;
    let again = taken.iter().find(|one| one.delivery.id == id).expect("beside the next first attempt");
    assert_eq!((again.by_hand, again.tries, again.delivery.attempts, again.first_attempt_at), (true, 1, 2, at(50)));
    bench.end(again.lease, Then::Retry(at(60)), at(55)).await;
    let retried = bench.take_one(at(60)).await;
    assert_eq!((retried.delivery.id, retried.tries), (id, 2));
    bench.end(retried.lease, Then::Delivered, at(70)).await;
    assert_eq!(bench.outcomes(id).await, ["refused", "server-error", "ok"]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 1);
}
