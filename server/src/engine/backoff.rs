//! How long to wait before trying again.
//!
//! [`delay`] is for jobs: exponential with full jitter, so that jobs that failed together do not come back together; the
//! executor turns it into a moment that the store persists. [`Patience`] is for the engine's own calls on a store that
//! refuses for a while (disk full, locked). Reads no clock and sleeps nowhere but in [`Patience::pause`].

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// The longest wait after a failed attempt, from 1.
fn ceiling(attempt: u32) -> Duration {
    FIRST.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST)
}

/// The wait after a failed attempt: anything up to its ceiling ("full jitter").
pub(super) fn delay(attempt: u32) -> Duration {
    Duration::from_millis(fastrand::u64(0..=ceiling(attempt).as_millis() as u64))
}

/// Growing pauses between tries of the same call.
pub(super) struct Patience {
    next: Duration,
    tries: u32,
}

impl Patience {
    const LONGEST: Duration = Duration::from_secs(2);

    pub(super) const fn new() -> Self {
        Self { next: Duration::from_millis(25), tries: 0 }
    }

    /// How often [`Self::pause`] was called.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    /// Waits, longer each time, up to two seconds.
    pub(super) async fn pause(&mut self) {
        let wait = self.next;
        self.next = (wait * 2).min(Self::LONGEST);
        self.tries += 1;
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_and_end_at_five_minutes() {
        let seconds: Vec<_> = [1, 2, 3, 9, 10, 40].map(|attempt| ceiling(attempt).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn delays_are_spread_below_their_ceiling() {
        let delays: Vec<_> = (0..200).map(|_| delay(4)).collect();
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(8)));
        assert!(delays.iter().any(|delay| *delay < Duration::from_secs(4)), "jitter reaches the lower half");
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(4)), "jitter reaches the upper half");
    }
}
