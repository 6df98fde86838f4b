//! What a page starts with: given by the server, put into context by `shell`, taken by the pages.
//!
//! Invariant: one serialised value ([`Given`]) reaches both sides, so that both render the same.

use crate::forms::FormState;
use domain::{JobId, Timestamp, api::JobList};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the server gives every page to start with; put into context by `server::ui`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// When the page was rendered.
    pub now: Timestamp,
    /// A fresh idempotency key for the page's form.
    pub key: String,
    /// The form that was refused, if the page comes for that.
    pub refused: Option<FormState>,
    /// The owner's newest jobs and the cursor to go live from.
    pub snapshot: Option<JobList>,
}

/// How long things are kept; put into context by `server::ui`, shown by the page of one's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeps {
    /// Days that a job is kept after its end.
    pub jobs_days: u32,
    /// Days that its files are.
    pub results_days: u32,
}

impl Keeps {
    /// The page's.
    pub fn of_context() -> Self {
        use_context().unwrap_or(Self { jobs_days: 30, results_days: 7 })
    }
}

/// A webhook's secret, for the one page that comes of making it; put into context by `server::ui`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshSecret {
    /// What the webhook is called.
    pub label: String,
    /// `whsec_…`
    pub secret: String,
    /// The one before signs too until then.
    pub previous_until: Option<Timestamp>,
}

impl FreshSecret {
    /// The page's, if there is one.
    pub fn of_context() -> Option<Self> {
        use_context()
    }
}

/// The status of the answer, while the server renders.
#[derive(Clone)]
pub struct Status(Arc<dyn Fn(u16) + Send + Sync>);

impl Status {
    /// Calls back with the status that a page asks for.
    pub fn new(set: impl Fn(u16) + Send + Sync + 'static) -> Self {
        Self(Arc::new(set))
    }

    /// Asks for a status; in the browser there is no answer to set it on.
    pub fn set(status: u16) {
        if let Some(Self(set)) = use_context() {
            set(status);
        }
    }
}

/// The idempotency key of the page's form, renewed when it has been used.
#[derive(Clone, Copy)]
pub struct FormKey(RwSignal<String>);

impl FormKey {
    /// With the key that the server gave.
    pub fn new(key: String) -> Self {
        Self(RwSignal::new(key))
    }

    /// The page's.
    pub fn of_context() -> RwSignal<String> {
        use_context::<Self>().map_or_else(|| RwSignal::new(String::new()), |key| key.0)
    }
}

/// What the snapshot covers.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstPage {
    /// Its last job, when older ones follow.
    pub oldest: Option<JobId>,
}

impl FirstPage {
    /// The page's.
    pub fn of_context() -> Self {
        use_context().unwrap_or_default()
    }
}
