//! A circuit breaker: whether somebody is asked, after how they did of late.
//!
//! One for each supplier, shared by all jobs of the process (`kinds::supplier_quotes::directory`), and one for each host that messages
//! are sent to (`notify::circuit`). Closed, it counts failures in a row; enough of them open it, and nobody is asked for a while; then it
//! is half open, and one question decides. Reads no clock: time is an argument.
//! Invariants: half open, at most one question is under way; a question that ends without a verdict (its job was stopped) leaves the
//! breaker as it was before, so that the next one may decide.

use domain::kinds::supplier_quotes::Circuit;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it is open the first time; each probe that fails doubles it.
    pub cool_down: Duration,
    /// The longest that it becomes.
    pub longest: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 3, cool_down: Duration::from_secs(10), longest: Duration::from_secs(120) }
    }
}

/// The breaker of one of those asked; clones are the same.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// Since it last closed.
    openings: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// The right to put one question, to be answered with a verdict; dropped without one, it says nothing.
#[must_use]
pub struct Permit {
    breaker: Breaker,
    is_probe: bool,
}

impl Breaker {
    /// A closed one.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, state: Arc::default() }
    }

    /// May it be asked now? `None`: no.
    pub fn permit(&self, now: Instant) -> Option<Permit> {
        let mut state = self.lock();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if now < until || state.probing => return None,
            Some(_) => true,
        };
        state.probing |= is_probe;
        Some(Permit { breaker: self.clone(), is_probe })
    }

    /// Whether [`Self::permit`] would give one.
    pub fn is_asking(&self, now: Instant) -> bool {
        let state = self.lock();
        state.open_until.is_none_or(|until| now >= until && !state.probing)
    }

    /// Whether nothing is held against it: one like it can be made anew.
    pub fn is_spotless(&self) -> bool {
        let state = self.lock();
        state.failures == 0 && state.open_until.is_none()
    }

    /// It did what it is there for, for somebody who asked without a permit.
    pub fn worked(&self) {
        let mut state = self.lock();
        *state = State { probing: state.probing, ..State::default() };
    }

    /// How it stands, and how much longer it is open.
    pub fn circuit(&self, now: Instant) -> (Circuit, Option<Duration>) {
        match self.lock().open_until {
            None => (Circuit::Closed, None),
            Some(until) if now < until => (Circuit::Open, Some(until - now)),
            Some(_) => (Circuit::HalfOpen, None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// It did what it is there for.
    pub fn succeeded(self) {
        // One that was permitted before it opened, and answers late, is as good a sign as a probe's answer.
        let mut state = self.breaker.lock();
        let probing = state.probing && !self.is_probe;
        *state = State { probing, ..State::default() };
    }

    /// It failed.
    pub fn failed(self, now: Instant) {
        let config = self.breaker.config;
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        let is_open = state.open_until.is_some();
        // Questions that were under way when it opened say nothing new.
        if self.is_probe || (!is_open && state.failures >= config.failures) {
            let cool_down = config.cool_down.saturating_mul(2u32.saturating_pow(state.openings)).min(config.longest);
            state.openings += 1;
            state.open_until = Some(now + cool_down);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(BreakerConfig { failures: 3, cool_down: SECOND * 10, longest: SECOND * 30 }), Instant::now())
    }

    fn fail(breaker: &Breaker, now: Instant, times: u32) {
        for _ in 0..times {
            breaker.permit(now).expect("it may be asked").failed(now);
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_in_between_does_not_let_them() {
        let (breaker, now) = breaker();
        fail(&breaker, now, 2);
        breaker.permit(now).unwrap().succeeded();
        fail(&breaker, now, 2);
        assert_eq!(breaker.circuit(now), (Circuit::Closed, None));
        fail(&breaker, now, 1);
        assert_eq!(breaker.circuit(now), (Circuit::Open, Some(SECOND * 10)));
        assert!(breaker.permit(now + SECOND * 9).is_none(), "nobody is asked while it is open");
    }

    #[test]
    fn half_open_one_question_decides() {
        let (breaker, now) = breaker();
        fail(&breaker, now, 3);
        let later = now + SECOND * 10;
        assert_eq!(breaker.circuit(later), (Circuit::HalfOpen, None));
        let probe = breaker.permit(later).unwrap();
        assert!(breaker.permit(later).is_none(), "one at a time");
        probe.succeeded();
        assert_eq!(breaker.circuit(later), (Circuit::Closed, None));
        fail(&breaker, later, 3);
        assert_eq!(breaker.circuit(later), (Circuit::Open, Some(SECOND * 10)), "what was is forgotten");
    }

    #[test]
    fn each_probe_that_fails_keeps_it_open_longer_up_to_a_limit() {
        let (breaker, mut now) = breaker();
        fail(&breaker, now, 3);
        for open in [20, 30, 30] {
            now += SECOND * 30;
            fail(&breaker, now, 1);
            assert_eq!(breaker.circuit(now), (Circuit::Open, Some(SECOND * open)));
        }
    }

    #[test]
    fn a_probe_that_was_stopped_lets_the_next_one_decide() {
        let (breaker, now) = breaker();
        fail(&breaker, now, 3);
        let later = now + SECOND * 10;
        drop(breaker.permit(later).unwrap());
        assert_eq!(breaker.circuit(later).0, Circuit::HalfOpen);
        breaker.permit(later).expect("it may be asked").succeeded();
        assert_eq!(breaker.circuit(later).0, Circuit::Closed);
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_prolong_it() {
        let (breaker, now) = breaker();
        let slow = breaker.permit(now).unwrap();
        fail(&breaker, now, 3);
        slow.failed(now + SECOND * 5);
        assert_eq!(breaker.circuit(now), (Circuit::Open, Some(SECOND * 10)));
    }
}
