//! How long after a crash the server listens, and works, again.
//!
//! Invariant: the predecessor was killed with SIGKILL while jobs were running and all others queued, and nothing was lost:
//! the stream goes on from the cursor before the kill.

use super::{
    framing::Said,
    http::{Connection, get},
    lab::Lab,
    loops::{Submitter, submit_all},
    report::{Figure, Section, Unit},
    scenario_accept::ENDLESS,
    stream::{Arrival, Channel, Stream},
};
use anyhow::{Context, Result, ensure};
use domain::{EventType, api::JobList};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

const WORKERS: usize = 128;
const CONNECTIONS: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let jobs = lab.either(100_000, 1_000);
    let mut section = Section::new(
        "recovery",
        "Starting again after kill -9 with 100,000 unfinished jobs",
        "100,000 jobs of one owner accepted over HTTP, 128 of them running, all others queued; then SIGKILL, and the \
         server is started on the same folder. From the spawn to the line `listening on …`, and to `at` of the first \
         and of the 128th `started` event (wall clock). The pages of the database are still in the kernel's cache. \
         Beside it: a start on an empty folder, with one job submitted at once.",
    );
    let data = lab.folder()?;
    let server = lab.serve(data.path(), WORKERS)?;
    let mut submitters = one_owner(server.addr).await?;
    let cookie = submitters[0].cookie.clone();
    submit_all(&mut submitters, jobs).await?;
    drop(submitters);
    let mut connection = Connection::open(server.addr).await?;
    let before = until_running(&mut connection, cookie.as_deref(), WORKERS).await?;
    server.kill()?;
    section.note(format!(
        "When killed: {jobs} jobs, {} of them running; database {:.0} MiB, write-ahead log {:.0} MiB.",
        before.items.len(),
        mebibytes(data.path(), "meanwhile.db"),
        mebibytes(data.path(), "meanwhile.db-wal")
    ));

    let spawned = Arrival::now();
    let server = lab.serve(data.path(), WORKERS)?;
    let listening = spawned.instant.elapsed();
    // Whatever started again is beyond the position that was read while the predecessor's jobs were running.
    let after = format!("?after={}&fold=false", before.cursor);
    let mut stream = Stream::open(server.addr, Channel::Sse, cookie.as_deref(), &after).await?;
    let mut started = Vec::new();
    while started.len() < WORKERS {
        if let (Said::Event(EventType::Started, at), _) = stream.hear().await? {
            started.push(Duration::from_millis(u64::try_from(at.0)?).saturating_sub(spawned.wall));
        }
    }
    started.sort_unstable();
    drop((stream, server));

    let empty = lab.folder()?;
    let spawned = Arrival::now();
    let server = lab.serve(empty.path(), WORKERS)?;
    let fresh = spawned.instant.elapsed();
    let mut connection = Connection::open(server.addr).await?;
    let cookie = connection.visit().await?;
    connection.submit(cookie.as_deref(), ENDLESS).await?;
    until_running(&mut connection, cookie.as_deref(), 1).await?;
    let fresh_started = spawned.instant.elapsed();

    let millis = |took: Duration| took.as_secs_f64() * 1e3;
    let figure = |name: &str, took: Duration, fresh: Option<Duration>| {
        Figure::new(name, millis(took), Unit::Millis).of(1).beside("empty folder", fresh.map(millis))
    };
    section.figure(figure("spawn to listening", listening, Some(fresh)));
    section.figure(figure("spawn to the first job started", started[0], Some(fresh_started)));
    section.figure(figure("spawn to all workers at work", *started.last().context("no job started")?, None));
    Ok(section)
}

/// Several connections of the same owner.
async fn one_owner(addr: std::net::SocketAddr) -> Result<Vec<Submitter>> {
    let cookie = Connection::open(addr).await?.visit().await?;
    Submitter::of_owner(addr, CONNECTIONS, cookie, ENDLESS).await
}

async fn list_of(connection: &mut Connection, cookie: Option<&str>, query: &str) -> Result<JobList> {
    let answer = connection.ask(&get(&format!("/api/v1/jobs?{query}"), cookie)).await?;
    answer.must_be(200)?;
    Ok(serde_json::from_str(answer.text()?)?)
}

/// Waits until so many jobs run; answers them, with the position at which that is true.
async fn until_running(connection: &mut Connection, cookie: Option<&str>, jobs: usize) -> Result<JobList> {
    let begun = Instant::now();
    loop {
        let list = list_of(connection, cookie, "state=running&limit=200").await?;
        if list.items.len() >= jobs {
            return Ok(list);
        }
        ensure!(begun.elapsed() < PATIENCE, "{} of {jobs} jobs run", list.items.len());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn mebibytes(data: &Path, name: &str) -> f64 {
    fs::metadata(data.join(name)).map_or(0.0, |file| file.len() as f64 / 1_048_576.0)
}
