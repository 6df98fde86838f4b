//! What every channel promises, tested over real sockets with the same words for each. A new channel adds a line to `for_each_channel`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod channel_client;

use channel_client::{Ask, Author, Got, Poll, Server, Sse, TestChannel, Visitor, Ws};
use domain::{Cursor, Event, EventType, JobId, Reader, Received, Timestamp, frame::Hint};
use server::engine::pruner;
use std::time::Duration;

macro_rules! for_each_channel {
    ($($promise:ident),* $(,)?) => {
        for_each_channel!(@ poll Poll $($promise)*);
        for_each_channel!(@ sse Sse $($promise)*);
        for_each_channel!(@ ws Ws $($promise)*);
    };
    (@ $name:ident $channel:ident $($promise:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() { super::$promise::<super::$channel>().await })*
        }
    };
}

for_each_channel!(
    order_is_the_logs_and_each_event_comes_once,
    every_cursor_handed_out_resumes_exactly,
    folded_progress_is_declared_and_never_a_gap,
    what_cannot_be_continued_is_reset,
    what_is_no_cursor_is_refused,
    without_a_cursor_it_starts_at_the_head,
    one_jobs_feed_stands_for_itself_and_ends,
    one_jobs_cursors_are_refused_elsewhere,
    owners_never_see_each_other,
    a_watched_catalogue_is_hinted_at,
    a_watched_place_in_the_queue_is_hinted_at_beside_the_log,
    a_place_made_by_somebody_else_is_hinted_at,
    switching_to_a_poll_loses_and_repeats_nothing,
    switching_to_sse_loses_and_repeats_nothing,
    switching_to_a_websocket_loses_and_repeats_nothing,
    a_reader_that_lags_gets_folded_progress,
);

/// Reads on until a position is reached; every event must be the reader's next.
async fn read_to<C: TestChannel>(channel: &mut C, reader: &mut Reader, to: u64) -> Vec<(Event, Cursor)> {
    let mut read = Vec::new();
    while reader.last().seq < to {
        let (event, cursor) = channel.event().await;
        assert_eq!(reader.receive(&event), Received::Applied, "after {}: {event:?}", reader.last());
        read.push((event, cursor));
    }
    read
}

fn kinds_of(read: &[(Event, Cursor)]) -> Vec<(u64, EventType)> {
    read.iter().map(|(event, _)| (event.seq, event.type_)).collect()
}

async fn order_is_the_logs_and_each_event_comes_once<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let before = author.start().await;
    author.partial(before, 1).await;
    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream()).unfolded()).await;
    let writer = tokio::spawn({
        let author = author.clone();
        async move {
            for step in 2..=40 {
                author.partial(before, step).await;
                author.progress(before, step).await;
            }
            author.succeed(before).await;
            author.whole_job(3).await
        }
    });
    let mut reader = Reader::starting_at(server.start_of_stream());
    let read = read_to(&mut channel, &mut reader, 88).await;
    writer.await.unwrap();
    assert_eq!(kinds_of(&read), author.log().await);
    assert_eq!((read.len(), reader.applied, reader.gaps, reader.duplicates, reader.folded), (88, 88, 0, 0, 0));
}

async fn every_cursor_handed_out_resumes_exactly<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(17).await;
    // One event a page, so that a poll hands out a cursor for each of them.
    let ask = |after: Cursor| Ask { limit: Some(1), ..Ask::after(after).unfolded() };
    let mut channel = C::stand(&visitor, ask(server.start_of_stream())).await;
    let all = read_to(&mut channel, &mut Reader::starting_at(server.start_of_stream()), 20).await;
    drop(channel);
    let mut cursors = vec![server.start_of_stream()];
    cursors.extend(all.iter().map(|(_, cursor)| cursor.clone()));
    for (index, cursor) in cursors.into_iter().enumerate() {
        let mut channel = C::stand(&visitor, Ask::after(&cursor).unfolded()).await;
        let mut reader = Reader::starting_at(cursor);
        let rest = read_to(&mut channel, &mut reader, 20).await;
        assert_eq!(kinds_of(&rest), kinds_of(&all[index..]));
    }
    // At the end, exactly the next event follows.
    let end = all[19].1.clone();
    let mut channel = C::stand(&visitor, Ask::after(&end)).await;
    author.accept().await;
    let (event, _) = channel.event().await;
    assert_eq!((event.seq, event.prev, event.type_), (21, 20, EventType::Accepted));
}

async fn folded_progress_is_declared_and_never_a_gap<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let job = author.start().await;
    for done in 1..=20 {
        author.progress(job, done).await;
    }
    author.partial(job, 1).await;
    for done in 21..=30 {
        author.progress(job, done).await;
    }
    author.succeed(job).await;
    let head = author.head().await;

    let mut reader = Reader::starting_at(server.start_of_stream());
    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream())).await;
    let read = read_to(&mut channel, &mut reader, head).await;
    let links: Vec<_> = read.iter().map(|(event, _)| (event.prev, event.seq, event.type_)).collect();
    use EventType::{Accepted, Partial, Progress, Started, Succeeded};
    assert_eq!(links, [(0, 1, Accepted), (1, 2, Started), (2, 23, Partial), (23, 33, Progress), (33, 34, Succeeded)]);
    assert_eq!(read[3].0.data["done"], 30);
    assert_eq!((reader.folded, reader.gaps), (29, 0));

    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream()).unfolded()).await;
    let mut reader = Reader::starting_at(server.start_of_stream());
    assert_eq!(read_to(&mut channel, &mut reader, head).await.len(), 34, "fold=false leaves out nothing");
}

async fn what_cannot_be_continued_is_reset<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(5).await;
    let head = author.head().await;
    let reset = async |after: Cursor, reason: &str| match C::open(&visitor, Ask::after(after)).await.next().await {
        Got::Reset(reset) => {
            assert_eq!(reset.snapshot, "/api/v1/jobs");
            assert_eq!(reset.reason, if C::STREAMS { reason } else { "cursor-expired" });
        }
        other => panic!("{reason}: {other:?}"),
    };
    reset(Cursor::new("zz9", 1), "unknown-epoch").await;
    reset(Cursor::new(server.epoch(), head + 1), "beyond-head").await;
    // What retention removes is a job that ended long ago; one that has not ended stays whole, below the floor too.
    let open = author.accept().await;
    let state = server.running.state();
    let in_a_month = Timestamp(server::clock::now().0 + 31 * 24 * 3600 * 1000);
    let tally = pruner::pass(&*state.store, &state.files, Duration::from_secs(3600), in_a_month).await.unwrap();
    assert_eq!((tally.jobs, tally.events as u64), (1, head));
    reset(Cursor::new(server.epoch(), head - 1), "below-floor").await;
    let mut channel = C::stand(&visitor, Ask::after(Cursor::new(server.epoch(), head))).await;
    let (next, _) = channel.event().await;
    assert_eq!((next.seq, next.job), (head + 1, open), "at the floor nothing is missing");
}

async fn what_is_no_cursor_is_refused<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    for after in ["nonsense", "k3x9.-1", "k3x9.1.not-a-job"] {
        match C::open(&visitor, Ask { after: Some(after.to_owned()), ..Ask::default() }).await.next().await {
            Got::Refused(problem) => {
                assert_eq!((problem.status, problem.code.as_str()), (400, "bad-cursor"), "{after}")
            }
            other => panic!("{after}: {other:?}"),
        }
    }
}

async fn without_a_cursor_it_starts_at_the_head<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(3).await;
    let head = author.head().await;
    let mut channel = C::stand(&visitor, Ask::default()).await;
    author.accept().await;
    assert_eq!(channel.event().await.0.seq, head + 1);
}

async fn one_jobs_feed_stands_for_itself_and_ends<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let (one, other) = (author.start().await, author.start().await);
    let start = server.start_of_stream();
    let mut channel = C::stand(&visitor, Ask { after: Some(start.to_string()), ..Ask::of(one.id) }).await;
    for step in 1..=5 {
        author.partial(one, step).await;
        author.partial(other, step).await;
    }
    author.succeed(one).await;
    author.succeed(other).await;
    let mut reader = Reader::starting_at(Cursor { job: Some(one.id), ..start });
    let mut prev = 0;
    for jseq in 1..=8 {
        let (event, cursor) = channel.event().await;
        assert_eq!((event.job, event.jseq, event.prev), (one.id, jseq, prev));
        assert_eq!(cursor.job, Some(one.id), "a cursor of one job's feed says so");
        assert_eq!(reader.receive(&event), Received::Applied);
        prev = event.seq;
    }
    assert_eq!((reader.applied, reader.gaps, reader.folded), (8, 0, 0));
    if C::STREAMS {
        match channel.next().await {
            Got::End(end) => assert_eq!(end.job, one.id),
            got => panic!("{got:?}"),
        }
    }
}

async fn one_jobs_cursors_are_refused_elsewhere<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let (one, other) = (author.whole_job(2).await, author.whole_job(2).await);
    let marked = Cursor { job: Some(one), ..server.start_of_stream().at(2) }.to_string();
    for ask in [Ask::after(&marked), Ask { job: Some(other), ..Ask::after(&marked) }] {
        match C::open(&visitor, ask).await.next().await {
            Got::Refused(problem) => assert_eq!((problem.status, problem.code.as_str()), (400, "bad-cursor")),
            got => panic!("{got:?}"),
        }
    }
    let mut channel = C::stand(&visitor, Ask { job: Some(one), ..Ask::after(&marked) }).await;
    assert_eq!(channel.event().await.0.seq, 3);
}

async fn owners_never_see_each_other<C: TestChannel>() {
    let server = Server::start().await;
    let ((ann, hers), (bob, his)) = (server.visitor().await, server.visitor().await);
    let start = server.start_of_stream();
    let mut to_ann = C::stand(&ann, Ask::after(&start).unfolded()).await;
    let mut to_bob = C::stand(&bob, Ask::after(&start).unfolded()).await;
    let (her_job, his_job) = (hers.start().await, his.start().await);
    for step in 1..=10 {
        hers.partial(her_job, step).await;
        his.partial(his_job, step).await;
    }
    for (channel, job) in [(&mut to_ann, her_job), (&mut to_bob, his_job)] {
        let read = read_to(channel, &mut Reader::starting_at(start.clone()), 12).await;
        assert!(read.iter().all(|(event, _)| event.job == job.id));
    }
    match C::open(&ann, Ask { after: Some(start.to_string()), ..Ask::of(his_job.id) }).await.next().await {
        Got::Refused(problem) => assert_eq!((problem.status, problem.code.as_str()), (404, "job-not-found")),
        got => panic!("{got:?}"),
    }
}

async fn a_watched_catalogue_is_hinted_at<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let ask = Ask { watch: "catalogue", ..Ask::after(server.start_of_stream()) };
    let mut channel = C::stand(&visitor, ask).await;
    let job = author.start().await;
    author.change_catalogue(job, "a-mug").await;
    loop {
        match channel.next().await {
            Got::Hint(Hint::Changed { resource, revision, .. }) if revision > 0 => {
                return assert_eq!(resource, "catalogue");
            }
            Got::Hint(_) | Got::Event(..) | Got::Beat(_) => {}
            got => panic!("{got:?}"),
        }
    }
}

/// The place of a job, as hints tell it, until it is the one waited for; the log goes on beside them without a hole.
async fn place_becomes<C: TestChannel>(channel: &mut C, reader: &mut Reader, wanted: JobId, place: u64) {
    loop {
        match channel.next().await {
            Got::Hint(Hint::Position { job, position, why, .. }) if job == wanted && position == place => {
                let code = why.expect("a place comes with its reason").code;
                return assert_eq!(code == "ahead", place > 0, "{code}");
            }
            Got::Event(event, _) => assert_eq!(reader.receive(&event), Received::Applied),
            Got::Hint(_) | Got::Beat(_) => {}
            got => panic!("{got:?}"),
        }
    }
}

async fn a_watched_place_in_the_queue_is_hinted_at_beside_the_log<C: TestChannel>() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let first = author.accept().await;
    let second = author.accept().await;
    let ask = Ask { watch: "catalogue,positions", ..Ask::after(server.start_of_stream()) };
    let mut channel = C::open(&visitor, ask).await;
    if C::STREAMS {
        assert!(matches!(channel.next().await, Got::Hello(_)));
    }
    let mut reader = Reader::starting_at(server.start_of_stream());
    place_becomes(&mut channel, &mut reader, second, 1).await;
    // The first one makes room without an event of the second.
    assert!(author.store.cancel(author.owner, first, server::clock::now()).await.unwrap().is_some());
    place_becomes(&mut channel, &mut reader, second, 0).await;
    let head = author.head().await;
    while reader.last().seq < head {
        match channel.next().await {
            Got::Event(event, _) => assert_eq!(reader.receive(&event), Received::Applied),
            Got::Hint(_) | Got::Beat(_) => {}
            got => panic!("{got:?}"),
        }
    }
    assert_eq!((reader.gaps, reader.duplicates, reader.last().seq), (0, 0, 3));
}

async fn a_place_made_by_somebody_else_is_hinted_at<C: TestChannel>() {
    let server = Server::start().await;
    let ((ann, hers), (_, his)) = (server.visitor().await, server.visitor().await);
    let his_job = his.accept().await;
    let her_job = hers.accept().await;
    let mut channel = C::open(&ann, Ask { watch: "positions", ..Ask::after(server.start_of_stream()) }).await;
    if C::STREAMS {
        assert!(matches!(channel.next().await, Got::Hello(_)));
    }
    let mut reader = Reader::starting_at(server.start_of_stream());
    place_becomes(&mut channel, &mut reader, her_job, 1).await;
    assert!(his.store.cancel(his.owner, his_job, server::clock::now()).await.unwrap().is_some());
    place_becomes(&mut channel, &mut reader, her_job, 0).await;
    assert_eq!(reader.last().seq, 1, "nothing of it is in her log");
}

async fn switching_to_a_poll_loses_and_repeats_nothing<C: TestChannel>() {
    switching_loses_and_repeats_nothing::<C, Poll>().await;
}

async fn switching_to_sse_loses_and_repeats_nothing<C: TestChannel>() {
    switching_loses_and_repeats_nothing::<C, Sse>().await;
}

async fn switching_to_a_websocket_loses_and_repeats_nothing<C: TestChannel>() {
    switching_loses_and_repeats_nothing::<C, Ws>().await;
}

/// Make before break, there and back again while events come; both channels feed one reader.
async fn switching_loses_and_repeats_nothing<A: TestChannel, B: TestChannel>() {
    const EVENTS: u64 = 300;
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let writer = tokio::spawn({
        let author = author.clone();
        async move {
            let job = author.start().await;
            for step in 3..=EVENTS {
                author.partial(job, step).await;
            }
        }
    });
    let mut reader = Reader::starting_at(server.start_of_stream());
    let mut applied = Vec::new();
    let mut old = A::stand(&visitor, Ask::after(reader.last())).await;
    while reader.last().seq < EVENTS {
        follow(&mut old, &mut reader, &mut applied, 7.min(EVENTS)).await;
        let new = overlap::<A, B>(&visitor, old, &mut reader, &mut applied).await;
        let mut new = new;
        follow(&mut new, &mut reader, &mut applied, 7.min(EVENTS)).await;
        old = overlap::<B, A>(&visitor, new, &mut reader, &mut applied).await;
    }
    writer.await.unwrap();
    assert_eq!(applied, (1..=EVENTS).collect::<Vec<_>>());
    assert_eq!((reader.gaps, reader.folded), (0, 0));
}

/// Reads up to `count` events further, or to the end of the log.
async fn follow<C: TestChannel>(channel: &mut C, reader: &mut Reader, applied: &mut Vec<u64>, count: u64) {
    let to = (reader.last().seq + count).min(300);
    while reader.last().seq < to {
        take(channel.next().await, reader, applied);
    }
}

/// Opens the new channel where the reader is, hears both until the new one has said something, and closes the old one.
async fn overlap<A: TestChannel, B: TestChannel>(
    visitor: &Visitor,
    mut old: A,
    reader: &mut Reader,
    applied: &mut Vec<u64>,
) -> B {
    let mut new = B::open(visitor, Ask::after(reader.last())).await;
    while reader.last().seq < 300 {
        tokio::select! {
            got = old.next() => take(got, reader, applied),
            got = new.next() => {
                take(got, reader, applied);
                break;
            }
        }
    }
    new
}

fn take(got: Got, reader: &mut Reader, applied: &mut Vec<u64>) {
    match got {
        Got::Event(event, _) => match reader.receive(&event) {
            Received::Applied => applied.push(event.seq),
            Received::Duplicate => {}
            received => panic!("{received:?} at {}: {event:?}", reader.last()),
        },
        Got::Hello(_) | Got::Beat(_) => {}
        got => panic!("{got:?}"),
    }
}

/// Nothing is queued for a client that does not read: once the sockets' buffers are full it is simply behind, and what it then reads
/// is as short as can be.
async fn a_reader_that_lags_gets_folded_progress<C: TestChannel>() {
    const STEPS: u64 = 3_000;
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let mut channel = C::stand(&visitor, Ask::after(server.start_of_stream())).await;
    write_much(&author, STEPS).await;
    let head = author.head().await;
    let mut reader = Reader::starting_at(server.start_of_stream());
    let read = read_to(&mut channel, &mut reader, head).await;
    assert!(reader.folded > 0, "20 MB fit into no socket: something must have been folded");
    assert_eq!((reader.applied + reader.folded, reader.gaps), (head, 0));
    let last = &read.last().unwrap().0;
    assert_eq!((last.type_, &last.data["done"]), (EventType::Progress, &STEPS.into()));
}

async fn write_much(author: &Author, steps: u64) {
    let job = author.start().await;
    let note = "x".repeat(7_000);
    for done in 1..=steps {
        author.long_progress(job, done, &note).await;
    }
}
