//! The other end of each channel, over real sockets, behind one trait: what `channels_*.rs` make their promises to.
//!
//! Poll and SSE speak through `reqwest`, the WebSocket through `tokio-tungstenite`. A [`Visitor`] is a browser with one cookie; an
//! [`Author`] commits events straight into the store, so that a test says what happens and when.
#![allow(dead_code, unused_imports)]

pub mod author;
pub mod poll;
pub mod sse;
pub mod ws;

pub use author::Author;
pub use poll::Poll;
pub use sse::Sse;
pub use ws::Ws;

use domain::{
    Cursor, Event, JobId, OwnerId, Problem,
    frame::{Drain, End, Heartbeat, Hello, Hint, Reset},
};
use reqwest::header;
use server::{
    config::Config,
    startup::{self, Running},
};
use std::{future::Future, time::Duration};

/// Longest wait for anything; only a broken promise takes it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Something that a channel said.
#[derive(Debug)]
pub enum Got {
    Hello(Hello),
    /// With the cursor that was handed out for it.
    Event(Event, Cursor),
    Beat(Heartbeat),
    Reset(Reset),
    Drain(Drain),
    End(End),
    Hint(Hint),
    /// Refused, with the problem.
    Refused(Problem),
    /// The connection is over: close code and reason of a WebSocket, status of an answer without a stream.
    Closed(Option<u16>, String),
}

/// What to follow.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub after: Option<String>,
    pub job: Option<JobId>,
    pub no_fold: bool,
    /// What to watch beside the log; empty for nothing.
    pub watch: &'static str,
    /// Of a poll's page.
    pub limit: Option<usize>,
}

impl Ask {
    pub fn after(cursor: impl ToString) -> Self {
        Self { after: Some(cursor.to_string()), ..Self::default() }
    }

    pub fn of(job: JobId) -> Self {
        Self { job: Some(job), ..Self::default() }
    }

    pub fn unfolded(self) -> Self {
        Self { no_fold: true, ..self }
    }

    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        query.extend(self.after.clone().map(|after| ("after", after)));
        query.extend(self.job.map(|job| ("job", job.to_string())));
        query.extend(self.no_fold.then(|| ("fold", "false".to_owned())));
        query.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        query.extend((!self.watch.is_empty()).then(|| ("watch", self.watch.to_owned())));
        query
    }
}

/// One channel's client.
pub trait TestChannel: Sized + Send {
    /// Whether it holds a connection, on which `hello` and heartbeats come.
    const STREAMS: bool;

    /// Connects; what the server says to it comes out of [`Self::hear`].
    fn open(visitor: &Visitor, ask: Ask) -> impl Future<Output = Self> + Send;

    /// The next thing said, without a bound on the wait.
    fn hear(&mut self) -> impl Future<Output = Got> + Send;

    /// The next thing said.
    fn next(&mut self) -> impl Future<Output = Got> + Send {
        async { tokio::time::timeout(PATIENCE, self.hear()).await.expect("the channel fell silent") }
    }

    /// The next event; heartbeats and greetings are passed over.
    fn event(&mut self) -> impl Future<Output = (Event, Cursor)> + Send {
        async {
            loop {
                match self.next().await {
                    Got::Event(event, cursor) => return (event, cursor),
                    Got::Hello(_) | Got::Beat(_) => {}
                    other => panic!("an event was expected: {other:?}"),
                }
            }
        }
    }

    /// Connects and waits until the subscription stands; a poll has nothing to wait for.
    fn stand(visitor: &Visitor, ask: Ask) -> impl Future<Output = Self> + Send {
        async move {
            let mut channel = Self::open(visitor, ask).await;
            if Self::STREAMS {
                match channel.next().await {
                    Got::Hello(_) => {}
                    other => panic!("hello was expected: {other:?}"),
                }
            }
            channel
        }
    }
}

/// A server of the test's own in a folder of the test's own.
pub struct Server {
    pub running: Running,
    pub data: tempfile::TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::for_test(data.path());
        change(&mut config);
        Self { running: startup::start(config).await.unwrap(), data }
    }

    pub fn epoch(&self) -> &str {
        self.running.state().store.epoch()
    }

    pub fn start_of_stream(&self) -> Cursor {
        Cursor::new(self.epoch(), 0)
    }

    /// A visitor and whoever writes its log.
    pub async fn visitor(&self) -> (Visitor, Author) {
        let visitor = Visitor::arrive(self).await;
        let author = Author::new(self.running.state().store.clone(), visitor.owner);
        (visitor, author)
    }
}

/// A browser with a cookie.
#[derive(Clone)]
pub struct Visitor {
    pub addr: std::net::SocketAddr,
    pub cookie: String,
    pub owner: OwnerId,
    pub http: reqwest::Client,
}

impl Visitor {
    /// Comes for the first time; any POST answer sets the cookie.
    async fn arrive(server: &Server) -> Self {
        let addr = server.running.addr();
        let http = reqwest::Client::new();
        let response = http.post(format!("http://{addr}/api/v1/ack")).body("{}").send().await.unwrap();
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = axum::http::HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        let owner = server.running.state().owners.verify(&headers).unwrap();
        Self { addr, cookie, owner, http }
    }

    pub fn get(&self, path: &str, ask: &Ask) -> reqwest::RequestBuilder {
        // By hand: all of it is plain text in a query.
        let query: Vec<_> = ask.query().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("http://{}{path}{separator}{}", self.addr, query.join("&"));
        self.http.get(url).header(header::COOKIE, &self.cookie)
    }

    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("http://{}{path}", self.addr)).header(header::COOKIE, &self.cookie)
    }
}
