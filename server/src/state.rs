//! What every handler can reach, cloned into each request.
//!
//! Put together by [`crate::startup`], taken by `api`, `channels`, `forms` and `ui`. Holds handles and nothing of its own, and knows
//! nobody who uses it.

use crate::{
    api::callbacks,
    channels,
    config::Config,
    engine::Engine,
    events::bus::Bus,
    files::Files,
    kinds::supplier_quotes::directory::Directory,
    notify::{dispatcher::Dispatcher, senders::Senders},
    operator::OperatorKey,
    owner::OwnerKey,
    store::Store,
    throttle::Throttle,
    ui,
};
use std::{ops::Deref, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What every handler can reach; a clone is one counted reference, since each layer of a request takes one.
#[derive(Clone)]
pub struct AppState(Arc<Reach>);

impl AppState {
    /// Shares it.
    pub fn new(reach: Reach) -> Self {
        Self(Arc::new(reach))
    }
}

impl Deref for AppState {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.0
    }
}

/// What every handler can reach, once.
pub struct Reach {
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
    /// Judges who operates this server.
    pub operator: OperatorKey,
    /// Every setting.
    pub config: Config,
    /// Fires when the server begins to stop.
    pub shutdown: CancellationToken,
    /// The built interface.
    pub assets: Arc<ui::Assets>,
    /// Counts the open streams.
    pub limits: channels::Limits,
    /// Counts the call-backs that are being read.
    pub callbacks: callbacks::Gate,
    /// Counts what each address asks for.
    pub throttle: Throttle,
    /// What owners' devices have seen.
    pub acks: channels::Acks,
    /// Whose devices are live.
    pub presence: channels::Presence,
    /// Sends what is to be told to those who are not there.
    pub dispatcher: Dispatcher,
    /// Whom jobs ask, and how each of them does.
    pub suppliers: Directory,
    /// What can be sent to those who are not there.
    pub senders: Senders,
}
