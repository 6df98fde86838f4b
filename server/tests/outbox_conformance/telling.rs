//! What makes deliveries, and when they are due.

use super::{fixture::*, post::*};
use domain::{
    EventType,
    push::{DeliveryState, EndpointPatch, NotificationSettings, When},
};

pub async fn an_event_and_its_deliveries_are_there_together(bench: Bench) {
    let (one, other) = (bench.hook("one").await, bench.hook("other").await);
    let (job, seq) = bench.end_job(at(10)).await;
    let bench = bench.restart().await;
    for endpoint in [one, other] {
        let told = bench.to(endpoint).await;
        assert_eq!(told.len(), 1, "one delivery for each endpoint");
        assert_eq!((told[0].job, told[0].event.as_str(), told[0].seq), (Some(job), "succeeded", seq));
        assert_eq!((told[0].state, told[0].created_at, told[0].attempts), (DeliveryState::Queued, at(10), 0));
    }
    let ids: Vec<_> = bench.posted().await.into_iter().map(|delivery| delivery.id).collect();
    assert_ne!(ids[0], ids[1]);
}

pub async fn an_endpoint_is_told_of_what_it_asked_for(bench: Bench) {
    let (usual, all) = (bench.hook("usual").await, bench.hook("all").await);
    bench.change(all, everything()).await;
    let lease = bench.running().await.lease;
    bench.advance(lease, server::store::Advance { partials: vec!["{}".into(); 2], ..<_>::default() }).await;
    bench.advance(lease, server::store::Advance { progress: Some(progress(1)), ..<_>::default() }).await;
    let retry = server::store::Finish::Retry { failure: failure("rain"), at: at(90) };
    bench.finish(lease, retry, at(30)).await;
    assert!(bench.to(usual).await.is_empty());
    let events: Vec<_> = bench.to(all).await.into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(events, ["started", "partial", "partial", "retry_scheduled"]);
    bench.change(all, EndpointPatch { events: Some(Vec::new()), ..<_>::default() }).await;
    bench.store.cancel(OWNER, lease.job, at(40)).await.unwrap();
    assert_eq!((bench.to(usual).await.len(), bench.to(all).await.len()), (1, 4));
}

pub async fn a_job_may_say_otherwise(bench: Bench) {
    let hook = bench.hook("hook").await;
    let (quiet, loud) = (bench.accept(new_job(OWNER)).await.id, bench.accept(new_job(OWNER)).await.id);
    let set = async |job, events: Option<Vec<EventType>>| {
        assert!(bench.store.set_job_notifications(OWNER, job, events.clone()).await.unwrap());
        assert_eq!(bench.store.job_notifications(OWNER, job).await.unwrap(), Some(events));
    };
    set(quiet, Some(Vec::new())).await;
    set(loud, Some(vec![EventType::Started])).await;
    for claimed in bench.claim("w", 2, at(10)).await {
        bench.finish(claimed.lease, success(), at(20)).await;
    }
    let told: Vec<_> = bench.to(hook).await.into_iter().map(|delivery| (delivery.job, delivery.event)).collect();
    assert_eq!(told, [(Some(loud), "started".to_owned())]);
    let other = bench.accept(new_job(OWNER)).await.id;
    set(other, Some(Vec::new())).await;
    set(other, None).await;
    let lease = bench.claim_one(at(30)).await.lease;
    bench.finish(lease, success(), at(40)).await;
    assert_eq!(bench.to(hook).await.len(), 2, "as the endpoint says, again");
}

pub async fn whoever_has_no_endpoint_is_told_nothing(bench: Bench) {
    bench.end_job(at(10)).await;
    let hook = bench.hook("hook").await;
    assert!(bench.posted().await.is_empty(), "nothing is made up for");
    bench.store.remove_endpoint(OWNER, hook, at(20)).await.unwrap();
    bench.heard();
    bench.end_job(at(30)).await;
    assert!(bench.posted().await.is_empty());
    assert!(bench.heard().iter().all(|committed| committed.deliveries.is_none()));
}

pub async fn a_fallback_and_a_digest_are_due_later(bench: Bench) {
    let (fallback, gathered) = (bench.hook("fallback").await, bench.hook("gathered").await);
    bench.change(fallback, EndpointPatch { when: Some(When::Fallback), ..<_>::default() }).await;
    bench.change(gathered, digest(60)).await;
    bench.end_job(at(0)).await;
    let due = async |endpoint| {
        let told = bench.to(endpoint).await;
        let last = told.last().unwrap().clone();
        (last.state, last.next_at.unwrap(), last.reason.unwrap())
    };
    assert_eq!(due(fallback).await, (DeliveryState::Held, at(120_000), "fallback".into()));
    assert_eq!(due(gathered).await, (DeliveryState::Held, at(60_000), "digest".into()));
    assert!(bench.take(9, at(59_999)).await.is_empty());
    assert_eq!(bench.store.next_delivery(&[]).await.unwrap(), Some(at(60_000)));
    assert_eq!(bench.take(9, at(60_000)).await.len(), 1);
    assert_eq!(bench.take(9, at(120_000)).await.len(), 1);
    let settings = NotificationSettings { fallback_after_s: 300, ..<_>::default() };
    bench.store.set_notification_settings(OWNER, settings.clone()).await.unwrap();
    assert_eq!(bench.store.notification_settings(OWNER).await.unwrap(), settings);
    bench.end_job(at(0)).await;
    assert_eq!(due(fallback).await.1, at(300_000), "by the settings of now");
}

pub async fn a_commit_tells_when_something_is_due(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.heard();
    bench.end_job(at(10)).await;
    let told = |bench: &Bench| bench.heard().iter().filter_map(|committed| committed.deliveries).min();
    assert_eq!(told(&bench), Some(at(10)));
    let claimed = bench.take_one(at(20)).await;
    bench.end(claimed.lease, server::store::Then::Retry(at(5_000)), at(30)).await;
    assert_eq!(told(&bench), Some(at(5_000)));
    bench.store.send_test(OWNER, hook, delivery_id(), at(40)).await.unwrap();
    assert_eq!(told(&bench), Some(at(40)));
}
