//! What a dispatcher takes, in which order, and what it may write.

use super::{fixture::*, post::*};
use domain::push::{DeliveryState, NotificationSettings, QuietTimes};
use server::store::*;

pub async fn first_attempts_are_made_in_order_and_one_at_a_time(bench: Bench) {
    bench.hook("hook").await;
    // Later events by a clock that went back: the order is the stream's.
    let mut expected = bench.end_jobs(2, at(500)).await;
    expected.extend(bench.end_jobs(2, at(100)).await);
    let mut made = Vec::new();
    for _ in 0..4 {
        let taken = bench.take(9, at(600)).await;
        assert_eq!(taken.len(), 1, "one at a time");
        assert!(bench.take(9, at(600)).await.is_empty(), "while one is under way");
        made.extend(seqs(&taken));
        bench.end(taken[0].lease, Then::Delivered, at(610)).await;
    }
    assert_eq!(made, expected);
    assert!(bench.take(9, at(700)).await.is_empty());
    assert_eq!(bench.store.next_delivery(&[]).await.unwrap(), None);
}

pub async fn a_retry_holds_up_nothing_and_comes_when_it_is_due(bench: Bench) {
    let hook = bench.hook("hook").await;
    let expected = bench.end_jobs(3, at(10)).await;
    let first = bench.take_one(at(20)).await;
    bench.end(first.lease, Then::Retry(at(5_000)), at(30)).await;
    let second = bench.take(9, at(40)).await;
    assert_eq!(seqs(&second), [expected[1]]);
    bench.end(second[0].lease, Then::Delivered, at(50)).await;
    assert_eq!(bench.states(hook).await, [DeliveryState::Retrying, DeliveryState::Delivered, DeliveryState::Queued]);
    let due = bench.take(9, at(5_000)).await;
    let mut both = seqs(&due);
    both.sort_unstable();
    assert_eq!(both, [expected[0], expected[2]], "the retry beside the next first attempt");
    let again = due.iter().find(|one| one.delivery.seq == expected[0]).unwrap();
    assert_eq!((again.delivery.id, again.delivery.attempts, again.tries), (first.delivery.id, 2, 2));
    assert_eq!(again.first_attempt_at, at(20));
    bench.end(again.lease, Then::GiveUp { endpoint: None }, at(5_010)).await;
    let detail = bench.detail(first.delivery.id).await;
    assert_eq!((detail.delivery.state, detail.delivery.reason.as_deref()), (DeliveryState::GaveUp, Some("refused")));
    assert_eq!(detail.log.len(), 2);
    assert_eq!((detail.log[0].at, detail.log[0].took_ms, detail.log[0].status), (at(20), Some(7), Some(503)));
}

pub async fn many_deliveries_of_one_endpoint_delay_no_other(bench: Bench) {
    let (many, few) = (bench.hook("many").await, bench.hook("few").await);
    bench.change(few, paused(true)).await;
    bench.end_jobs(20, at(10)).await;
    bench.change(few, paused(false)).await;
    bench.end_job(at(1_000)).await;
    let mut turns = Vec::new();
    for turn in 0..3 {
        let now = at(1_000 + turn);
        let taken = bench.take_one(now).await;
        turns.push(taken.delivery.endpoint);
        bench.end(taken.lease, Then::Delivered, now).await;
    }
    assert_eq!(turns.iter().filter(|endpoint| **endpoint == few).count(), 1, "it had its turn");
    assert_eq!(turns.iter().filter(|endpoint| **endpoint == many).count(), 2);
}

pub async fn a_held_host_is_left_alone_except_by_hand(bench: Bench) {
    let (down, up) = (bench.hook("down").await, bench.hook("up").await);
    bench.end_job(at(10)).await;
    let held = ["https://down.example:443".to_owned()];
    let taken = bench.take_from(9, &["down"], at(20)).await;
    assert_eq!(taken.iter().map(|one| one.delivery.endpoint).collect::<Vec<_>>(), [up]);
    assert_eq!(bench.store.next_delivery(&held).await.unwrap(), None);
    let test = bench.store.send_test(OWNER, down, delivery_id(), at(30)).await.unwrap().flatten().expect("a test");
    assert_eq!(bench.store.next_delivery(&held).await.unwrap(), Some(at(30)));
    let taken = bench.take_from(9, &["down"], at(30)).await;
    assert_eq!(taken.iter().map(|one| (one.delivery.id, one.by_hand)).collect::<Vec<_>>(), [(test.id, true)]);
    assert_eq!(bench.take(9, at(40)).await.len(), 1, "what was held is there when the host is back");
}

pub async fn a_stale_lease_writes_nothing_to_a_delivery(bench: Bench) {
    let hook = bench.hook("hook").await;
    bench.end_job(at(10)).await;
    let stale = bench.take_one(at(20)).await.lease;
    assert_eq!(bench.store.rescue_deliveries(at(20), false).await.unwrap(), 0, "its lease stands");
    assert_eq!(bench.store.rescue_deliveries(at(200_000), false).await.unwrap(), 1);
    let fresh = bench.take_one(at(200_000)).await.lease;
    assert_ne!(fresh, stale);
    let end = bench.store.end_attempt(stale, ended(Then::Delivered), at(200_010)).await.unwrap();
    let put_off = bench.store.put_off(stale, None, "seen", at(200_010)).await.unwrap();
    assert_eq!((end, put_off), (Err(LeaseLost), Err(LeaseLost)));
    assert_eq!(bench.states(hook).await, [DeliveryState::Sending]);
    bench.end(fresh, Then::Delivered, at(200_020)).await;
    let end = bench.store.end_attempt(fresh, ended(Then::Retry(at(1))), at(200_030)).await.unwrap();
    assert_eq!(end, Err(LeaseLost), "it ended once");
    assert_eq!(bench.states(hook).await, [DeliveryState::Delivered]);
}

pub async fn an_attempt_that_was_cut_off_comes_first_and_under_the_same_id(bench: Bench) {
    bench.hook("hook").await;
    let expected = bench.end_jobs(3, at(10)).await;
    let first = bench.take_one(at(20)).await;
    let log = bench.detail(first.delivery.id).await.log;
    assert_eq!(
        (log.len(), log[0].outcome.as_str(), log[0].took_ms),
        (1, "sending", None),
        "it stands in the log at once"
    );
    let bench = bench.restart().await;
    assert_eq!(bench.store.rescue_deliveries(at(30), true).await.unwrap(), 1);
    assert_eq!(bench.outcomes(first.delivery.id).await, ["cut-off"]);
    let again = bench.take(9, at(30)).await;
    assert_eq!(again.iter().map(|one| one.delivery.id).collect::<Vec<_>>(), [first.delivery.id]);
    assert_eq!((again[0].delivery.attempts, again[0].told.clone()), (2, first.told));
    bench.end(again[0].lease, Then::Delivered, at(40)).await;
    assert_eq!(bench.outcomes(first.delivery.id).await, ["cut-off", "ok"]);
    assert_eq!(seqs(&bench.take(9, at(50)).await), [expected[1]]);
    // A retry that is cut off is due at once as well.
    let second = bench.posted().await[1].clone();
    let bench = bench.restart().await;
    bench.store.rescue_deliveries(at(60), true).await.unwrap();
    let taken = bench.take_one(at(60)).await;
    assert_eq!(taken.delivery.id, second.id);
    bench.end(taken.lease, Then::Retry(at(70)), at(65)).await;
    let retried: Vec<_> = bench.take(9, at(70)).await;
    assert_eq!(retried.len(), 2);
    let bench = bench.restart().await;
    assert_eq!(bench.store.rescue_deliveries(at(80), true).await.unwrap(), 2);
    assert_eq!(bench.take(9, at(80)).await.len(), 2);
}

pub async fn what_is_put_off_was_never_attempted(bench: Bench) {
    let hook = bench.hook("hook").await;
    let expected = bench.end_jobs(2, at(10)).await;
    let claimed = bench.take_one(at(20)).await;
    bench.put_off(claimed.lease, Some(at(5_000)), at(30)).await;
    let held = bench.to(hook).await[0].clone();
    assert_eq!(
        (held.state, held.reason.as_deref(), held.next_at),
        (DeliveryState::Held, Some("seen"), Some(at(5_000)))
    );
    assert_eq!((held.attempts, bench.outcomes(held.id).await.len()), (0, 0));
    assert!(bench.take(9, at(4_999)).await.is_empty(), "nothing passes it");
    let claimed = bench.take_one(at(5_000)).await;
    assert_eq!((claimed.delivery.seq, claimed.first_attempt_at), (expected[0], at(5_000)));
    bench.put_off(claimed.lease, None, at(5_010)).await;
    assert_eq!(bench.states(hook).await, [DeliveryState::Unneeded, DeliveryState::Queued]);
    assert_eq!(seqs(&bench.take(9, at(5_020)).await), [expected[1]]);
    assert_eq!(bench.endpoint(hook).await.shown.pending, 1);
}

pub async fn a_message_that_kills_is_given_up_in_the_end(bench: Bench) {
    let hook = bench.hook("hook").await;
    let expected = bench.end_jobs(2, at(10)).await;
    let mut deaths = 0;
    while bench.take_one(at(20)).await.delivery.seq == expected[0] {
        bench.store.rescue_deliveries(at(20), true).await.unwrap();
        deaths += 1;
    }
    assert_eq!(deaths, 20);
    let given_up = bench.to(hook).await[0].clone();
    assert_eq!((given_up.state, given_up.reason.as_deref()), (DeliveryState::GaveUp, Some("cut-off")));
}

pub async fn a_claim_has_all_that_a_message_needs(bench: Bench) {
    let hook = bench.hook("hook").await;
    let quiet = Some(QuietTimes { from: "22:00".into(), to: "07:00".into(), zone: "Europe/Paris".into() });
    let settings = NotificationSettings { quiet: quiet.clone(), lang: "fr".into(), ..<_>::default() };
    bench.store.set_notification_settings(OWNER, settings).await.unwrap();
    let lease = bench.running().await.lease;
    bench.finish(lease, Finish::Failed { failure: failure("rain"), files: Vec::new() }, at(30)).await;
    let claimed = bench.take_one(at(40)).await;
    assert_eq!((claimed.lang.as_str(), &claimed.quiet), ("fr", &quiet));
    assert_eq!((claimed.endpoint.owner, claimed.endpoint.shown.id), (OWNER, hook));
    assert!(matches!(&claimed.endpoint.target, Target::Webhook { secret, .. } if *secret == [1; 24]));
    assert!(!claimed.by_hand && !claimed.reached);
    let told = &claimed.told[0];
    assert_eq!((told.job, told.kind.as_str(), told.label.as_deref()), (lease.job, KIND, Some("spring list")));
    assert_eq!((told.event.as_str(), told.seq, told.at), ("failed", bench.head().await, at(30)));
    assert_eq!(told.code.as_deref(), Some("rain"));
    assert!(!format!("{claimed:?}").contains("[1, 1"), "no secret is shown");
}
