//! A job's state by shape, word and colour.

use crate::i18n::{Strings, use_t};
use domain::{Job, JobState};
use leptos::prelude::*;

/// What a chip says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Submitted, not answered yet.
    Sending,
    /// Running, and asked to stop.
    Cancelling,
    /// As the server says.
    State(JobState),
}

impl Shown {
    /// What to show for a job.
    pub fn of(job: &Job) -> Self {
        match job.state {
            state if job.cancel_requested_at.is_some() && !state.is_terminal() => Self::Cancelling,
            state => Self::State(state),
        }
    }

    /// The word in `data-state`. A job that is asked to stop is still in its state: `running`.
    fn data_state(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Cancelling => JobState::Running.as_str(),
            Self::State(state) => state.as_str(),
        }
    }

    /// The word in the page's language.
    pub fn word(self, t: &Strings) -> &'static str {
        match self {
            Self::Sending => t.state_sending,
            Self::Cancelling => t.state_cancelling,
            Self::State(state) => state_word(t, state),
        }
    }

    /// Strokes on a grid of 16.
    fn icon(self) -> &'static str {
        match self {
            Self::Sending => "M8 13V3M4 7l4-4 4 4",
            Self::Cancelling => "M4 4h8v8H4z",
            Self::State(JobState::Scheduled) => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3l2 2",
            Self::State(JobState::Queued) => "M3 4h10M3 8h10M3 12h6",
            Self::State(JobState::Running) => "M8 2a6 6 0 1 1-6 6",
            Self::State(JobState::Waiting) => "M5 3v10M11 3v10",
            Self::State(JobState::Retrying) => "M13 8a5 5 0 1 1-2-4M11 1v3h-3",
            Self::State(JobState::Succeeded) => "M3 8.5l3.5 3.5L13 4.5",
            Self::State(JobState::Failed) => "M4 4l8 8M12 4l-8 8",
            Self::State(JobState::Cancelled) => "M3 8h10",
        }
    }
}

/// A state in the page's language.
pub fn state_word(t: &Strings, state: JobState) -> &'static str {
    match state {
        JobState::Scheduled => t.state_scheduled,
        JobState::Queued => t.state_queued,
        JobState::Running => t.state_running,
        JobState::Waiting => t.state_waiting,
        JobState::Retrying => t.state_retrying,
        JobState::Succeeded => t.state_succeeded,
        JobState::Failed => t.state_failed,
        JobState::Cancelled => t.state_cancelled,
    }
}

/// Icon and word of a state.
#[component]
pub fn StateChip(
    /// What it says.
    #[prop(into)]
    shown: Signal<Shown>,
) -> impl IntoView {
    let t = use_t();
    view! {
        <span class="state-chip" data-state=move || shown.get().data_state()>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path
                    d=move || shown.get().icon()
                    fill="none"
                    stroke="currentColor"
                    stroke-width="2"
                    stroke-linecap="round"
                    stroke-linejoin="round"
                />
            </svg>
            <span>{move || shown.get().word(t)}</span>
        </span>
    }
    .into_any()
}
