//! Server-sent events: `GET /api/v1/stream`, one connection that says `hello`, then every event with its cursor as `id`.
//!
//! A body written by hand over a [`Follower`]: one chunk per page, made only when the connection takes it, and ids, `retry:` and the
//! end under our control. Not compressed, not cached.
//! Invariant: an `id` is sent only with what it stands for, so a browser's `Last-Event-ID` resumes exactly.

use super::{
    ChannelQuery, STREAM_CACHE_CONTROL,
    delivery::{Connected, Outgoing},
    follower::{Follower, Said},
    lifetime::{Due, Lifetime, return_ms},
    limits::{Channel, Permit},
};
use crate::{
    error::ApiError,
    events::{
        feed::{FeedError, Next},
        wire,
    },
    owner::Owner,
    state::AppState,
};
use axum::{
    body::{Body, Bytes},
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Cursor, frame::Drain};
use futures_util::stream;
use serde::Serialize;
use std::{convert::Infallible, fmt::Write as _};

/// `GET /api/v1/stream`.
///
/// # Errors
/// 400 for a bad query or cursor, 404 for another owner's job, 503 `too-many-streams` over the limits. A cursor that cannot be
/// continued is no error but a `reset`.
pub async fn stream(
    State(app): State<AppState>,
    owner: Owner,
    Extension(connected): Extension<Connected>,
    headers: HeaderMap,
    query: Result<Query<ChannelQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let query = ChannelQuery::read(query)?;
    let permit = app.limits.admit(owner.id, Channel::Sse).map_err(|over| {
        let seconds = over.delay_ms.div_ceil(1000);
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-streams",
            "Too many streams are open; close one or come back later.",
        )
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    })?;
    let mut request = query.feed();
    request.after = later(request.after, last_event_id(&headers));
    let resumes = request.after.is_some();
    match Follower::open(&app, owner.id, request, query.watches()?).await {
        // An EventSource comes back by itself after `end`; 204 is what stops it.
        Ok(follower) if resumes && follower.feed().over().is_some() => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(follower) => {
            let lifetime = Lifetime::begin(&app);
            // Boxed, since it moves into each chunk's future and out again, and a future keeps room for every place that it was in.
            let (stage, outgoing) = (Stage::Greeting, connected.outgoing);
            let connection = Box::new(Connection { follower, lifetime, stage, outgoing, _permit: permit });
            Ok(respond(Body::from_stream(stream::unfold(connection, |connection| async {
                let (text, connection) = connection.speak().await?;
                Some((Ok::<_, Infallible>(Bytes::from(text)), connection))
            }))))
        }
        Err(FeedError::Reset(reset)) => {
            let mut text = retry(return_ms());
            write_frame(&mut text, "reset", &reset);
            Ok(respond(Body::from(text)))
        }
        Err(error) => Err(error.into()),
    }
}

fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, STREAM_CACHE_CONTROL);
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// What a browser saw last on the connection that this one replaces.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// The later of both: the URL of an `EventSource` keeps its first `after` for ever, and a page may know more than the id.
fn later(after: Option<String>, id: Option<String>) -> Option<String> {
    let (Some(after), Some(id)) = (&after, &id) else { return after.or(id) };
    let newer = match (after.parse::<Cursor>(), id.parse::<Cursor>()) {
        (Ok(after), Ok(id)) => after.epoch != id.epoch || id.seq > after.seq,
        // What cannot be read is judged, and refused, by the feed.
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    };
    Some(if newer { id.clone() } else { after.clone() })
}

struct Connection {
    follower: Follower,
    lifetime: Lifetime,
    stage: Stage,
    outgoing: Outgoing,
    _permit: Permit,
}

enum Stage {
    Greeting,
    Following,
    Over,
}

impl Connection {
    /// The next chunk; `None` ends the stream.
    async fn speak(mut self: Box<Self>) -> Option<(String, Box<Self>)> {
        match self.stage {
            Stage::Greeting => {
                self.stage = Stage::Following;
                let hello = self.follower.hello();
                let mut text = retry(return_ms());
                let _ = writeln!(text, "id: {}", hello.cursor);
                write_frame(&mut text, "hello", &hello);
                Some((text, self))
            }
            Stage::Following => {
                let text = self.follow().await?;
                Some((text, self))
            }
            Stage::Over => None,
        }
    }

    async fn follow(&mut self) -> Option<String> {
        let mut text = String::new();
        tokio::select! {
            said = self.follower.next() => match said {
                Ok(Said::Log(Next::Events(rows))) => {
                    let feed = self.follower.feed();
                    self.outgoing.hand(Channel::Sse, feed.committed(), rows.len());
                    let mut cursor = feed.cursor();
                    for row in rows {
                        cursor.seq = row.seq;
                        let _ = write!(text, "id: {cursor}\nevent: {}\ndata: ", row.type_.as_str());
                        wire::write_event(&mut text, &cursor.epoch, &row);
                        text.push_str("\n\n");
                    }
                }
                Ok(Said::Log(Next::End(end))) => {
                    self.stage = Stage::Over;
                    let _ = writeln!(text, "id: {}", end.cursor);
                    write_frame(&mut text, "end", &end);
                }
                Ok(Said::Hint(hint)) => write_frame(&mut text, "hint", &hint),
                Err(FeedError::Reset(reset)) => {
                    self.stage = Stage::Over;
                    write_frame(&mut text, "reset", &reset);
                }
                Err(error) => {
                    tracing::warn!(%error, "a stream ends early");
                    return None;
                }
            },
            due = self.lifetime.due() => match due {
                Due::Beat => write_frame(&mut text, "hb", &Box::pin(self.follower.heartbeat()).await.ok()?),
                Due::Aged => return None,
                Due::Drain { delay_ms } => {
                    self.stage = Stage::Over;
                    text.push_str(&retry(delay_ms));
                    write_frame(&mut text, "drain", &Drain { delay_ms });
                }
            },
        }
        Some(text)
    }
}

/// Appends anything but an event of the log, which goes through [`wire`].
fn write_frame(text: &mut String, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    // Writing into a String cannot fail.
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
}

/// How long an `EventSource` waits before it comes back.
fn retry(ms: u64) -> String {
    format!("retry: {ms}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, F>(_: fn(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_stream_is_small() {
        let (next, connection) = (size_of_future(Connection::speak), size_of::<Connection>());
        assert!(next <= 1024, "the future of a chunk has {next} bytes");
        assert!(connection <= 1024, "the connection has {connection} bytes");
    }

    #[test]
    fn the_later_of_after_and_last_event_id_wins() {
        let judged = |after: &str, id: &str| later(Some(after.to_owned()), Some(id.to_owned())).unwrap();
        assert_eq!(judged("k.5", "k.9"), "k.9");
        assert_eq!(judged("k.9", "k.5"), "k.9");
        assert_eq!(judged("k.9", "nonsense"), "nonsense");
        assert_eq!(judged("nonsense", "k.5"), "nonsense");
        assert_eq!(later(None, Some("k.5".into())).as_deref(), Some("k.5"));
        assert_eq!(later(Some("k.5".into()), None).as_deref(), Some("k.5"));
    }
}
