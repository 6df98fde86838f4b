//! The delivery log: each message, how it went in words, and what can be done about it. In Settings for all, on a job's page for its own.
//!
//! Invariant: a line says why nothing was sent, too; and while something is on its way, the page looks again.

use crate::{
    backend::notifications as backend,
    components::moment::{Ago, use_moment},
    i18n::{
        Lang,
        delivery_codes::delivery_code,
        format,
        notifications::{NotificationStrings, use_notifications},
        use_lang,
    },
    state::jobs::use_jobs,
};
use domain::{
    DeliveryId, JobId, Timestamp,
    api::Page,
    push::{Delivery, DeliveryState},
};
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// Between two looks while something is on its way.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How a delivery went, in one sentence.
pub(super) fn course(lang: Lang, words: &NotificationStrings, delivery: &Delivery, now: Timestamp) -> String {
    let mut said = words.delivery_state(delivery.state).to_owned();
    let why = delivery.reason.as_deref().map(|code| delivery_code(lang, code));
    match (delivery.state, why) {
        (DeliveryState::Delivered, _) => {
            if let Some(at) = delivery.delivered_at {
                let took = at.ms_since(delivery.created_at).max(0);
                said.push_str(&format!(" {}", (words.took)(&format::duration(lang, took))));
            }
            if delivery.attempts > 1 {
                said.push_str(&format!(", {}", (words.attempts_made)(delivery.attempts.into())));
            }
        }
        (state, why) => {
            if let Some(why) = why {
                let joint = if state == DeliveryState::Unneeded { ", " } else { ": " };
                said.push_str(&format!("{joint}{why}"));
            }
            if let Some(status) = delivery.status.filter(|_| delivery.attempts > 0) {
                said.push_str(&format!(" ({})", (words.answered)(&status.to_string())));
            }
            if delivery.attempts > 0 && state != DeliveryState::Sending {
                said.push_str(&format!("; {}", (words.attempts_made)(delivery.attempts.into())));
            }
            if let Some(at) = delivery.next_at.filter(|_| !state.has_ended()) {
                said.push_str(&format!("; {}", (words.next_try)(&format::until(lang, now, at))));
            }
        }
    }
    let seen = [
        (delivery.received_at, words.received),
        (delivery.shown_at, words.shown),
        (delivery.clicked_at, words.clicked),
    ];
    for (_, word) in seen.into_iter().filter(|(at, _)| at.is_some()) {
        said.push_str(&format!(" · {word}"));
    }
    said
}

/// How a delivery's state is coloured.
pub(super) const fn tone(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "good",
        DeliveryState::Retrying => "warn",
        DeliveryState::GaveUp => "bad",
        DeliveryState::Held
        | DeliveryState::Queued
        | DeliveryState::Sending
        | DeliveryState::Unneeded
        | DeliveryState::Cancelled => "none",
    }
}

/// What can be done with it: one form, one button.
pub(super) fn action(
    words: &NotificationStrings,
    id: DeliveryId,
    state: DeliveryState,
    name: &str,
    back: String,
) -> impl IntoView + use<> {
    let (what, word) = if state.has_ended() { ("resend", words.resend) } else { ("cancel", words.cancel) };
    view! {
        <form method="post" action=format!("/settings/deliveries/{id}")>
            <input type="hidden" name="back" value=back />
            <button type="submit" name="do" value=what data-action=what aria-label=format!("{word}: {name}")>
                {word}
            </button>
        </form>
    }
}

/// The table.
#[component]
pub fn DeliveryLog(
    /// The page that was read.
    first: Page<Delivery>,
    /// Of this job only; then what is known of jobs is not said again.
    #[prop(optional)]
    job: Option<JobId>,
    /// The page begins after this one.
    #[prop(optional_no_strip)]
    before: Option<DeliveryId>,
    /// Where the forms come back to.
    #[prop(into)]
    back: String,
    /// Said when there is none.
    none: &'static str,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let store = use_jobs();
    let now = use_moment();
    let older =
        first.next.as_ref().and(first.items.last()).map(|last| format!("/settings?before={}#log-heading", last.id));
    let older = older.filter(|_| job.is_none());
    let items = RwSignal::new(first.items);
    follow(items, job, before);
    let rows = move || {
        let row = |delivery: &Delivery| {
            let (id, state, reason) = (delivery.id, delivery.state, delivery.reason.clone());
            let what = words.told(&delivery.event);
            let title = delivery.job.filter(|_| job.is_none()).map(|of| {
                let known = store.get(of).map(|job| crate::i18n::t(lang).title_of(&job.read_untracked()));
                view! {
                    <a class="of-job" href=format!("/jobs/{of}")>
                        {known.unwrap_or_else(|| crate::i18n::short_id(of))}
                    </a>
                }
            });
            let delivery = delivery.clone();
            let (label, at) = (delivery.endpoint_label.clone(), delivery.created_at);
            let name = format!("{what}, {label}");
            let button = action(words, id, state, &name, back.clone());
            view! {
                <tr data-delivery=id.to_string() data-state=state.as_str() data-reason=reason>
                    <td data-label=words.what>
                        <span>{what} {title}</span>
                    </td>
                    <td data-label=words.to_whom>
                        {label} " " <span class="muted">{words.kind(delivery.endpoint_kind)}</span>
                    </td>
                    <td data-label=words.how data-tone=tone(state)>
                        <a href=format!("/settings/deliveries/{id}") rel="external">
                            {move || course(lang, words, &delivery, now.get())}
                        </a>
                    </td>
                    <td class="num" data-label=words.since>
                        <Ago at=Signal::stored(at) />
                    </td>
                    <td class="row-action">{button}</td>
                </tr>
            }
        };
        items.with(|items| items.iter().map(row).collect_view())
    };
    view! {
        {move || items.with(Vec::is_empty).then(|| view! { <p class="muted">{none}</p> })}
        <div class="table-scroll" hidden=move || items.with(Vec::is_empty)>
            <table class="data deliveries">
                <thead>
                    <tr>
                        <th scope="col">{words.what}</th>
                        <th scope="col">{words.to_whom}</th>
                        <th scope="col">{words.how}</th>
                        <th scope="col" class="num">{words.since}</th>
                        <th scope="col"><span class="visually-hidden">{words.details}</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {(older.is_some() || before.is_some() && job.is_none())
            .then(|| {
                view! {
                    <nav class="pager" aria-label=words.log>
                        {before.map(|_| view! { <a href="/settings#log-heading" rel="external">{words.newest}</a> })}
                        {older.map(|path| view! { <a href=path rel="external">{words.older}</a> })}
                    </nav>
                }
            })}
    }
    .into_any()
}

/// Looks again while something is on its way and somebody can see it; and when the job of this log has gone on, once.
fn follow(items: RwSignal<Vec<Delivery>>, job: Option<JobId>, before: Option<DeliveryId>) {
    let store = use_jobs();
    let look = move || {
        spawn_local(async move {
            if let Ok(page) = backend::deliveries(job, before).await {
                items.try_maybe_update(|known| (std::mem::replace(known, page.items.clone()) != page.items, ()));
            }
        });
    };
    Effect::new(move |_| {
        let tick = move || {
            let moves = items.try_with_untracked(|items| items.iter().any(|one| !one.state.has_ended()));
            if moves == Some(true) && !document().hidden() {
                look();
            }
        };
        if let Ok(timer) = set_interval_with_handle(tick, LOOK_AGAIN) {
            on_cleanup(move || timer.clear());
        }
    });
    let Some(job) = job else { return };
    Effect::new(move |before: Option<Option<domain::JobState>>| {
        let state = store.get(job).map(|job| job.read().state);
        if before.is_some_and(|before| before != state) {
            look();
        }
        state
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::notifications::table;
    use domain::{EndpointId, push::EndpointKind};

    fn delivery(state: DeliveryState, reason: Option<&str>) -> Delivery {
        Delivery {
            id: DeliveryId::from_bytes([1; 16]),
            endpoint: EndpointId::from_bytes([2; 16]),
            endpoint_kind: EndpointKind::Webhook,
            endpoint_label: "shop".to_owned(),
            job: None,
            event: "succeeded".to_owned(),
            seq: 7,
            state,
            reason: reason.map(str::to_owned),
            attempts: 0,
            status: None,
            created_at: Timestamp(0),
            next_at: None,
            delivered_at: None,
            received_at: None,
            shown_at: None,
            clicked_at: None,
            within: None,
        }
    }

    #[test]
    fn a_line_says_why_nothing_was_sent_and_when_the_next_try_is() {
        let said = |delivery: &Delivery| course(Lang::En, table(Lang::En), delivery, Timestamp(60_000));
        let seen = delivery(DeliveryState::Unneeded, Some("seen"));
        assert_eq!(said(&seen), "not sent, since you had seen it on an open page");
        let retrying = Delivery {
            attempts: 3,
            status: Some(500),
            next_at: Some(Timestamp(300_000)),
            ..delivery(DeliveryState::Retrying, Some("server-error"))
        };
        assert_eq!(
            said(&retrying),
            "trying again: the other side failed (answered 500); tried 3 times; next try in 4 min"
        );
        let shown = Delivery {
            attempts: 1,
            status: Some(201),
            delivered_at: Some(Timestamp(200)),
            received_at: Some(Timestamp(300)),
            shown_at: Some(Timestamp(310)),
            ..delivery(DeliveryState::Delivered, None)
        };
        assert_eq!(said(&shown), "delivered after 0.2 s · received by the browser · shown");
    }
}
