//! How much memory an open stream takes that nothing happens on.
//!
//! Invariant: the server's own process is measured, before and after, with every stream open and known to have been
//! greeted.

use super::{
    framing::Said,
    lab::Lab,
    machine,
    process::Process,
    report::{Figure, Section, Unit},
    stream::{Channel, Fleet},
};
use anyhow::{Result, ensure};
use std::{cell::Cell, cell::RefCell, collections::HashSet, rc::Rc, time::Duration};

const STREAMS: usize = 15_000;
/// Descriptors that a process needs besides its sockets.
const SPARE: usize = 200;
/// Longer than a heartbeat's 15 s.
const PATIENCE: Duration = Duration::from_secs(60);

struct Grown {
    /// Bytes a stream when all were greeted.
    greeted: f64,
    /// Bytes a stream after a heartbeat on each.
    beaten: Option<f64>,
}

/// Measures it.
pub async fn measure(lab: &Lab) -> Result<Section> {
    let allowed = machine::descriptors().saturating_sub(SPARE);
    let wanted = lab.either(STREAMS, 300);
    let streams = wanted.min(allowed);
    let mut section = Section::new(
        "idle",
        "Memory of an idle stream",
        "15,000 streams, each of an owner of its own, on which nothing is told: growth of the server's resident memory \
         (`Rss` of `/proc/PID/smaps_rollup`), divided by the streams; once all were greeted, and again when each has \
         had a heartbeat. The kernel's memory for sockets is not in it. Beside it: bare axum, which has no heartbeat.",
    );
    if streams < wanted {
        section.note(format!("Only {streams} streams: this process may open {allowed} files (`ulimit -n`)."));
    }
    for channel in Channel::ALL {
        let data = lab.folder()?;
        let server = lab.serve_streams(data.path(), 8, 20, 100_000)?;
        let ours = grow(&server, channel, streams, !lab.quick).await?;
        drop(server);
        let bare = match lab.serve_bare(0)? {
            Some(bare) => Some(grow(&bare, channel, streams, false).await?),
            None => None,
        };
        let name = channel.name();
        let figure = Figure::new(format!("{name}: greeted"), ours.greeted, Unit::Bytes).of(streams);
        section.figure(figure.beside("bare axum", bare.as_ref().map(|bare| bare.greeted)));
        if let Some(beaten) = ours.beaten {
            let figure = Figure::new(format!("{name}: after a heartbeat"), beaten, Unit::Bytes).of(streams);
            section.figure(figure.beside("bare axum", bare.map(|bare| bare.greeted)));
        }
    }
    Ok(section)
}

async fn grow(server: &Process, channel: Channel, streams: usize, until_beaten: bool) -> Result<Grown> {
    // What the first streams set up belongs to no stream.
    let warm = Fleet::open(server.addr, channel, &vec![None; 100], "", Rc::new(|_, _, _| {})).await?;
    warm.whole()?;
    drop(warm);
    let before = server.resident()?;
    let (beaten, count) = (Rc::<RefCell<HashSet<usize>>>::default(), Rc::<Cell<usize>>::default());
    let hear = {
        let (beaten, count) = (beaten.clone(), count.clone());
        Rc::new(move |stream, said, _| {
            if said == Said::Beat && beaten.borrow_mut().insert(stream) {
                count.set(count.get() + 1);
            }
        })
    };
    let fleet = Fleet::open(server.addr, channel, &vec![None; streams], "", hear).await?;
    let each = |now: u64| (now as f64 - before as f64) / streams as f64;
    let greeted = each(server.resident()?);
    let mut grown = Grown { greeted, beaten: None };
    if until_beaten {
        fleet.until(&count, streams, PATIENCE).await?;
        grown.beaten = Some(each(server.resident()?));
    }
    ensure!(streams > 0, "no file may be opened");
    fleet.whole()?;
    Ok(grown)
}
