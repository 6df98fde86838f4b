//! The baselines below HTTP: what the disk and SQLite do with nobody above them.
//!
//! Called by the scenarios that commit, before or after they measure. Runs on the calling thread and uses no code of the
//! server.
//! Invariant: the same promise as the server's (WAL, `synchronous=FULL`), or the comparison would mean nothing.

use super::samples::Samples;
use anyhow::Result;
use rusqlite::Connection;
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

/// A row as large as an accepted job's, its event included.
const ROW_BYTES: usize = 350;
const BLOCK: usize = 4096;
/// Blocks that are written over and over: a file that grows would measure the file system's own log too.
const BLOCKS: u64 = 4096;

/// Repeats it for as long as asked.
fn repeat(lasting: Duration, mut work: impl FnMut(u64) -> Result<()>) -> Result<Samples> {
    let (mut samples, begun, mut turn) = (Samples::default(), Instant::now(), 0);
    while begun.elapsed() < lasting {
        let started = Instant::now();
        work(turn)?;
        samples.push(started.elapsed());
        turn += 1;
    }
    Ok(samples)
}

/// Writes 4 KiB and makes them durable (`fdatasync`), again and again.
pub fn fdatasync(folder: &Path, lasting: Duration) -> Result<Samples> {
    let file = File::options().create(true).truncate(true).write(true).open(folder.join("fdatasync"))?;
    let block = [7_u8; BLOCK];
    for turn in 0..BLOCKS {
        file.write_all_at(&block, turn * BLOCK as u64)?;
    }
    file.sync_all()?;
    repeat(lasting, |turn| {
        file.write_all_at(&block, (turn % BLOCKS) * BLOCK as u64)?;
        Ok(file.sync_data()?)
    })
}

/// SQLite with a table of rows.
pub struct Rows {
    conn: Connection,
    inserted: usize,
    took: Duration,
}

impl Rows {
    /// Makes the database.
    pub fn open(folder: &Path, name: &str) -> Result<Self> {
        let conn = Connection::open(folder.join(name))?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )?;
        Ok(Self { conn, inserted: 0, took: Duration::ZERO })
    }

    /// Inserts rows, `rows` a commit, for as long as asked.
    pub fn commit(&mut self, rows: usize, lasting: Duration) -> Result<()> {
        let (body, begun) = (vec![7_u8; ROW_BYTES], Instant::now());
        let samples = repeat(lasting, |_| {
            self.conn.execute_batch("BEGIN IMMEDIATE")?;
            let mut insert = self.conn.prepare_cached("INSERT INTO row (body) VALUES (?1)")?;
            for _ in 0..rows {
                insert.execute([&body])?;
            }
            Ok(self.conn.execute_batch("COMMIT")?)
        })?;
        self.took += begun.elapsed();
        self.inserted += samples.count() * rows;
        Ok(())
    }

    /// Rows a second, all rounds together.
    pub fn per_s(&self) -> f64 {
        self.inserted as f64 / self.took.as_secs_f64().max(1e-9)
    }
}
