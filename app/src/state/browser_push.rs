//! Whether this browser is told by push, and turning that on and off.
//!
//! Provided by the shell; shown by the channel picker and the Settings page. What a browser has to do is in `channels::push_browser`.
//! Invariant: until the page is live it is [`Here::Unknown`], as the server renders it; nothing is asked of the visitor but by `turn_on`.

use domain::EndpointId;
use leptos::{prelude::*, task::spawn_local};

/// How this browser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Here {
    /// Not looked yet.
    #[default]
    Unknown,
    /// It is not told.
    Off,
    /// It is, as this endpoint.
    On(EndpointId),
}

/// Why this browser cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// It knows no push.
    Unsupported,
    /// The page came over plain HTTP from another machine.
    Insecure,
    /// The visitor said no, now or before.
    Denied,
    /// Its push service does not answer.
    NoPushService,
    /// Its service worker does not start.
    NoWorker,
    /// Our server cannot be reached.
    Unreachable,
    /// Our server refused, as a problem's code and detail.
    Refused(String, String),
}

impl Hindrance {
    /// From what the service worker says.
    pub fn of_code(code: &str, detail: String) -> Self {
        match code {
            "denied" => Self::Denied,
            "no-push-service" => Self::NoPushService,
            "failed" => Self::NoWorker,
            "unreachable" => Self::Unreachable,
            code => Self::Refused(code.to_owned(), detail),
        }
    }

    /// The word in `data-hindrance`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Insecure => "insecure",
            Self::Denied => "denied",
            Self::NoPushService => "no-push-service",
            Self::NoWorker => "no-worker",
            Self::Unreachable => "unreachable",
            Self::Refused(code, _) => code,
        }
    }

    /// Whether it may be over by itself in a while.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Unreachable)
    }
}

/// This browser, as views see it.
#[derive(Clone, Copy)]
pub struct BrowserPush {
    /// How it stands.
    pub here: RwSignal<Here>,
    /// Why the last wish was not met.
    pub hindrance: RwSignal<Option<Hindrance>>,
    /// Whether something is under way.
    pub busy: RwSignal<bool>,
}

/// Puts it into context; called once, by the shell.
pub fn provide_browser_push() -> BrowserPush {
    let push = BrowserPush {
        here: RwSignal::new(Here::default()),
        hindrance: RwSignal::new(None),
        busy: RwSignal::new(false),
    };
    provide_context(push);
    push
}

/// This browser.
///
/// # Panics
/// Outside the shell, which provides it.
pub fn use_browser_push() -> BrowserPush {
    expect_context()
}

impl BrowserPush {
    /// Brings the service worker, for the page that is shown offline; asks nothing.
    pub fn prepare(self) {
        browser::register();
    }

    /// Finds out how it stands.
    pub fn look(self) {
        spawn_local(async move {
            let found = browser::standing().await;
            let _ = self.here.try_set(match found {
                Ok(Some(id)) => Here::On(id),
                _ => Here::Off,
            });
        });
    }

    /// Asks the visitor for permission and subscribes; calls back once it stands.
    pub fn turn_on(self, then: impl Fn() + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.hindrance.set(None);
        spawn_local(async move {
            match browser::turn_on().await {
                Ok(Some(id)) => {
                    let _ = self.here.try_set(Here::On(id));
                    then();
                }
                Ok(None) => self.hinder(Hindrance::NoWorker),
                Err(hindrance) => self.hinder(hindrance),
            }
            let _ = self.busy.try_set(false);
        });
    }

    /// Takes the subscription back.
    pub fn turn_off(self, then: impl Fn() + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.hindrance.set(None);
        spawn_local(async move {
            match browser::turn_off().await {
                Ok(_) => {
                    let _ = self.here.try_set(Here::Off);
                    then();
                }
                Err(hindrance) => self.hinder(hindrance),
            }
            let _ = self.busy.try_set(false);
        });
    }

    fn hinder(self, hindrance: Hindrance) {
        // The page may have been left meanwhile; then nobody listens.
        let _ = self.hindrance.try_set(Some(hindrance));
    }
}

#[cfg(feature = "hydrate")]
use crate::channels::push_browser as browser;

#[cfg(not(feature = "hydrate"))]
mod browser {
    //! The server's: it renders, and is told nothing.
    #![allow(clippy::unused_async)]

    use super::Hindrance;
    use domain::EndpointId;

    pub(super) fn register() {}

    pub(super) async fn standing() -> Result<Option<EndpointId>, Hindrance> {
        Err(Hindrance::Unsupported)
    }

    pub(super) async fn turn_on() -> Result<Option<EndpointId>, Hindrance> {
        Err(Hindrance::Unsupported)
    }

    pub(super) async fn turn_off() -> Result<Option<EndpointId>, Hindrance> {
        Err(Hindrance::Unsupported)
    }
}
