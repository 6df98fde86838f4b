//! The real binary in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
};

/// A server that runs.
pub struct Process {
    child: Child,
    pub base: String,
}

impl Process {
    pub fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meanwhile"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--workers", "4", "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let line = lines.recv_timeout(super::PATIENCE).expect("the server says where it listens");
        let base = line.strip_prefix("listening on ").expect("in one line on stdout").to_owned();
        Self { child, base }
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
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
