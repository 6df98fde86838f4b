//! The baseline over HTTP: axum with nothing behind it. Submits are parsed and answered, streams told events that nobody
//! stored.
//!
//! Served by this same program when called with `bare BYTES`, in a process of its own like the server. Keeps nothing, owns
//! nobody.
//! Invariant: it does what the server's edge does (same paths, same sizes, same framing) and not one thing more.

use anyhow::Result;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{
        Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use domain::{api::Submit, frame::WS_PROTOCOL};
use futures_util::stream;
use serde::Deserialize;
use std::{convert::Infallible, io::Write as _, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, Interval, interval_at},
};

#[derive(Clone)]
struct Bare {
    answer: Bytes,
    /// The last event of all streams without a pace of their own; it is written once for all.
    steps: watch::Sender<String>,
}

/// `?every_ms=`: each stream is told something that often. Without it, whenever there is a `POST /step`.
#[derive(Deserialize)]
struct Pace {
    every_ms: Option<u64>,
}

/// Serves until it is killed.
pub fn serve(answer_bytes: usize) -> Result<()> {
    let bare = Bare { answer: Bytes::from(vec![b'x'; answer_bytes]), steps: watch::Sender::default() };
    let router = Router::new()
        .route("/api/v1/jobs", post(submit))
        .route("/step", post(step))
        .route("/api/v1/stream", get(sse))
        .route("/api/v1/ws", get(ws))
        .with_state(bare);
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        Ok(axum::serve(listener, router).await?)
    })
}

async fn submit(State(bare): State<Bare>, Json(submit): Json<Submit>) -> Response {
    std::hint::black_box(&submit);
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], bare.answer).into_response()
}

async fn step(State(bare): State<Bare>) -> StatusCode {
    bare.steps.send_replace(event("progress"));
    StatusCode::ACCEPTED
}

/// As large as ours.
fn event(type_: &str) -> String {
    format!(
        r#"{{"epoch":"bareaxum","seq":1000,"prev":999,"job":"0190d3f4-1c2b-7a3d-8e4f-00112233aabb","kind":"rehearsal","jseq":1000,"at":"{}","type":"{type_}","data":{{"done":10,"total":100,"unit":"steps"}}}}"#,
        server::clock::now()
    )
}

enum Source {
    Every(Interval),
    Steps(watch::Receiver<String>),
}

impl Source {
    fn of(bare: &Bare, pace: &Pace) -> Self {
        match pace.every_ms.map(Duration::from_millis) {
            // Each at a moment of its own, as people are.
            Some(every) => Self::Every(interval_at(Instant::now() + every.mul_f64(fastrand::f64()), every)),
            None => Self::Steps(bare.steps.subscribe()),
        }
    }

    async fn next(&mut self) -> Option<String> {
        match self {
            Self::Every(interval) => {
                interval.tick().await;
                Some(event("partial"))
            }
            Self::Steps(steps) => {
                steps.changed().await.ok()?;
                Some(steps.borrow_and_update().clone())
            }
        }
    }
}

async fn sse(State(bare): State<Bare>, Query(pace): Query<Pace>) -> Response {
    let told = stream::unfold((Source::of(&bare, &pace), true), async |(mut source, first)| {
        let text = if first {
            "id: bareaxum.1\nevent: hello\ndata: {}\n\n".to_owned()
        } else {
            format!("id: bareaxum.1\nevent: partial\ndata: {}\n\n", source.next().await?)
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (source, false)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(told)).into_response()
}

async fn ws(State(bare): State<Bare>, Query(pace): Query<Pace>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols([WS_PROTOCOL]).on_upgrade(async move |mut socket| {
        // A peer that goes away is no fault.
        let _ = tell(&mut socket, Source::of(&bare, &pace)).await;
    })
}

async fn tell(socket: &mut WebSocket, mut source: Source) -> Result<(), axum::Error> {
    let mut follows = false;
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(message) => {
                    // Whatever a client says first is its subscription.
                    if let (Message::Text(_), false) = (message?, follows) {
                        follows = true;
                        socket.send(Message::text(r#"{"op":"hello"}"#)).await?;
                    }
                }
                None => return Ok(()),
            },
            Some(event) = source.next(), if follows => {
                socket.send(Message::text(format!(r#"{{"op":"event","event":{event}}}"#))).await?;
            }
        }
    }
}
