//! The rules of when a delivery is sent, at moments of their own.

use super::*;
use crate::store::{DeliveryLease, EndpointRow, Target};
use domain::{
    DeliveryId, EndpointId, JobId, OwnerId,
    push::{Delivery, DeliveryState, PushEndpoint},
};

const NOW: Timestamp = Timestamp(1_800_000_000_000); // 2027-01-15T08:00:00Z
const NOBODY: Seen = Seen { upto: 0, patience_ms: None };

fn at(ms: i64) -> Timestamp {
    NOW.plus_ms(ms)
}

/// A delivery of the event with seq 7, committed at [`NOW`].
fn claimed(when: When) -> ClaimedDelivery {
    let endpoint = EndpointId::from_bytes([1; 16]);
    let shown = PushEndpoint {
        id: endpoint,
        kind: EndpointKind::Webhook,
        label: "hook".into(),
        address: "https://a.example/".into(),
        state: EndpointState::Active,
        reason: None,
        events: Vec::new(),
        when,
        digest_s: 0,
        created_at: NOW,
        delivered_at: None,
        failing_since: None,
        pending: 1,
        held_until: None,
    };
    let target = Target::Webhook { url: "https://a.example/".into(), secret: vec![1], previous: None };
    let delivery = Delivery {
        id: DeliveryId::from_bytes([2; 16]),
        endpoint,
        endpoint_kind: EndpointKind::Webhook,
        endpoint_label: "hook".into(),
        job: Some(JobId::from_bytes([3; 16])),
        event: "succeeded".into(),
        seq: 7,
        state: DeliveryState::Sending,
        reason: None,
        attempts: 1,
        status: None,
        created_at: NOW,
        next_at: None,
        delivered_at: None,
        received_at: None,
        shown_at: None,
        clicked_at: None,
        within: None,
    };
    ClaimedDelivery {
        lease: DeliveryLease { delivery: 1, token: 1 },
        delivery,
        endpoint: EndpointRow {
            owner: OwnerId::from_bytes([4; 16]),
            shown,
            target,
            host: "https://a.example:443".into(),
        },
        lang: "en".into(),
        quiet: None,
        by_hand: false,
        tries: 1,
        told: Vec::new(),
        first_attempt_at: NOW,
        reached: false,
    }
}

fn quiet(from: &str, to: &str) -> Option<QuietTimes> {
    Some(QuietTimes { from: from.into(), to: to.into(), zone: "UTC".into() })
}

#[test]
fn what_is_always_told_and_what_is_asked_for_by_hand_waits_for_nobody() {
    let seen = Seen { upto: 9, patience_ms: Some(5_000) };
    let always = ClaimedDelivery { quiet: quiet("07:00", "09:00"), ..claimed(When::Always) };
    assert_eq!(step(&always, seen, at(0)), Step::Send);
    let by_hand = ClaimedDelivery { by_hand: true, quiet: quiet("07:00", "09:00"), ..claimed(When::Unseen) };
    assert_eq!(step(&by_hand, seen, at(0)), Step::Send);
    let mut test = claimed(When::Unseen);
    test.delivery.job = None;
    assert_eq!(step(&test, seen, at(0)), Step::Send);
}

#[test]
fn nobody_is_told_what_a_device_has_shown_them() {
    for when in [When::Unseen, When::Fallback] {
        let told = claimed(when);
        assert_eq!(step(&told, Seen { upto: 7, patience_ms: None }, at(0)), Step::Drop("seen"));
        assert_eq!(step(&told, Seen { upto: 6, patience_ms: None }, at(0)), Step::Send);
    }
}

#[test]
fn a_live_device_has_time_to_say_that_it_has_seen_it() {
    let told = claimed(When::Unseen);
    let live = Seen { upto: 6, patience_ms: Some(5_000) };
    assert_eq!(step(&told, live, at(10)), Step::Hold(at(5_000), "may-be-seen"));
    assert_eq!(step(&told, live, at(5_000)), Step::Send);
    assert_eq!(step(&told, NOBODY, at(10)), Step::Send, "nobody is there");
    // The clock has been set back by an hour since: it is not waited for.
    assert_eq!(step(&told, live, at(-3_600_000)), Step::Send);
}

#[test]
fn a_fallback_is_not_needed_where_a_browser_was_reached() {
    let reached = ClaimedDelivery { reached: true, ..claimed(When::Fallback) };
    assert_eq!(step(&reached, NOBODY, at(120_000)), Step::Drop("reached"));
    let unseen = ClaimedDelivery { reached: true, ..claimed(When::Unseen) };
    assert_eq!(step(&unseen, NOBODY, at(120_000)), Step::Send, "a second browser is told as the first one is");
}

#[test]
fn quiet_times_hold_until_they_end() {
    let told = ClaimedDelivery { quiet: quiet("07:00", "09:00"), ..claimed(When::Unseen) };
    assert_eq!(step(&told, NOBODY, at(0)), Step::Hold(at(3_600_000), "quiet-times"));
    assert_eq!(step(&told, NOBODY, at(3_600_000)), Step::Send);
    let night = ClaimedDelivery { quiet: quiet("22:00", "08:30"), ..claimed(When::Unseen) };
    assert_eq!(step(&night, NOBODY, at(0)), Step::Hold(at(1_800_000), "quiet-times"));
    let day = ClaimedDelivery { quiet: quiet("09:00", "17:00"), ..claimed(When::Unseen) };
    assert_eq!(step(&day, NOBODY, at(0)), Step::Send);
    let seen = Seen { upto: 7, patience_ms: None };
    assert_eq!(step(&told, seen, at(0)), Step::Drop("seen"), "and what was seen is not told after them");
    let broken = ClaimedDelivery { quiet: quiet("x", "y"), ..claimed(When::Unseen) };
    assert_eq!(step(&broken, NOBODY, at(0)), Step::Send, "what cannot be read holds nothing");
}

fn report(verdict: Verdict) -> Report {
    Report { status: None, outcome: "server-error", detail: None, verdict }
}

const AGAIN: Verdict = Verdict::Retry { after: None, blames_host: true };

/// Pauses of a whole course, in seconds, and what ends it.
fn course(kind: EndpointKind, delivered_at: Option<Timestamp>) -> (Vec<i64>, Then) {
    let mut one = claimed(When::Always);
    one.endpoint.shown.kind = kind;
    one.endpoint.shown.delivered_at = delivered_at;
    let mut pauses = Vec::new();
    loop {
        match then(&one, &report(AGAIN), NOW) {
            Then::Retry(next) => pauses.push(next.ms_since(NOW)),
            end => return (pauses, end),
        }
        one.tries += 1;
        // A clock that runs wild changes nothing of it.
        one.first_attempt_at = at(-86_400_000 * i64::from(one.tries));
    }
}

#[test]
fn a_course_takes_three_days_for_a_program_and_one_for_a_person() {
    let (pauses, end) = course(EndpointKind::Webhook, None);
    assert_eq!(pauses.len(), COURSE_S.len());
    for (pause, expected) in pauses.iter().zip(COURSE_S) {
        let expected = i64::try_from(expected).unwrap() * 1000;
        assert!((pause - expected).abs() <= expected / 10, "{pause} is not around {expected}");
    }
    let days = pauses.iter().sum::<i64>() as f64 / 86_400_000.0;
    assert!((2.7..3.6).contains(&days), "{days} days");
    assert_eq!(end, Then::GiveUp { endpoint: Some(EndpointState::Parked) });
    for kind in [EndpointKind::WebPush, EndpointKind::Email] {
        let (pauses, _) = course(kind, None);
        assert!(pauses.iter().sum::<i64>() <= 86_400_000 * 11 / 10, "no longer than the message's TTL");
        assert_eq!(pauses.len(), 8);
    }
}

#[test]
fn an_endpoint_is_parked_only_when_nothing_got_through() {
    assert_eq!(course(EndpointKind::Webhook, Some(at(10))).1, Then::GiveUp { endpoint: None });
    let long_ago = at(-86_400_000 * 30);
    assert_eq!(course(EndpointKind::Webhook, Some(long_ago)).1, Then::GiveUp { endpoint: Some(EndpointState::Parked) });
}

#[test]
fn whoever_says_when_to_come_back_is_obeyed_within_a_day() {
    let after = |seconds| Verdict::Retry { after: Some(Duration::from_secs(seconds)), blames_host: false };
    assert_eq!(then(&claimed(When::Always), &report(after(600)), NOW), Then::Retry(at(600_000)));
    assert_eq!(then(&claimed(When::Always), &report(after(u64::MAX)), NOW), Then::Retry(at(86_400_000)));
    assert!(matches!(then(&claimed(When::Always), &report(after(0)), NOW), Then::Retry(next) if next >= at(4_500)));
}

#[test]
fn a_verdict_is_carried_out() {
    assert_eq!(then(&claimed(When::Always), &report(Verdict::Delivered), NOW), Then::Delivered);
    assert_eq!(then(&claimed(When::Always), &report(Verdict::Rejected), NOW), Then::GiveUp { endpoint: None });
    let gone = Then::GiveUp { endpoint: Some(EndpointState::Gone) };
    assert_eq!(then(&claimed(When::Always), &report(Verdict::Gone), NOW), gone);
}
