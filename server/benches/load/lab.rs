//! What every scenario works with: the programs to measure, a place for their data, and how long and how much to measure.
//!
//! Made by `main` from its arguments. Measures nothing itself.
//! Invariant: each data folder is fresh, on the disk that is measured, and removed afterwards.

use super::process::Process;
use anyhow::{Context, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// The laboratory.
pub struct Lab {
    /// The server's binary.
    pub server: PathBuf,
    /// The program that serves the bare baseline when called with `bare`; without one that baseline is left out.
    pub bare: Option<PathBuf>,
    /// Where data folders are made.
    pub scratch: PathBuf,
    /// A smoke check: short, small, and of no meaning as a measurement.
    pub quick: bool,
}

impl Lab {
    /// One of two, the second in a smoke check.
    pub fn either<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How long a loop lasts.
    pub fn lasting(&self) -> Duration {
        self.either(Duration::from_secs(5), Duration::from_millis(250))
    }

    /// A fresh folder.
    pub fn folder(&self) -> Result<TempDir> {
        std::fs::create_dir_all(&self.scratch)?;
        tempfile::tempdir_in(&self.scratch).context("no folder for data can be made")
    }

    /// The server on a data folder.
    pub fn serve(&self, data: &Path, workers: usize) -> Result<Process> {
        self.serve_streams(data, workers, 20, 10_000)
    }

    /// The server on a data folder, with other limits of open streams.
    pub fn serve_streams(&self, data: &Path, workers: usize, per_owner: usize, total: usize) -> Result<Process> {
        let mut command = Command::new(&self.server);
        command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--data").arg(data);
        command.arg("--workers").arg(workers.to_string());
        // What is measured is the engine, not its quotas.
        command.args(["--max-jobs", "0", "--max-requests", "0", "--max-connections", "0"]);
        command.args(["--max-connections-per-address", "0"]);
        command.arg("--streams-per-owner").arg(per_owner.to_string()).arg("--streams").arg(total.to_string());
        // Their own histograms are part of what is measured.
        command.arg("--metrics-open");
        // A line of log for each attempt would be measured too.
        Process::start(command.env("MEANWHILE_LOG", "warn"))
    }

    /// The bare baseline, answering a submit with so many bytes.
    pub fn serve_bare(&self, answer_bytes: usize) -> Result<Option<Process>> {
        let start = |program| Process::start(Command::new(program).arg("bare").arg(answer_bytes.to_string()));
        self.bare.as_ref().map(start).transpose()
    }
}
