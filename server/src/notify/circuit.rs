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

/// One of the places that messages to a host take; given back when it is dropped.
pub struct Place {
    circuits: Circuits,
    host: String,
    breaker: Breaker,
}

/// A message that may go to its host; answered with a verdict, or dropped without one.
pub struct Passage {
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

    /// Takes a place for a message that was claimed.
    pub fn place(&self, host: &str) -> Place {
        let mut hosts = self.lock();
        let fresh = || Host { breaker: Breaker::new(HOST), under_way: 0 };
        let entry = hosts.entry(host.to_owned()).or_insert_with(fresh);
        entry.under_way += 1;
        Place { circuits: self.clone(), host: host.to_owned(), breaker: entry.breaker.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Begins the message. `None`: the host is left alone, and nobody insists.
    pub fn begin(&self, insists: bool, now: Instant) -> Option<Passage> {
        let permit = self.breaker.permit(now);
        (permit.is_some() || insists).then(|| Passage { breaker: self.breaker.clone(), permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
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

impl Passage {
    /// The host did what it is there for, whatever it said.
    pub fn worked(self) {
        match self.permit {
            Some(permit) => permit.succeeded(),
            None => self.breaker.worked(),
        }
    }

    /// It did not.
    pub fn failed(self, now: Instant) {
        // Whoever insisted on an open circuit learns nothing new.
        if let Some(permit) = self.permit {
            permit.failed(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(circuits: &Circuits, host: &str, times: usize, now: Instant) {
        for _ in 0..times {
            circuits.place(host).begin(false, now).expect("it is asked").failed(now);
        }
    }

    #[test]
    fn a_host_that_fails_is_left_alone_and_no_other() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, "a", 4, now);
        assert_eq!(circuits.held(now), Vec::<String>::new());
        fail(&circuits, "a", 1, now);
        assert_eq!(circuits.held(now), ["a"]);
        assert!(circuits.place("a").begin(false, now).is_none());
        assert!(circuits.place("b").begin(false, now).is_some());
        assert_eq!(circuits.next_change(now), Some(Duration::from_secs(10)));
        let later = now + Duration::from_secs(10);
        assert_eq!(circuits.held(later), Vec::<String>::new());
        let place = circuits.place("a");
        let probe = place.begin(false, later).expect("one decides");
        assert_eq!(circuits.held(later), ["a"], "while it is under way");
        probe.worked();
        drop(place);
        assert!(circuits.held(later).is_empty() && circuits.lock().is_empty(), "and then nothing is remembered");
    }

    #[test]
    fn whoever_insists_is_let_through_and_may_close_it() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, "a", 5, now);
        circuits.place("a").begin(true, now).expect("asked for by hand").failed(now);
        assert_eq!(circuits.held(now), ["a"]);
        circuits.place("a").begin(true, now).expect("asked for by hand").worked();
        assert!(circuits.held(now).is_empty());
    }

    #[test]
    fn one_host_takes_only_its_share() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        let all: Vec<_> = (0..SIDE_BY_SIDE).map(|_| circuits.place("a")).collect();
        assert_eq!(circuits.held(now), ["a"]);
        drop(all);
        assert!(circuits.held(now).is_empty());
    }
}
