//! Channels: how a feed reaches a client. Each is a feed plus an encoding, and holds a position and a socket, nothing else.
//!
//! [`poll`] answers once, [`sse`] and [`ws`] follow ([`follower`]) for as long as [`lifetime`] lets them; [`limits`] counts them, [`ack`]
//! keeps what devices have seen, [`presence`] knows whether one is live, [`deadline`] drops those who do not read. A new channel: a file here, a route, a row in
//! `tests/channels_conformance.rs`. Invariant: no queue per connection; a slow client is back-pressure and one integer.

pub mod ack;
pub mod deadline;
pub mod follower;
pub mod lifetime;
pub mod limits;
mod ops;
pub mod poll;
pub mod positions;
pub mod presence;
pub mod sse;
pub mod ws;

pub use ack::Acks;
pub use limits::Limits;
pub use presence::Presence;

use crate::{
    error::ApiError,
    events::feed::{FeedError, FeedRequest, PAGE_EVENTS},
};
use axum::{
    extract::{Query, rejection::QueryRejection},
    http::{HeaderValue, StatusCode},
};
use domain::{JobId, Problem};
use serde::Deserialize;

/// Of every stream: no cache keeps it, no proxy rewrites or compresses it.
const STREAM_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache, no-transform");

/// The query of a channel; each takes those parameters that mean something to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelQuery {
    after: Option<String>,
    job: Option<JobId>,
    watch: Option<String>,
    fold: Option<bool>,
    limit: Option<usize>,
    wait: Option<u64>,
    once: Option<bool>,
}

impl ChannelQuery {
    fn read(query: Result<Query<Self>, QueryRejection>) -> Result<Self, ApiError> {
        let Query(query) =
            query.map_err(|rejection| ApiError::new(StatusCode::BAD_REQUEST, "bad-query", rejection.body_text()))?;
        Ok(query)
    }

    fn feed(&self) -> FeedRequest {
        FeedRequest {
            after: self.after.clone(),
            job: self.job,
            fold: self.fold.unwrap_or(true),
            limit: self.limit.unwrap_or(PAGE_EVENTS),
        }
    }

    /// What is watched beside the log.
    fn watches(&self) -> Result<Watches, ApiError> {
        Watches::parse(self.watch.as_deref())
    }
}

/// What hints a client asks for beside the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watches {
    /// The catalogue's revision.
    pub catalogue: bool,
    /// Where jobs stand that have not started.
    pub positions: bool,
}

impl Watches {
    /// Reads `watch`: one word or several, with commas between.
    fn parse(watch: Option<&str>) -> Result<Self, ApiError> {
        let mut watches = Self::default();
        for word in watch.into_iter().flat_map(|words| words.split(',')) {
            match word {
                "catalogue" => watches.catalogue = true,
                "positions" => watches.positions = true,
                _ => {
                    return Err(ApiError::bad_query(
                        "watch",
                        "can only be `catalogue`, `positions` or both with a comma",
                    ));
                }
            }
        }
        Ok(watches)
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::BadCursor(detail) => Self::new(StatusCode::BAD_REQUEST, "bad-cursor", detail),
            FeedError::NoSuchJob => Self::job_not_found(),
            FeedError::Reset(reset) => {
                let detail = format!(
                    "The cursor cannot be continued ({}); read the snapshot and go on from its cursor.",
                    reset.reason
                );
                Problem { snapshot: Some(reset.snapshot), ..Problem::new(410, "cursor-expired", detail) }.into()
            }
            FeedError::Store(error) => error.into(),
        }
    }
}
