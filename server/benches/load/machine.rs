//! The machine as Linux tells of it under `/proc`: what it is, and who used its processors.
//!
//! Read by `main` around each scenario and by `process`. Linux only; what cannot be read is left out of the report.
//! Invariant: times are differences of the kernel's own counters, so that they hold for threads and children too.

use serde_json::{Value, json};
use std::{fmt, fs, path::Path, time::Duration};

/// Ticks a second in `/proc`: `USER_HZ` is 100 on every architecture that Linux serves today (proc(5), sysconf(3)).
const TICKS_PER_SECOND: u64 = 100;

/// What it is.
#[derive(Debug)]
pub struct Machine {
    cpu: String,
    cores: usize,
    memory_gib: f64,
    kernel: String,
    disk: String,
}

impl Machine {
    /// Reads it; `scratch` is where the data folders are.
    pub fn read(scratch: &Path) -> Self {
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kib = field(&read("/proc/meminfo"), "MemTotal");
        let kib = kib.and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / 1_048_576.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: file_system(&read("/proc/mounts"), scratch),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({"cpu": self.cpu, "cores": self.cores, "memory_gib": self.memory_gib, "kernel": self.kernel, "file_system": self.disk})
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, memory_gib, kernel, disk } = self;
        write!(f, "Machine: {cores} × {cpu}, {memory_gib:.0} GiB, Linux {kernel}, data on {disk}.")
    }
}

/// The file system of a path: of the longest mount point above it.
pub fn file_system(mounts: &str, path: &Path) -> String {
    let entries = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = entries.filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map_or("an unknown file system", |(_, kind)| kind).to_owned()
}

/// Processor time used until a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// By everybody.
    busy: u64,
    /// By this process and its children that have ended.
    own: u64,
    /// Taken by the host of a virtual machine.
    stolen: u64,
    /// In all, idle or not.
    total: u64,
}

impl Usage {
    /// Reads the counters.
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let words = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
        // user nice system idle iowait irq softirq steal; what follows is contained in user (proc(5)).
        let ticks: Vec<u64> = words.take(8).map(|word| word.parse().unwrap_or(0)).collect();
        let of = |index: usize| ticks.get(index).copied().unwrap_or(0);
        let (total, idle, stolen) = (ticks.iter().sum(), of(3) + of(4), of(7));
        let own = stat_of("self").map_or(0, |words| words[11..15].iter().sum());
        Self { busy: u64::saturating_sub(total, idle + stolen), own, stolen, total }
    }

    /// The share of all processors since then, 0 to 1, that other programs used and that the host took.
    pub fn of_others_since(self, then: Self) -> (f64, f64) {
        let total = self.total.saturating_sub(then.total).max(1) as f64;
        let others = (self.busy - then.busy.min(self.busy)).saturating_sub(self.own.saturating_sub(then.own));
        (others as f64 / total, self.stolen.saturating_sub(then.stolen) as f64 / total)
    }
}

/// Processor time of a process, user and system together, all its threads.
pub fn cpu_of(pid: u32) -> Duration {
    let ticks = stat_of(&pid.to_string()).map_or(0, |words| words[11] + words[12]);
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Bytes of memory that a process has resident.
pub fn resident_of(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Rss:"))?;
    Some(line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// File descriptors that this process, and what it starts, may open.
pub fn descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// The numbers of `/proc/PID/stat` after the name, which may itself have blanks; `utime` is the 12th (index 11).
fn stat_of(process: &str) -> Option<Vec<u64>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let words = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let numbers: Vec<u64> = words.map(|word| word.parse().unwrap_or(0)).collect();
    (numbers.len() > 15).then_some(numbers)
}
