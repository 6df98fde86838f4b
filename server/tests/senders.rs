//! What is sent to those who are not there, to real receivers on this machine: webhooks, a push service, a mail server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod senders {
    pub mod mail;
    pub mod push_service;
    pub mod receiver;
    pub mod web_push;
    pub mod webhooks;
    pub mod whole_server;
    pub mod world;
}
use senders::{mail, push_service, receiver, webhooks, world};
