//! What the page knows and how it stays true: the job rows, the visitor's preferences, the live channel.
//!
//! Provided as contexts by the shell ([`jobs::provide_jobs`], [`prefs::provide_prefs`], [`live::provide_live`]), read by every view.
//! Invariant: each starts with the same value on the server and in the browser, so that hydration changes nothing on screen.

pub mod announce;
pub mod browser_push;
pub mod clock;
pub mod jobs;
pub mod live;
pub mod prefs;
pub mod switch;
