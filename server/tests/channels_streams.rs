//! What the streams, SSE and WebSocket, promise beside the log: signs of life, limits, endings, and what a client may say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod channel_client;

use channel_client::{Ask, Got, PATIENCE, Server, Sse, TestChannel, Visitor, Ws};
use domain::{
    Cursor,
    frame::{ClientFrame, ServerFrame, close},
};
use reqwest::header;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{self, Message};

/// Waits until something is so; what it waits for comes by itself, so only a broken promise takes the whole time.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waits = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn delay_of(reason: &str) -> u64 {
    serde_json::from_str::<Value>(reason).unwrap()["delay_ms"].as_u64().unwrap()
}

async fn beats<C: TestChannel>() {
    let server = Server::start_with(|config| config.channels.heartbeat = Duration::from_millis(20)).await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(2).await;
    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream())).await;
    loop {
        if let Got::Beat(beat) = channel.next().await {
            let head = server.start_of_stream().at(author.head().await);
            assert_eq!(beat.head, head);
            if beat.cursor == head {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_quiet_sse_stream_says_that_it_lives() {
    beats::<Sse>().await;
}

#[tokio::test]
async fn a_quiet_websocket_says_that_it_lives() {
    beats::<Ws>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_announced_with_a_delay_of_ones_own() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    let mut sse = Sse::stand(&visitor, Ask::default()).await;
    let mut ws = Ws::stand(&visitor, Ask::default()).await;
    let mut unsubscribed = Ws::connect(&visitor).await;
    let long_poll = tokio::spawn(visitor.get("/api/v1/events?wait=60", &Ask::default()).send());
    let stop = tokio::spawn(server.running.stop());
    let Got::Drain(drain) = sse.next().await else { panic!("no drain on SSE") };
    assert_eq!(sse.retry_ms, Some(drain.delay_ms), "an EventSource obeys `retry`");
    assert!(matches!(sse.next().await, Got::Closed(None, reason) if reason.is_empty()));
    for ws in [&mut ws, &mut unsubscribed] {
        let Got::Drain(drain) = ws.next().await else { panic!("no drain on the WebSocket") };
        let Got::Closed(Some(close::DRAIN), reason) = ws.next().await else { panic!("not closed") };
        assert_eq!(delay_of(&reason), drain.delay_ms);
    }
    // Either answered or, had it not been accepted yet, refused; never held for its minute.
    let _ = tokio::time::timeout(PATIENCE, long_poll).await.expect("a long poll outlives the stop");
    tokio::time::timeout(PATIENCE, stop).await.expect("streams hold up the stop").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_over_the_limit_is_sent_away_with_a_delay() {
    let server = Server::start_with(|config| config.channels.per_owner = 1).await;
    let ((ann, _), (bob, _)) = (server.visitor().await, server.visitor().await);
    let first = Ws::stand(&ann, Ask::default()).await;

    let response = ann.get("/api/v1/stream", &Ask::default()).send().await.unwrap();
    assert_eq!(response.status(), 503);
    let seconds: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "too-many-streams");

    let mut second = Ws::connect(&ann).await;
    let Got::Closed(Some(close::OVER_LIMIT), reason) = second.next().await else { panic!("not closed") };
    assert!(delay_of(&reason) > 0);
    assert!(close::may_return(close::OVER_LIMIT));

    let long_poll = ann.get("/api/v1/events?wait=60", &Ask::default()).send();
    let answer =
        tokio::time::timeout(PATIENCE, long_poll).await.expect("over the limit, a long poll is a short one").unwrap();
    assert_eq!(answer.status(), 200);

    let _other_owner = Sse::stand(&bob, Ask::default()).await;
    drop(first);
    let limits = server.running.state().limits.clone();
    until("the first connection is counted out", || limits.open() == 1).await;
    let _again = Sse::stand(&ann, Ask::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_has_a_limit_too() {
    let server = Server::start_with(|config| config.channels.total = 1).await;
    let ((ann, _), (bob, _)) = (server.visitor().await, server.visitor().await);
    let _first = Sse::stand(&ann, Ask::default()).await;
    assert_eq!(bob.get("/api/v1/stream", &Ask::default()).send().await.unwrap().status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_opens_no_websocket() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let mut handshake = Ws::handshake(&visitor);
        handshake.headers_mut().insert(name, value.parse().unwrap());
        match Ws::try_connect(handshake).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 403, "{name}: {value}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{name}: {value} was let in"),
        }
    }
    let mut handshake = Ws::handshake(&visitor);
    handshake.headers_mut().remove("origin");
    Ws::try_connect(handshake).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_speak_the_protocol_is_sent_away_for_good() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    let mut handshake = Ws::handshake(&visitor);
    handshake.headers_mut().remove("sec-websocket-protocol");
    let mut ws = Ws::try_connect(handshake).await.unwrap();
    assert!(matches!(ws.next().await, Got::Closed(Some(close::PROTOCOL), _)));
    assert!(!close::may_return(close::PROTOCOL));
    let plain = visitor.get("/api/v1/ws", &Ask::default()).send().await.unwrap();
    assert_eq!(plain.status(), 426);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_frame_is_answered_and_harms_nothing() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let mut ws = Ws::stand(&visitor, Ask::after(server.start_of_stream())).await;
    let texts = [
        "",
        "{",
        "[]",
        "{}",
        r#"{"op":"shout"}"#,
        r#"{"op":"ping","reff":"a"}"#,
        r#"{"op":"cancel","job":"x","ref":"a"}"#,
    ];
    let frames = texts.map(Message::text).into_iter().chain([Message::binary(vec![1, 2, 3])]);
    for frame in frames {
        ws.send(frame.clone()).await;
        match ws.next().await {
            Got::Refused(problem) => assert_eq!((problem.status, problem.code.as_str()), (400, "bad-frame")),
            got => panic!("{frame:?}: {got:?}"),
        }
    }
    author.accept().await;
    assert_eq!(ws.event().await.0.seq, 1, "the subscription stands");
    ws.say(&ClientFrame::Ping { ref_: Some("a".to_owned()) }).await;
    assert_eq!(ws.frame().await.unwrap(), ServerFrame::Pong { ref_: Some("a".to_owned()) });

    ws.send(Message::text("x".repeat(65 * 1024))).await;
    assert!(matches!(ws.next().await, Got::Closed(Some(1009), _)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_subscription_replaces_the_first_and_a_refused_one_does_not() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let mut ws = Ws::stand(&visitor, Ask::default()).await;
    ws.subscribe(&Ask { after: Some("nonsense".to_owned()), ..Ask::default() }).await;
    assert!(matches!(ws.next().await, Got::Refused(problem) if problem.code == "bad-cursor"));
    let job = author.start().await;
    assert_eq!((ws.event().await.0.seq, ws.event().await.0.seq), (1, 2), "the first still stands");
    ws.subscribe(&Ask::after(server.start_of_stream())).await;
    assert!(matches!(ws.next().await, Got::Hello(hello) if hello.cursor.seq == 0));
    author.partial(job, 1).await;
    for seq in 1..=3 {
        assert_eq!(ws.event().await.0.seq, seq, "once each");
    }
    ws.subscribe(&Ask::after(Cursor::new("zz9", 1))).await;
    assert!(matches!(ws.next().await, Got::Reset(_)));
    author.partial(job, 2).await;
    ws.say(&ClientFrame::Ping { ref_: None }).await;
    assert_eq!(ws.frame().await.unwrap(), ServerFrame::Pong { ref_: None }, "after a reset there is no subscription");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_cancels_its_owners_jobs_only() {
    let server = Server::start().await;
    let ((ann, hers), (_, his)) = (server.visitor().await, server.visitor().await);
    let (her_job, his_job) = (hers.accept().await, his.accept().await);
    let mut ws = Ws::connect(&ann).await;
    ws.say(&ClientFrame::Cancel { job: his_job, ref_: "1".to_owned() }).await;
    ws.say(&ClientFrame::Cancel { job: her_job, ref_: "2".to_owned() }).await;
    let Ok(ServerFrame::Reply { ref_, status, body }) = ws.frame().await else { panic!("no reply") };
    assert_eq!((ref_.as_str(), status, &body["code"]), ("1", 404, &json!("job-not-found")));
    let reply = ServerFrame::Reply { ref_: "2".to_owned(), status: 202, body: json!({"outcome": "cancelled"}) };
    assert_eq!(ws.frame().await.unwrap(), reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_noted_from_every_channel() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(5).await;
    let at = |seq| server.start_of_stream().at(seq);
    let seen = || server.running.state().acks.seen(visitor.owner).map(|seen| (seen.any, seen.visible));
    assert_eq!(seen(), None);
    visitor.get("/api/v1/events", &Ask::after(at(2))).send().await.unwrap();
    assert_eq!(seen(), Some((2, 0)));
    let ack = async |cursor: Cursor, visible: bool| {
        let body = json!({"cursor": cursor, "visible": visible}).to_string();
        let request = visitor.post("/api/v1/ack").header(header::CONTENT_TYPE, "application/json").body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ack(at(4), true).await, 204);
    assert_eq!(seen(), Some((4, 4)));
    let mut ws = Ws::connect(&visitor).await;
    ws.say(&ClientFrame::Ack { cursor: at(6), visible: false }).await;
    ws.say(&ClientFrame::Ack { cursor: at(999), visible: false }).await;
    assert!(matches!(ws.next().await, Got::Refused(problem) if problem.code == "cursor-expired"));
    assert_eq!(seen(), Some((6, 4)));
    assert_eq!(ack(at(999), true).await, 410);
    assert_eq!(ack(Cursor::new("zz9", 1), true).await, 410);
    let job = author.accept().await;
    assert_eq!(ack(Cursor { job: Some(job), ..at(1) }, true).await, 400);
    let plain = visitor.post("/api/v1/ack").header(header::CONTENT_TYPE, "text/plain").body("{}");
    assert_eq!(plain.send().await.unwrap().status().as_u16(), 415, "as every JSON body");
    assert_eq!(seen(), Some((6, 4)), "what was refused is not noted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_answers_no_ping_is_closed() {
    let server = Server::start_with(|config| config.channels.heartbeat = Duration::from_millis(40)).await;
    let (visitor, _) = server.visitor().await;
    let mut ws = Ws::connect(&visitor).await;
    // Read below the protocol, pings are not answered.
    let mut bytes = Vec::new();
    let ends = ws.socket.get_mut().read_to_end(&mut bytes);
    tokio::time::timeout(PATIENCE, ends).await.expect("a dead peer is kept").unwrap();
    let [high, low] = close::DEAD_PEER.to_be_bytes();
    assert!(
        bytes.windows(4).any(|frame| frame[0] == 0x88 && frame[2..] == [high, low]),
        "closed, and with the code for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_answers_pings_stays() {
    let server = Server::start_with(|config| config.channels.heartbeat = Duration::from_millis(40)).await;
    let (visitor, _) = server.visitor().await;
    let mut ws = Ws::stand(&visitor, Ask::default()).await;
    for beat in 0..8 {
        assert!(matches!(ws.next().await, Got::Beat(_)), "beat {beat}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_an_age_limit() {
    let server = Server::start_with(|config| config.channels.max_age = Duration::from_millis(50)).await;
    let (visitor, _) = server.visitor().await;
    let mut sse = Sse::stand(&visitor, Ask::default()).await;
    assert!(matches!(sse.next().await, Got::Closed(None, reason) if reason.is_empty()));
    assert!(sse.retry_ms.is_some_and(|ms| ms > 0));
    let mut ws = Ws::stand(&visitor, Ask::default()).await;
    assert!(matches!(ws.next().await, Got::Closed(Some(close::AGED), reason) if delay_of(&reason) > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stops_reading_is_dropped() {
    let server = Server::start_with(|config| config.channels.heartbeat = Duration::from_millis(100)).await;
    let (visitor, author) = server.visitor().await;
    let job = author.start().await;
    let note = "x".repeat(7_000);
    for done in 0..3_000 {
        author.long_progress(job, done, &note).await;
    }
    let mut socket = tokio::net::TcpStream::connect(visitor.addr).await.unwrap();
    let path = format!("/api/v1/stream?fold=false&after={}", server.start_of_stream());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", visitor.addr, visitor.cookie);
    socket.write_all(request.as_bytes()).await.unwrap();
    let limits = server.running.state().limits.clone();
    until("the stream is counted", || limits.open() == 1).await;
    until("the peer is given up", || limits.open() == 0).await;
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(rest.len() < 20_000_000, "it cannot have been sent all of it");
}

/// An `EventSource` that comes back.
async fn returning(visitor: &Visitor, ask: &Ask, last_event_id: &str) -> Sse {
    Sse::connect(visitor.get("/api/v1/stream", ask).header("last-event-id", last_event_id)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_jobs_stream_ends_and_whoever_comes_back_to_it_gets_204() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let job = author.whole_job(2).await;
    let ask = Ask { after: Some(server.start_of_stream().to_string()), ..Ask::of(job) };
    let mut sse = Sse::stand(&visitor, ask.clone()).await;
    for jseq in 1..=5 {
        assert_eq!(sse.event().await.0.jseq, jseq);
    }
    assert!(matches!(sse.next().await, Got::End(end) if end.job == job));
    assert!(matches!(sse.next().await, Got::Closed(None, _)));
    let id = sse.last_id.unwrap();
    assert!(matches!(returning(&visitor, &ask, &id).await.next().await, Got::Closed(Some(204), _)));
    // Not yet at the end, it is told the rest.
    let mut early = returning(&visitor, &ask, &format!("{}.4.{job}", server.epoch())).await;
    assert_eq!(early.event().await.0.jseq, 5);
    assert!(matches!(early.next().await, Got::End(_)));
    // Who asks for the first time, without a cursor, learns that it has ended.
    let mut first = Sse::stand(&visitor, Ask::of(job)).await;
    assert!(matches!(first.next().await, Got::End(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_jobs_stream_goes_on_past_its_first_end() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let job = author.accept().await;
    author.cancel_and_reopen(job).await;
    let mut sse = Sse::stand(&visitor, Ask { after: Some(server.start_of_stream().to_string()), ..Ask::of(job) }).await;
    let mut types = Vec::new();
    for _ in 0..3 {
        types.push(sse.event().await.0.type_.as_str());
    }
    assert_eq!(types, ["accepted", "cancelled", "reopened"]);
    assert!(server.running.state().store.cancel(visitor.owner, job, server::clock::now()).await.unwrap().is_some());
    assert_eq!(sse.event().await.0.type_.as_str(), "cancelled");
    assert!(matches!(sse.next().await, Got::End(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_of_url_and_last_event_id_counts() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(7).await;
    let at = |seq| server.start_of_stream().at(seq);
    let mut sse = returning(&visitor, &Ask::after(at(2)), &at(6).to_string()).await;
    assert_eq!(sse.event().await.0.seq, 7);
    let mut sse = returning(&visitor, &Ask::after(at(6)), &at(2).to_string()).await;
    assert_eq!(sse.event().await.0.seq, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_the_way_may_hold_a_stream_back() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    let request = visitor.get("/api/v1/stream", &Ask::default()).header(header::ACCEPT_ENCODING, "gzip, br");
    let sse = Sse::connect(request).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "private, no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(sse.headers[name], value);
    }
    assert!(!sse.headers.contains_key("content-encoding"));
    assert!(!sse.headers.contains_key("set-cookie"), "a stream makes no visitor");
}

/// How many events `/metrics` says that a channel has brought to sockets, once there are so many: a client may read an event before the
/// server has counted it.
async fn delivered(visitor: &Visitor, channel: &str, at_least: u64) -> u64 {
    let line = format!("meanwhile_delivery_seconds_count{{channel=\"{channel}\"}} ");
    let counted = async {
        loop {
            let text = visitor.get("/metrics", &Ask::default()).send().await.unwrap().text().await.unwrap();
            let count = text.lines().find_map(|found| found.strip_prefix(&line));
            let count = count.unwrap_or_else(|| panic!("{line}in {text}")).parse().unwrap();
            if count >= at_least {
                return count;
            }
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap_or_else(|_| panic!("never {at_least} over {channel}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_a_channel_brings_as_it_comes_is_counted_once() {
    let server = Server::start_with(|config| config.operator.metrics_open = true).await;
    let (visitor, author) = server.visitor().await;
    let all = || Ask::default().unfolded();
    let (mut sse, mut ws) = (Sse::stand(&visitor, all()).await, Ws::stand(&visitor, all()).await);
    author.whole_job(2).await;
    let events = author.head().await;
    for _ in 0..events {
        sse.event().await;
        ws.event().await;
    }
    for channel in ["sse", "ws"] {
        assert_eq!(delivered(&visitor, channel, events).await, events, "{channel}");
    }

    let page = visitor.get("/api/v1/events", &Ask::after(server.start_of_stream())).send().await.unwrap();
    assert_eq!(page.json::<domain::api::EventPage>().await.unwrap().items.len() as u64, events);
    assert_eq!(delivered(&visitor, "poll", 0).await, 0, "it came from the store: nobody knows when it was committed");
    let held = visitor.get("/api/v1/events?wait=30", &Ask::default()).send();
    let held = tokio::spawn(async move { held.await.unwrap().json::<domain::api::EventPage>().await.unwrap() });
    let limits = server.running.state().limits.clone();
    until("the poll is held", || limits.by_channel().contains(&("poll", 1))).await;
    author.accept().await;
    let woken = tokio::time::timeout(PATIENCE, held).await.expect("the poll was held for ever").unwrap();
    assert_eq!((woken.items.len(), delivered(&visitor, "poll", 1).await), (1, 1), "it was woken by the commit");
}
