//! Which hosts are left alone for a while, and how many messages to one are under way.
//!
//! Asked by the dispatcher before it claims and before it sends; the API shows until when a host is held. In memory: a restart asks once more.
//! Invariants: five failures in a row that blame a host open its circuit for 10 s, then longer, up to ten minutes; half open, one message
//! decides. One host takes at most part of the dispatcher's places, so that a host that hangs delays no other's messages.

use crate::breaker::{Breaker, BreakerConfig, Permit};
use domain::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// When a host is left alone.
const HOST: BreakerConfig =
    BreakerConfig { failures: 5, cool_down: Duration::from_secs(10), longest: Duration::from_secs(600) };
/// Messages to one host that are under way at once, beyond which no more are claimed for it.
const SIDE_BY_SIDE: usize = 16;

/// The circuits of all hosts; clones share them.
#[derive(Clone, Default)]
pub struct Circuits {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

struct Host {
    breaker: Breaker,
    under_way: usize,
}

/// A message to a host that is under way; answered with a verdict, or dropped without one.
pub struct Passage {
    circuits: Circuits,
    host: String,
    breaker: Breaker,
    permit: Option<Permit>,
}

impl Circuits {
    /// Hosts that nothing may be claimed for now.
    pub fn held(&self, now: Instant) -> Vec<String> {
        let hosts = self.lock();
        let held = hosts.iter().filter(|(_, host)| host.under_way >= SIDE_BY_SIDE || !host.breaker.is_asking(now));
        held.map(|(name, _)| name.clone()).collect()
    }

    /// How long until a host that is held may be asked again.
    pub fn next_change(&self, now: Instant) -> Option<Duration> {
        self.lock().values().filter_map(|host| host.breaker.circuit(now).1).min()
    }

    /// Until when a host is left alone, if it is.
    pub fn held_until(&self, host: &str, now: Timestamp) -> Option<Timestamp> {
        let left = self.lock().get(host)?.breaker.circuit(Instant::now()).1?;
        Some(now.plus_ms(i64::try_from(left.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Begins a message to a host. `None`: it is left alone, and nobody insists.
    pub fn begin(&self, host: &str, insists: bool, now: Instant) -> Option<Passage> {
        let mut hosts = self.lock();
        let entry = hosts.entry(host.to_owned()).or_insert_with(|| Host { breaker: Breaker::new(HOST), under_way: 0 });
        let permit = entry.breaker.permit(now);
        if permit.is_none() && !insists {
            return None;
        }
        entry.under_way += 1;
        Some(Passage { circuits: self.clone(), host: host.to_owned(), breaker: entry.breaker.clone(), permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passage {
    /// The host did what it is there for, whatever it said.
    pub fn worked(mut self) {
        match self.permit.take() {
            Some(permit) => permit.succeeded(),
            None => self.breaker.worked(),
        }
    }

    /// It did not.
    pub fn failed(mut self, now: Instant) {
        // Whoever insisted on an open circuit learns nothing new.
        if let Some(permit) = self.permit.take() {
            permit.failed(now);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // Before the lock: it takes one of its own.
        self.permit = None;
        let mut hosts = self.circuits.lock();
        if let Some(host) = hosts.get_mut(&self.host) {
            host.under_way = host.under_way.saturating_sub(1);
            // Nothing is remembered of those who do well, so that the hosts in memory are few.
            if host.under_way == 0 && host.breaker.is_spotless() {
                hosts.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(circuits: &Circuits, host: &str, times: usize, now: Instant) {
        for _ in 0..times {
            circuits.begin(host, false, now).expect("it is asked").failed(now);
        }
    }

    #[test]
    fn a_host_that_fails_is_left_alone_and_no_other() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, "a", 4, now);
        assert_eq!(circuits.held(now), Vec::<String>::new());
        fail(&circuits, "a", 1, now);
        assert_eq!(circuits.held(now), ["a"]);
        assert!(circuits.begin("a", false, now).is_none());
        assert!(circuits.begin("b", false, now).is_some());
        assert_eq!(circuits.next_change(now), Some(Duration::from_secs(10)));
        let later = now + Duration::from_secs(10);
        assert_eq!(circuits.held(later), Vec::<String>::new());
        let probe = circuits.begin("a", false, later).expect("one decides");
        assert_eq!(circuits.held(later), ["a"], "while it is under way");
        probe.worked();
        assert!(circuits.held(later).is_empty() && circuits.lock().is_empty(), "and then nothing is remembered");
    }

    #[test]
    fn whoever_insists_is_let_through_and_may_close_it() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, "a", 5, now);
        circuits.begin("a", true, now).expect("asked for by hand").failed(now);
        assert_eq!(circuits.held(now), ["a"]);
        circuits.begin("a", true, now).expect("asked for by hand").worked();
        assert!(circuits.held(now).is_empty());
    }

    #[test]
    fn one_host_takes_only_its_share() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        let all: Vec<_> = (0..SIDE_BY_SIDE).map(|_| circuits.begin("a", false, now)).collect();
        assert_eq!(circuits.held(now), ["a"]);
        drop(all);
        assert!(circuits.held(now).is_empty());
    }
}
