//! Durations as they were measured, and their percentiles.
//!
//! Filled by every scenario. All of them are kept and sorted, which is exact; a run has a few million at most.
//! Invariant: a percentile is a duration that was measured (nearest rank), never an interpolation.

use std::time::Duration;

/// Measured durations.
#[derive(Debug, Default)]
pub struct Samples {
    nanos: Vec<u64>,
    sorted: bool,
}

impl Samples {
    /// Adds one.
    pub fn push(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.sorted = false;
    }

    /// Adds another collection.
    pub fn append(&mut self, mut other: Self) {
        self.nanos.append(&mut other.nanos);
        self.sorted = false;
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.nanos.len()
    }

    /// The smallest duration that at least `percent` of all do not exceed; zero when there are none.
    pub fn percentile(&mut self, percent: f64) -> Duration {
        if !self.sorted {
            self.nanos.sort_unstable();
            self.sorted = true;
        }
        let rank = (percent / 100.0 * self.nanos.len() as f64).ceil() as usize;
        Duration::from_nanos(self.nanos.get(rank.saturating_sub(1)).copied().unwrap_or(0))
    }

    /// The median in milliseconds.
    pub fn p50_ms(&mut self) -> f64 {
        self.percentile(50.0).as_secs_f64() * 1e3
    }

    /// The 99th percentile in milliseconds.
    pub fn p99_ms(&mut self) -> f64 {
        self.percentile(99.0).as_secs_f64() * 1e3
    }

    /// On average, in milliseconds; zero when there are none.
    pub fn mean_ms(&self) -> f64 {
        let sum: u128 = self.nanos.iter().map(|nanos| u128::from(*nanos)).sum();
        sum as f64 / self.nanos.len().max(1) as f64 / 1e6
    }

    /// The longest in milliseconds.
    pub fn max_ms(&mut self) -> f64 {
        self.percentile(100.0).as_secs_f64() * 1e3
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut samples = Self::default();
        durations.into_iter().for_each(|took| samples.push(took));
        samples
    }
}
