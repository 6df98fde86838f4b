//! When a delivery is sent, and whether at all; and what follows an attempt.
//!
//! Pure: what is known comes in as arguments. Called by the dispatcher.
//! Invariants: what an endpoint is told `always`, and what its owner asked for by hand, waits for nobody; the rest is held while its owner
//! wants quiet and, when a device is live, until that had the time to say that it has seen the event. An event that was seen is not told.
//! A course of attempts has an end, counted in attempts: no clock, however it jumps, makes it shorter, longer or denser.

use super::{Report, Verdict, seen::Seen};
use crate::{
    quiet_hours::QuietHours,
    store::{ClaimedDelivery, Then},
};
use domain::{
    Timestamp,
    push::{EndpointKind, EndpointState, QuietTimes, When},
};
use std::time::Duration;

/// Seconds from each attempt to the next: about three days in all (Standard Webhooks, "Operational considerations").
const COURSE_S: [u64; 11] = [5, 30, 120, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Seconds after which nobody wants to hear of it any more by a notification or a mail: a message's TTL (RFC 8030, section 5.2).
const TTL_S: u64 = 86_400;

/// What is done with a delivery that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is sent now.
    Send,
    /// It is held until then, for a reason.
    Hold(Timestamp, &'static str),
    /// It is not sent, for a reason.
    Drop(&'static str),
}

/// Decides by what is known now.
pub fn step(claimed: &ClaimedDelivery, seen: Seen, now: Timestamp) -> Step {
    let (delivery, endpoint) = (&claimed.delivery, &claimed.endpoint.shown);
    if claimed.by_hand || delivery.job.is_none() || endpoint.when == When::Always {
        return Step::Send;
    }
    if seen.upto >= delivery.seq {
        return Step::Drop("seen");
    }
    if endpoint.when == When::Fallback && claimed.reached {
        return Step::Drop("reached");
    }
    if let Some(until) = claimed.quiet.as_ref().and_then(|quiet| quiet_until(quiet, now)) {
        return Step::Hold(until, "quiet-times");
    }
    if let Some(patience) = seen.patience_ms {
        // From now at the latest, should the clock have stood elsewhere when the event was committed.
        let until = delivery.created_at.plus_ms(patience);
        if now < until && until.ms_since(now) <= patience {
            return Step::Hold(until, "may-be-seen");
        }
    }
    Step::Send
}

/// When quiet times end that it is now; `None` when it is not.
pub fn quiet_until(quiet: &QuietTimes, now: Timestamp) -> Option<Timestamp> {
    // The rest of the day is when one may be told; the next such moment is now, or the end of the quiet.
    let told = QuietHours::parse(&format!("{}-{}", quiet.to, quiet.from), Some(&quiet.zone)).ok()?;
    told.next_start(now)
}

/// What follows an attempt.
pub fn then(claimed: &ClaimedDelivery, report: &Report, now: Timestamp) -> Then {
    match report.verdict {
        Verdict::Delivered => Then::Delivered,
        Verdict::Gone => Then::GiveUp { endpoint: Some(EndpointState::Gone) },
        Verdict::Rejected => Then::GiveUp { endpoint: None },
        Verdict::Retry { after, .. } => match pause(claimed.endpoint.shown.kind, claimed.tries) {
            Some(pause) => {
                let pause = pause.max(after.unwrap_or_default().min(Duration::from_secs(TTL_S)));
                Then::Retry(now.plus_ms(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
            }
            None => Then::GiveUp { endpoint: nothing_got_through(claimed).then_some(EndpointState::Parked) },
        },
    }
}

/// How long to wait after so many attempts, ± 10 %; `None`: they were enough.
fn pause(kind: EndpointKind, tries: u32) -> Option<Duration> {
    let made = usize::try_from(tries).unwrap_or(usize::MAX).checked_sub(1)?;
    let seconds = *COURSE_S.get(made)?;
    let elapsed: u64 = COURSE_S[..=made].iter().sum();
    if kind != EndpointKind::Webhook && elapsed > TTL_S {
        return None;
    }
    let ms = seconds * 1000;
    Some(Duration::from_millis(fastrand::u64(ms - ms / 10..=ms + ms / 10)))
}

/// Since the first attempt of this course, nothing at all was taken there.
fn nothing_got_through(claimed: &ClaimedDelivery) -> bool {
    !claimed.by_hand && claimed.endpoint.shown.delivered_at.is_none_or(|at| at < claimed.first_attempt_at)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
