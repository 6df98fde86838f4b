//! How many jobs of a kind may run at once, and how many may start per minute.
//!
//! Set by the operator; the producer turns them into the quotas of a claim, `outlook` into a reason for waiting. The store counts what
//! runs, in the transaction that claims; the starts are counted here, by this process alone.
//! Invariant: no more start within any minute than the limit says, plus the one that a full bucket holds back for a quiet time.

use crate::store::Quota;
use std::{collections::BTreeMap, str::FromStr, sync::Mutex, sync::PoisonError, time::Duration};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The limits of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindLimit {
    /// Jobs at once.
    pub parallel: Option<u32>,
    /// Starts per minute.
    pub per_minute: Option<u32>,
}

/// One setting: `catalogue-import=2`, `supplier-quotes=30/min`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSetting {
    /// The kind.
    pub kind: String,
    /// What it sets.
    pub limit: KindLimit,
}

impl FromStr for LimitSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("\"{text}\" is no limit: expected KIND=JOBS or KIND=STARTS/min, each at least 1");
        let (kind, limit) = text.split_once('=').ok_or_else(invalid)?;
        let number = |digits: &str| digits.trim().parse().ok().filter(|number| *number > 0).ok_or_else(invalid);
        let limit = match limit.split_once('/') {
            Some((starts, "min")) => KindLimit { parallel: None, per_minute: Some(number(starts)?) },
            Some(_) => return Err(invalid()),
            None => KindLimit { parallel: Some(number(limit)?), per_minute: None },
        };
        Ok(Self { kind: kind.trim().to_owned(), limit })
    }
}

/// The limits of all kinds that have one.
pub type LimitsByKind = BTreeMap<String, KindLimit>;

/// Joins settings; a later one of the same sort wins.
pub fn by_kind(settings: impl IntoIterator<Item = LimitSetting>) -> LimitsByKind {
    let mut limits = LimitsByKind::new();
    for LimitSetting { kind, limit } in settings {
        let entry = limits.entry(kind).or_default();
        entry.parallel = limit.parallel.or(entry.parallel);
        entry.per_minute = limit.per_minute.or(entry.per_minute);
    }
    limits
}

/// A bucket of starts: filled evenly, emptied by claims.
#[derive(Debug)]
struct Bucket {
    interval: Duration,
    /// When the start after those given away may be.
    next: Instant,
}

/// Keeps count of starts.
#[derive(Debug)]
pub(super) struct KindLimits {
    limits: LimitsByKind,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl KindLimits {
    pub(super) fn new(limits: LimitsByKind) -> Self {
        let now = Instant::now();
        let bucket = |per_minute: u32| Bucket { interval: MINUTE / per_minute, next: now };
        let buckets = limits
            .iter()
            .filter_map(|(kind, limit)| Some((kind.clone(), bucket(limit.per_minute?))))
            .collect::<BTreeMap<_, _>>();
        Self { limits, buckets: Mutex::new(buckets) }
    }

    /// The limits of a kind.
    pub(super) fn of(&self, kind: &str) -> KindLimit {
        self.limits.get(kind).copied().unwrap_or_default()
    }

    /// What a claim may take now of each kind.
    pub(super) fn quotas(&self, kinds: &[&str], now: Instant) -> Vec<Quota> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = |kind: &&str| Quota {
            kind: (*kind).to_owned(),
            running: self.of(kind).parallel,
            starts: buckets.get(*kind).map(|bucket| u32::from(bucket.next <= now)),
        };
        kinds.iter().map(quota).collect()
    }

    /// Counts a start.
    pub(super) fn started(&self, kind: &str, now: Instant) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(kind) {
            bucket.next = bucket.next.max(now) + bucket.interval;
        }
    }

    /// When a kind that may not start now may start again: the earliest of them.
    pub(super) fn next_start(&self, now: Instant) -> Option<Instant> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.values().map(|bucket| bucket.next).filter(|next| *next > now).min()
    }

    /// Whether the end of a job of this kind may let another one start.
    pub(super) fn frees(&self, kind: &str) -> bool {
        self.of(kind).parallel.is_some()
    }

    /// Whether a start of this kind has to wait for its minute.
    pub(super) fn is_paced(&self, kind: &str, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(kind).is_some_and(|bucket| bucket.next > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(settings: &[&str]) -> LimitsByKind {
        by_kind(settings.iter().map(|setting| setting.parse().unwrap()))
    }

    #[test]
    fn settings_are_read_and_joined() {
        let read = limits(&["a=2", "a=30/min", "b=1", "b=4"]);
        assert_eq!(read["a"], KindLimit { parallel: Some(2), per_minute: Some(30) });
        assert_eq!(read["b"], KindLimit { parallel: Some(4), per_minute: None });
        for nonsense in ["a", "a=", "a=0", "a=-1", "a=2/s", "a=/min"] {
            assert!(nonsense.parse::<LimitSetting>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn starts_are_spread_over_the_minute() {
        let kinds = KindLimits::new(limits(&["a=60/min", "b=1"]));
        let start = Instant::now() + Duration::from_secs(1);
        let starts = |at: Instant| kinds.quotas(&["a"], at)[0].starts;
        assert_eq!(starts(start), Some(1));
        kinds.started("a", start);
        assert_eq!(starts(start), Some(0));
        assert!(kinds.is_paced("a", start));
        assert_eq!(kinds.next_start(start), Some(start + Duration::from_secs(1)));
        assert_eq!(starts(start + Duration::from_secs(1)), Some(1));
        // A quiet time saves nothing up but the one start.
        kinds.started("a", start + Duration::from_secs(100));
        assert_eq!(starts(start + Duration::from_secs(100)), Some(0));
        assert_eq!(kinds.quotas(&["b", "c"], start)[0], Quota { running: Some(1), ..Quota::unlimited("b") });
    }
}
