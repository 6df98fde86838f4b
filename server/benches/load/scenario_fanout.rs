//! How long one event takes until the last of five thousand clients has it.
//!
//! Invariant: a round begins when every stream has heard the event of the round before, and nothing else is told in
//! between.

use super::{
    framing::Said,
    http::{Connection, post},
    lab::Lab,
    process::Process,
    report::{Figure, Section, Unit},
    samples::Samples,
    stream::{Arrival, Channel, Fleet},
};
use anyhow::Result;
use domain::EventType;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

/// A job's progress is told four times a second at most: sooner, the next event would be held back.
const BETWEEN: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(60);

struct Rounds {
    /// Of every client in every round.
    each: Samples,
    /// The last client of each round.
    last: Samples,
    /// From the event's `at` to the last client.
    last_since_at: Samples,
}

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let (clients, rounds) = (lab.either(5000, 50), lab.either(20, 2));
    let mut section = Section::new(
        "fanout",
        "One event to 5,000 clients",
        "5,000 streams of one owner, and a rehearsal that waits for `POST …/step`, which makes one event. From the \
         step's request sent until a client has read the event (one process, one clock), so it includes the step's way \
         in and the commit; and from the event's `at` (whole milliseconds) to the last client. The generator reads all \
         streams on one thread of the same machine. Beside it: bare axum telling 5,000 clients a text that was written \
         once.",
    );
    for channel in Channel::ALL {
        let data = lab.folder()?;
        let server = lab.serve_streams(data.path(), 8, 20_000, 20_000)?;
        let mut connection = Connection::open(server.addr).await?;
        let cookie = connection.visit().await?;
        let fleet_of = vec![cookie.clone(); clients];
        let body = format!(r#"{{"kind":"rehearsal","input":{{"steps":{},"step_ms":0,"hold":true}}}}"#, rounds + 1);
        let job = connection.submit(cookie.as_deref(), &body).await?;
        tokio::time::sleep(BETWEEN).await;
        let step = post(&format!("/api/v1/jobs/{job}/step"), cookie.as_deref(), "");
        let mut ours = run(&server, channel, &fleet_of, &mut connection, &step, rounds).await?;
        drop(server);
        let mut bare = match lab.serve_bare(0)? {
            Some(bare) => {
                let mut connection = Connection::open(bare.addr).await?;
                let step = post("/step", None, "");
                Some(run(&bare, channel, &vec![None; clients], &mut connection, &step, rounds).await?)
            }
            None => None,
        };
        let name = channel.name();
        let mut figure = |what: &str, read: &dyn Fn(&mut Rounds) -> (f64, usize)| {
            let (value, count) = read(&mut ours);
            let figure = Figure::new(format!("{name}: {what}"), value, Unit::Millis).of(count);
            section.figure(figure.beside("bare axum", bare.as_mut().map(|bare| read(bare).0)));
        };
        figure("a client, p50", &|rounds| (rounds.each.p50_ms(), rounds.each.count()));
        figure("a client, p99", &|rounds| (rounds.each.p99_ms(), rounds.each.count()));
        figure("last client, median round", &|rounds| (rounds.last.p50_ms(), rounds.last.count()));
        figure("last client, slowest round", &|rounds| (rounds.last.max_ms(), rounds.last.count()));
        figure("last client since `at`, median round", &|rounds| {
            (rounds.last_since_at.p50_ms(), rounds.last_since_at.count())
        });
    }
    Ok(section)
}

async fn run(
    server: &Process,
    channel: Channel,
    visitors: &[Option<String>],
    connection: &mut Connection,
    step: &[u8],
    rounds: usize,
) -> Result<Rounds> {
    let heard = Rc::<Cell<usize>>::default();
    let arrivals = Rc::<RefCell<Vec<(Instant, Duration)>>>::default();
    let hear = {
        let (heard, arrivals) = (heard.clone(), arrivals.clone());
        Rc::new(move |_, said, arrival: Arrival| {
            if let Said::Event(EventType::Progress, at) = said {
                heard.set(heard.get() + 1);
                arrivals.borrow_mut().push((arrival.instant, arrival.since(at)));
            }
        })
    };
    let fleet = Fleet::open(server.addr, channel, visitors, "", hear).await?;
    let mut measured = Rounds { each: Samples::default(), last: Samples::default(), last_since_at: Samples::default() };
    for _ in 0..rounds {
        tokio::time::sleep(BETWEEN).await;
        heard.set(0);
        arrivals.borrow_mut().clear();
        let sent = Instant::now();
        connection.ask(step).await?.must_be(202)?;
        fleet.until(&heard, visitors.len(), PATIENCE).await?;
        let arrivals = arrivals.borrow();
        arrivals.iter().for_each(|(instant, _)| measured.each.push(*instant - sent));
        let last = arrivals.iter().max_by_key(|(instant, _)| *instant);
        if let Some((instant, since_at)) = last {
            measured.last.push(*instant - sent);
            measured.last_since_at.push(*since_at);
        }
    }
    Ok(measured)
}
