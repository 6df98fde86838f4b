//! A receiver on a free port that notes what it gets and answers as a test wants: badly, too.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What it does with a request.
#[derive(Clone)]
pub enum Does {
    /// A whole answer: status, more headers, body.
    Answer(u16, &'static str, &'static str),
    /// Nothing, and keeps the connection.
    Hang,
    /// A head that never ends, byte by byte.
    DripHead,
    /// A status, and then a body byte by byte, without end.
    DripBody(u16),
    /// More than is ever read; tells by the channel whether all of it could be sent.
    Flood(u16, mpsc::UnboundedSender<bool>),
    /// Something that is no HTTP.
    Garbage,
    /// Closes.
    Close,
}

pub struct Receiver {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    does: Arc<Mutex<Does>>,
    came: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start(does: Does) -> Self {
        Self::start_tls(does, None).await
    }

    pub async fn start_tls(does: Does, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (seen, does) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(does)));
        let (noted, wanted) = (seen.clone(), does.clone());
        let came = Arc::new(tokio::sync::Notify::new());
        let tell = came.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, wanted, tls, tell) = (noted.clone(), wanted.clone(), tls.clone(), tell.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, noted, wanted, tell).await;
                            }
                        }
                        None => serve(stream, noted, wanted, tell).await,
                    }
                });
            }
        });
        Self { addr, seen, does, came, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub async fn seen_so_many(&self, number: usize) -> Vec<Seen> {
        tokio::time::timeout(crate::common::PATIENCE, async {
            loop {
                // Before the look: what comes in between is heard of.
                let came = self.came.notified();
                let seen = self.seen();
                if seen.len() >= number {
                    return seen;
                }
                came.await;
            }
        })
        .await
        .expect("the request comes")
    }

    /// The only request that came.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    noted: Arc<Mutex<Vec<Seen>>>,
    does: Arc<Mutex<Does>>,
    tell: Arc<tokio::sync::Notify>,
) {
    let Some(request) = read(&mut stream).await else { return };
    noted.lock().unwrap().push(request);
    tell.notify_waiters();
    let does = does.lock().unwrap().clone();
    answer(&mut stream, does).await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let length =
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length")).unwrap().1.parse().unwrap();
    let mut body = bytes.split_off(head_len);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen { target, headers, body })
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), does: Does) {
    match does {
        Does::Answer(status, headers, body) => {
            let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.flush().await;
        }
        Does::Hang => std::future::pending().await,
        Does::DripHead => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").await;
            drip(stream, b"a").await;
        }
        Does::DripBody(status) => {
            let _ =
                stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 1000000\r\n\r\n").as_bytes()).await;
            drip(stream, b"b").await;
        }
        Does::Flood(status, told) => {
            let size = 256 << 20;
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: {size}\r\n\r\n").as_bytes()).await;
            let mut whole = true;
            let chunk = vec![b'c'; 1 << 20];
            for _ in 0..size / chunk.len() {
                if stream.write_all(&chunk).await.is_err() {
                    whole = false;
                    break;
                }
            }
            let _ = told.send(whole);
        }
        Does::Garbage => {
            let _ = stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
        }
        Does::Close => {}
    }
}

/// One byte after the other, as long as somebody takes them.
async fn drip(stream: &mut (impl AsyncWrite + Unpin), byte: &[u8]) {
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(20));
    loop {
        pace.tick().await;
        if stream.write_all(byte).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}
