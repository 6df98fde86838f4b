//! The owners' event logs, seen from the reading side: who is to be woken, what follows a cursor, how it is written down.
//!
//! [`bus`] wakes (no data), [`feed`] turns a cursor into ordered events out of the store, [`wire`] writes them as JSON. Called by
//! `channels` and by whoever waits for a change. Writes nothing to the log: the store does, with the change itself.

pub mod bus;
pub mod feed;
mod fold;
mod tail;
pub mod wire;
