//! What a message carries, and that it stays small.

use super::*;
use domain::{
    DeliveryId, EndpointId, JobId, Timestamp,
    push::{DeliveryState, EndpointKind},
};

fn delivery(event: &str, job: Option<JobId>) -> Delivery {
    Delivery {
        id: DeliveryId::from_bytes([2; 16]),
        endpoint: EndpointId::from_bytes([1; 16]),
        endpoint_kind: EndpointKind::WebPush,
        endpoint_label: "phone".into(),
        job,
        event: event.into(),
        seq: 7,
        state: DeliveryState::Sending,
        reason: None,
        attempts: 1,
        status: None,
        created_at: Timestamp(1_000),
        next_at: None,
        delivered_at: None,
        received_at: None,
        shown_at: None,
        clicked_at: None,
        within: None,
    }
}

fn told(seq: u64, label: &str) -> Told {
    let (job, kind) = (JobId::from_bytes([seq as u8; 16]), "rehearsal".to_owned());
    let label = Some(label.to_owned());
    Told { job, kind, label, event: EventType::Failed, seq, at: Timestamp(seq as i64), code: Some("rain".into()) }
}

fn size(message: &PushMessage) -> usize {
    serde_json::to_string(message).unwrap().len()
}

#[test]
fn one_event_leads_to_its_job_and_names_the_position_to_catch_up_from() {
    let one = told(7, "spring list");
    let message = message(&delivery("failed", Some(one.job)), std::slice::from_ref(&one), "en", "k3x9");
    assert_eq!((message.type_.as_str(), message.url), ("job.failed", format!("/jobs/{}", one.job)));
    assert_eq!((message.cursor.as_deref(), message.at, message.more), (Some("k3x9.7"), Timestamp(7), 0));
    let item = &message.items[0];
    assert_eq!(
        (item.state, item.code.as_deref(), item.label.as_deref()),
        (JobState::Failed, Some("rain"), Some("spring list"))
    );
    assert!(message.title.contains("spring list"));
}

#[test]
fn a_digest_names_the_newest_and_counts_the_others() {
    let all: Vec<_> = (1..=25).map(|seq| told(seq, "x")).collect();
    let message = message(&delivery("failed", Some(all[0].job)), &all, "fr", "k3x9");
    assert_eq!((message.type_.as_str(), message.url.as_str(), message.more), ("digest", "/jobs", 15));
    assert_eq!(message.items.iter().map(|item| item.seq).collect::<Vec<_>>(), (16..=25).collect::<Vec<_>>());
    assert_eq!((message.cursor.as_deref(), message.lang.as_str()), (Some("k3x9.25"), "fr"));
}

#[test]
fn a_message_fits_into_one_record_whatever_jobs_are_called() {
    // Three bytes a character, and six in JSON.
    for name in ["€".repeat(1_000), "\u{1}".repeat(1_000)] {
        let all: Vec<_> = (1..=500).map(|seq| told(seq, &name)).collect();
        for count in [1, 2, 10, 500] {
            let message = message(&delivery("failed", Some(all[0].job)), &all[..count], "en", "k3x9");
            assert!(size(&message) <= MESSAGE_LIMIT, "{} bytes with {count}", size(&message));
            assert_eq!(message.items.len() as u64 + message.more, count as u64, "each is named or counted");
            assert_eq!(message.items.last().unwrap().seq, count as u64);
        }
    }
}

#[test]
fn a_test_and_a_question_tell_of_no_job() {
    for event in ["test", "confirm"] {
        let message = message(&delivery(event, None), &[], "en", "k3x9");
        assert_eq!((message.type_.as_str(), message.cursor, message.items.len()), (event, None, 0));
        assert_eq!(message.at, Timestamp(1_000));
    }
}
