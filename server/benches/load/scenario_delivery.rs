//! How long an event takes to its client when a thousand clients get ten a second each, and where that time goes.
//!
//! Measured twice: by the client, from the moment that an event carries; and by the server itself, from the commit until the socket has
//! the event, which `/metrics` tells.
//! Invariant: only events that arrive within the measured span count, and every stream lives to its end.

use super::{
    framing::Said,
    http::Connection,
    lab::Lab,
    process::Process,
    report::{Figure, Section, Unit},
    samples::Samples,
    scrape::{Histogram, scrape},
    stream::{Arrival, Channel, Fleet},
};
use anyhow::Result;
use futures_util::future::try_join_all;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

/// Six or seven partial results a second and three of progress: ten events a second for each client.
const STEP_MS: u64 = 150;
const BARE_EVERY_MS: u64 = 100;
/// Before the measured span: every job has started by then.
const SETTLE: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections over which the jobs are submitted.
const SUBMITTING: usize = 32;

struct Delivered {
    samples: Samples,
    /// The parts of it that the server sees; none of the baseline.
    parts: Option<Parts>,
    per_client_s: f64,
    cpu_share: f64,
}

/// Where an event's time goes on the server, one part after the other.
struct Parts {
    /// From the call on the store until its writer begins.
    wait: Histogram,
    /// From then until it is durable.
    commit: Histogram,
    /// From then until the socket has taken it.
    delivery: Histogram,
}

impl Parts {
    async fn read(server: &Process, channel: Channel) -> Result<Self> {
        let page = scrape(server.addr).await?;
        Ok(Self {
            wait: Histogram::read(&page, "meanwhile_command_wait_seconds", "")?,
            commit: Histogram::read(&page, "meanwhile_command_commit_seconds", "")?,
            delivery: Histogram::read(
                &page,
                "meanwhile_delivery_seconds",
                &format!("channel=\"{}\"", channel.label()),
            )?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            wait: self.wait.since(&before.wait),
            commit: self.commit.since(&before.commit),
            delivery: self.delivery.since(&before.delivery),
        }
    }

    fn each(&self) -> [(&'static str, &Histogram); 3] {
        [
            ("waits for the writer", &self.wait),
            ("is committed", &self.commit),
            ("from commit to socket", &self.delivery),
        ]
    }
}

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let clients = lab.either(1000, 30);
    let mut section = Section::new(
        "delivery",
        "Event to client, 1,000 clients at 10 events a second",
        "1,000 owners with a stream and a rehearsal each that tells a partial result every 150 ms and progress about \
         every 300 ms. From the event's `at` (when the running job asked for it, rounded down to a millisecond) until \
         the client has read it, one wall clock: so it includes the commit with its fsync, and up to 1 ms too much. Then \
         the parts of that time as the server's own histograms tell them (`/metrics`, before and after; interpolated within \
         a bucket), of which the last is from the commit until the kernel has taken the event. \
         Beside it: bare axum telling each client something every 100 ms, nothing stored, measured alike.",
    );
    for channel in Channel::ALL {
        let data = lab.folder()?;
        let server = lab.serve(data.path(), 1024)?;
        let mut ours = ours(lab, &server, channel, clients).await?;
        drop(server);
        let mut bare = match lab.serve_bare(0)? {
            Some(bare) => Some(stored_nowhere(lab, &bare, channel, clients).await?),
            None => None,
        };
        let (name, count) = (channel.name(), ours.samples.count());
        let rate = Figure::new(format!("{name}: events a client"), ours.per_client_s, Unit::PerSecond).of(count);
        section.figure(rate.beside("bare axum", bare.as_ref().map(|bare| bare.per_client_s)));
        let p50 = Figure::new(format!("{name}: p50"), ours.samples.p50_ms(), Unit::Millis).of(count);
        section.figure(p50.beside("bare axum", bare.as_mut().map(|bare| bare.samples.p50_ms())));
        let p99 = Figure::new(format!("{name}: p99"), ours.samples.p99_ms(), Unit::Millis).of(count);
        section.figure(p99.beside("bare axum", bare.as_mut().map(|bare| bare.samples.p99_ms())));
        if let Some(parts) = &ours.parts {
            for (part, histogram) in parts.each() {
                let count = usize::try_from(histogram.count())?;
                for percent in [50.0, 99.0] {
                    let ms = histogram.percentile(percent).as_secs_f64() * 1e3;
                    section.figure(Figure::new(format!("{name}: {part}, p{percent}"), ms, Unit::Millis).of(count));
                }
            }
            section.note(share_of_parts(name, &ours.samples, parts));
        }
        let per_event = |delivered: &Delivered| delivered.cpu_share * 1e6 / (delivered.per_client_s * clients as f64);
        let cpu = Figure::new(format!("{name}: server CPU for each event"), per_event(&ours), Unit::Micros).of(count);
        section.figure(cpu.beside("bare axum", bare.as_ref().map(per_event)));
    }
    Ok(section)
}

/// On average, since averages add up as percentiles do not.
fn share_of_parts(name: &str, samples: &Samples, parts: &Parts) -> String {
    let all = samples.mean_ms();
    let known = parts.each().map(|(part, histogram)| (part, histogram.mean().as_secs_f64() * 1e3));
    let rest = all - known.iter().map(|(_, ms)| ms).sum::<f64>();
    let known = known.map(|(part, ms)| format!("{part} {ms:.2} ms"));
    format!(
        "{name}, on average: {all:.2} ms to the client, of which {}, client and clock {rest:.2} ms.",
        known.join(", ")
    )
}

async fn ours(lab: &Lab, server: &Process, channel: Channel, clients: usize) -> Result<Delivered> {
    let lasting = span(lab);
    let mut connection = Connection::open(server.addr).await?;
    let mut visitors = Vec::with_capacity(clients);
    for _ in 0..clients {
        visitors.push(connection.visit().await?);
    }
    let ear = Ear::default();
    let fleet = Fleet::open(server.addr, channel, &visitors, "", ear.hear()).await?;
    // Longer than measured, so that none ends before.
    let steps = (lasting + SETTLE + PATIENCE).as_millis() / u128::from(STEP_MS);
    let job = format!(r#"{{"kind":"rehearsal","input":{{"steps":{steps},"step_ms":{STEP_MS},"partials":true}}}}"#);
    let shares = visitors.chunks(clients.div_ceil(SUBMITTING)).map(async |share| {
        let mut connection = Connection::open(server.addr).await?;
        for cookie in share {
            connection.submit(cookie.as_deref(), &job).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(shares).await?;
    // Each client has heard that its job was accepted, started and has begun.
    fleet.until(&ear.heard, clients * 3, PATIENCE).await?;
    ear.listen(server, Some(channel), &fleet, lasting, clients).await
}

async fn stored_nowhere(lab: &Lab, bare: &Process, channel: Channel, clients: usize) -> Result<Delivered> {
    let ear = Ear::default();
    let query = format!("?every_ms={BARE_EVERY_MS}");
    let fleet = Fleet::open(bare.addr, channel, &vec![None; clients], &query, ear.hear()).await?;
    ear.listen(bare, None, &fleet, span(lab), clients).await
}

fn span(lab: &Lab) -> Duration {
    lab.lasting() * 2
}

/// What all streams together heard.
#[derive(Default)]
struct Ear {
    heard: Rc<Cell<usize>>,
    /// Only while it is measured.
    samples: Rc<RefCell<Option<Samples>>>,
}

impl Ear {
    fn hear(&self) -> Rc<dyn Fn(usize, Said, Arrival)> {
        let (heard, samples) = (self.heard.clone(), self.samples.clone());
        Rc::new(move |_, said, arrival| {
            if let Said::Event(_, at) = said {
                heard.set(heard.get() + 1);
                if let Some(samples) = samples.borrow_mut().as_mut() {
                    samples.push(arrival.since(at));
                }
            }
        })
    }

    /// Lets it settle, then measures for a span; `scraped` is the channel of a server that tells of itself.
    async fn listen(
        &self,
        server: &Process,
        scraped: Option<Channel>,
        fleet: &Fleet,
        lasting: Duration,
        clients: usize,
    ) -> Result<Delivered> {
        tokio::time::sleep(SETTLE).await;
        let before = match scraped {
            Some(channel) => Some(Parts::read(server, channel).await?),
            None => None,
        };
        let (cpu, begun) = (server.cpu(), Instant::now());
        *self.samples.borrow_mut() = Some(Samples::default());
        tokio::time::sleep(lasting).await;
        let samples = self.samples.borrow_mut().take().unwrap_or_default();
        let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), server.cpu().saturating_sub(cpu));
        fleet.whole()?;
        let parts = match (scraped, before) {
            (Some(channel), Some(before)) => Some(Parts::read(server, channel).await?.since(&before)),
            _ => None,
        };
        let per_client_s = samples.count() as f64 / elapsed / clients as f64;
        Ok(Delivered { samples, parts, per_client_s, cpu_share: cpu.as_secs_f64() / elapsed })
    }
}
