//! The framings of the two streaming channels, as much as a measuring client needs: chunks and blocks of server-sent
//! events, frames of a WebSocket.
//!
//! Used by `stream`, which owns the socket. Reads no field of an event but its type and its moment, by their place in the
//! text.
//! Invariant: what is not whole stays where it is, to be read again with the bytes that follow.

use anyhow::{Context, Result, bail, ensure};
use domain::{EventType, Timestamp};
use std::ops::Range;

/// What a stream said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// First word.
    Hello,
    /// An event of the log, with its `at`.
    Event(EventType, Timestamp),
    /// A sign of life that carries the head.
    Beat,
    /// Asks for a pong.
    Ping,
    /// Anything else that is no fault.
    Other,
}

impl Said {
    /// From the name that the channel gives it and the JSON that comes with it.
    fn read(name: &str, json: &str) -> Result<Self> {
        Ok(match name {
            "hello" => Self::Hello,
            "hb" => Self::Beat,
            "reset" | "drain" | "error" => bail!("the stream said {name}: {json}"),
            "end" | "hint" | "reply" | "" => Self::Other,
            _ => {
                let at = after(json, r#""at":""#).and_then(|text| text.get(..24)?.parse().ok());
                let word = after(json, r#""type":""#).and_then(|text| text.split('"').next()).unwrap_or_default();
                Self::Event(EventType::parse(word), at.with_context(|| format!("an event without a moment: {json}"))?)
            }
        })
    }
}

/// What follows a marker. The envelope of an event comes before its data, so the first one is the event's own.
fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    text.find(marker).map(|at| &text[at + marker.len()..])
}

/// Takes whole chunks off the front (RFC 9112, section 7.1) and appends what they carry; answers whether the last one
/// was among them.
pub fn unchunk(incoming: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<bool> {
    let (mut at, mut ended) = (0, false);
    while !ended {
        let rest = &incoming[at..];
        let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else { break };
        let digits = std::str::from_utf8(&rest[..line])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits.trim(), 16).context("a chunk without a size")?;
        let (from, end) = (line + 2, line + 2 + size + 2);
        if rest.len() < end {
            break;
        }
        text.extend_from_slice(&rest[from..from + size]);
        (at, ended) = (at + end, size == 0);
    }
    incoming.drain(..at);
    Ok(ended)
}

/// The first whole block of server-sent events, and where the next one begins.
pub fn next_block(text: &[u8]) -> Result<Option<(Said, usize)>> {
    let Some(end) = text.windows(2).position(|two| two == b"\n\n") else { return Ok(None) };
    let (mut name, mut data) = ("", "");
    for line in std::str::from_utf8(&text[..end])?.lines() {
        match line.split_once(": ") {
            Some(("event", value)) => name = value,
            Some(("data", value)) => data = value,
            _ => {}
        }
    }
    Ok(Some((Said::read(name, data)?, end + 2)))
}

/// What a frame of a WebSocket is for (RFC 6455, section 5.2), and where its payload lies.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    opcode: u8,
    payload: Range<usize>,
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The first whole frame; servers send theirs unmasked, and ours never in parts.
pub fn next_frame(bytes: &[u8]) -> Result<Option<Frame>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    ensure!(first & 0x80 != 0 && second & 0x80 == 0, "a frame in parts, or masked");
    let (length, from) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (usize::try_from(u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))?, 10)
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (usize::from(short), 2),
    };
    let payload = from..from + length;
    Ok((bytes.len() >= payload.end).then_some(Frame { opcode: first & 0x0f, payload }))
}

impl Frame {
    /// What it says, and where the next one begins.
    pub fn read(&self, bytes: &[u8]) -> Result<(Said, usize)> {
        let payload = &bytes[self.payload.clone()];
        let said = match self.opcode {
            TEXT => {
                let json = std::str::from_utf8(payload)?;
                Said::read(after(json, r#"{"op":""#).and_then(|rest| rest.split('"').next()).unwrap_or_default(), json)?
            }
            PING => Said::Ping,
            CLOSE => bail!("the server closed: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
            _ => Said::Other,
        };
        Ok((said, self.payload.end))
    }
}

/// A text frame of a client. The masking key may be any number (RFC 6455, section 5.3); with zero, nothing needs to be
/// masked.
pub fn text_frame(text: &str) -> Result<Vec<u8>> {
    client_frame(TEXT, text.as_bytes())
}

/// The answer to a ping without payload.
pub fn pong_frame() -> Result<Vec<u8>> {
    client_frame(PONG, b"")
}

fn client_frame(opcode: u8, payload: &[u8]) -> Result<Vec<u8>> {
    let length =
        u8::try_from(payload.len()).ok().filter(|length| *length < 126).context("too long for a short frame")?;
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    Ok(frame)
}
