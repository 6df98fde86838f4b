//! A histogram of durations that many threads fill at once and a scrape reads.
//!
//! Filled by the store's writer and by the channels, read by [`crate::metrics`]. Knows no names and no labels.
//! Invariant: counting costs two atomic additions, no lock and no allocation; a bucket is what its bound does not exceed and the one
//! before it does, so that the buckets together are the count.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds in seconds, for what takes milliseconds: fine where a person would notice nothing yet and a tail begins.
pub const BOUNDS: [f64; 20] = [
    0.000_25, 0.0005, 0.000_75, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 5.0,
];
/// The same in nanoseconds, which is what is compared.
const BOUNDS_NS: [u64; BOUNDS.len()] = {
    let mut nanos = [0; BOUNDS.len()];
    let mut at = 0;
    while at < nanos.len() {
        nanos[at] = (BOUNDS[at] * 1e9).round() as u64;
        at += 1;
    }
    nanos
};

/// Durations as they are counted.
#[derive(Debug, Default)]
pub struct Histogram {
    /// The last one is of what no bound holds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counted {
    /// What fell below each of [`BOUNDS`] and not below the one before.
    pub buckets: [u64; BOUNDS.len()],
    /// All.
    pub count: u64,
    /// Seconds, all together.
    pub sum_s: f64,
}

impl Histogram {
    /// Counts something that took so long, so many times.
    pub fn add(&self, took: Duration, times: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NS.partition_point(|bound| *bound < nanos);
        self.buckets[bucket].fetch_add(times, Relaxed);
        self.sum_ns.fetch_add(nanos.saturating_mul(times), Relaxed);
    }

    /// As it is now. What is counted meanwhile may be in one figure and not yet in another.
    pub fn counted(&self) -> Counted {
        let all = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        let mut buckets = [0; BOUNDS.len()];
        buckets.copy_from_slice(&all[..BOUNDS.len()]);
        let sum_s = Duration::from_nanos(self.sum_ns.load(Relaxed)).as_secs_f64();
        Counted { buckets, count: all.iter().sum(), sum_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        histogram.add(Duration::from_micros(250), 1);
        histogram.add(Duration::from_nanos(250_001), 2);
        histogram.add(Duration::from_secs(5), 1);
        histogram.add(Duration::from_secs(6), 4);
        let counted = histogram.counted();
        assert_eq!((counted.buckets[0], counted.buckets[1], counted.buckets[19]), (1, 2, 1));
        assert_eq!((counted.count, counted.buckets.iter().sum::<u64>()), (8, 4), "four are beyond every bound");
        assert!((counted.sum_s - 29.000_750_002).abs() < 1e-9, "{}", counted.sum_s);
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS_NS.windows(2).all(|two| two[0] < two[1]) && BOUNDS_NS[0] == 250_000);
    }
}
