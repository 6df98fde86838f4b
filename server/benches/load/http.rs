//! HTTP/1.1 as much as a measuring client needs it: one keep-alive connection, one request at a time, answers of known
//! length.
//!
//! Used by the loops and scenarios; streams are read by `stream`. Written by hand since the generator shares the machine
//! with what it measures: it parses the status line, the length and, where asked, one header.
//! Invariant: an answer is handed out whole or not at all, and the bytes after it belong to the next one.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The path that jobs are submitted to.
pub const JOBS: &str = "/api/v1/jobs";

/// One keep-alive connection.
pub struct Connection {
    socket: TcpStream,
    incoming: Vec<u8>,
    /// Bytes of `incoming` that the last answer was.
    taken: usize,
}

/// An answer, until the next request.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    head: &'a [u8],
    body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(addr: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(addr).await.with_context(|| format!("cannot connect to {addr}"))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, incoming: Vec::with_capacity(4096), taken: 0 })
    }

    /// Sends a request and waits for the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.socket.write_all(request).await?;
        self.incoming.drain(..self.taken);
        self.taken = 0;
        let size = loop {
            if let Some(size) = measure(&self.incoming)? {
                break size;
            }
            self.incoming.reserve(2048);
            ensure!(self.socket.read_buf(&mut self.incoming).await? > 0, "the server closed the connection");
        };
        self.taken = size.head + size.body;
        let (head, rest) = self.incoming.split_at(size.head);
        Ok(Answer { status: size.status, head, body: &rest[..size.body] })
    }

    /// Makes the acquaintance of a server, without a job: answers the cookie that it gave, if it gives any.
    pub async fn visit(&mut self) -> Result<Option<String>> {
        let answer = self.ask(&post(JOBS, None, "{}")).await?;
        ensure!(answer.status == 422, "expected a refusal of an empty job, not {}", answer.status);
        Ok(answer.header("set-cookie").map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned()))
    }

    /// Submits a job, which must be accepted; answers its id.
    pub async fn submit(&mut self, cookie: Option<&str>, body: &str) -> Result<String> {
        let answer = self.ask(&post(JOBS, cookie, body)).await?;
        answer.must_be(202)?;
        let location = answer.header("location").context("an accepted job without a location")?;
        Ok(location.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

impl<'a> Answer<'a> {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The body as text.
    pub fn text(&self) -> Result<&'a str> {
        Ok(std::str::from_utf8(self.body)?)
    }

    /// Fails with what the server said when it is another status.
    pub fn must_be(&self, status: u16) -> Result<()> {
        ensure!(self.status == status, "expected {status}, not {}: {}", self.status, self.text().unwrap_or_default());
        Ok(())
    }
}

/// A GET.
pub fn get(path: &str, cookie: Option<&str>) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{}\r\n", cookie_line(cookie)).into_bytes()
}

/// A POST of JSON.
pub fn post(path: &str, cookie: Option<&str>, body: &str) -> Vec<u8> {
    let (cookie, length) = (cookie_line(cookie), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{cookie}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn cookie_line(cookie: Option<&str>) -> String {
    cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default()
}

/// An answer's status and the bytes of its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Size {
    /// The status code.
    pub status: u16,
    /// Bytes up to and with the empty line.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
}

/// How large the answer is that the bytes begin with; nothing when it is not whole yet (RFC 9112, section 6.3).
pub fn measure(bytes: &[u8]) -> Result<Option<Size>> {
    let Some(head) = head_of(bytes) else { return Ok(None) };
    let status = status(head)?;
    let body = match status {
        100..=199 | 204 | 304 => 0,
        _ => match header(head, "content-length") {
            Some(length) => length.parse().context("a length that is no number")?,
            None => bail!("an answer without a length"),
        },
    };
    let size = Size { status, head: head.len(), body };
    Ok((bytes.len() >= size.head + size.body).then_some(size))
}

/// The head of a message, with its empty line, once it is whole.
pub fn head_of(bytes: &[u8]) -> Option<&[u8]> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &bytes[..at + 4])
}

/// The status of an answer (RFC 9112, section 4).
pub fn status(head: &[u8]) -> Result<u16> {
    let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("no answer of HTTP/1.1")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

/// The value of a header; names have no case (RFC 9110, section 5.1).
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, rest) = line.split_at_checked(name.len())?;
        rest.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    Some(std::str::from_utf8(value).ok()?.trim())
}
