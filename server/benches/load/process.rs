//! A server in a process of its own: started, measured from outside, killed.
//!
//! Made by `lab`. Talks to it only through its standard output, its signals and `/proc`.
//! Invariant: none outlives its handle.

use super::machine;
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A running server.
pub struct Process {
    child: Child,
    /// Kept open: whoever writes to a closed pipe may stop.
    _stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Process {
    /// Starts a server and waits until it says where it listens.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{name}` could not be started"))?;
        let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let Some(addr) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.kill();
            bail!("`{name}` ended with {} instead of listening", child.wait()?);
        };
        Ok(Self { addr: addr.parse()?, child, _stdout: stdout })
    }

    /// Processor time that it has used.
    pub fn cpu(&self) -> Duration {
        machine::cpu_of(self.child.id())
    }

    /// Bytes of memory that it has resident.
    pub fn resident(&self) -> Result<u64> {
        machine::resident_of(self.child.id()).context("the server's memory cannot be read from /proc")
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
