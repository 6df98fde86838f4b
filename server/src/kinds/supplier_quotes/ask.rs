//! One supplier, asked until it says something: each try bounded, tries spaced with full jitter, the breaker asked before each.
//!
//! Run by the kind for all suppliers side by side. Holds nothing durable: what it brings counts once the kind has committed it.
//! Invariants: it ends before the question's `reply_by`; a supplier whose breaker is open is not asked; a try that was given less than
//! its full time is no evidence against a supplier.

use super::{
    client::{Question, Said, Trouble},
    directory::Directory,
};
use crate::clock;
use domain::kinds::supplier_quotes::{Circuit, Quote, Reason};
use std::time::{Duration, Instant};

/// The longest that a supplier's `Retry-After` is waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long and how often one supplier is asked.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long one try may take.
    pub per_try: Duration,
    /// Tries.
    pub tries: u32,
    /// The longest pause after the first try; each next one may be twice as long.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { per_try: Duration::from_secs(5), tries: 3, first_pause: Duration::from_millis(400) }
    }
}

/// What asking a supplier came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It gave these prices.
    Quotes(Vec<Quote>),
    /// It will call back.
    Promised,
    /// It did neither.
    Failed(Reason),
}

/// What became of a supplier, with what there is to tell about it.
#[derive(Debug)]
pub struct Asked {
    /// Whose.
    pub id: String,
    /// What.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// Its circuit after that.
    pub circuit: Circuit,
}

/// Asks a listed supplier.
pub async fn ask(directory: &Directory, id: &str, question: &Question<'_>, key: &str) -> Asked {
    let begun = Instant::now();
    let outcome = try_often(directory, id, question, key, begun).await;
    let circuit = directory.breaker(id).circuit(Instant::now()).0;
    Asked { id: id.to_owned(), outcome, took: begun.elapsed(), circuit }
}

async fn try_often(directory: &Directory, id: &str, question: &Question<'_>, key: &str, begun: Instant) -> Outcome {
    let Some(client) = directory.client() else { return Outcome::Failed(Reason::UnknownSupplier) };
    let (breaker, patience) = (directory.breaker(id), directory.patience());
    let left_ms = question.reply_by.0.saturating_sub(clock::now().0);
    let until = begun + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    let mut last = None;
    for n in 0..patience.tries {
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return Outcome::Failed(last.unwrap_or(Reason::TooLate));
        }
        let Some(permit) = breaker.permit(now) else { return Outcome::Failed(last.unwrap_or(Reason::CircuitOpen)) };
        let time = patience.per_try.min(left);
        let said = match tokio::time::timeout(time, client.ask(id, question, key)).await {
            Ok(said) => said,
            Err(_) => {
                let counts = time == patience.per_try;
                Said::Failed(Trouble { reason: Reason::Timeout, again: true, after: None, counts })
            }
        };
        let trouble = match said {
            Said::Quotes(quotes) => {
                permit.succeeded();
                return Outcome::Quotes(quotes);
            }
            Said::Promised => {
                permit.succeeded();
                return Outcome::Promised;
            }
            Said::Failed(trouble) => trouble,
        };
        if trouble.counts {
            permit.failed(Instant::now());
        } else {
            drop(permit);
        }
        last = Some(trouble.reason);
        let pause = trouble.after.unwrap_or_else(|| jitter(patience.first_pause, n));
        if !trouble.again {
            return Outcome::Failed(trouble.reason);
        }
        if n + 1 == patience.tries {
            break;
        }
        if pause > LONGEST_PAUSE || Instant::now() + pause >= until {
            // It named a time after which nothing that it says would count.
            let busy = trouble.after.is_some();
            return Outcome::Failed(if busy { Reason::Busy } else { trouble.reason });
        }
        tokio::time::sleep(pause).await;
    }
    Outcome::Failed(last.unwrap_or(Reason::Timeout))
}

/// Anything up to a ceiling that doubles with each try.
fn jitter(first: Duration, n: u32) -> Duration {
    let ceiling = first.saturating_mul(2u32.saturating_pow(n)).min(LONGEST_PAUSE);
    Duration::from_millis(fastrand::u64(0..=u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_jittered_up_to_a_ceiling_that_doubles_and_ends() {
        let first = Duration::from_millis(100);
        for n in 0..40 {
            let ceiling = Duration::from_millis(100 << n.min(20)).min(LONGEST_PAUSE);
            assert!((0..50).all(|_| jitter(first, n) <= ceiling), "{n}");
        }
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| jitter(first, 5)).collect();
        assert!(pauses.len() > 1, "jobs that failed together do not come back together");
    }
}
