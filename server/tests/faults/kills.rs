//! `kill -9` at random moments under load, over and over, against the ledger.
//!
//! Short among the tests; `cargo xtask ledger --kills 200 --jobs 100000` sets the sizes by the two variables and shows the last line.
//! A moment is a number of answers: the server dies after so many more of them, with requests, commits and attempts under way.

use crate::{ledger::Ledger, process::Process};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

const OWNERS: usize = 8;
const CLIENTS: usize = 32;

/// A size of the run.
fn size(name: &str, short: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(short, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accepted_job_is_lost_or_done_twice_however_often_the_server_is_killed() {
    let (kills, jobs) = (size("MEANWHILE_LEDGER_KILLS", 5), size("MEANWHILE_LEDGER_JOBS", 1000));
    let (started, folder) = (Instant::now(), tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    let mut process = Process::start(&data);
    let ledger = Ledger::open(&process, OWNERS).await;
    let killed = Arc::new(AtomicUsize::new(0));
    let mut load = tokio::spawn({
        let (ledger, killed) = (Arc::clone(&ledger), Arc::clone(&killed));
        async move {
            let enough = move |ledger: &Ledger| ledger.accepted() >= jobs && killed.load(Ordering::SeqCst) >= kills;
            ledger.load(CLIENTS, enough).await;
        }
    });
    for kill in 1..=kills {
        // On average, all jobs are accepted when the last kill is due.
        let moment = ledger.accepted() + fastrand::usize(1..=(2 * jobs / kills).max(1));
        tokio::select! {
            () = ledger.wait_accepted(moment) => {}
            ended = &mut load => panic!("the load ended before the last kill: {ended:?}"),
        }
        ledger.pause();
        process.kill();
        process = Process::start(&data);
        killed.store(kill, Ordering::SeqCst);
        ledger.serve_from(&process);
    }
    load.await.unwrap();
    let settled = ledger.settle().await;
    process.kill();
    ledger.audit(&data).await;
    assert!(settled.accepted >= jobs && settled.resent > 0, "{settled:?}");
    println!(
        "ledger: {kills} kills, {} accepted and {} uploads kept, 0 lost; {} jobs ended once a round ({} succeeded, {} failed, {} \
         cancelled) in {} events without a gap; {} keys sent again after a kill gave the same job; {:.0} s",
        settled.accepted,
        settled.uploads,
        settled.jobs,
        settled.succeeded,
        settled.failed,
        settled.cancelled,
        settled.events,
        settled.resent,
        started.elapsed().as_secs_f64()
    );
}
