//! The engine over the real store, without HTTP. Each test is named after the promise that it keeps.
//!
//! Waiting is on commits (see `world`), never on time: what a test waits for is a state in the store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "engine/outcomes.rs"]
mod outcomes;
#[path = "engine/refusing.rs"]
mod refusing;
#[path = "engine/reporting.rs"]
mod reporting;
#[path = "engine/script.rs"]
mod script;
#[path = "engine/stopping.rs"]
mod stopping;
#[path = "engine/submitting.rs"]
mod submitting;
#[path = "engine/surviving.rs"]
mod surviving;
#[path = "engine/turns.rs"]
mod turns;
#[path = "engine/waiting.rs"]
mod waiting;
#[path = "engine/world.rs"]
mod world;
mod wrapped_store;
