//! What `shim.c` can do to a server, from the side of a test: where it dies, a full disk, a clock that jumps, a recording.
//!
//! The control file is mapped into the server, so that what a test writes there holds from the next system call on.
//! The file's layout is `struct control` in `shim.c`.

use crate::process::Process;
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A system call that reaches the disk or a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// A page of a commit goes into the write-ahead log.
    WriteWal = 1,
    /// A commit becomes durable.
    SyncWal,
    /// A checkpoint moves a page into the database.
    WriteDatabase,
    /// What a checkpoint moved becomes durable.
    SyncDatabase,
    /// An upload, a key or a folder becomes durable.
    SyncOther,
    /// A file gets its final name.
    Rename,
    /// An answer goes out.
    Send,
}

/// On which side of the call the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
    /// With half of what was to be written; of writes only.
    Halfway,
}

/// Offsets in the control file.
const CLOCK: u64 = 0;
const DISK_FULL: u64 = 8;
const BOUNDARY: u64 = 16;
const WHEN: u64 = 24;
const COUNTDOWN: u64 = 32;
const TEXT: u64 = 40;
const TEXT_BYTES: usize = 64;
const BYTES: u64 = 4096;

/// The library, its control file and where it records.
pub struct Shim {
    library: PathBuf,
    control_path: PathBuf,
    control: File,
    log: Option<PathBuf>,
}

impl Shim {
    /// Compiles the library into a folder, which is not the data folder.
    pub fn new(folder: &Path) -> Self {
        let (library, control_path) = (folder.join("shim.so"), folder.join("control"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        assert!(compiler.status().expect("a C compiler, `cc`, as the README asks for").success());
        let control = OpenOptions::new().create(true).truncate(true).write(true).open(&control_path).unwrap();
        control.set_len(BYTES).unwrap();
        Self { library, control_path, control, log: None }
    }

    /// Records every change of the data folder in this file.
    pub fn recording(mut self, log: &Path) -> Self {
        self.log = Some(log.to_owned());
        self
    }

    /// Starts a server under it. `None`: it died before it served.
    pub fn start(&self, data: &Path, change: impl FnOnce(&mut Command)) -> Option<Process> {
        // The server names its files by this path, and the library compares paths as texts. What counts is the folder above the
        // data folder, whose own entry must outlast the power, too.
        let parent = fs::canonicalize(data.parent().unwrap()).unwrap();
        let data = parent.join(data.file_name().unwrap());
        Process::start_as(&data, |command| {
            command.env("LD_PRELOAD", &self.library).env("MEANWHILE_SHIM_CONTROL", &self.control_path);
            command.env("MEANWHILE_SHIM_DATA", &parent);
            if let Some(log) = &self.log {
                command.env("MEANWHILE_SHIM_LOG", log);
            }
            change(command);
        })
    }

    fn set(&self, at: u64, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    /// The wall clock is so much ahead from now on.
    pub fn shift_clock(&self, ms: i64) {
        self.set(CLOCK, ms);
    }

    /// Whether there is room on the disk.
    pub fn fill_disk(&self, full: bool) {
        self.set(DISK_FULL, full.into());
    }

    /// Dies at the `countdown`th boundary of this kind from now on.
    pub fn die_at(&self, boundary: Boundary, when: When, countdown: u32) {
        self.disarm();
        self.set(WHEN, when as i64);
        self.set(COUNTDOWN, countdown.into());
        self.set(BOUNDARY, boundary as i64);
    }

    /// Dies at the first such boundary with this text: in the write itself, for a sync in a write before it.
    pub fn die_at_text(&self, boundary: Boundary, when: When, text: &str) {
        assert!(text.len() < TEXT_BYTES);
        self.disarm();
        self.control.write_all_at(text.as_bytes(), TEXT).unwrap();
        self.set(WHEN, when as i64);
        self.set(COUNTDOWN, 1);
        self.set(BOUNDARY, boundary as i64);
    }

    /// Dies no more.
    pub fn disarm(&self) {
        self.set(BOUNDARY, 0);
        self.control.write_all_at(&[0; TEXT_BYTES], TEXT).unwrap();
    }
}
