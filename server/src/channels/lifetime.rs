//! When a stream says that it lives, and when it ends by itself: at its age limit, or since the server stops.
//!
//! Used by `sse` and `ws` beside the feed. Holds moments, no timers: one is armed per wait, for whichever moment comes first.
//! Invariant: delays and ages are random within their bounds, so that clients who came together do not come back together.

use crate::state::AppState;
use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Longest delay that a drain asks for, in milliseconds.
const DRAIN_SPREAD_MS: u64 = 5_000;

/// What is due on a stream apart from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A sign of life.
    Beat,
    /// The end of its age.
    Aged,
    /// The server stops; this client may come back after so many milliseconds.
    Drain {
        /// Its own delay.
        delay_ms: u64,
    },
}

/// The clock of one stream.
pub struct Lifetime {
    every: Duration,
    beat: Instant,
    end: Instant,
    shutdown: CancellationToken,
}

impl Lifetime {
    /// Begins now.
    pub fn begin(app: &AppState) -> Self {
        let config = &app.config.channels;
        let now = Instant::now();
        let age = config.max_age.mul_f64(0.8 + 0.4 * fastrand::f64());
        Self { every: config.heartbeat, beat: now + config.heartbeat, end: now + age, shutdown: app.shutdown.clone() }
    }

    /// Waits for the next of them. Dropped while it waits, it has changed nothing.
    pub async fn due(&mut self) -> Due {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Due::Drain { delay_ms: fastrand::u64(0..=DRAIN_SPREAD_MS) },
            () = sleep_until(self.beat.min(self.end)) => {}
        }
        let now = Instant::now();
        if now >= self.end {
            return Due::Aged;
        }
        self.beat = now + self.every;
        Due::Beat
    }

    /// How often a beat is due.
    pub fn every(&self) -> Duration {
        self.every
    }
}

/// Milliseconds after which a client whose stream ended in good order comes back.
pub fn return_ms() -> u64 {
    fastrand::u64(500..=2_500)
}
