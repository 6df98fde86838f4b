//! The engine proved by breaking it: kills, deaths at every boundary, suspension, power loss, a full disk, clocks that jump.
//!
//! All of it happens to the real binary as it is served; what `faults/shim.c` does stands between it and the system, so the
//! server has no hook for tests. Each test works through a load with a book of what was promised (`faults/ledger.rs`) and then holds
//! answers and tables against it (`faults/follow.rs`, `faults/audit.rs`). Waiting is on answers, ends of processes and rows.
//! `cargo xtask ledger` runs the first of them long.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;

#[path = "store_conformance/fixture.rs"]
#[allow(dead_code, reason = "only how events fold to a row is used here")]
mod fixture;

#[path = "faults/audit.rs"]
mod audit;
#[path = "faults/boundaries.rs"]
mod boundaries;
#[path = "faults/clock_jumps.rs"]
mod clock_jumps;
#[path = "faults/course.rs"]
mod course;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/follow.rs"]
mod follow;
#[path = "faults/full_disk.rs"]
mod full_disk;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/ledger.rs"]
mod ledger;
#[path = "faults/poison.rs"]
mod poison;
#[path = "faults/power_loss.rs"]
mod power_loss;
#[path = "faults/pushed.rs"]
mod pushed;
#[path = "push/receiver.rs"]
mod receiver;
#[path = "faults/shim.rs"]
mod shim;
#[path = "faults/suspension.rs"]
mod suspension;
