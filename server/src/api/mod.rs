//! Handlers that answer once about a resource, as `api.md` says; what follows a feed is in [`crate::channels`].
//!
//! One file a resource, and four that they share: [`extract`] reads requests, [`preferences`] their headers about how to be
//! answered, [`conditional`] entity tags and waiting, [`downloads`] files. [`openapi`] describes it all. Handlers hold no rules: the engine judges, the store keeps.

pub mod actions;
pub mod callbacks;
pub mod conditional;
pub mod deliveries;
pub mod downloads;
pub mod extract;
pub mod health;
pub mod jobs;
pub mod kinds;
pub mod mail_links;
pub mod me;
pub mod notification_settings;
pub mod openapi;
pub mod operations;
pub mod operations_forms;
pub mod outcomes;
pub mod preferences;
pub mod products;
pub mod push_endpoints;
pub mod suppliers;
pub mod uploads;
pub mod webhooks;
