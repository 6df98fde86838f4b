//! What is said on a stream besides events: greetings, heartbeats, endings, and the client's own operations on a WebSocket.
//!
//! Written by `server::channels::{sse,ws}`, read by `app::channels`. On SSE the variant's name is the `event:` field and the
//! content the `data:`; on a WebSocket the name is `op` (subprotocol [`WS_PROTOCOL`]).

use crate::{cursor::Cursor, event::Event, ids::JobId, job::Why, problem::Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The WebSocket subprotocol.
pub const WS_PROTOCOL: &str = "meanwhile.v1";

/// First word on every stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Where this stream starts: `after`, or the head without it.
    pub cursor: Cursor,
    /// The stream's head right now.
    pub head: Cursor,
    /// The database's epoch.
    pub epoch: String,
    /// The server's build; a page of another build is old.
    pub build: String,
}

/// Sign of life each 15 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The stream's head right now.
    pub head: Cursor,
    /// The position up to which everything has been written to this stream.
    pub cursor: Cursor,
}

/// The cursor cannot be continued: read the snapshot, then go on from its cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reset {
    /// Path of the snapshot.
    pub snapshot: String,
    /// `unknown-epoch`, `below-floor` or `beyond-head`.
    pub reason: String,
}

/// The server is going away: come back after a delay of this client's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// Milliseconds to wait before connecting again.
    pub delay_ms: u64,
}

/// The one job of this stream has ended and everything was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The job.
    pub job: JobId,
    /// The last position.
    pub cursor: Cursor,
}

/// Jobs whose place is told by hints: the newest ones that have not started.
pub const POSITIONS_TOLD: usize = 50;

/// A hint outside the log, with `watch=catalogue` or `watch=positions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Hint {
    /// A resource has another revision.
    Changed {
        /// `catalogue`.
        resource: String,
        /// Its revision now.
        revision: u64,
        /// Jobs that are changing it now.
        #[serde(default)]
        changing: u64,
    },
    /// A job that has not started stands elsewhere among the others, or for another reason: what `queue` of the job says.
    Position {
        /// The job.
        job: JobId,
        /// Jobs that go before it.
        position: u64,
        /// Seconds until its end, from and to.
        eta_s: Option<[u64; 2]>,
        /// Why it is where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Why>,
    },
}

/// The server's side of a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The subscription stands.
    Hello(Hello),
    /// One event of the log.
    Event {
        /// The event.
        event: Event,
    },
    /// Sign of life.
    Hb(Heartbeat),
    /// Read the snapshot.
    Reset(Reset),
    /// Come back later.
    Drain(Drain),
    /// The one job has ended.
    End(End),
    /// A hint outside the log.
    Hint {
        /// The hint.
        hint: Hint,
    },
    /// The answer to an operation with a `ref`.
    Reply {
        /// The operation's `ref`.
        #[serde(rename = "ref")]
        ref_: String,
        /// The status that HTTP would have given.
        status: u16,
        /// The body that HTTP would have given.
        body: Value,
    },
    /// The last frame could not be taken.
    Error {
        /// Why.
        problem: Problem,
    },
    /// The answer to `ping`.
    Pong {
        /// The ping's `ref`.
        #[serde(rename = "ref", default)]
        ref_: Option<String>,
    },
}

/// The client's side of a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// Follow from a position; a second one replaces the first.
    Subscribe {
        /// Cursor to start after; none for the head. Text, so that a bad one is answered like any bad cursor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// Only this job.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobId>,
        /// `catalogue`, `positions`, or both with a comma, for hints.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watch: Option<String>,
        /// Whether older progress may be left out for a newer one; yes unless said otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fold: Option<bool>,
    },
    /// Everything up to there has been seen.
    Ack {
        /// The position.
        cursor: Cursor,
        /// Whether a person could see it.
        #[serde(default)]
        visible: bool,
    },
    /// Cancel a job.
    Cancel {
        /// The job.
        job: JobId,
        /// Comes back in the `reply`.
        #[serde(rename = "ref")]
        ref_: String,
    },
    /// Is anybody there?
    Ping {
        /// Comes back in the `pong`.
        #[serde(rename = "ref", default)]
        ref_: Option<String>,
    },
}

/// Close codes of the WebSocket: 4000–4499 come back after `delay_ms` in the reason (JSON), 4500–4999 do not.
pub mod close {
    /// Age limit reached; come back at once.
    pub const AGED: u16 = 4000;
    /// The server drains.
    pub const DRAIN: u16 = 4001;
    /// Too many connections of this owner or in all.
    pub const OVER_LIMIT: u16 = 4029;
    /// The peer did not answer pings.
    pub const DEAD_PEER: u16 = 4008;
    /// The peer does not speak the protocol.
    pub const PROTOCOL: u16 = 4500;

    /// Whether a client may come back after this code. Codes below 4000 are the transport's own: it may.
    pub const fn may_return(code: u16) -> bool {
        code < 4500
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_look_as_the_contract_says() {
        let text = r#"{"op":"subscribe","after":"k3x9.5"}"#;
        let frame: ClientFrame = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        let pong = ServerFrame::Pong { ref_: Some("a".into()) };
        assert_eq!(serde_json::to_string(&pong).unwrap(), r#"{"op":"pong","ref":"a"}"#);
        assert!(serde_json::from_str::<ClientFrame>(r#"{"op":"shout"}"#).is_err());
    }
}
