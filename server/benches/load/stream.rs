//! One open stream, of either channel, and fleets of them.
//!
//! Opened by the scenarios on delivery. A task each on the generator's only thread, so that counting needs no lock.
//! Invariant: a moment is taken right after the read that brought the bytes, once for all that came with it; a stream that
//! ends early is counted and fails the scenario.

use super::{
    framing::{Said, next_block, next_frame, pong_frame, text_frame, unchunk},
    http::{head_of, status},
};
use anyhow::{Context, Result, ensure};
use domain::frame::WS_PROTOCOL;
use futures_util::future::try_join_all;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};

/// Streams that are opened side by side; more would only queue in the listener's backlog.
const OPENING: usize = 64;
/// How long a stream may take to say its first word.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Server-sent events.
    Sse,
    /// WebSocket.
    Ws,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sse, Self::Ws];

    /// Its name in `/metrics`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::Ws => "ws",
        }
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sse => "SSE",
            Self::Ws => "WebSocket",
        }
    }
}

/// When bytes arrived, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// For durations within this process.
    pub instant: Instant,
    /// For comparison with what a server stamped, since 1970.
    pub wall: Duration,
}

impl Arrival {
    /// This moment.
    pub fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), wall }
    }

    /// Since a moment that a server stamped, in whole milliseconds, rounded down: up to one too much.
    pub fn since(self, at: domain::Timestamp) -> Duration {
        self.wall.saturating_sub(Duration::from_millis(u64::try_from(at.0).unwrap_or(0)))
    }
}

/// An open stream.
pub struct Stream {
    channel: Channel,
    socket: TcpStream,
    incoming: Vec<u8>,
    /// Without the chunks' framing; only for SSE.
    text: Vec<u8>,
    /// Bytes at the front that were read.
    read: usize,
    arrival: Arrival,
}

impl Stream {
    /// Opens a stream and waits for its first word, from which on it is told everything. `query` begins with `?` or
    /// is empty.
    pub async fn open(addr: SocketAddr, channel: Channel, cookie: Option<&str>, query: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(addr).await?;
        socket.set_nodelay(true)?;
        let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        let request = match channel {
            Channel::Sse => format!("GET /api/v1/stream{query} HTTP/1.1\r\nhost: bench\r\n{cookie}\r\n"),
            Channel::Ws => format!(
                "GET /api/v1/ws{query} HTTP/1.1\r\nhost: bench\r\n{cookie}connection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {WS_PROTOCOL}\r\n\r\n"
            ),
        };
        socket.write_all(request.as_bytes()).await?;
        let (text, incoming) = (Vec::new(), Vec::new());
        let mut stream = Self { channel, socket, incoming, text, read: 0, arrival: Arrival::now() };
        let head = loop {
            if let Some(head) = head_of(&stream.incoming) {
                let expected = if channel == Channel::Sse { 200 } else { 101 };
                ensure!(status(head)? == expected, "no stream: {}", String::from_utf8_lossy(&stream.incoming));
                break head.len();
            }
            stream.receive().await?;
        };
        stream.incoming.drain(..head);
        // The first words may have come with the head.
        stream.unframe()?;
        if channel == Channel::Ws {
            stream.socket.write_all(&text_frame(r#"{"op":"subscribe"}"#)?).await?;
        }
        let greeted = async {
            while stream.hear().await?.0 != Said::Hello {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, greeted).await.context("a stream said no first word")??;
        Ok(stream)
    }

    /// What it says next, and when that came.
    pub async fn hear(&mut self) -> Result<(Said, Arrival)> {
        loop {
            if let Some(said) = self.next()? {
                if said == Said::Ping {
                    self.socket.write_all(&pong_frame()?).await?;
                }
                return Ok((said, self.arrival));
            }
            self.receive().await?;
            self.unframe()?;
        }
    }

    /// Takes the chunks' framing off what has arrived.
    fn unframe(&mut self) -> Result<()> {
        if self.channel == Channel::Sse {
            let ended = unchunk(&mut self.incoming, &mut self.text)?;
            ensure!(!ended || !self.text.is_empty(), "the stream ended");
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Said>> {
        let buffer = if self.channel == Channel::Sse { &mut self.text } else { &mut self.incoming };
        let rest = &buffer[self.read..];
        let found = match self.channel {
            Channel::Sse => next_block(rest)?,
            Channel::Ws => next_frame(rest)?.map(|frame| frame.read(rest)).transpose()?,
        };
        match found {
            Some((said, next)) => {
                self.read += next;
                Ok(Some(said))
            }
            None => {
                buffer.drain(..self.read);
                self.read = 0;
                Ok(None)
            }
        }
    }

    async fn receive(&mut self) -> Result<()> {
        // Grown by hand: left to itself, a full buffer is read into 64 bytes at a time.
        if self.incoming.capacity() - self.incoming.len() < 512 {
            self.incoming.reserve(2048);
        }
        ensure!(self.socket.read_buf(&mut self.incoming).await? > 0, "the server closed the stream");
        self.arrival = Arrival::now();
        Ok(())
    }
}

/// Called with the stream's number for everything that it says.
type Hear = dyn Fn(usize, Said, Arrival);

/// Streams that are listened to.
pub struct Fleet {
    _tasks: JoinSet<()>,
    lost: Rc<RefCell<Vec<String>>>,
    heard: Rc<Notify>,
}

impl Fleet {
    /// Opens one stream for each visitor; from then on `hear` is called with all that they say.
    pub async fn open(
        addr: SocketAddr,
        channel: Channel,
        visitors: &[Option<String>],
        query: &str,
        hear: Rc<Hear>,
    ) -> Result<Self> {
        let (lost, heard) = (Rc::<RefCell<Vec<String>>>::default(), Rc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        for (batch, visitors) in visitors.chunks(OPENING).enumerate() {
            let opening = visitors.iter().map(|cookie| Stream::open(addr, channel, cookie.as_deref(), query));
            let opened = try_join_all(opening).await;
            for (index, mut stream) in opened.context("a stream could not be opened")?.into_iter().enumerate() {
                let (hear, lost, heard) = (hear.clone(), lost.clone(), heard.clone());
                tasks.spawn_local(async move {
                    loop {
                        match stream.hear().await {
                            Ok((said, arrival)) => hear(batch * OPENING + index, said, arrival),
                            Err(error) => {
                                lost.borrow_mut().push(format!("{error:#}"));
                                heard.notify_one();
                                return;
                            }
                        }
                        heard.notify_one();
                    }
                });
            }
        }
        Ok(Self { _tasks: tasks, lost, heard })
    }

    /// Waits until a count that `hear` keeps has reached a number.
    pub async fn until(&self, count: &Cell<usize>, reaches: usize, patience: Duration) -> Result<()> {
        let waits = async {
            while count.get() < reaches && self.lost.borrow().is_empty() {
                self.heard.notified().await;
            }
        };
        let in_time = tokio::time::timeout(patience, waits).await;
        self.whole()?;
        in_time.with_context(|| format!("heard {} times, {reaches} expected", count.get()))
    }

    /// Fails when a stream has ended early.
    pub fn whole(&self) -> Result<()> {
        let lost = self.lost.borrow();
        ensure!(lost.is_empty(), "{} streams ended early: {}", lost.len(), lost[0]);
        Ok(())
    }
}
