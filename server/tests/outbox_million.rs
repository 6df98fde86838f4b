//! A million queued deliveries: what a claim, a look, an accept and the end of an endpoint cost then. Prints figures, asserts none: run by hand with
//! `cargo nextest run --release --run-ignored only --no-capture … --test outbox_million`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "store_conformance/fixture.rs"]
#[allow(dead_code, reason = "its other users need more of it")]
mod fixture;
#[path = "outbox_conformance/post.rs"]
#[allow(dead_code, reason = "its other users need more of it")]
mod post;

use fixture::*;
use post::*;
use server::store::*;
use std::time::{Duration, Instant};

struct Folder(std::path::PathBuf);

impl Driver for Folder {
    fn try_open(&self) -> StoreResult<std::sync::Arc<dyn Store>> {
        Ok(server::store::sqlite::SqliteStore::open(&self.0)?)
    }
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

async fn accepts(bench: &Bench, count: usize) -> (Duration, Duration) {
    let mut times = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        bench.accept_at(new_job(OTHER), at(10)).await;
        times.push(started.elapsed());
    }
    median(times)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute, and figures for a person"]
async fn a_million_queued_deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(Folder(folder.path().to_owned()));
    let (one, other) = (bench.hook("one").await, bench.hook("other").await);
    bench.end_job(at(0)).await;
    bench.store.close().await;
    // The rows of one endpoint, a million times; the job is the same.
    let tables = rusqlite::Connection::open(folder.path().join("meanwhile.db")).unwrap();
    let started = Instant::now();
    tables
        .execute_batch(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
             INSERT INTO delivery (uuid, endpoint, era, lane, job, seq, event, state, due_at, created_at)
             SELECT randomblob(16), 1, 0, 0, 1, 1 + i, 'succeeded', 'queued', 1800000000000, 1800000000000 FROM n;
             UPDATE endpoint SET pending = pending + 1000000 WHERE id = 1; COMMIT;",
        )
        .unwrap();
    println!("made in {:.1} s", started.elapsed().as_secs_f64());
    drop(tables);
    let store = bench.driver.try_open().unwrap();
    let bench = Bench { store, ..bench };
    println!("accept beside it: median {:?}, p99 {:?}", accepts(&bench, 2_000).await.0, accepts(&bench, 2_000).await.1);
    let started = Instant::now();
    bench.store.next_delivery(&[]).await.unwrap();
    println!("next due: {:?}", started.elapsed());
    let started = Instant::now();
    bench.store.next_delivery(&["https://one.example:443".to_owned()]).await.unwrap();
    println!("next due with its host held: {:?}", started.elapsed());
    let started = Instant::now();
    let load = bench.store.outbox_load().await.unwrap();
    println!("load: {:?} ({:?})", started.elapsed(), load.pending);
    let started = Instant::now();
    let filter = DeliveryFilter { limit: 50, ..DeliveryFilter::default() };
    bench.store.deliveries(OWNER, filter).await.unwrap();
    println!("first page of the log: {:?}", started.elapsed());
    // The other endpoint's one delivery is taken at its turn, whatever waits for the first.
    let taken = bench.take(9, at(20)).await;
    assert_eq!(taken.len(), 2);
    assert!(taken.iter().any(|one| one.delivery.endpoint == other));
    for one in taken {
        bench.end(one.lease, Then::Delivered, at(20)).await;
    }
    let (mut claims, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        let started = Instant::now();
        let claimed = bench.take_one(at(40)).await;
        claims.push(started.elapsed());
        let started = Instant::now();
        bench.end(claimed.lease, Then::Delivered, at(40)).await;
        ends.push(started.elapsed());
    }
    println!("claim: {:?}, end: {:?} (median, p99)", median(claims), median(ends));
    let busy = async {
        for _ in 0..2_000 {
            let claimed = bench.take_one(at(60)).await;
            bench.end(claimed.lease, Then::Delivered, at(60)).await;
        }
    };
    let (beside, ()) = tokio::join!(accepts(&bench, 2_000), busy);
    println!("accept while it is sent: {beside:?} (median, p99)");
    let started = Instant::now();
    bench.change(one, paused(true)).await;
    println!("switched off: {:?}", started.elapsed());
    assert!(bench.take(9, at(100)).await.is_empty());
    let started = Instant::now();
    let settling = async { while bench.store.settle_deliveries(200).await.unwrap() {} };
    let (beside, ()) = tokio::join!(accepts(&bench, 2_000), settling);
    println!(
        "and written down in {:.1} s; accept meanwhile: {beside:?} (median, p99)",
        started.elapsed().as_secs_f64()
    );
}
