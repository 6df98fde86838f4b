//! What the page shows about its channel, and the two things that views ask of it: to start, and to watch the catalogue.
//!
//! Provided by the shell with [`provide_live`], read through [`use_live`]. Holds signals only; connections, timers and the reader are
//! `channels::Conductor`'s, which writes here once per frame or second.
//! Invariant: until [`Live::start`] every signal has the value that the server rendered.

use super::{
    clock::{Clock, provide_clock},
    jobs::JobStore,
    prefs::{Prefs, use_prefs},
    switch::Channel,
};
use crate::channels::Conductor;
use domain::{Reader, Timestamp, api::JobList};
use leptos::prelude::*;
use std::time::Duration;

/// A job that has not started after so long is worth being told about.
const WAITS_FOR: Duration = Duration::from_millis(1_500);

/// How the page stands with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Opening a channel.
    #[default]
    Connecting,
    /// A stream is open and alive.
    Live,
    /// Asking at intervals.
    Polling,
    /// Holding no connection: told by push when there is something.
    Told,
    /// No channel can be opened right now.
    Offline {
        /// When the next attempt is due.
        retry_at: Option<Timestamp>,
    },
    /// The channel is silent for longer than it should be, or closed while the page was hidden.
    Stale,
}

impl Status {
    /// The word for `data-status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Polling => "polling",
            Self::Told => "told",
            Self::Offline { .. } => "offline",
            Self::Stale => "stale",
        }
    }
}

/// What the continuity badge shows, counted from sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Continuity {
    /// First and last position let through.
    pub span: Option<(u64, u64)>,
    /// Times that an event was found missing.
    pub gaps: u64,
    /// Whether one is missing right now.
    pub open_gap: bool,
    /// Events dropped as seen before.
    pub duplicates: u64,
    /// Older progress that the server left out for a newer one.
    pub folded: u64,
    /// Times that the snapshot had to be taken again.
    pub resets: u64,
}

impl Continuity {
    /// What a reader has counted.
    pub fn of(reader: &Reader, resets: u64) -> Self {
        Self {
            span: reader.span(),
            gaps: reader.gaps,
            open_gap: reader.open_gap,
            duplicates: reader.duplicates,
            folded: reader.folded,
            resets,
        }
    }
}

/// What the channels have cost and how fresh they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meter {
    /// HTTP requests and connections made by the channels.
    pub requests: u64,
    /// Bytes received by them, headers not counted.
    pub bytes: u64,
    /// Changes of channel.
    pub switches: u64,
    /// Events that the server has and the page has not, as last heard.
    pub lag_events: u64,
    /// Milliseconds since the last sign of life.
    pub quiet_ms: Option<u64>,
}

/// A switch that did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The channel that could not be opened.
    pub wanted: Channel,
    /// The channel that goes on instead.
    pub kept: Channel,
}

/// How the catalogue stands, as a channel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogueHeard {
    /// Its revision.
    pub revision: u64,
    /// Jobs that are changing it.
    pub changing: u64,
}

/// The jobs at work, in two figures, for the title and the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Jobs that have not ended.
    pub active: usize,
    /// How far those with a known total are, 0 to 100.
    pub percent: Option<u8>,
}

/// The live channel, as views see it.
#[derive(Clone, Copy)]
pub struct Live {
    pub(crate) status: RwSignal<Status>,
    pub(crate) channel: RwSignal<Channel>,
    pub(crate) continuity: RwSignal<Continuity>,
    pub(crate) meter: RwSignal<Meter>,
    pub(crate) kept: RwSignal<Option<Kept>>,
    pub(crate) catalogue: RwSignal<Option<CatalogueHeard>>,
    pub(crate) outdated: RwSignal<bool>,
    pub(crate) watchers: StoredValue<u32>,
    /// Whether a job waits for its start.
    pub(crate) waits: Memo<bool>,
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code))]
    pub(crate) clock: Clock,
    prefs: Prefs,
    started: RwSignal<bool>,
    summary: Memo<Summary>,
    conductor: StoredValue<Option<Conductor>>,
}

/// Puts the (not yet started) channel into context; called once, by the shell, after the preferences and the store.
pub fn provide_live(store: JobStore) -> Live {
    let prefs = use_prefs();
    let live = Live {
        status: RwSignal::new(Status::default()),
        channel: RwSignal::new(prefs.channel.get_untracked().into()),
        continuity: RwSignal::new(Continuity::default()),
        meter: RwSignal::new(Meter::default()),
        kept: RwSignal::new(None),
        catalogue: RwSignal::new(None),
        outdated: RwSignal::new(false),
        watchers: StoredValue::new(0),
        waits: Memo::new(move |_| store.has_unstarted()),
        clock: provide_clock(),
        prefs,
        started: RwSignal::new(false),
        summary: Memo::new(move |_| summarise(store)),
        conductor: StoredValue::new(None),
    };
    provide_context(live);
    Effect::new(move |_| {
        let choice = prefs.channel.get();
        live.conduct(|conductor| conductor.choose(choice));
    });
    // Where jobs stand is not in the log, so the channel is asked for it while some wait. Not at once: most start before anybody looks.
    Effect::new(move |_| {
        if live.waits.get() && live.started.get() {
            let still = move || live.waits.try_get_untracked() == Some(true);
            set_timeout(
                move || {
                    if still() {
                        live.conduct(Conductor::watch)
                    }
                },
                WAITS_FOR,
            );
        }
    });
    // More is unfinished than before (a submit, a retry): worth a look at once.
    Effect::new(move |before: Option<usize>| {
        let active = live.summary.read().active;
        if before.is_some_and(|before| active > before) {
            live.nudge();
        }
        active
    });
    on_cleanup(move || {
        if let Some(Some(conductor)) = live.conductor.try_update_value(Option::take) {
            conductor.close();
        }
    });
    live
}

/// The page's channel.
///
/// # Panics
/// Outside the shell, which provides it.
pub fn use_live() -> Live {
    expect_context()
}

impl Live {
    /// Goes live from a snapshot; called once, in an Effect of the shell, so that hydration is over. Later calls do nothing.
    pub fn start(self, store: JobStore, initial: JobList) {
        if self.started.get_untracked() {
            return;
        }
        self.started.set(true);
        let choice = self.prefs.channel.get_untracked();
        self.conductor.set_value(Some(Conductor::start(self, store, initial.cursor, choice)));
    }

    /// Whether the page has gone live: what needs no JavaScript may step back.
    pub fn started(&self) -> Signal<bool> {
        self.started.into()
    }

    /// How the page stands with the server.
    pub fn status(&self) -> Signal<Status> {
        self.status.into()
    }

    /// The channel in use, or being opened first.
    pub fn channel(&self) -> Signal<Channel> {
        self.channel.into()
    }

    /// What was counted from sequence numbers.
    pub fn continuity(&self) -> Signal<Continuity> {
        self.continuity.into()
    }

    /// What the channels have cost and how fresh they are.
    pub fn meter(&self) -> Signal<Meter> {
        self.meter.into()
    }

    /// HTTP requests and connections made by the channels.
    pub fn requests(&self) -> Signal<u64> {
        let meter = self.meter;
        Signal::derive(move || meter.read().requests)
    }

    /// Bytes received by them.
    pub fn bytes(&self) -> Signal<u64> {
        let meter = self.meter;
        Signal::derive(move || meter.read().bytes)
    }

    /// Changes of channel.
    pub fn switches(&self) -> Signal<u64> {
        let meter = self.meter;
        Signal::derive(move || meter.read().switches)
    }

    /// A switch that did not come about, until the wanted channel opens or another is chosen.
    pub fn kept(&self) -> Signal<Option<Kept>> {
        self.kept.into()
    }

    /// Whether the server is of another build than the page.
    pub fn outdated(&self) -> Signal<bool> {
        self.outdated.into()
    }

    /// The jobs at work, in two figures.
    pub fn summary(&self) -> Signal<Summary> {
        self.summary.into()
    }

    /// How the catalogue stands, as last heard; none until something watches it.
    pub fn catalogue(&self) -> Signal<Option<CatalogueHeard>> {
        self.catalogue.into()
    }

    /// Follows the catalogue while the calling component is mounted.
    pub fn watch_catalogue(&self) {
        let live = *self;
        live.watchers.update_value(|count| *count += 1);
        live.conduct(Conductor::watch);
        on_cleanup(move || {
            let _ = live.watchers.try_update_value(|count| *count = count.saturating_sub(1));
        });
    }

    /// Something was asked of the server: a poll looks at once, whatever its interval; streams hear of it anyway.
    pub fn nudge(&self) {
        self.conduct(Conductor::nudge);
    }

    /// Opens the channel anew at once, for a "try now" button.
    pub fn reconnect(&self) {
        self.conduct(Conductor::reconnect);
    }

    fn conduct(&self, act: impl FnOnce(&Conductor)) {
        // Gone when the page is being left.
        let _ = self.conductor.try_with_value(|conductor| conductor.as_ref().map(act));
    }
}

fn summarise(store: JobStore) -> Summary {
    let (mut active, mut shares) = (0, Vec::new());
    for row in store.ids().read().iter().filter_map(|id| store.get(*id)) {
        let job = row.read();
        if !job.state.is_terminal() {
            active += 1;
            shares.extend(job.progress.as_ref().and_then(|progress| progress.percent()).map(usize::from));
        }
    }
    let percent = shares.iter().sum::<usize>().checked_div(shares.len()).map(|mean| mean as u8);
    Summary { active, percent }
}
