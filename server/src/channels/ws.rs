//! WebSocket: `GET /api/v1/ws`, subprotocol `meanwhile.v1`: a stream that its client can also speak on.
//!
//! One task per connection, which receives, follows and keeps time in one `select!`, without split halves; buffers as small as they
//! go. What a client's frame asks for is done by [`super::ops`]. Cross-site upgrades never get here
//! (`owner::refuse_cross_site`). Invariant: a connection ends with a close code that says whether, and when, to come back.

use super::{
    delivery::{Connected, Outgoing},
    follower::{Follower, Said},
    lifetime::{Due, Lifetime, return_ms},
    limits::{Channel, Permit},
    ops::{self, Answer},
};
use crate::{
    error::ApiError,
    events::{
        feed::{FeedError, Next},
        wire,
    },
    owner::Owner,
    state::AppState,
    store::EventRow,
};
use axum::{
    extract::{
        Extension, State,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use domain::{
    OwnerId,
    frame::{Drain, ServerFrame, WS_PROTOCOL, close},
};
use tokio::time::{Duration, Instant, timeout};

const READ_BUFFER: usize = 1024;
const MAX_MESSAGE: usize = 64 * 1024;
/// Several of the largest frames; a peer that does not read is waited for before this fills.
const MAX_WRITE_BUFFER: usize = 128 * 1024;
/// Standard codes of the transport (RFC 6455, section 7.4.1).
const INTERNAL: u16 = 1011;
const TOO_BIG: u16 = 1009;
/// How long the peer may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// `GET /api/v1/ws`.
///
/// # Errors
/// 400 or 426 for what is no WebSocket handshake. Everything else is said on the socket, since a page cannot see a status.
pub async fn upgrade(
    State(app): State<AppState>,
    owner: Owner,
    Extension(connected): Extension<Connected>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| {
        let status = if rejection.status().is_client_error() {
            StatusCode::UPGRADE_REQUIRED
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        ApiError::new(status, "websocket-required", rejection.body_text())
            .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let upgrade = upgrade
        .protocols([WS_PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    let speaks = upgrade.selected_protocol().is_some();
    Ok(upgrade
        .on_upgrade(move |socket| {
            // A task of its own: the one that waited for the upgrade has room for the handshake, which nobody needs for hours.
            match app.limits.admit(owner.id, Channel::Ws) {
                _ if !speaks => {
                    let farewell = Farewell::Code(close::PROTOCOL, format!("speak {WS_PROTOCOL}"));
                    tokio::spawn(say_farewell(socket, farewell));
                }
                Err(over) => {
                    tokio::spawn(say_farewell(socket, Farewell::Return(close::OVER_LIMIT, over.delay_ms)));
                }
                Ok(permit) => {
                    tokio::spawn(Box::new(Connection::new(app, owner.id, socket, connected.outgoing, permit)).run());
                }
            }
            std::future::ready(())
        })
        .into_response())
}

/// How a connection ends.
enum Farewell {
    /// The peer has gone, or is not worth a word.
    None,
    /// With a code and a reason in words.
    Code(u16, String),
    /// With a code and the delay after which to come back.
    Return(u16, u64),
}

struct Connection {
    app: AppState,
    owner: OwnerId,
    socket: WebSocket,
    follower: Option<Follower>,
    lifetime: Lifetime,
    /// When the peer last said anything, a pong included.
    heard: Instant,
    outgoing: Outgoing,
    _permit: Permit,
}

impl Connection {
    fn new(app: AppState, owner: OwnerId, socket: WebSocket, outgoing: Outgoing, permit: Permit) -> Self {
        let lifetime = Lifetime::begin(&app);
        Self { app, owner, socket, follower: None, lifetime, heard: Instant::now(), outgoing, _permit: permit }
    }

    async fn run(mut self: Box<Self>) {
        let farewell = loop {
            if let Err(farewell) = self.turn().await {
                break farewell;
            }
        };
        Box::pin(say_farewell(self.socket, farewell)).await;
    }

    /// Waits for whatever comes first, and deals with it. What deals with it is boxed: its room is needed for moments only, and the task
    /// of an idle connection would carry it all the time.
    async fn turn(&mut self) -> Result<(), Farewell> {
        let follower = &mut self.follower;
        let said = async {
            match follower {
                Some(follower) => follower.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = self.socket.recv() => Box::pin(self.receive(message)).await,
            said = said => Box::pin(self.pass_on(said)).await,
            due = self.lifetime.due() => Box::pin(self.keep_time(due)).await,
        }
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Farewell> {
        self.heard = Instant::now();
        let answer = match message {
            None | Some(Ok(Message::Close(_))) => return Err(Farewell::None),
            // Broken framing, or a message beyond the limit; after either, the bytes that follow mean nothing.
            Some(Err(_)) => return Err(Farewell::Code(TOO_BIG, "broken or too large".to_owned())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => ops::bad_frame("A frame is JSON text; this one was binary."),
            Some(Ok(Message::Text(text))) => ops::perform(&self.app, self.owner, text.as_str()).await,
        };
        match answer {
            Answer::Silence => Ok(()),
            Answer::Frame(frame) => self.send_frame(&frame).await,
            Answer::Follow(follower) => {
                let hello = ServerFrame::Hello(follower.hello());
                self.follower = Some(*follower);
                self.send_frame(&hello).await
            }
            Answer::Reset(reset) => {
                self.follower = None;
                self.send_frame(&ServerFrame::Reset(reset)).await
            }
        }
    }

    async fn pass_on(&mut self, said: Result<Said, FeedError>) -> Result<(), Farewell> {
        match said {
            Ok(Said::Log(Next::Events(rows))) => self.send_events(rows).await,
            Ok(Said::Log(Next::End(end))) => {
                self.follower = None;
                self.send_frame(&ServerFrame::End(end)).await
            }
            Ok(Said::Hint(hint)) => self.send_frame(&ServerFrame::Hint { hint }).await,
            Err(FeedError::Reset(reset)) => {
                self.follower = None;
                self.send_frame(&ServerFrame::Reset(reset)).await
            }
            Err(error) => {
                tracing::warn!(%error, "a WebSocket ends early");
                Err(Farewell::Return(INTERNAL, return_ms()))
            }
        }
    }

    async fn keep_time(&mut self, due: Due) -> Result<(), Farewell> {
        match due {
            Due::Drain { delay_ms } => {
                self.send_frame(&ServerFrame::Drain(Drain { delay_ms })).await?;
                Err(Farewell::Return(close::DRAIN, delay_ms))
            }
            Due::Aged => Err(Farewell::Return(close::AGED, return_ms())),
            // Two pings unanswered.
            Due::Beat if self.heard.elapsed() > self.lifetime.every().mul_f64(2.5) => {
                Err(Farewell::Return(close::DEAD_PEER, return_ms()))
            }
            Due::Beat => {
                self.send(Message::Ping(axum::body::Bytes::new())).await?;
                let Some(follower) = &mut self.follower else { return Ok(()) };
                match follower.heartbeat().await {
                    Ok(heartbeat) => self.send_frame(&ServerFrame::Hb(heartbeat)).await,
                    Err(error) => self.pass_on(Err(error.into())).await,
                }
            }
        }
    }

    async fn send_events(&mut self, rows: Vec<EventRow>) -> Result<(), Farewell> {
        let store = self.app.store.clone();
        let committed = self.follower.as_ref().and_then(|follower| follower.feed().committed());
        for row in rows {
            let mut text = String::with_capacity(wire::ENVELOPE_BYTES + 32 + row.data.len());
            text.push_str(r#"{"op":"event","event":"#);
            wire::write_event(&mut text, store.epoch(), &row);
            text.push('}');
            self.outgoing.hand(Channel::Ws, committed, 1);
            self.send(Message::text(text)).await?;
        }
        Ok(())
    }

    async fn send_frame(&mut self, frame: &ServerFrame) -> Result<(), Farewell> {
        self.send(Message::text(serde_json::to_string(frame).unwrap_or_default())).await
    }

    /// Waits for the peer as long as it takes something now and then; the connection's write deadline ends one that does not.
    async fn send(&mut self, message: Message) -> Result<(), Farewell> {
        self.socket.send(message).await.map_err(|_| Farewell::None)
    }
}

/// Closes, and waits a moment for the peer's own close: dropped at once, unread input would reset the connection and the code be lost.
async fn say_farewell(mut socket: WebSocket, farewell: Farewell) {
    let (code, reason) = match farewell {
        Farewell::None => return,
        Farewell::Code(code, reason) => (code, reason),
        Farewell::Return(code, delay_ms) => (code, format!(r#"{{"delay_ms":{delay_ms}}}"#)),
    };
    let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
    let _ = timeout(CLOSE_WAIT, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, F>(_: fn(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let task = size_of_future(Connection::run);
        let connection = size_of::<Connection>();
        assert!(task <= 1024, "the task has {task} bytes");
        assert!(connection <= 2048, "the connection has {connection} bytes");
    }
}
