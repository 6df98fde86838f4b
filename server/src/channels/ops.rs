//! What a client can ask for on a WebSocket: subscribe, acknowledge, cancel, ping.
//!
//! Called by `ws` with each text frame; answers what to say or follow, and touches no socket.
//! Invariant: a frame that cannot be taken changes nothing, and its sender is told why.

use super::{Watches, ack, follower::Follower};
use crate::{
    error::ApiError,
    events::feed::{FeedError, FeedRequest, PAGE_EVENTS},
    state::AppState,
};
use axum::http::StatusCode;
use domain::{
    OwnerId, Problem,
    api::CancelAnswer,
    frame::{ClientFrame, Reset, ServerFrame},
};

/// What a frame came to.
pub enum Answer {
    /// Nothing to say.
    Silence,
    /// One frame to send.
    Frame(ServerFrame),
    /// A subscription that replaces the present one.
    Follow(Box<Follower>),
    /// The subscription asked for cannot be continued; there is none now.
    Reset(Reset),
}

/// The answer to a frame that cannot be taken.
pub fn bad_frame(detail: impl Into<String>) -> Answer {
    error(Problem::new(400, "bad-frame", detail))
}

fn error(problem: Problem) -> Answer {
    Answer::Frame(ServerFrame::Error { problem })
}

/// Does what a text frame asks for.
pub async fn perform(app: &AppState, owner: OwnerId, text: &str) -> Answer {
    let frame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => return bad_frame(format!("That is no frame of this protocol: {error}.")),
    };
    match frame {
        ClientFrame::Subscribe { after, job, watch, fold } => {
            let request = FeedRequest { after, job, fold: fold.unwrap_or(true), limit: PAGE_EVENTS };
            subscribe(app, owner, request, watch.as_deref()).await
        }
        ClientFrame::Ack { cursor, visible } => match ack::record(app, owner, &cursor, visible).await {
            Ok(()) => Answer::Silence,
            Err(refusal) => error(refusal.into_problem()),
        },
        ClientFrame::Cancel { job, ref_ } => {
            let (status, body) = match app.engine.cancel(owner, job).await {
                Ok(Some(outcome)) => (StatusCode::ACCEPTED, serde_json::to_value(CancelAnswer { outcome })),
                Ok(None) => refused(ApiError::job_not_found()),
                Err(failure) => refused(failure.into()),
            };
            Answer::Frame(ServerFrame::Reply { ref_, status: status.as_u16(), body: body.unwrap_or_default() })
        }
        ClientFrame::Ping { ref_ } => Answer::Frame(ServerFrame::Pong { ref_ }),
    }
}

fn refused(refusal: ApiError) -> (StatusCode, serde_json::Result<serde_json::Value>) {
    (refusal.status(), serde_json::to_value(refusal.problem()))
}

async fn subscribe(app: &AppState, owner: OwnerId, request: FeedRequest, watch: Option<&str>) -> Answer {
    let watches = match Watches::parse(watch) {
        Ok(watches) => watches,
        Err(refusal) => return error(refusal.into_problem()),
    };
    match Follower::open(app, owner, request, watches).await {
        Ok(follower) => Answer::Follow(Box::new(follower)),
        Err(FeedError::Reset(reset)) => Answer::Reset(reset),
        Err(refusal) => error(ApiError::from(refusal).into_problem()),
    }
}
