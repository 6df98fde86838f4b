//! The real binary as a process of its own: started on a free port, killed, suspended, waited for.
//!
//! Used by the tests that do to it what the system or an operator does (`backup`, `crash`, `faults`). Knows nothing of what it serves.
//! Invariant: no process outlives its value.
#![allow(dead_code, reason = "each test file uses its share")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

/// To start, or to end. Long enough for a loaded machine, short enough to fail.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Process {
    child: Child,
    pub base: String,
    /// What it writes to stdout; closed when it ends.
    lines: mpsc::Receiver<String>,
}

impl Process {
    pub fn start(data: &Path) -> Self {
        Self::start_as(data, |_| {}).expect("the server says where it listens")
    }

    /// `None`: it ended without serving.
    pub fn start_as(data: &Path, change: impl FnOnce(&mut Command)) -> Option<Self> {
        Self::start_at("127.0.0.1:0", data, change)
    }

    /// On an address of the test's choice: where its predecessor listened, so that who knows that finds it again.
    pub fn start_at(listen: &str, data: &Path, change: impl FnOnce(&mut Command)) -> Option<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meanwhile"));
        command.args(["serve", "--listen", listen, "--workers", "4", "--data"]).arg(data);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut process = Self { child, base: String::new(), lines };
        let line = match process.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server neither serves nor ends"),
        };
        process.base = line.strip_prefix("listening on ").expect("in one line on stdout").to_owned();
        Some(process)
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command of the binary that ends by itself.
pub fn command(name: &str, folder: &Path, data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meanwhile")).arg(name).arg(folder).arg("--data").arg(data).output().unwrap()
}
