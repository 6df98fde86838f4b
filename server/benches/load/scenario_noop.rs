//! How many jobs a second go all the way: accepted, claimed, run, their result committed.
//!
//! A job of no steps costs what the engine and the store cost.
//! Invariant: the clock stops when no job is left that has not ended, and then all have succeeded.

use super::{
    baseline::Rows,
    http::{Connection, get},
    lab::Lab,
    loops::{Submitter, submit_all},
    report::{Figure, Section, Unit},
    scenario_accept::NO_OP,
};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 128;
const WORKERS: usize = 128;
/// How often an owner is asked whether a job is left; what the end is known to.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let mut section = Section::new(
        "noop",
        "No-op jobs from accept to result",
        "Rehearsals of no steps submitted over HTTP on 128 connections to 128 workers, three events a job: all of one \
         owner, as in a queue that knows no owners, and of 128 owners, whose streams and lists lie apart on the disk. The \
         clock runs from the first request until every owner's list says that nothing is queued or running (looked at \
         each 5 ms). Beside it: what was accepted a second in the same run, and rows that SQLite commits alone, 100 at \
         a time.",
    );
    for owners in [1, CONNECTIONS] {
        run(lab, owners, &mut section).await?;
    }
    Ok(section)
}

async fn run(lab: &Lab, owners: usize, section: &mut Section) -> Result<()> {
    let jobs = lab.either(60_000, 1_000);
    let (data, disk) = (lab.folder()?, lab.folder()?);
    let mut grouped = Rows::open(disk.path(), "grouped.db")?;
    grouped.commit(100, lab.lasting() / 5)?;
    let server = lab.serve(data.path(), WORKERS)?;
    let mut submitters = Submitter::several(server.addr, CONNECTIONS, NO_OP).await?;
    if owners == 1 {
        let first = submitters.first().and_then(|first| first.cookie.clone());
        submitters = Submitter::of_owner(server.addr, CONNECTIONS, first, NO_OP).await?;
    }
    submit_all(&mut submitters, jobs / 20).await?;
    until_ended(&server.addr, &submitters).await?;

    let (cpu, begun) = (server.cpu(), Instant::now());
    submit_all(&mut submitters, jobs).await?;
    let accepted = begun.elapsed();
    until_ended(&server.addr, &submitters).await?;
    let ended = begun.elapsed();
    let cpu = server.cpu().saturating_sub(cpu);
    grouped.commit(100, lab.lasting() / 5)?;
    for submitter in &submitters {
        ensure!(
            is_empty(&mut Connection::open(server.addr).await?, submitter, "failed,cancelled").await?,
            "a job failed"
        );
    }
    let (count, per_s) = (jobs as f64, |took: Duration| jobs as f64 / took.as_secs_f64());
    let figure =
        Figure::new(format!("jobs, accept to result, {}", words(owners)), per_s(ended), Unit::PerSecond).of(jobs);
    let figure = figure.beside("accepted in the same run", Some(per_s(accepted)));
    section.figure(figure.beside("SQLite, 100 rows a commit", Some(grouped.per_s())));
    let name = format!("server CPU for each, {}", words(owners));
    section.figure(Figure::new(name, cpu.as_secs_f64() * 1e6 / count, Unit::Micros).of(jobs));
    section.note(format!(
        "{}: all accepted after {:.2} s, all ended after {:.2} s.",
        words(owners),
        accepted.as_secs_f64(),
        ended.as_secs_f64()
    ));
    Ok(())
}

fn words(owners: usize) -> String {
    if owners == 1 { "1 owner".to_owned() } else { format!("{owners} owners") }
}

async fn until_ended(addr: &std::net::SocketAddr, submitters: &[Submitter]) -> Result<()> {
    let mut connection = Connection::open(*addr).await?;
    for submitter in submitters {
        while !is_empty(&mut connection, submitter, "queued,running").await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}

async fn is_empty(connection: &mut Connection, submitter: &Submitter, states: &str) -> Result<bool> {
    let path = format!("/api/v1/jobs?state={states}&limit=1");
    let answer = connection.ask(&get(&path, submitter.cookie.as_deref())).await?;
    answer.must_be(200)?;
    Ok(answer.text()?.starts_with(r#"{"items":[],"#))
}
