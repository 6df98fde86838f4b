//! Push from outside: a server, visitors, and a real receiver of webhooks.
//!
//! Each test is a promise to whoever closed the tab. What the store keeps is `outbox_conformance`'s, what a sender does with an address
//! `senders`', what a death does `faults`'.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

#[path = "push/failing.rs"]
mod failing;
#[path = "push/log.rs"]
mod log;
#[path = "push/needed.rs"]
mod needed;
#[path = "push/receiver.rs"]
mod receiver;
#[path = "push/world.rs"]
mod world;
