//! Server-Sent Events by the browser's `EventSource`.
//!
//! Any error closes it: its own reconnecting goes quiet, ends for good on a non-200 and knows no limit, so `state::switch` decides
//! instead, with the page's own cursor. Silence is watched by the conductor (`hb` each 15 s).
//! Invariant: each named event has a listener, and every listener lives exactly as long as the source.

use super::{Ear, Heard, Link, Opening, ws::take};
use crate::state::switch::Return;
use domain::{EventType, frame::ServerFrame};
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

/// What our server adds to an event's data on the wire: field names, `id`, line ends.
const FRAMING_BYTES: usize = 40;

type Listener = Closure<dyn FnMut(MessageEvent)>;

/// An event source with its listeners.
pub(crate) struct SseLink {
    source: Option<EventSource>,
    listeners: Vec<(&'static str, Listener)>,
}

impl Link for SseLink {}

impl Drop for SseLink {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            for (name, listener) in &self.listeners {
                let _ = source.remove_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
            source.close();
        }
    }
}

/// Opens a stream after a position.
pub(crate) fn open(opening: &Opening, ear: Ear) -> SseLink {
    let watch = opening.watching.query();
    let url = format!("/api/v1/stream?after={}{watch}", opening.after);
    let mut link = SseLink { source: EventSource::new(&url).ok(), listeners: Vec::new() };
    if link.source.is_none() {
        spawn_local(async move { ear.hear(Heard::Lost(Return::Never)) });
        return link;
    }
    let counted = ear.clone();
    spawn_local(async move { counted.hear(Heard::Request) });
    for word in EventType::words() {
        link.listen(word, "event", &ear);
    }
    for name in ["hello", "hb", "reset", "drain", "hint"] {
        link.listen(name, name, &ear);
    }
    let lost = Listener::new(move |_| ear.hear(Heard::Lost(Return::Backoff)));
    link.add("error", lost);
    link
}

impl SseLink {
    /// Data that cannot be read is passed over: an event of a later version moves the cursor by its `seq` all the same, and any
    /// other loss shows as a gap.
    fn listen(&mut self, name: &'static str, op: &'static str, ear: &Ear) {
        let ear = ear.clone();
        let listener = Listener::new(move |message: MessageEvent| {
            let Some(data) = message.data().as_string() else { return };
            ear.hear(Heard::Bytes(data.len() + FRAMING_BYTES));
            if let Ok(frame) = serde_json::from_str(&data).and_then(|data| ServerFrame::of(op, data)) {
                take(&ear, frame);
            }
        });
        self.add(name, listener);
    }

    fn add(&mut self, name: &'static str, listener: Listener) {
        if let Some(source) = &self.source {
            let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            self.listeners.push((name, listener));
        }
    }
}
