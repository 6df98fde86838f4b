//! The parts that pages are made of, one component a file.
//!
//! Used by `shell`, `pages` and `kinds`. They read the contexts of `state` and fetch nothing, except that actions on a job go
//! through `backend`. Invariant: every control works as a link or a form before any script runs.

pub mod activity_dock;
pub mod attempts;
pub mod callback_form;
pub mod channel_picker;
pub mod continuity_badge;
pub mod error_summary;
pub mod failure_card;
pub mod field;
pub mod job_actions;
pub mod job_progress;
pub mod job_row;
pub mod json_view;
pub mod moment;
pub mod push_offer;
pub mod state_chip;
pub mod switches;
pub mod timeline;
pub mod title_badge;
pub mod why;
