//! What the Settings page, the delivery log and the offer of push in the channel picker say, in each language.
//!
//! A table of its own beside `Strings`, same rule: a sentence missing in a language does not compile. Codes of deliveries are in
//! [`super::delivery_codes`].

use super::{Lang, use_lang};
use crate::state::browser_push::Hindrance;
use domain::{
    EventType,
    push::{DeliveryState, EndpointKind, EndpointState, When},
};

/// The sentences of notifications. The English table says what each is.
#[allow(missing_docs)]
pub struct NotificationStrings {
    pub settings: &'static str,
    pub lede: &'static str,
    pub needs_script: &'static str,

    // Push in the picker, and of this browser.
    pub offer_title: &'static str,
    pub offer_asks: &'static str,
    pub offer_used: &'static str,
    pub offer_back: &'static str,
    pub turn_on: &'static str,
    pub turning_on: &'static str,
    pub not_now: &'static str,
    pub turn_off: &'static str,
    pub this_browser: &'static str,
    pub this_browser_on: &'static str,
    pub this_browser_off: &'static str,
    pub unsupported: &'static str,
    pub insecure: &'static str,
    pub denied: &'static str,
    pub no_push_service: &'static str,
    pub no_worker: &'static str,
    pub unreachable: &'static str,
    pub push_refused: fn(&str) -> String,
    pub stays: &'static str,

    // The chain.
    pub chain: &'static str,
    pub chain_text: &'static str,
    pub chain_page: fn(&str) -> String,
    pub chain_unseen: &'static str,
    pub chain_fallback: fn(&str) -> String,
    pub chain_always: &'static str,
    pub chain_nobody: &'static str,

    // Endpoints.
    pub endpoints: &'static str,
    pub no_endpoints: &'static str,
    pub kinds: [&'static str; 3],
    pub whens: [&'static str; 3],
    pub states: [&'static str; 5],
    pub label: &'static str,
    pub told_of: &'static str,
    pub when: &'static str,
    pub gather: &'static str,
    pub gather_none: &'static str,
    pub gather_for: fn(&str) -> String,
    pub last_taken: &'static str,
    pub failing_since: &'static str,
    pub pending: fn(u64) -> String,
    pub held_until: fn(&str) -> String,
    pub change: &'static str,
    pub save: &'static str,
    pub test: &'static str,
    pub pause: &'static str,
    pub resume: &'static str,
    pub remove: &'static str,
    pub rotate: &'static str,
    pub rotate_hint: &'static str,
    pub verify: &'static str,
    pub verify_hint: &'static str,
    pub verify_body: &'static str,
    pub verify_go: &'static str,
    pub verified: &'static str,
    pub not_verified: fn(&str) -> String,
    pub secret_title: &'static str,
    pub secret_text: &'static str,
    pub secret_previous: fn(&str) -> String,
    pub copy: &'static str,
    pub copied: &'static str,

    // Adding.
    pub add_webhook: &'static str,
    pub add_webhook_text: &'static str,
    pub webhook_private: &'static str,
    pub url: &'static str,
    pub label_optional: &'static str,
    pub add_email: &'static str,
    pub add_email_text: fn(&str) -> String,
    pub no_mail_server: &'static str,
    pub address: &'static str,
    pub add: &'static str,

    // Times.
    pub times: &'static str,
    pub quiet: &'static str,
    pub quiet_hint: &'static str,
    pub quiet_on: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub zone: &'static str,
    pub zone_hint: &'static str,
    pub fallback_after: &'static str,
    pub fallback_hint: &'static str,
    pub language: &'static str,

    // The log.
    pub log: &'static str,
    pub no_deliveries: &'static str,
    pub what: &'static str,
    pub to_whom: &'static str,
    pub how: &'static str,
    pub since: &'static str,
    pub delivery_states: [&'static str; 8],
    pub event_test: &'static str,
    pub event_confirm: &'static str,
    pub events: [&'static str; 7],
    pub attempts_made: fn(u64) -> String,
    pub answered: fn(&str) -> String,
    pub next_try: fn(&str) -> String,
    pub took: fn(&str) -> String,
    pub received: &'static str,
    pub shown: &'static str,
    pub clicked: &'static str,
    pub within: &'static str,
    pub resend: &'static str,
    pub cancel: &'static str,
    pub older: &'static str,
    pub newest: &'static str,
    pub details: &'static str,

    // One delivery.
    pub delivery: &'static str,
    pub course: &'static str,
    pub committed: &'static str,
    pub taken: &'static str,
    pub attempts: &'static str,
    pub no_attempt: &'static str,
    pub attempt: fn(u64) -> String,
    pub under_way: &'static str,
    pub request: &'static str,
    pub request_text: &'static str,
    pub open_job: &'static str,

    // Of a job.
    pub of_job: &'static str,
    pub of_job_hint: &'static str,
    pub follow: &'static str,
    pub only: &'static str,
    pub nothing: &'static str,
    pub nobody_to_tell: &'static str,
    pub no_deliveries_of_job: &'static str,

    // What came of a form.
    pub said_saved: &'static str,
    pub said_added: &'static str,
    pub said_unconfirmed: &'static str,
    pub said_removed: &'static str,
    pub said_tested: &'static str,
    pub said_resent: &'static str,
    pub said_cancelled: &'static str,
    pub said_too_late: &'static str,
    pub said_pending: &'static str,
}

impl NotificationStrings {
    /// The name of a kind of endpoint.
    pub fn kind(&self, kind: EndpointKind) -> &'static str {
        let [web_push, webhook, email] = self.kinds;
        match kind {
            EndpointKind::WebPush => web_push,
            EndpointKind::Webhook => webhook,
            EndpointKind::Email => email,
        }
    }

    /// When an endpoint is told.
    pub fn when_of(&self, when: When) -> &'static str {
        let [always, unseen, fallback] = self.whens;
        match when {
            When::Always => always,
            When::Unseen => unseen,
            When::Fallback => fallback,
        }
    }

    /// Whether an endpoint is told.
    pub fn endpoint_state(&self, state: EndpointState) -> &'static str {
        let [active, unconfirmed, paused, parked, gone] = self.states;
        match state {
            EndpointState::Active => active,
            EndpointState::Unconfirmed => unconfirmed,
            EndpointState::Paused => paused,
            EndpointState::Parked => parked,
            EndpointState::Gone => gone,
        }
    }

    /// Where a delivery stands.
    pub fn delivery_state(&self, state: DeliveryState) -> &'static str {
        let [held, queued, sending, retrying, delivered, unneeded, gave_up, cancelled] = self.delivery_states;
        match state {
            DeliveryState::Held => held,
            DeliveryState::Queued => queued,
            DeliveryState::Sending => sending,
            DeliveryState::Retrying => retrying,
            DeliveryState::Delivered => delivered,
            DeliveryState::Unneeded => unneeded,
            DeliveryState::GaveUp => gave_up,
            DeliveryState::Cancelled => cancelled,
        }
    }

    /// What one can be told of.
    pub fn event(&self, event: EventType) -> &'static str {
        domain::push::NOTIFIABLE
            .iter()
            .position(|known| *known == event)
            .and_then(|at| self.events.get(at))
            .copied()
            .unwrap_or(event.as_str())
    }

    /// What a delivery tells.
    pub fn told(&self, word: &str) -> String {
        match word {
            "test" => self.event_test.to_owned(),
            "confirm" => self.event_confirm.to_owned(),
            word => {
                let known = domain::push::NOTIFIABLE.into_iter().find(|event| event.as_str() == word);
                known.map_or(word, |event| self.event(event)).to_owned()
            }
        }
    }

    /// Why this browser cannot be told, and what to do instead.
    pub fn hindrance(&self, hindrance: &Hindrance) -> String {
        match hindrance {
            Hindrance::Unsupported => self.unsupported.to_owned(),
            Hindrance::Insecure => self.insecure.to_owned(),
            Hindrance::Denied => self.denied.to_owned(),
            Hindrance::NoPushService => self.no_push_service.to_owned(),
            Hindrance::NoWorker => self.no_worker.to_owned(),
            Hindrance::Unreachable => self.unreachable.to_owned(),
            Hindrance::Refused(_, detail) => (self.push_refused)(detail),
        }
    }
}

/// The table of the page's language.
pub fn use_notifications() -> &'static NotificationStrings {
    table(use_lang())
}

/// The table of a language.
pub const fn table(lang: Lang) -> &'static NotificationStrings {
    match lang {
        Lang::En => &super::notifications_en::EN,
        Lang::Fr => &super::notifications_fr::FR,
    }
}
