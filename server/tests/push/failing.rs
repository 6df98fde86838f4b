//! Receivers that fail, hang, go, come back; a server that stops.

use crate::{common::text, receiver::Receiver, world::*};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_fails_holds_up_nothing_and_comes_again_under_its_id() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    receiver.hold();
    let first = visitor.told_job().await.1;
    receiver.answers(
        move |arrival| if arrival.seqs() == [first] && arrival.times == 1 { (503, "not now") } else { (200, "") },
    );
    let mut expected = vec![first];
    for _ in 0..3 {
        expected.push(visitor.told_job().await.1);
    }
    receiver.so_many(1).await;
    receiver.open();
    // Five seconds until the first one comes again.
    let told = receiver.so_many(5).await;
    expected.push(first);
    assert_eq!(told.iter().flat_map(|arrival| arrival.seqs()).collect::<Vec<_>>(), expected);
    assert_eq!(told[4].id, told[0].id);
    assert_eq!(told[4].body, told[0].body, "the same at every attempt");
    let report = visitor.delivery_in(&told[0].id, "delivered").await;
    assert_eq!(outcomes(&report), ["server-error", "ok"]);
    assert_eq!((&report["log"][0]["status"], &report["log"][0]["detail"]), (&json!(503), &json!("not now")));
    assert!(visitor.endpoint(&endpoint).await["failing_since"].is_null());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_fails_is_left_alone_and_a_test_by_hand_finds_it_back() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    receiver.answers(|_| (500, "broken"));
    for _ in 0..7 {
        visitor.told_job().await;
    }
    receiver.so_many(5).await;
    let held = loop {
        let found = visitor.endpoint(&endpoint).await;
        if found["held_until"].is_string() {
            break found;
        }
    };
    assert!(held["failing_since"].is_string() && held["pending"] == 7, "{held}");
    assert_eq!(receiver.arrivals().len(), 5, "nobody asks it any more");
    receiver.answers(|_| (204, ""));
    let test = visitor.ask(&format!("/api/v1/push-endpoints/{endpoint}/test")).await;
    assert_eq!(test.status(), 202);
    let id = text(&test.json::<Value>().await.unwrap(), "id").to_owned();
    visitor.delivery_in(&id, "delivered").await;
    // What was held goes out without waiting for its time to be over, and then what had failed.
    let told = receiver.until(|arrivals| arrivals.iter().filter(|arrival| arrival.times == 2).count() == 5).await;
    assert_eq!(told.iter().filter(|arrival| arrival.times == 1).count(), 8);
    assert!(visitor.endpoint(&endpoint).await["held_until"].is_null());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_other() {
    let (server, hangs, well) = (server().await, Receiver::start().await, Receiver::start().await);
    hangs.hold();
    let mut visitors = Vec::new();
    for _ in 0..4 {
        let visitor = server.visitor();
        for number in 0..10 {
            visitor.webhook(&hangs, &format!("h{number}")).await;
        }
        visitor.told_job().await;
        visitors.push(visitor);
    }
    // As many as one host may have under way; the rest of the forty waits for it.
    hangs.so_many(16).await;
    let visitor = server.visitor();
    visitor.webhook(&well, "a").await;
    visitor.told_job().await;
    well.so_many(1).await;
    assert!(hangs.arrivals().len() <= 32, "{}", hangs.arrivals().len());
    hangs.open();
    hangs.so_many(40).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_that_it_is_gone_is_told_nothing_more() {
    let (server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    let endpoint = visitor.webhook(&receiver, "a").await;
    receiver.answers(|_| (410, ""));
    visitor.told_job().await;
    let told = receiver.so_many(1).await;
    let report = visitor.delivery_in(&told[0].id, "gave-up").await;
    assert_eq!(report["delivery"]["reason"], "gone");
    assert_eq!(visitor.endpoint(&endpoint).await["state"], "gone");
    visitor.told_job().await;
    assert_eq!((visitor.deliveries("").await.len(), receiver.arrivals().len()), (1, 1));
    let again = visitor.ask(&format!("/api/v1/deliveries/{}/resend", told[0].id)).await;
    crate::common::problem(again, 409, "endpoint-off").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_the_server_stopped_is_sent_again_under_its_id_and_first() {
    let (mut server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    visitor.webhook(&receiver, "a").await;
    receiver.hold();
    let expected = [visitor.told_job().await.1, visitor.told_job().await.1];
    let first = receiver.so_many(1).await[0].clone();
    server.restart_with(|config| config.push.private_targets = true).await;
    let visitor = crate::common::Visitor { base: server.base.clone(), ..visitor };
    receiver.open();
    let told = receiver.so_many(3).await;
    assert_eq!((told[1].id.as_str(), &told[1].body), (first.id.as_str(), &first.body));
    assert_eq!(
        told.iter().flat_map(|arrival| arrival.seqs()).collect::<Vec<_>>(),
        [expected[0], expected[0], expected[1]]
    );
    let report = visitor.delivery_in(&first.id, "delivered").await;
    assert_eq!(outcomes(&report), ["cut-off", "ok"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_when_the_server_stops_may_end_within_its_grace() {
    let (mut server, receiver) = (server().await, Receiver::start().await);
    let visitor = server.visitor();
    visitor.webhook(&receiver, "a").await;
    receiver.hold();
    visitor.told_job().await;
    let first = receiver.so_many(1).await[0].clone();
    let stopping = server.running().state().shutdown.clone();
    let opened = tokio::spawn({
        let receiver = receiver.clone();
        async move {
            stopping.cancelled().await;
            receiver.open();
        }
    });
    server.restart_with(|config| config.push.private_targets = true).await;
    opened.await.unwrap();
    let visitor = crate::common::Visitor { base: server.base.clone(), ..visitor };
    let report = visitor.delivery_in(&first.id, "delivered").await;
    assert_eq!((outcomes(&report), receiver.arrivals().len()), (vec!["ok".to_owned()], 1));
    server.stop().await;
}
