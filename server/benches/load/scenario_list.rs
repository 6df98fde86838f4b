//! How long a page of jobs takes, and a search, for an owner who has a million of them.
//!
//! Invariant: both owners are in the same database, asked by the same connection, one right after the other.

use super::{
    fill::{RARE_EVERY, fill},
    http::{Connection, get},
    lab::Lab,
    report::{Figure, Section, Unit},
    samples::Samples,
};
use anyhow::{Context, Result};
use domain::OwnerId;
use std::time::{Duration, Instant};

const FEW: usize = 50;
/// Requests of each sort, unless time is over first.
const REQUESTS: usize = 500;
const ENOUGH: usize = 5;

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let many = lab.either(1_000_000, 5_000);
    let mut section = Section::new(
        "list",
        "Lists and searches with 1,000,000 jobs of one owner",
        "`GET /api/v1/jobs`, the first 50 of 1,000,000 finished jobs of one owner, and searches in them: for a text \
         that all have, that one in 10,000 has, that none has. One keep-alive connection, up to 500 requests or some \
         seconds each. Beside it: the same requests of an owner with 50 jobs in the same database.",
    );
    let data = lab.folder()?;
    let server = lab.serve(data.path(), 1)?;
    let (large, small) = (visitor(server.addr).await?, visitor(server.addr).await?);
    drop(server);
    let begun = Instant::now();
    fill(data.path(), large.1, many).await?;
    fill(data.path(), small.1, FEW).await?;
    let per_s = (many + FEW) as f64 / begun.elapsed().as_secs_f64();
    section.note(format!(
        "Filled through the store with {} jobs (accept, claim, finish) at {per_s:.0} a second; one label in {RARE_EVERY} is rare.",
        many + FEW
    ));

    let server = lab.serve(data.path(), 1)?;
    let mut connection = Connection::open(server.addr).await?;
    for (name, query) in [
        ("first page", ""),
        ("first page, of one state", "?state=succeeded"),
        ("search: all match", "?q=list"),
        ("search: 1 in 10,000 matches", "?q=harvest"),
        ("search: none matches", "?q=zebra"),
    ] {
        let mut ours = ask(lab, &mut connection, query, &large.0).await?;
        let mut few = ask(lab, &mut connection, query, &small.0).await?;
        let p50 = Figure::new(format!("{name}, p50"), ours.p50_ms(), Unit::Millis).of(ours.count());
        section.figure(p50.beside("50 jobs", Some(few.p50_ms())));
        let p99 = Figure::new(format!("{name}, p99"), ours.p99_ms(), Unit::Millis).of(ours.count());
        section.figure(p99.beside("50 jobs", Some(few.p99_ms())));
    }
    Ok(section)
}

/// A cookie, and the owner that it names: the value is a signature and the id.
async fn visitor(addr: std::net::SocketAddr) -> Result<(String, OwnerId)> {
    let cookie = Connection::open(addr).await?.visit().await?.context("the server gave no cookie")?;
    let id = cookie.len().checked_sub(36).and_then(|from| cookie.get(from..)).and_then(|id| id.parse().ok());
    let id = id.with_context(|| format!("the cookie does not end with an id: {cookie}"))?;
    Ok((cookie, id))
}

async fn ask(lab: &Lab, connection: &mut Connection, query: &str, cookie: &str) -> Result<Samples> {
    let request = get(&format!("/api/v1/jobs{query}"), Some(cookie));
    let (mut samples, begun, longest) = (Samples::default(), Instant::now(), lab.lasting().max(Duration::from_secs(1)));
    while samples.count() < ENOUGH || samples.count() < REQUESTS && begun.elapsed() < longest {
        let sent = Instant::now();
        connection.ask(&request).await?.must_be(200)?;
        samples.push(sent.elapsed());
    }
    Ok(samples)
}
