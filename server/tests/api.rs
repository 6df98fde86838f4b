//! The HTTP contract over real sockets: a test for each promise, and one for each bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "api/actions.rs"]
mod actions;
#[path = "api/callbacks.rs"]
mod callbacks;
mod common;
#[path = "api/editing.rs"]
mod editing;
#[path = "api/forms.rs"]
mod forms;
#[path = "api/owners.rs"]
mod owners;
#[path = "api/products.rs"]
mod products;
#[path = "api/reading.rs"]
mod reading;
#[path = "api/service.rs"]
mod service;
#[path = "api/submitting.rs"]
mod submitting;
#[path = "api/uploads.rs"]
mod uploads;
