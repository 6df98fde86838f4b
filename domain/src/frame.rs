//! What is said on a stream besides events: greetings, heartbeats, endings, and the client's own operations on a WebSocket.
//!
//! Written by `server::channels::{sse,ws}`, read by `app::channels`. On SSE the variant's name is the `event:` field and the
//! content the `data:`; on a WebSocket the name is `op` (subprotocol [`WS_PROTOCOL`]).

use crate::{cursor::Cursor, event::Event, ids::JobId, job::Why, problem::Problem};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, Error},
};
use serde_json::{Map, Value};

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
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Hint {
    /// A resource has another revision.
    Changed {
        /// `catalogue`.
        resource: String,
        /// Its revision now.
        revision: u64,
        /// Jobs that are changing it now.
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
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<Why>,
    },
}

/// An object without its tag, whose fields are taken one by one. By hand, since what serde derives for a tagged enum keeps a copy of every content in a
/// format of its own, and the browser would carry the code that reads each type from that one too.
struct Tagged {
    tag: String,
    fields: Map<String, Value>,
}

impl Tagged {
    fn read<'de, D: Deserializer<'de>>(deserializer: D, name: &'static str) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        match fields.remove(name) {
            Some(Value::String(tag)) => Ok(Self { tag, fields }),
            _ => Err(D::Error::missing_field(name)),
        }
    }

    /// A field; one that is missing reads as null does.
    fn take<T: DeserializeOwned, E: de::Error>(&mut self, name: &str) -> Result<T, E> {
        T::deserialize(self.fields.remove(name).unwrap_or_default())
            .map_err(|error| E::custom(format_args!("{name}: {error}")))
    }

    fn all<T: DeserializeOwned, E: de::Error>(self) -> Result<T, E> {
        T::deserialize(Value::Object(self.fields)).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Hint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tagged = Tagged::read(deserializer, "type")?;
        Ok(match tagged.tag.as_str() {
            "changed" => Self::Changed {
                resource: tagged.take("resource")?,
                revision: tagged.take("revision")?,
                changing: tagged.take::<Option<u64>, _>("changing")?.unwrap_or_default(),
            },
            "position" => Self::Position {
                job: tagged.take("job")?,
                position: tagged.take("position")?,
                eta_s: tagged.take("eta_s")?,
                why: tagged.take("why")?,
            },
            other => return Err(D::Error::unknown_variant(other, &["changed", "position"])),
        })
    }
}

/// The server's side of a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
        #[serde(rename = "ref")]
        ref_: Option<String>,
    },
}

impl<'de> Deserialize<'de> for ServerFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const OPS: &[&str] = &["hello", "event", "hb", "reset", "drain", "end", "hint", "reply", "error", "pong"];
        let mut tagged = Tagged::read(deserializer, "op")?;
        Ok(match tagged.tag.as_str() {
            "hello" => Self::Hello(tagged.all()?),
            "event" => Self::Event { event: tagged.take("event")? },
            "hb" => Self::Hb(tagged.all()?),
            "reset" => Self::Reset(tagged.all()?),
            "drain" => Self::Drain(tagged.all()?),
            "end" => Self::End(tagged.all()?),
            "hint" => Self::Hint { hint: tagged.take("hint")? },
            "reply" => {
                Self::Reply { ref_: tagged.take("ref")?, status: tagged.take("status")?, body: tagged.take("body")? }
            }
            "error" => Self::Error { problem: tagged.take("problem")? },
            "pong" => Self::Pong { ref_: tagged.take("ref")? },
            other => return Err(D::Error::unknown_variant(other, OPS)),
        })
    }
}

impl ServerFrame {
    /// A frame whose name and content come apart, as on Server-Sent Events, where an event and a hint are the content itself.
    ///
    /// # Errors
    ///
    /// Content that is not a frame's of this name, and names of later versions.
    pub fn of(op: &str, mut content: Value) -> Result<Self, serde_json::Error> {
        if matches!(op, "event" | "hint") {
            content = Value::Object(Map::from_iter([(op.to_owned(), content)]));
        }
        if let Value::Object(fields) = &mut content {
            fields.insert("op".to_owned(), op.into());
        }
        Self::deserialize(content)
    }
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

    #[test]
    fn every_frame_is_read_as_it_was_written_and_others_are_refused() {
        for text in [
            r#"{"op":"hello","cursor":"k3x9.5","head":"k3x9.7","epoch":"k3x9","build":"b1"}"#,
            r#"{"op":"event","event":{"epoch":"k3x9","seq":5,"prev":4,"job":"0199aaaa-0000-7000-8000-000000000000","kind":"rehearsal","jseq":1,"at":"2026-11-25T00:00:00.000Z","type":"progress","data":{"done":1}}}"#,
            r#"{"op":"hb","head":"k3x9.7","cursor":"k3x9.5"}"#,
            r#"{"op":"reset","snapshot":"/api/v1/jobs","reason":"below-floor"}"#,
            r#"{"op":"drain","delay_ms":1200}"#,
            r#"{"op":"end","job":"0199aaaa-0000-7000-8000-000000000000","cursor":"k3x9.5"}"#,
            r#"{"op":"hint","hint":{"type":"changed","resource":"catalogue","revision":17,"changing":1}}"#,
            r#"{"op":"hint","hint":{"type":"position","job":"0199aaaa-0000-7000-8000-000000000000","position":2,"eta_s":[8,15],"why":{"code":"ahead","params":{"n":2}}}}"#,
            r#"{"op":"reply","ref":"1","status":200,"body":{"outcome":"cancelled"}}"#,
            r#"{"op":"error","problem":{"type":"about:blank#x","title":"t","status":400,"detail":"d","code":"x"}}"#,
            r#"{"op":"pong","ref":"a"}"#,
        ] {
            let frame: ServerFrame = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        }
        let hb = serde_json::json!({"head": "k3x9.7", "cursor": "k3x9.5"});
        assert!(matches!(ServerFrame::of("hb", hb), Ok(ServerFrame::Hb(_))));
        let hint = serde_json::json!({"type": "changed", "resource": "catalogue", "revision": 1, "changing": 0});
        assert!(matches!(ServerFrame::of("hint", hint), Ok(ServerFrame::Hint { .. })));
        assert!(ServerFrame::of("hb", Value::Null).is_err());
        let earlier: Hint = serde_json::from_str(r#"{"type":"changed","resource":"catalogue","revision":1}"#).unwrap();
        assert_eq!(earlier, Hint::Changed { resource: "catalogue".into(), revision: 1, changing: 0 });
        for text in
            [r#"{"op":"shout"}"#, r#"{"event":{}}"#, r#"{"op":"event"}"#, r#"{"op":"drain","delay_ms":"soon"}"#, "[]"]
        {
            assert!(serde_json::from_str::<ServerFrame>(text).is_err(), "{text}");
        }
    }
}
