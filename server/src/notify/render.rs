//! Makes the message of a delivery: a hint with the position to catch up from.
//!
//! Called by the dispatcher for each attempt, and by the API, which shows a webhook's request as it is signed now.
//! Invariants: made of the delivery's rows and of nothing else (no clock, no chance), so that every attempt carries the same bytes; below
//! [`MESSAGE_LIMIT`], whatever jobs are called.

use super::words;
use crate::store::Told;
use domain::{
    Cursor, EventType, JobState,
    push::{DIGEST_NAMES, Delivery, MESSAGE_LIMIT, PushItem, PushMessage},
};

/// Characters of a name or code that an item carries; a notification has no room for more.
const NAME_LIMIT: usize = 200;

/// The message of a delivery that tells of these events, in a language.
pub fn message(delivery: &Delivery, told: &[Told], lang: &str, epoch: &str) -> PushMessage {
    let first_named = told.len().saturating_sub(DIGEST_NAMES);
    let (unnamed, named) = told.split_at(first_named);
    let mut more = unnamed.len() as u64;
    let mut named = named;
    loop {
        let message = with_names(delivery, named, more, lang, epoch);
        let fits = serde_json::to_string(&message).is_ok_and(|text| text.len() <= MESSAGE_LIMIT);
        match named.split_first() {
            Some((_, fewer)) if !fits && !fewer.is_empty() => {
                (named, more) = (fewer, more + 1);
            }
            _ if fits => return message,
            _ => return shortened(message),
        }
    }
}

fn with_names(delivery: &Delivery, named: &[Told], more: u64, lang: &str, epoch: &str) -> PushMessage {
    let words = match (named, delivery.event.as_str()) {
        ([], "confirm") => words::of_confirm(lang),
        ([], _) => words::of_test(lang),
        ([one], _) if more == 0 => words::of_event(lang, one),
        (several, _) => words::of_digest(lang, several, more),
    };
    let (type_, url) = match named {
        [] => (delivery.event.clone(), "/jobs".to_owned()),
        [one] if more == 0 => (format!("job.{}", one.event.as_str()), format!("/jobs/{}", one.job)),
        _ => ("digest".to_owned(), "/jobs".to_owned()),
    };
    PushMessage {
        id: delivery.id,
        type_,
        at: named.last().map_or(delivery.created_at, |told| told.at),
        title: words.title,
        body: words.body,
        lang: lang.to_owned(),
        url,
        cursor: named.last().map(|told| Cursor::new(epoch, told.seq).to_string()),
        items: named.iter().map(item).collect(),
        more,
    }
}

fn item(told: &Told) -> PushItem {
    PushItem {
        job: told.job,
        kind: told.kind.clone(),
        label: told.label.as_deref().map(cut),
        event: told.event,
        seq: told.seq,
        state: state_after(told.event),
        code: told.code.as_deref().map(cut),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_LIMIT).collect()
}

/// Where a job stands by an event that one can ask to be told of.
const fn state_after(event: EventType) -> JobState {
    match event {
        EventType::Waiting => JobState::Waiting,
        EventType::RetryScheduled => JobState::Retrying,
        EventType::Succeeded => JobState::Succeeded,
        EventType::Failed => JobState::Failed,
        EventType::Cancelled => JobState::Cancelled,
        _ => JobState::Running,
    }
}

/// A single name that leaves no room: what a person reads is cut, what a program needs stays.
fn shortened(mut message: PushMessage) -> PushMessage {
    for text in [&mut message.title, &mut message.body] {
        *text = text.chars().take(NAME_LIMIT / 2).collect();
    }
    for item in &mut message.items {
        item.label = None;
    }
    message
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
