//! Polling: asks for what follows the last position, at the visitor's interval, only while there is something to expect.
//!
//! Also fetches the pages that close a gap ([`page`]) for the streams. Conditional requests throughout; a `Retry-After` of a refusal is
//! obeyed, the one of an answer is for clients without an interval of their own.
//! Invariant: at most one request is under way per link.

use super::{Ear, Heard, Link, Opening, Watching};
use crate::state::switch::Return;
use domain::{Cursor, Event, api::Ack, frame::Hint};
use futures_util::future::{Either, select};
use gloo_net::http::{Request, Response};
use leptos::{prelude::set_timeout, task::spawn_local};
use serde::Deserialize;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen_futures::JsFuture;

/// Events asked for at once.
const LIMIT: u32 = 500;
/// A request that takes longer is given up: a half-open connection looks like a slow one.
const ANSWER_WITHIN_MS: u64 = 15_000;
/// The first rounds after a submit.
const EAGER_MS: [u64; 3] = [150, 400, 1_000];

/// What the page wants of its polls right now.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// The last position read.
    pub(crate) after: Cursor,
    /// Whether something may come: a job is unfinished, or the catalogue is watched.
    pub(crate) expects: bool,
    /// What is watched beside the log.
    pub(crate) watching: Watching,
    /// Milliseconds between two rounds.
    pub(crate) interval_ms: u64,
}

/// Why there is no page.
pub(crate) enum Missing {
    /// Nothing follows (304).
    Unchanged,
    /// The cursor cannot be continued (410).
    Reset,
    /// No usable answer.
    Failed(Return),
}

/// A page as a channel needs it: `EventPage` with the hints beside the log.
#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Event>,
    pub(crate) next_cursor: Cursor,
    pub(crate) head: Cursor,
    pub(crate) more: bool,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(skip)]
    etag: Option<String>,
    #[serde(skip)]
    pub(crate) bytes: usize,
}

impl Page {
    /// Tells what it holds.
    pub(crate) fn tell(self, ear: &Ear) {
        ear.hear(Heard::Events(self.items));
        ear.hear(Heard::Position { cursor: self.next_cursor, head: self.head });
        self.hints.into_iter().for_each(|hint| ear.hear(hint.into()));
    }
}

struct Run {
    ear: Ear,
    demand: Rc<dyn Fn() -> Option<Demand>>,
    open: Cell<bool>,
    said_hello: Cell<bool>,
    /// Rounds that may still come early.
    eager: Cell<usize>,
    /// Set when the pause is to end early.
    wake: RefCell<Option<js_sys::Function>>,
    nudged: Cell<bool>,
    /// The tag of the last page and the position after it.
    etag: RefCell<Option<(Cursor, String)>>,
}

/// A run of polls.
pub(crate) struct PollLink(Rc<Run>);

impl Link for PollLink {
    fn nudge(&self) {
        self.0.eager.set(EAGER_MS.len());
        self.0.nudged.set(true);
        self.0.end_pause();
    }

    fn watch(&self, _: &Cursor, _: Watching) -> bool {
        // What to ask for is part of the demand of each round.
        self.nudge();
        true
    }
}

impl Drop for PollLink {
    fn drop(&mut self) {
        self.0.open.set(false);
        self.0.end_pause();
    }
}

/// Starts polling.
pub(crate) fn open(opening: Opening, ear: Ear) -> PollLink {
    let run = Rc::new(Run {
        ear,
        demand: opening.demand,
        open: Cell::new(true),
        said_hello: Cell::new(false),
        eager: Cell::new(0),
        wake: RefCell::new(None),
        nudged: Cell::new(false),
        etag: RefCell::new(None),
    });
    spawn_local(Rc::clone(&run).follow());
    PollLink(run)
}

impl Run {
    async fn follow(self: Rc<Self>) {
        while self.open.get() {
            let Some(demand) = (self.demand)() else { return };
            // The first round is asked in any case: its answer is this channel's hello.
            let wanted = self.nudged.take() || !self.said_hello.get() || demand.expects;
            if wanted && !self.round(demand).await {
                return;
            }
            let Some(demand) = (self.demand)() else { return };
            if !demand.expects {
                self.pause(None).await;
                continue;
            }
            let early = EAGER_MS.len().checked_sub(self.eager.get()).and_then(|round| EAGER_MS.get(round));
            self.eager.set(self.eager.get().saturating_sub(1));
            self.pause(Some(early.map_or(demand.interval_ms, |early| demand.interval_ms.min(*early)))).await;
        }
    }

    /// One round, page after page; false when this link is over.
    async fn round(&self, demand: Demand) -> bool {
        let mut after = demand.after;
        loop {
            let etag = self.etag.borrow().as_ref().filter(|(at, _)| *at == after).map(|(_, etag)| etag.clone());
            self.ear.hear(Heard::Request);
            let answer = page(&after, demand.watching, etag.as_deref(), false).await;
            if !self.open.get() {
                return false;
            }
            if matches!(answer, Ok(_) | Err(Missing::Unchanged)) && !self.said_hello.replace(true) {
                self.ear.hear(Heard::Opened { build: None });
            }
            match answer {
                Ok(mut page) => {
                    let more = page.more;
                    *self.etag.borrow_mut() = page.etag.take().map(|etag| (page.next_cursor.clone(), etag));
                    after = page.next_cursor.clone();
                    self.ear.hear(Heard::Bytes(page.bytes));
                    page.tell(&self.ear);
                    if !more || !self.open.get() {
                        return self.open.get();
                    }
                }
                Err(Missing::Unchanged) => {
                    self.ear.hear(Heard::Position { cursor: after.clone(), head: after });
                    return true;
                }
                Err(Missing::Reset) => {
                    self.ear.hear(Heard::Reset);
                    return false;
                }
                Err(Missing::Failed(how)) => {
                    self.ear.hear(Heard::Lost(how));
                    return false;
                }
            }
        }
    }

    /// Waits, for ever without a time, or until nudged or closed.
    async fn pause(&self, ms: Option<u64>) {
        if self.nudged.get() && ms.is_none() {
            return;
        }
        let until = js_sys::Promise::new(&mut |resolve, _| {
            if let Some(ms) = ms {
                let ring = resolve.clone();
                set_timeout(
                    move || {
                        // Calling a promise's own resolve cannot throw.
                        let _ = ring.call0(&wasm_bindgen::JsValue::UNDEFINED);
                    },
                    Duration::from_millis(ms),
                );
            }
            *self.wake.borrow_mut() = Some(resolve);
        });
        let _ = JsFuture::from(until).await;
        self.wake.borrow_mut().take();
    }

    fn end_pause(&self) {
        if let Some(wake) = self.wake.borrow_mut().take() {
            let _ = wake.call0(&wasm_bindgen::JsValue::UNDEFINED);
        }
    }
}

/// What follows a position.
///
/// Asked `once`, it is no sign of a device that will ask again by itself.
pub(crate) async fn page(after: &Cursor, watching: Watching, etag: Option<&str>, once: bool) -> Result<Page, Missing> {
    let (watch, once) = (watching.query(), if once { "&once=true" } else { "" });
    let url = format!("/api/v1/events?after={after}&limit={LIMIT}{watch}{once}");
    let failed = |()| Missing::Failed(Return::Backoff);
    let response = get(&url, etag).await.map_err(failed)?;
    match response.status() {
        200 => {}
        304 => return Err(Missing::Unchanged),
        410 => return Err(Missing::Reset),
        429 | 503 => return Err(Missing::Failed(retry_after(&response).map_or(Return::Backoff, Return::After))),
        _ => return Err(failed(())),
    }
    let text = within(response.text()).await.map_err(failed)?;
    let page: Page = serde_json::from_str(&text).map_err(|_| failed(()))?;
    Ok(Page { etag: response.headers().get("etag"), bytes: text.len(), ..page })
}

/// Says that a device has shown everything up to a position. A word that is lost costs a notification too many.
pub(crate) fn acknowledge(cursor: &Cursor, visible: bool) {
    let ack = Ack { cursor: cursor.clone(), visible };
    spawn_local(async move {
        if let Ok(request) = Request::post("/api/v1/ack").json(&ack) {
            let _ = within(request.send()).await;
        }
    });
}

async fn get(url: &str, etag: Option<&str>) -> Result<Response, ()> {
    let mut request = Request::get(url).header("accept", "application/json");
    if let Some(etag) = etag {
        // Said by hand, it also keeps the browser's own cache from turning the 304 into a 200.
        request = request.header("if-none-match", etag);
    }
    within(request.send()).await
}

async fn within<T, E>(answer: impl Future<Output = Result<T, E>>) -> Result<T, ()> {
    let late = JsFuture::from(js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(
            move || {
                let _ = resolve.call0(&wasm_bindgen::JsValue::UNDEFINED);
            },
            Duration::from_millis(ANSWER_WITHIN_MS),
        );
    }));
    match select(Box::pin(answer), late).await {
        Either::Left((answer, _)) => answer.map_err(|_| ()),
        Either::Right(_) => Err(()),
    }
}

/// `Retry-After` in milliseconds; only the form in seconds, which is the one that our server writes.
fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get("retry-after")?.trim().parse::<u64>().ok().map(|s| s.saturating_mul(1000))
}
