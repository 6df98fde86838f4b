//! Load on `POST /api/v1/jobs`: closed loops (the next request once the last is answered), open loops (requests at their
//! time whatever happened to the others), and plain numbers of jobs.
//!
//! Used by the scenarios, alike on the server and on the bare baseline.
//! Invariant: every answer is a 202, or the loop fails; a request that waits for a slow one before it counts from when it
//! was due, so that a stall is not left out (coordinated omission).

use super::{
    http::{Connection, JOBS, post},
    process::Process,
    samples::Samples,
};
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::task::spawn_local;

/// What one loop, or several, came to.
#[derive(Default)]
pub struct Outcome {
    /// From request sent, or due, to answer read.
    pub samples: Samples,
    elapsed: Duration,
    cpu: Duration,
}

impl Outcome {
    /// Answers a second.
    pub fn per_s(&self) -> f64 {
        self.samples.count() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Processor time of the server for each, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.samples.count().max(1) as f64
    }

    /// Adds another round.
    pub fn append(&mut self, other: Self) {
        self.samples.append(other.samples);
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
    }
}

/// A visitor with a connection and a request made ready.
pub struct Submitter {
    connection: Connection,
    request: Vec<u8>,
    /// The owner, as the server's cookie names it.
    pub cookie: Option<String>,
}

impl Submitter {
    /// So many visitors, each an owner of its own, who will submit this job.
    pub async fn several(addr: SocketAddr, count: usize, job: &str) -> Result<Vec<Self>> {
        try_join_all((0..count).map(|_| async {
            let mut connection = Connection::open(addr).await?;
            let cookie = connection.visit().await?;
            Ok(Self { connection, request: post(JOBS, cookie.as_deref(), job), cookie })
        }))
        .await
    }

    /// So many connections of one owner, who will submit this job on each.
    pub async fn of_owner(addr: SocketAddr, count: usize, cookie: Option<String>, job: &str) -> Result<Vec<Self>> {
        try_join_all((0..count).map(|_| async {
            let request = post(JOBS, cookie.as_deref(), job);
            Ok(Self { connection: Connection::open(addr).await?, request, cookie: cookie.clone() })
        }))
        .await
    }

    /// Submits the job; answers the size of the answer's body.
    pub async fn submit(&mut self) -> Result<usize> {
        let answer = self.connection.ask(&self.request).await?;
        answer.must_be(202)?;
        Ok(answer.text()?.len())
    }
}

/// Submits without a pause on so many connections, for as long as asked, and a little before it counts.
pub async fn closed(server: &Process, job: &str, connections: usize, lasting: Duration) -> Result<Outcome> {
    let submitters = Submitter::several(server.addr, connections, job).await?;
    let submitters = drive(submitters, lasting / 10).await?.1;
    let (cpu, begun) = (server.cpu(), Instant::now());
    let samples = drive(submitters, lasting).await?.0;
    Ok(Outcome { samples, elapsed: begun.elapsed(), cpu: server.cpu().saturating_sub(cpu) })
}

async fn drive(submitters: Vec<Submitter>, lasting: Duration) -> Result<(Samples, Vec<Submitter>)> {
    let until = Instant::now() + lasting;
    let tasks = submitters.into_iter().map(|mut submitter| {
        spawn_local(async move {
            let mut samples = Samples::default();
            let mut sent = Instant::now();
            while sent < until {
                submitter.submit().await?;
                let answered = Instant::now();
                samples.push(answered - sent);
                sent = answered;
            }
            anyhow::Ok((samples, submitter))
        })
    });
    let (mut samples, mut submitters) = (Samples::default(), Vec::new());
    for ended in try_join_all(tasks.collect::<Vec<_>>()).await? {
        let (of_one, submitter) = ended?;
        samples.append(of_one);
        submitters.push(submitter);
    }
    Ok((samples, submitters))
}

/// Submits at a steady rate from so many connections, each at its turn.
pub async fn open(server: &Process, job: &str, connections: usize, per_s: u32, lasting: Duration) -> Result<Outcome> {
    let submitters = Submitter::several(server.addr, connections, job).await?;
    let (cpu, begun) = (server.cpu(), Instant::now());
    let (every, until) = (Duration::from_secs(1) / per_s, begun + lasting);
    let tasks = submitters.into_iter().enumerate().map(|(index, mut submitter)| {
        let mut due = begun + every * u32::try_from(index).unwrap_or(0);
        spawn_local(async move {
            let mut samples = Samples::default();
            while due < until {
                // A connection that is free waits for its time, and the timer's own lateness is not the server's.
                let free = Instant::now() < due;
                if free {
                    tokio::time::sleep_until(due.into()).await;
                }
                let since = if free { Instant::now() } else { due };
                submitter.submit().await?;
                samples.push(since.elapsed());
                due += every * u32::try_from(connections).unwrap_or(1);
            }
            anyhow::Ok(samples)
        })
    });
    let mut samples = Samples::default();
    for ended in try_join_all(tasks.collect::<Vec<_>>()).await? {
        samples.append(ended?);
    }
    Ok(Outcome { samples, elapsed: begun.elapsed(), cpu: server.cpu().saturating_sub(cpu) })
}

/// Submits a number of jobs, shared out among the submitters, as fast as they are answered.
pub async fn submit_all(submitters: &mut [Submitter], jobs: usize) -> Result<()> {
    let count = submitters.len();
    let shares = submitters.iter_mut().enumerate().map(|(index, submitter)| async move {
        for _ in 0..jobs / count + usize::from(index < jobs % count) {
            submitter.submit().await?;
        }
        anyhow::Ok(())
    });
    try_join_all(shares).await.context("a job could not be submitted").map(drop)
}
