//! Events as JSON text, written by hand around the `data` that the store keeps as text.
//!
//! Called by the channels and by the API's page of one job's log. Knows no framing: a channel adds its own.
//! Invariant: what is written reads back as a [`domain::Event`], on a single line (an SSE field ends at a line break).

use crate::store::EventRow;
use std::fmt::Write as _;

/// Room that an envelope takes besides its `data`.
pub(crate) const ENVELOPE_BYTES: usize = 200;

/// An event as JSON.
pub fn event_json(epoch: &str, row: &EventRow) -> String {
    let mut out = String::with_capacity(ENVELOPE_BYTES + row.data.len());
    write_event(&mut out, epoch, row);
    out
}

/// Appends an event as JSON.
pub fn write_event(out: &mut String, epoch: &str, row: &EventRow) {
    let (seq, prev, job, jseq, at) = (row.seq, row.prev, row.job, row.jseq, row.at);
    // Writing into a String cannot fail.
    let _ = write!(out, r#"{{"epoch":"{epoch}","seq":{seq},"prev":{prev},"job":"{job}","kind":"#);
    push_string(out, &row.kind);
    let _ = write!(out, r#","jseq":{jseq},"at":"{at}","type":"{}","data":"#, row.type_.as_str());
    push_json_line(out, &row.data);
    out.push('}');
}

/// Appends several events as a JSON array.
pub fn write_events(out: &mut String, epoch: &str, rows: &[EventRow]) {
    out.push('[');
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_event(out, epoch, row);
    }
    out.push(']');
}

/// Kinds are plain words; anything else goes the long way round.
fn push_string(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        let _ = write!(out, "\"{text}\"");
    } else {
        let _ = write!(out, "{}", serde_json::Value::from(text));
    }
}

/// A line break in JSON text is always white space between tokens (within strings it is escaped), so a blank says the same.
fn push_json_line(out: &mut String, json: &str) {
    match json {
        "" => out.push_str("{}"),
        line if !line.contains(['\n', '\r']) => out.push_str(line),
        lines => out.extend(lines.chars().map(|char| if matches!(char, '\n' | '\r') { ' ' } else { char })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Event, EventType, JobId, Timestamp};

    fn row(kind: &str, data: &str) -> EventRow {
        EventRow {
            seq: 57,
            prev: 56,
            job: JobId::from_bytes([9; 16]),
            kind: kind.to_owned(),
            jseq: 9,
            at: Timestamp(1_709_210_096_789),
            type_: EventType::Progress,
            data: data.to_owned(),
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_event() {
        for (kind, data) in
            [("rehearsal", r#"{"done":2}"#), ("a \"kind\"\n", "{\n \"note\": \"a\\nb é\"\r\n}"), ("x", "")]
        {
            let row = row(kind, data);
            let text = event_json("k3x9", &row);
            assert!(!text.contains(['\n', '\r']), "{text}");
            let event: Event = serde_json::from_str(&text).unwrap();
            let expected = if data.is_empty() { serde_json::json!({}) } else { serde_json::from_str(data).unwrap() };
            assert_eq!((event.seq, event.prev, event.job, event.jseq), (57, 56, row.job, 9));
            assert_eq!((event.epoch.as_str(), event.kind.as_str(), event.at), ("k3x9", kind, row.at));
            assert_eq!((event.type_, event.data), (EventType::Progress, expected));
        }
    }

    #[test]
    fn a_page_is_an_array() {
        let mut text = String::new();
        write_events(&mut text, "k3x9", &[row("a", "{}"), row("b", "{}")]);
        assert_eq!(serde_json::from_str::<Vec<Event>>(&text).unwrap().len(), 2);
        text.clear();
        write_events(&mut text, "k3x9", &[]);
        assert_eq!(text, "[]");
    }
}
