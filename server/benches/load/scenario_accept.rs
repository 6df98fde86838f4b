//! How many jobs a second are accepted over HTTP, and how long one waits for its 202.
//!
//! Compared with axum that stores nothing, with SQLite that serves nobody, and with the disk alone.
//! Invariant: no accepted job runs meanwhile: the only worker is held, so that what is measured is accepting.

use super::{
    baseline::{self, Rows},
    lab::Lab,
    loops::{self, Outcome, Submitter},
    report::{Figure, Section, Unit},
    samples::Samples,
};
use anyhow::Result;

/// A job that does nothing.
pub const NO_OP: &str = r#"{"kind":"rehearsal","input":{"steps":0}}"#;
/// A job that keeps its worker until it is killed.
pub const ENDLESS: &str = r#"{"kind":"rehearsal","input":{"steps":1,"step_ms":600000}}"#;

const CONNECTIONS: [usize; 3] = [1, 32, 128];
/// In turn with the baselines, so that what else the machine does falls on all of them.
const ROUNDS: u32 = 3;
const OPEN_PER_S: u32 = 1000;
const OPEN_CONNECTIONS: usize = 100;

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let mut section = Section::new(
        "accept",
        "Accepting jobs over HTTP",
        "`POST /api/v1/jobs` with a small rehearsal, answered 202 once the job, its event and the owner's position are \
         committed with `synchronous=FULL`. Each connection is an owner of its own, keep-alive, one request at a time \
         (closed loop); or 1,000 requests a second whatever happens (open loop), a late one counted from when it was \
         due. Measured in three rounds, in turn with what stands beside it. The one worker is held, so nothing runs. \
         Beside it: axum that parses the same JSON and answers as many bytes, the same load; single commits of a \
         350-byte row by SQLite, and 100 rows a commit, same settings, one thread; `fdatasync` of 4 KiB.",
    );
    let (data, disk) = (lab.folder()?, lab.folder()?);
    let server = lab.serve(data.path(), 1)?;
    let answer_bytes = Submitter::several(server.addr, 1, ENDLESS).await?[0].submit().await?;
    let bare = lab.serve_bare(answer_bytes)?;
    let (rounds, lasting) = (lab.either(ROUNDS, 1), lab.lasting());
    let span = lasting / rounds;
    let mut single = Rows::open(disk.path(), "single.db")?;
    let mut grouped = Rows::open(disk.path(), "grouped.db")?;
    for connections in CONNECTIONS {
        let [mut ours, mut echo] = [0, 1].map(|_| Outcome::default());
        let mut synced = Samples::default();
        for _ in 0..rounds {
            synced.append(baseline::fdatasync(disk.path(), span / 4)?);
            single.commit(1, span / 4)?;
            grouped.commit(100, span / 4)?;
            ours.append(loops::closed(&server, NO_OP, connections, span).await?);
            if let Some(bare) = &bare {
                echo.append(loops::closed(bare, NO_OP, connections, span).await?);
            }
        }
        let echo = bare.as_ref().map(|_| echo);
        let name = match connections {
            1 => "1 connection".to_owned(),
            _ => format!("{connections} connections"),
        };
        let rate = Figure::new(format!("accepts, {name}"), ours.per_s(), Unit::PerSecond)
            .of(ours.samples.count())
            .beside("bare axum", echo.as_ref().map(Outcome::per_s))
            .beside("SQLite, single commits", Some(single.per_s()))
            .beside("SQLite, 100 rows a commit", Some(grouped.per_s()));
        section.figure(rate);
        latencies(&mut section, &name, ours, echo, Some(&mut synced));
    }
    let ours = loops::open(&server, NO_OP, OPEN_CONNECTIONS, OPEN_PER_S, lasting).await?;
    let echo = match &bare {
        Some(bare) => Some(loops::open(bare, NO_OP, OPEN_CONNECTIONS, OPEN_PER_S, lasting).await?),
        None => None,
    };
    let rate = Figure::new("accepts, open loop at 1,000 /s", ours.per_s(), Unit::PerSecond).of(ours.samples.count());
    section.figure(rate.beside("bare axum", echo.as_ref().map(Outcome::per_s)));
    latencies(&mut section, "open loop at 1,000 /s", ours, echo, None);
    Ok(section)
}

fn latencies(
    section: &mut Section,
    name: &str,
    mut ours: Outcome,
    mut echo: Option<Outcome>,
    mut disk: Option<&mut Samples>,
) {
    let count = ours.samples.count();
    let p50 = Figure::new(format!("202 p50, {name}"), ours.samples.p50_ms(), Unit::Millis).of(count);
    let p50 = p50.beside("bare axum", echo.as_mut().map(|echo| echo.samples.p50_ms()));
    section.figure(p50.beside("fdatasync p50", disk.as_deref_mut().map(Samples::p50_ms)));
    let p99 = Figure::new(format!("202 p99, {name}"), ours.samples.p99_ms(), Unit::Millis).of(count);
    let p99 = p99.beside("bare axum", echo.as_mut().map(|echo| echo.samples.p99_ms()));
    section.figure(p99.beside("fdatasync p99", disk.map(Samples::p99_ms)));
    let cpu = Figure::new(format!("server CPU for each, {name}"), ours.cpu_us(), Unit::Micros).of(count);
    section.figure(cpu.beside("bare axum", echo.as_ref().map(Outcome::cpu_us)));
}
