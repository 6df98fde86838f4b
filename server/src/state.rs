//! What every handler can reach, cloned into each request.
//!
//! Put together by [`crate::startup`], taken by `api`, `channels`, `forms` and `ui`. Holds handles and nothing of its own, and knows
//! nobody who uses it.

use crate::{
    channels, config::Config, engine::Engine, events::bus::Bus, files::Files, owner::OwnerKey, store::Store,
    throttle::Throttle, ui,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    /// Everything durable.
    pub store: Arc<dyn Store>,
    /// Accepts and runs jobs.
    pub engine: Engine,
    /// Wakes those who follow an owner's stream.
    pub bus: Bus,
    /// Uploads and results on disk.
    pub files: Files,
    /// Signs the owners' cookies.
    pub owners: OwnerKey,
    /// Every setting.
    pub config: Arc<Config>,
    /// Fires when the server begins to stop.
    pub shutdown: CancellationToken,
    /// The built interface.
    pub assets: Arc<ui::Assets>,
    /// Counts the open streams.
    pub limits: channels::Limits,
    /// Counts what each address asks for.
    pub throttle: Throttle,
    /// What owners' devices have seen.
    pub acks: channels::Acks,
}
