//! The browser's side of the channels: four ways to follow the log, one way to receive it.
//!
//! A driver ([`poll`], [`sse`], [`ws`], [`push`]) opens a [`Link`] and tells what it hears through its [`Ear`]; [`Conductor`] feeds all of it to one
//! `domain::Reader` and acts on `state::switch`. On the server there is only a conductor that does nothing.
//! Invariant: a driver never retries by itself and never changes a row; both are decided in one place.

#[cfg(feature = "hydrate")]
mod conductor;
#[cfg(feature = "hydrate")]
mod errands;
pub mod inbox;
#[cfg(feature = "hydrate")]
mod poll;
#[cfg(feature = "hydrate")]
mod push;
#[cfg(feature = "hydrate")]
pub(crate) mod push_browser;
#[cfg(feature = "hydrate")]
mod sse;
#[cfg(feature = "hydrate")]
mod ws;

#[cfg(feature = "hydrate")]
pub use conductor::Conductor;
#[cfg(not(feature = "hydrate"))]
pub use quiet::Conductor;

#[cfg(feature = "hydrate")]
pub(crate) use drivers::{Ear, Heard, Link, Opening, Watching, open};

#[cfg(feature = "hydrate")]
mod drivers {
    use super::{poll, push, sse, ws};
    use crate::state::{
        live::CatalogueHeard,
        switch::{Channel, Return},
    };
    use domain::{Cursor, Event, frame::Hint, job::Why};
    use std::rc::Rc;

    /// What a link hears.
    pub(crate) enum Heard {
        /// It is open: the stream said hello, or a poll was answered.
        Opened {
            /// The server's build, when it said so.
            build: Option<String>,
        },
        /// A request or a connection was made.
        Request,
        /// So many bytes came.
        Bytes(usize),
        /// Events, in the order of the channel.
        Events(Vec<Event>),
        /// Everything up to `cursor` has been written to this link; the stream's head is `head`.
        Position {
            /// Written up to here.
            cursor: Cursor,
            /// The stream's head.
            head: Cursor,
        },
        /// How the catalogue stands.
        Catalogue(CatalogueHeard),
        /// A job that has not started stands elsewhere, or for another reason.
        Queue {
            /// The job.
            job: domain::JobId,
            /// Jobs before it.
            position: u64,
            /// Seconds until its end.
            eta_s: Option<[u64; 2]>,
            /// Why it is where it is.
            why: Option<Why>,
        },
        /// The cursor cannot be continued.
        Reset,
        /// The link is gone.
        Lost(Return),
    }

    impl From<Hint> for Heard {
        fn from(hint: Hint) -> Self {
            match hint {
                Hint::Changed { revision, changing, .. } => Self::Catalogue(CatalogueHeard { revision, changing }),
                Hint::Position { job, position, eta_s, why } => Self::Queue { job, position, eta_s, why },
            }
        }
    }

    /// Where a link tells what it hears.
    #[derive(Clone)]
    pub(crate) struct Ear(Rc<dyn Fn(Heard)>);

    impl Ear {
        pub(crate) fn new(hear: impl Fn(Heard) + 'static) -> Self {
            Self(Rc::new(hear))
        }

        pub(crate) fn hear(&self, heard: Heard) {
            (self.0)(heard);
        }
    }

    /// An open (or opening) channel. Dropping it closes it without another word to its ear.
    pub(crate) trait Link {
        /// Asks at once, where that means something.
        fn nudge(&self) {}
        /// Watches this from now on, when this link can be told so; `last` is the last position read.
        fn watch(&self, _last: &Cursor, _watching: Watching) -> bool {
            false
        }
        /// Says what a person has seen: by a request of its own, unless the link can say it itself.
        fn ack(&self, cursor: &Cursor, visible: bool) {
            poll::acknowledge(cursor, visible);
        }
    }

    /// What the page wants to hear of beside the log.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub(crate) struct Watching {
        /// The catalogue's revision.
        pub(crate) catalogue: bool,
        /// Where jobs stand that have not started.
        pub(crate) positions: bool,
    }

    impl Watching {
        /// The value of `watch`; none for nothing.
        pub(crate) fn words(self) -> Option<&'static str> {
            match (self.catalogue, self.positions) {
                (false, false) => None,
                (true, false) => Some("catalogue"),
                (false, true) => Some("positions"),
                (true, true) => Some("catalogue,positions"),
            }
        }

        /// The end of a query that says so.
        pub(crate) fn query(self) -> String {
            self.words().map(|words| format!("&watch={words}")).unwrap_or_default()
        }

        /// Whether nothing of another wish is missing here.
        pub(crate) fn covers(self, other: Self) -> bool {
            (self.catalogue || !other.catalogue) && (self.positions || !other.positions)
        }
    }

    /// What a link starts with.
    pub(crate) struct Opening {
        /// The last position read.
        pub(crate) after: Cursor,
        /// What is watched beside the log.
        pub(crate) watching: Watching,
        /// What a poll asks before each round; none once nobody follows it any more.
        pub(crate) demand: Rc<dyn Fn() -> Option<poll::Demand>>,
    }

    /// Opens a channel. Nothing is heard before this returns.
    pub(crate) fn open(channel: Channel, opening: Opening, ear: Ear) -> Box<dyn Link> {
        match channel {
            Channel::Poll => Box::new(poll::open(opening, ear)),
            Channel::Sse => Box::new(sse::open(&opening, ear)),
            Channel::Ws => Box::new(ws::open(opening, ear)),
            Channel::Push => Box::new(push::open(opening, ear)),
        }
    }
}

#[cfg(not(feature = "hydrate"))]
mod quiet {
    use crate::state::{jobs::JobStore, live::Live, prefs::Choice};
    use domain::Cursor;

    /// The server's: it renders and follows nothing.
    pub struct Conductor;

    impl Conductor {
        /// Does nothing.
        pub fn start(_: Live, _: JobStore, _: Cursor, _: Choice) -> Self {
            Self
        }

        /// Does nothing.
        pub fn choose(&self, _: Choice) {}

        /// Does nothing.
        pub fn nudge(&self) {}

        /// Does nothing.
        pub fn watch(&self) {}

        /// Does nothing.
        pub fn reconnect(&self) {}

        /// Does nothing.
        pub fn close(&self) {}
    }
}
