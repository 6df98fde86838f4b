//! Runs the channels: does what `state::switch` says, feeds what links hear to one inbox, and empties it into the store once per frame.
//!
//! Started by `state::live::Live::start`. Everything that a channel, a timer or the page's life cycle reports comes through [`Inner::receive`]
//! or [`Inner::drive`]. What has to be fetched besides is in [`super::errands`].
//! Invariant: closing it ends every link, timer and listener.

use super::{
    Ear, Heard, Link, Opening, Watching,
    errands::Errands,
    inbox::{Inbox, Verdict},
    open,
    poll::Demand,
};
use crate::state::{
    clock,
    jobs::JobStore,
    live::{Kept, Live, Meter, Status},
    prefs::Choice,
    switch::{Channel, Command, Input, LinkId, Phase, Return, Switch},
};
use domain::{Cursor, Timestamp};
use leptos::{
    leptos_dom::helpers::{IntervalHandle, TimeoutHandle, WindowListenerHandle},
    prelude::*,
    task::spawn_local,
};
use send_wrapper::SendWrapper;
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

/// A stream that is silent so long is dead: 2.5 heartbeats.
const DEAD_AFTER_MS: u64 = 37_500;
/// One that is silent so long has missed a heartbeat.
const STALE_AFTER_MS: u64 = 22_500;
/// At most one acknowledgement in so long.
const ACK_EVERY_MS: u64 = 2_000;

/// The channels of this page.
pub struct Conductor(SendWrapper<Rc<Inner>>);

struct Held {
    id: LinkId,
    channel: Channel,
    link: Box<dyn Link>,
    /// What it was told to watch.
    watching: Watching,
    /// The last sign of life.
    heard_at: u64,
}

pub(super) struct Inner {
    pub(super) live: Live,
    pub(super) store: JobStore,
    pub(super) inbox: RefCell<Inbox>,
    pub(super) errands: Errands,
    switch: RefCell<Switch>,
    links: RefCell<Vec<Held>>,
    choice: Cell<Choice>,
    counted: Cell<(u64, u64)>,
    heard_at: Cell<Option<u64>>,
    acked: Cell<(u64, u64)>,
    build: RefCell<Option<String>>,
    frame: Cell<bool>,
    alarm: Cell<Option<TimeoutHandle>>,
    ticker: Cell<Option<IntervalHandle>>,
    listeners: RefCell<Vec<WindowListenerHandle>>,
}

impl Conductor {
    /// Goes live from the cursor of a snapshot.
    pub fn start(live: Live, store: JobStore, cursor: Cursor, choice: Choice) -> Self {
        let inner = Rc::new(Inner {
            live,
            store,
            inbox: RefCell::new(Inbox::starting_at(cursor)),
            errands: Errands::default(),
            switch: RefCell::new(Switch::new(choice.into())),
            links: RefCell::default(),
            choice: Cell::new(choice),
            counted: Cell::default(),
            heard_at: Cell::default(),
            acked: Cell::default(),
            build: RefCell::default(),
            frame: Cell::default(),
            alarm: Cell::default(),
            ticker: Cell::default(),
            listeners: RefCell::default(),
        });
        inner.listen();
        inner.drive(if hidden() { Input::Hidden } else { Input::Shown });
        Self(SendWrapper::new(inner))
    }

    /// Follows the visitor's choice.
    pub fn choose(&self, choice: Choice) {
        let before = self.0.choice.replace(choice);
        if before == choice {
            return;
        }
        if Channel::from(before) == Channel::from(choice) {
            // Only the interval: the poll reads it before each pause.
            self.nudge();
        } else {
            self.0.drive(Input::Choose(choice.into()));
        }
    }

    /// Lets a poll ask at once.
    pub fn nudge(&self) {
        self.0.nudge();
    }

    /// More is to be watched than before: links that do not are told so, and one that cannot be told is replaced.
    pub fn watch(&self) {
        let last = self.0.inbox.borrow().last().clone();
        let wanted = self.0.watching();
        let told = self.0.links.borrow_mut().iter_mut().filter(|held| !held.watching.covers(wanted)).all(|held| {
            let told = held.link.watch(&last, wanted);
            if told {
                held.watching = wanted;
            }
            told
        });
        if !told {
            self.0.drive(Input::Renew);
        }
    }

    /// Opens the channel anew at once.
    pub fn reconnect(&self) {
        self.0.drive(Input::Online);
    }

    /// Ends everything.
    pub fn close(&self) {
        self.0.listeners.take().into_iter().for_each(WindowListenerHandle::remove);
        if let Some(ticker) = self.0.ticker.take() {
            ticker.clear();
        }
        self.0.drive(Input::Left);
    }
}

impl Inner {
    fn listen(self: &Rc<Self>) {
        let on = |name: &str, input: fn() -> Input| {
            let weak = Rc::downgrade(self);
            window_event_listener_untyped(name, move |_| with(&weak, |this| this.drive(input())))
        };
        *self.listeners.borrow_mut() = vec![
            on("visibilitychange", || if hidden() { Input::Hidden } else { Input::Shown }),
            on("pagehide", || Input::Left),
            on("pageshow", || Input::Shown),
            on("online", || Input::Online),
        ];
        // Said of the network, not of this server: whether it can still be reached, a new link finds out at once and an old one late.
        let weak = Rc::downgrade(self);
        let offline = window_event_listener_untyped("offline", move |_| {
            with(&weak, |this| {
                let ids: Vec<LinkId> = this.links.borrow().iter().map(|held| held.id).collect();
                ids.into_iter().for_each(|id| this.drive(Input::Lost(id, Return::Backoff)));
            });
        });
        // A poll that has nothing to expect looks once when somebody comes back to the page.
        let weak = Rc::downgrade(self);
        let shown = window_event_listener_untyped("visibilitychange", move |_| {
            with(&weak, |this| {
                if !hidden() {
                    this.nudge();
                }
            });
        });
        self.listeners.borrow_mut().extend([offline, shown]);
        let weak = Rc::downgrade(self);
        let ticker = set_interval_with_handle(move || with(&weak, Self::tick), Duration::from_secs(1));
        self.ticker.set(ticker.ok());
    }

    fn nudge(&self) {
        self.links.borrow().iter().for_each(|held| held.link.nudge());
    }

    /// Once a second: the clock, the watchdog, the figures.
    fn tick(self: &Rc<Self>) {
        self.live.clock.tick();
        let now = now();
        let dead = |held: &&Held| {
            !matches!(held.channel, Channel::Poll | Channel::Push) && now.saturating_sub(held.heard_at) > DEAD_AFTER_MS
        };
        let dead: Vec<LinkId> = self.links.borrow().iter().filter(dead).map(|held| held.id).collect();
        for id in dead {
            self.drive(Input::Lost(id, Return::Backoff));
        }
        // What was seen too soon after the last word, or while the page was hidden, is said now.
        self.acknowledge();
        self.publish();
    }

    /// Lets the machine take what happened, and does what it says.
    pub(super) fn drive(self: &Rc<Self>, input: Input) {
        let commands = self.switch.borrow_mut().handle(input, now(), js_sys::Math::random());
        for command in commands {
            match command {
                Command::Open(id, channel) => self.open(id, channel),
                Command::Close(id) => {
                    let mut links = self.links.borrow_mut();
                    if let Some(at) = links.iter().position(|held| held.id == id) {
                        let dead = links.swap_remove(at);
                        // Not here: this may be a call from one of its own listeners.
                        spawn_local(async move { drop(dead) });
                    }
                }
            }
        }
        self.set_alarm();
        self.publish();
    }

    fn open(self: &Rc<Self>, id: LinkId, channel: Channel) {
        let weak = Rc::downgrade(self);
        let ear = Ear::new(move |heard| with(&weak, |this| this.receive(id, heard)));
        let weak = Rc::downgrade(self);
        let watching = self.watching();
        let opening = Opening {
            after: self.inbox.borrow().last().clone(),
            watching,
            demand: Rc::new(move || weak.upgrade().map(|this| this.demand())),
        };
        let link = open(channel, opening, ear);
        self.links.borrow_mut().push(Held { id, channel, link, watching, heard_at: now() });
    }

    /// What a poll asks for next.
    fn demand(&self) -> Demand {
        let interval_s = match self.choice.get() {
            Choice::Poll { interval_s } => interval_s,
            Choice::Sse | Choice::Ws | Choice::Push => Choice::DEFAULT_INTERVAL_S,
        };
        let watching = self.watching();
        Demand {
            after: self.inbox.borrow().last().clone(),
            expects: watching.catalogue || self.store.unfinished() > 0 || self.inbox.borrow().continuity().open_gap,
            watching,
            interval_ms: u64::from(interval_s) * 1000,
        }
    }

    fn watching(&self) -> Watching {
        Watching {
            catalogue: self.live.watchers.try_get_value().is_some_and(|count| count > 0),
            positions: self.live.waits.try_get_untracked() == Some(true),
        }
    }

    /// The one way in: whatever any link hears. A closed link is not listened to any more.
    fn receive(self: &Rc<Self>, id: LinkId, heard: Heard) {
        let now = now();
        match self.links.borrow_mut().iter_mut().find(|held| held.id == id) {
            Some(held) => held.heard_at = now,
            None => return,
        }
        if !matches!(heard, Heard::Request | Heard::Lost(_)) {
            self.heard_at.set(Some(now));
        }
        let verdict = match heard {
            Heard::Request => return self.count(1, 0),
            Heard::Bytes(bytes) => return self.count(0, bytes as u64),
            Heard::Opened { build } => {
                self.compare_build(build);
                return self.drive(Input::Opened(id));
            }
            Heard::Lost(how) => return self.drive(Input::Lost(id, how)),
            Heard::Catalogue(heard) => return show(self.live.catalogue, Some(heard)),
            Heard::Queue { job, position, eta_s, why } => {
                // One without a reason is of an older server; the page asks for the job itself then.
                return why.map_or((), |why| self.store.set_position(job, position, eta_s, why));
            }
            Heard::Events(events) => self.inbox.borrow_mut().receive(events),
            Heard::Position { cursor, head } => self.inbox.borrow_mut().position(&cursor, &head),
            Heard::Reset => Verdict::Reset,
        };
        self.judge(verdict);
        self.ask_for_frame();
    }

    /// Does what the inbox asks for.
    pub(super) fn judge(self: &Rc<Self>, verdict: Verdict) {
        match verdict {
            Verdict::Fine => {}
            Verdict::Gap => self.close_gap(),
            Verdict::Reset => self.take_snapshot(),
        }
    }

    pub(super) fn count(&self, requests: u64, bytes: u64) {
        let (so_far, received) = self.counted.get();
        self.counted.set((so_far + requests, received + bytes));
    }

    /// The first build that is heard is the page's own, since the server that rendered it said so a moment ago.
    fn compare_build(&self, build: Option<String>) {
        let Some(build) = build else { return };
        let own = self.build.borrow_mut().get_or_insert_with(|| build.clone()).clone();
        if own != build {
            self.live.outdated.set(true);
        }
    }

    /// Applies what waits with the next frame; a page that is hidden or covered has none, so within a second in any case.
    pub(super) fn ask_for_frame(self: &Rc<Self>) {
        if self.frame.replace(true) {
            return;
        }
        let weak = Rc::downgrade(self);
        let flush = move || with(&weak, Self::flush);
        if !hidden() {
            request_animation_frame(flush.clone());
        }
        set_timeout(flush, Duration::from_secs(1));
    }

    /// Gives the store what waits, then fetches what it asks for.
    pub(super) fn flush(self: &Rc<Self>) {
        if !self.frame.replace(false) {
            return;
        }
        let events = self.inbox.borrow_mut().drain();
        if !events.is_empty() {
            self.store.apply_all(events);
        }
        self.fetch_wanted();
        self.acknowledge();
        self.publish();
    }

    /// Tells the server what a person has seen.
    fn acknowledge(&self) {
        let (last, at) = self.acked.get();
        let now = now();
        let cursor = self.inbox.borrow().last().clone();
        if hidden() || cursor.seq == last || now.saturating_sub(at) < ACK_EVERY_MS {
            return;
        }
        self.acked.set((cursor.seq, now));
        self.links.borrow().iter().for_each(|held| held.link.ack(&cursor, true));
    }

    fn set_alarm(self: &Rc<Self>) {
        if let Some(alarm) = self.alarm.take() {
            alarm.clear();
        }
        let Some(at) = self.switch.borrow().alarm() else { return };
        let weak = Rc::downgrade(self);
        let pause = Duration::from_millis(at.saturating_sub(now()));
        self.alarm.set(set_timeout_with_handle(move || with(&weak, |this| this.drive(Input::Tick)), pause).ok());
    }

    /// Shows how things stand; a signal is touched only when its value changed.
    pub(super) fn publish(&self) {
        let (phase, channel, kept, switches) = {
            let switch = self.switch.borrow();
            (switch.phase(), switch.channel(), switch.kept(), switch.switches())
        };
        let quiet_ms = self.heard_at.get().map(|at| now().saturating_sub(at));
        let status = match phase {
            Phase::Connecting => Status::Connecting,
            Phase::Open(Channel::Poll) => Status::Polling,
            Phase::Open(Channel::Push) => Status::Told,
            Phase::Open(_) if quiet_ms.is_some_and(|ms| ms > STALE_AFTER_MS) => Status::Stale,
            Phase::Open(_) => Status::Live,
            Phase::Waiting { retry_at } => Status::Offline { retry_at: Some(Timestamp(retry_at as i64)) },
            Phase::Asleep => Status::Stale,
        };
        let inbox = self.inbox.borrow();
        let (requests, bytes) = self.counted.get();
        // Tenths of a second: a figure that is read by people and changes each second anyway.
        let quiet_ms = quiet_ms.map(|ms| ms / 100 * 100);
        show(self.live.status, status);
        show(self.live.channel, channel);
        show(self.live.kept, kept.map(|(wanted, kept)| Kept { wanted, kept }));
        show(self.live.continuity, inbox.continuity());
        show(self.live.meter, Meter { requests, bytes, switches, lag_events: inbox.lag(), quiet_ms });
    }
}

fn show<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    // Disposed once the page is being torn down.
    if signal.try_with_untracked(|known| *known != value) == Some(true) {
        signal.set(value);
    }
}

pub(super) fn with(weak: &Weak<Inner>, act: impl FnOnce(&Rc<Inner>)) {
    if let Some(inner) = weak.upgrade() {
        act(&inner);
    }
}

fn now() -> u64 {
    u64::try_from(clock::now().0).unwrap_or_default()
}

fn hidden() -> bool {
    document().hidden()
}
