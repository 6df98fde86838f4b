//! Push: holds no connection. Reads on once when it opens, and whenever the service worker says that a message has come.
//!
//! `public/sw.js` takes the messages and tells every window; this reads the log after the page's own cursor, as a poll does once.
//! Invariant: a message is only a reason to look; what it says is taken from the log.

use super::{
    Ear, Heard, Link, Opening, Watching,
    poll::{self, Demand, Missing},
    push_browser::{self, Listener},
};
use crate::state::switch::Return;
use domain::Cursor;
use leptos::task::spawn_local;
use std::{cell::Cell, rc::Rc};

struct Run {
    ear: Ear,
    demand: Rc<dyn Fn() -> Option<Demand>>,
    open: Cell<bool>,
    reading: Cell<bool>,
    again: Cell<bool>,
}

/// An open ear for the service worker.
pub(crate) struct PushLink {
    run: Rc<Run>,
    _listener: Option<Listener>,
}

impl Link for PushLink {
    fn nudge(&self) {
        read_on(&self.run);
    }

    fn watch(&self, _: &Cursor, _: Watching) -> bool {
        // What is beside the log is not pushed; it is looked at with the next reason to look.
        true
    }
}

impl Drop for PushLink {
    fn drop(&mut self) {
        self.run.open.set(false);
    }
}

/// Opens it if this browser is subscribed; else it is lost for good, and another channel takes over.
pub(crate) fn open(opening: Opening, ear: Ear) -> PushLink {
    let run = Rc::new(Run {
        ear,
        demand: opening.demand,
        open: Cell::new(true),
        reading: Cell::new(false),
        again: Cell::new(false),
    });
    let hearer = Rc::clone(&run);
    let listener = push_browser::on_message(move || read_on(&hearer));
    let first = Rc::clone(&run);
    spawn_local(async move {
        match push_browser::standing().await {
            Ok(Some(_)) if first.open.get() => read_on(&first),
            Ok(Some(_)) => {}
            Ok(None) => first.hear(Heard::Lost(Return::Never)),
            // The server cannot be reached: that says nothing about the subscription.
            Err(hindrance) if hindrance.passes() => first.hear(Heard::Lost(Return::Backoff)),
            Err(_) => first.hear(Heard::Lost(Return::Never)),
        }
    });
    PushLink { run, _listener: listener }
}

impl Run {
    fn hear(&self, heard: Heard) {
        if self.open.get() {
            self.ear.hear(heard);
        }
    }
}

/// Reads page after page; a reason that comes up meanwhile makes it look again.
fn read_on(run: &Rc<Run>) {
    if run.reading.replace(true) {
        return run.again.set(true);
    }
    let run = Rc::clone(run);
    spawn_local(async move {
        loop {
            run.again.set(false);
            if !read_once(&run).await {
                break;
            }
            if !run.again.get() {
                break;
            }
        }
        run.reading.set(false);
    });
}

/// Everything that follows the page's position; false when this link is over.
async fn read_once(run: &Run) -> bool {
    let Some(Demand { mut after, watching, .. }) = (run.demand)() else { return false };
    loop {
        run.hear(Heard::Request);
        let page = poll::page(&after, watching, None, true).await;
        if !run.open.get() {
            return false;
        }
        match page {
            Ok(page) => {
                let more = page.more;
                run.hear(Heard::Opened { build: None });
                run.hear(Heard::Bytes(page.bytes));
                after = page.next_cursor.clone();
                page.tell(&run.ear);
                if !more {
                    return true;
                }
            }
            Err(Missing::Unchanged) => return true,
            Err(Missing::Reset) => {
                run.hear(Heard::Reset);
                return false;
            }
            Err(Missing::Failed(how)) => {
                run.hear(Heard::Lost(how));
                return false;
            }
        }
    }
}
