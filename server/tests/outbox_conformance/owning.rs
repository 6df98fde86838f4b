//! What an owner has and does: endpoints, lists, reports; and that it is nobody else's.

use super::{fixture::*, post::*};
use domain::push::{BrowserStep, DeliveryState, ENDPOINT_LIMIT, EndpointPatch, EndpointState, When};
use server::store::*;

pub async fn an_address_is_added_once_and_a_limited_number_of_them(bench: Bench) {
    let first = bench.add(browser(OWNER, "a")).await;
    bench.end_jobs(1, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    bench.end(claimed.lease, Then::GiveUp { endpoint: Some(EndpointState::Gone) }, at(30)).await;
    let mut again = browser(OWNER, "a");
    again.target = Target::WebPush { url: "https://push.example/a".into(), p256dh: vec![6; 65], auth: vec![7; 16] };
    let Added::Known(row) = bench.store.add_endpoint(again, at(40)).await.unwrap() else { panic!("not known") };
    assert_eq!((row.shown.id, row.shown.state), (first, EndpointState::Active), "and it is told again");
    assert!(matches!(row.target, Target::WebPush { auth, .. } if auth == [7; 16]));
    assert_eq!(row.shown.address, "https://push.example", "the rest is a secret");
    for number in 1..ENDPOINT_LIMIT {
        bench.hook(&format!("n{number}")).await;
    }
    assert_eq!(bench.store.add_endpoint(webhook(OWNER, "more"), at(50)).await.unwrap(), Added::TooMany);
    let rows = bench.store.endpoints(OWNER).await.unwrap();
    assert_eq!((rows.len(), rows[0].shown.id), (ENDPOINT_LIMIT, first));
    bench.store.remove_endpoint(OWNER, first, at(60)).await.unwrap();
    bench.hook("more").await;
    assert!(matches!(bench.store.add_endpoint(webhook(OTHER, "more"), at(50)).await.unwrap(), Added::New(_)));
}

pub async fn a_new_subscription_takes_the_place_of_the_old_one(bench: Bench) {
    let old = bench.add(browser(OWNER, "old")).await;
    let settings =
        EndpointPatch { label: Some("kitchen".into()), when: Some(When::Always), digest_s: Some(60), ..everything() };
    bench.change(old, settings).await;
    let new = bench.add(NewEndpoint { replaces: Some(old), ..browser(OWNER, "new") }).await;
    let rows = bench.store.endpoints(OWNER).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.shown.id).collect::<Vec<_>>(), [new]);
    let shown = &rows[0].shown;
    assert_eq!((shown.label.as_str(), shown.when, shown.digest_s), ("kitchen", When::Always, 60));
    assert_eq!(shown.events.len(), 7);
    bench.end_job(at(10)).await;
    assert_eq!(bench.to(new).await.len(), 2);
}

pub async fn nobody_sees_or_touches_what_is_anothers(bench: Bench) {
    let hook = bench.hook("hook").await;
    let (job, _) = bench.end_job(at(10)).await;
    let id = bench.posted().await[0].id;
    let store = &bench.store;
    assert!(store.endpoints(OTHER).await.unwrap().is_empty());
    assert_eq!(store.endpoint(OTHER, hook).await.unwrap(), None);
    assert_eq!(store.change_endpoint(OTHER, hook, paused(true), at(20)).await.unwrap(), None);
    assert_eq!(store.rotate_secret(OTHER, hook, vec![9], at(20)).await.unwrap(), None);
    assert!(!store.remove_endpoint(OTHER, hook, at(20)).await.unwrap());
    assert_eq!(store.send_test(OTHER, hook, delivery_id(), at(20)).await.unwrap(), None);
    assert_eq!(store.delivery(OTHER, id).await.unwrap(), None);
    assert_eq!(store.resend(OTHER, id, at(20)).await.unwrap(), Resent::NotFound);
    assert_eq!(store.cancel_delivery(OTHER, id, at(20)).await.unwrap(), None);
    assert!(!store.report_delivery(OTHER, id, BrowserStep::Clicked, at(20)).await.unwrap());
    assert_eq!(store.job_notifications(OTHER, job).await.unwrap(), None);
    assert!(!store.set_job_notifications(OTHER, job, None).await.unwrap());
    let of = |job, endpoint| DeliveryFilter { job, endpoint, before: None, limit: 9 };
    assert_eq!(store.deliveries(OTHER, of(Some(job), None)).await.unwrap(), None);
    assert_eq!(store.deliveries(OTHER, of(None, Some(hook))).await.unwrap(), Some(Vec::new()));
    assert_eq!(bench.states(hook).await, [DeliveryState::Queued]);
}

pub async fn an_address_is_told_nothing_until_it_is_confirmed(bench: Bench) {
    let id = bench.add(mail(OWNER, "me", 3)).await;
    bench.end_job(at(10)).await;
    let asked = bench.to(id).await;
    assert_eq!(asked.iter().map(|one| one.event.as_str()).collect::<Vec<_>>(), ["confirm"]);
    assert_eq!(bench.store.send_test(OWNER, id, delivery_id(), at(10)).await.unwrap(), Some(None));
    let claimed = bench.take_one(at(20)).await;
    assert_eq!((claimed.delivery.event.as_str(), claimed.by_hand, claimed.told.len()), ("confirm", true, 0));
    bench.end(claimed.lease, Then::Delivered, at(30)).await;
    // Whoever types it again soon sends no second mail.
    assert!(matches!(bench.store.add_endpoint(mail(OWNER, "me", 8), at(40)).await.unwrap(), Added::Known(_)));
    assert_eq!(bench.to(id).await.len(), 1);
    assert!(!bench.store.confirm_email(&[8; 32], at(50)).await.unwrap(), "the token is the first one's");
    assert_eq!(bench.store.endpoint_of_token(&[3; 32]).await.unwrap().unwrap().shown.id, id);
    assert!(bench.store.confirm_email(&[3; 32], at(50)).await.unwrap());
    assert_eq!(bench.endpoint(id).await.shown.state, EndpointState::Active);
    bench.end_job(at(60)).await;
    assert_eq!(bench.to(id).await.len(), 2);
    assert!(bench.store.unsubscribe_email(&[3; 32], at(70)).await.unwrap());
    let shown = bench.endpoint(id).await.shown;
    assert_eq!((shown.state, shown.reason.as_deref()), (EndpointState::Gone, Some("unsubscribed")));
    assert_eq!(bench.states(id).await, [DeliveryState::Delivered, DeliveryState::Cancelled]);
    assert!(bench.store.confirm_email(&[3; 32], at(80)).await.unwrap());
    assert_eq!(bench.endpoint(id).await.shown.state, EndpointState::Gone, "an old mail's link takes nothing back");
    // Asked anew by its owner, it must be confirmed anew.
    bench.store.add_endpoint(mail(OWNER, "me", 9), at(100_000)).await.unwrap();
    assert_eq!(bench.endpoint(id).await.shown.state, EndpointState::Unconfirmed);
    assert_eq!(bench.to(id).await.last().unwrap().event, "confirm");
}

pub async fn a_browsers_steps_count_the_first_time_and_reach_a_fallback(bench: Bench) {
    let browser = bench.add(browser(OWNER, "b")).await;
    let fallback = bench.hook("fallback").await;
    bench.change(fallback, EndpointPatch { when: Some(When::Fallback), ..<_>::default() }).await;
    bench.end_job(at(0)).await;
    let id = bench.to(browser).await[0].id;
    let claimed = bench.take_one(at(10)).await;
    bench.end(claimed.lease, Then::Delivered, at(20)).await;
    let report = async |step, now| assert!(bench.store.report_delivery(OWNER, id, step, now).await.unwrap());
    report(BrowserStep::Shown, at(30)).await;
    report(BrowserStep::Received, at(40)).await;
    report(BrowserStep::Clicked, at(50)).await;
    let seen = bench.to(browser).await[0].clone();
    assert_eq!((seen.received_at, seen.shown_at, seen.clicked_at), (Some(at(30)), Some(at(30)), Some(at(50))));
    assert!(bench.take_one(at(120_000)).await.reached);
}

pub async fn deliveries_are_listed_newest_first_in_pages(bench: Bench) {
    let (one, other) = (bench.hook("one").await, bench.hook("other").await);
    let job = bench.end_job(at(10)).await.0;
    bench.end_jobs(3, at(20)).await;
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let filter = DeliveryFilter { before, limit: 3, ..<_>::default() };
        let page = bench.store.deliveries(OWNER, filter).await.unwrap().unwrap();
        before = page.last().map(|last| last.id);
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|one| one.id));
    }
    let all: Vec<_> = bench.posted().await.into_iter().map(|one| one.id).collect();
    assert_eq!((found.len(), &found), (8, &all));
    let of = async |job, endpoint| {
        let filter = DeliveryFilter { job, endpoint, before: None, limit: 99 };
        bench.store.deliveries(OWNER, filter).await.unwrap().unwrap().len()
    };
    assert_eq!((of(None, Some(one)).await, of(Some(job), None).await, of(Some(job), Some(other)).await), (4, 2, 1));
    assert_eq!((of(None, Some(endpoint_id())).await, of(Some(job), Some(endpoint_id())).await), (0, 0));
    assert_eq!(
        bench.store.deliveries(OWNER, DeliveryFilter { job: Some(job_id()), ..<_>::default() }).await.unwrap(),
        None
    );
}

pub async fn a_rotated_secret_signs_beside_the_one_before(bench: Bench) {
    let hook = bench.hook("hook").await;
    let row = bench.store.rotate_secret(OWNER, hook, vec![2; 24], at(99)).await.unwrap().unwrap();
    let Target::Webhook { secret, previous, .. } = row.target else { panic!("no webhook") };
    assert_eq!((secret, previous), (vec![2; 24], Some((vec![1; 24], at(99)))));
    let browser = bench.add(browser(OWNER, "b")).await;
    assert_eq!(bench.store.rotate_secret(OWNER, browser, vec![2; 24], at(99)).await.unwrap(), None);
}
