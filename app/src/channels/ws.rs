//! WebSocket, subprotocol `meanwhile.v1`: subscribes after a position, acknowledges what a person has seen.
//!
//! The close code says whether to come back and when (`domain::frame::close`). Silence is watched by the conductor.
//! Invariant: after the first `close` or `error` nothing more is heard of the socket.

use super::{Ear, Heard, Link, Opening, Watching};
use crate::state::switch::Return;
use domain::{
    Cursor,
    frame::{ClientFrame, ServerFrame, WS_PROTOCOL, close},
};
use leptos::{prelude::location, task::spawn_local};
use serde::Deserialize;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// A socket with its listeners.
pub(crate) struct WsLink {
    socket: Option<WebSocket>,
    /// Sent when the socket opens.
    subscription: Rc<RefCell<ClientFrame>>,
    _listeners: Vec<Closure<dyn FnMut(web_sys::Event)>>,
}

impl Link for WsLink {
    fn watch(&self, last: &Cursor, watching: Watching) -> bool {
        let frame = subscribe(last, watching);
        *self.subscription.borrow_mut() = frame.clone();
        // A second subscription replaces the first.
        if let Some(socket) = self.open_socket() {
            send(socket, &frame);
        }
        true
    }

    fn ack(&self, cursor: &Cursor, visible: bool) {
        if let Some(socket) = self.open_socket() {
            send(socket, &ClientFrame::Ack { cursor: cursor.clone(), visible });
        }
    }
}

impl WsLink {
    fn open_socket(&self) -> Option<&WebSocket> {
        self.socket.as_ref().filter(|socket| socket.ready_state() == WebSocket::OPEN)
    }
}

impl Drop for WsLink {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.set_onopen(None);
            socket.set_onmessage(None);
            socket.set_onclose(None);
            // Only a code or a reason out of range fails, and none is given.
            let _ = socket.close();
        }
    }
}

/// Opens a socket and subscribes after a position.
pub(crate) fn open(opening: Opening, ear: Ear) -> WsLink {
    let subscription = Rc::new(RefCell::new(subscribe(&opening.after, opening.watching)));
    let Some(socket) = url().and_then(|url| WebSocket::new_with_str(&url, WS_PROTOCOL).ok()) else {
        spawn_local(async move { ear.hear(Heard::Lost(Return::Never)) });
        return WsLink { socket: None, subscription, _listeners: Vec::new() };
    };
    let counted = ear.clone();
    spawn_local(async move { counted.hear(Heard::Request) });
    let (speaker, first) = (socket.clone(), Rc::clone(&subscription));
    let opened = Closure::<dyn FnMut(web_sys::Event)>::new(move |_| send(&speaker, &first.borrow()));
    let hearer = ear.clone();
    let message = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|message| message.data().as_string()) else { return };
        hearer.hear(Heard::Bytes(text.len()));
        // A frame of a later version is passed over.
        if let Ok(frame) = serde_json::from_str(&text) {
            take(&hearer, frame);
        }
    });
    let closed = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        let how =
            event.dyn_ref::<CloseEvent>().map_or(Return::Backoff, |event| comes_back(event.code(), &event.reason()));
        ear.hear(Heard::Lost(how));
    });
    socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
    // An `error` is always followed by a `close`, which knows more.
    socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
    WsLink { socket: Some(socket), subscription, _listeners: vec![opened, message, closed] }
}

fn subscribe(after: &Cursor, watching: Watching) -> ClientFrame {
    let watch = watching.words().map(str::to_owned);
    ClientFrame::Subscribe { after: Some(after.to_string()), job: None, watch, fold: None }
}

/// What a frame is to the page, on a WebSocket and on Server-Sent Events alike.
pub(super) fn take(ear: &Ear, frame: ServerFrame) {
    match frame {
        ServerFrame::Hello(hello) => {
            ear.hear(Heard::Opened { build: Some(hello.build) });
            ear.hear(Heard::Position { cursor: hello.cursor, head: hello.head });
        }
        ServerFrame::Event { event } => ear.hear(Heard::Events(vec![event])),
        ServerFrame::Hb(beat) => ear.hear(Heard::Position { cursor: beat.cursor, head: beat.head }),
        ServerFrame::Reset(_) => ear.hear(Heard::Reset),
        ServerFrame::Drain(drain) => ear.hear(Heard::Lost(Return::After(drain.delay_ms))),
        ServerFrame::Hint { hint } => ear.hear(hint.into()),
        // Of operations that this page does not send, or only a sign of life.
        ServerFrame::End(_) | ServerFrame::Reply { .. } | ServerFrame::Error { .. } | ServerFrame::Pong { .. } => {}
    }
}

fn comes_back(code: u16, reason: &str) -> Return {
    #[derive(Deserialize)]
    struct Delay {
        delay_ms: u64,
    }
    if !close::may_return(code) {
        return Return::Never;
    }
    let delay = domain::read_json::<Delay>(reason).ok().map(|delay| delay.delay_ms);
    delay.map_or(Return::Backoff, Return::After)
}

fn send(socket: &WebSocket, frame: &ClientFrame) {
    if let Ok(text) = serde_json::to_string(frame) {
        // A socket that cannot send is closing, and says so itself.
        let _ = socket.send_with_str(&text);
    }
}

fn url() -> Option<String> {
    let location = location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}/api/v1/ws", location.host().ok()?))
}
