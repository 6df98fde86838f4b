//! How long a job waits for its start when nobody else wants anything.
//!
//! Invariant: one job at a time; the next is submitted when the stream has told the end of the one before.

use super::{
    baseline,
    framing::Said,
    http::Connection,
    lab::Lab,
    loops,
    report::{Figure, Section, Unit},
    samples::Samples,
    scenario_accept::NO_OP,
    stream::{Arrival, Channel, Stream},
};
use anyhow::Result;
use domain::{EventType, Timestamp};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let jobs = lab.either(1_000, 30);
    let mut section = Section::new(
        "start",
        "Accept to start on an idle server",
        "One job of no steps after the other, 8 workers. From the client's request sent until its SSE stream brings \
         `started` (the client's clock: two commits, the claim's wake-up and the way back), the same for the 202 and \
         for `succeeded`; and from `at` of `accepted` to `at` of `started` (the server's clock, whole milliseconds). \
         Beside it: bare axum's 202 on one connection, and one `fdatasync` of 4 KiB.",
    );
    let (data, disk) = (lab.folder()?, lab.folder()?);
    let mut synced = baseline::fdatasync(disk.path(), lab.lasting() / 3)?;
    let server = lab.serve(data.path(), 8)?;
    let mut connection = Connection::open(server.addr).await?;
    let cookie = connection.visit().await?;
    let mut stream = Stream::open(server.addr, Channel::Sse, cookie.as_deref(), "").await?;
    let (heard, mut events) = mpsc::unbounded_channel();
    let listening = tokio::task::spawn_local(async move {
        loop {
            let (said, arrival) = stream.hear().await?;
            if let Said::Event(type_, at) = said
                && heard.send((type_, at, arrival)).is_err()
            {
                return anyhow::Ok(());
            }
        }
    });
    let [mut answered, mut started, mut succeeded, mut stamped] = [0, 1, 2, 3].map(|_| Samples::default());
    for _ in 0..jobs {
        let sent = Instant::now();
        connection.submit(cookie.as_deref(), NO_OP).await?;
        answered.push(sent.elapsed());
        let mut accepted_at = Timestamp(0);
        while let Some((type_, at, Arrival { instant, .. })) = events.recv().await {
            match type_ {
                EventType::Accepted => accepted_at = at,
                EventType::Started => {
                    started.push(instant - sent);
                    stamped.push(Duration::from_millis(u64::try_from(at.ms_since(accepted_at)).unwrap_or(0)));
                }
                _ if type_.is_terminal() => {
                    succeeded.push(instant - sent);
                    break;
                }
                _ => {}
            }
        }
        if events.is_closed() {
            break;
        }
    }
    if listening.is_finished() {
        listening.await??;
    } else {
        listening.abort();
    }
    let mut echo = match lab.serve_bare(1000)? {
        Some(bare) => Some(loops::closed(&bare, NO_OP, 1, lab.lasting() / 3).await?.samples),
        None => None,
    };
    let sync_ms = synced.p50_ms();
    let mut figure = |name: &str, samples: &mut Samples, bare: &mut Option<Samples>| {
        let p50 = Figure::new(format!("{name} p50"), samples.p50_ms(), Unit::Millis).of(samples.count());
        let p50 = p50.beside("bare axum's 202", bare.as_mut().map(Samples::p50_ms));
        section.figure(p50.beside("fdatasync p50", Some(sync_ms)));
        let p99 = Figure::new(format!("{name} p99"), samples.p99_ms(), Unit::Millis).of(samples.count());
        section.figure(p99.beside("bare axum's 202", bare.as_mut().map(Samples::p99_ms)));
    };
    figure("request to 202", &mut answered, &mut echo);
    figure("request to `started` on the stream", &mut started, &mut None);
    figure("request to `succeeded` on the stream", &mut succeeded, &mut None);
    figure("`accepted` to `started`, as stamped", &mut stamped, &mut None);
    Ok(section)
}
