//! Settings: the chain by which an owner is told, this browser, every push endpoint, when and in which language, and what became of each
//! message.
//!
//! `chain`, `endpoint`, `add` and `times` are its parts; `log` is the table of deliveries, also on a job's page (`of_job`); `delivery` is the
//! page of one. Works without script: what changes something is a form (`server::settings_forms`); script turns on this browser, copies,
//! and looks at the log again while something is on its way.
//! Invariant: a webhook's secret is on the page that comes of making it, and on no other.

// A problem goes to a page as it came; a box around it would be opened at once.
#![allow(clippy::result_large_err)]

mod add;
mod chain;
mod copy;
mod delivery;
mod endpoint;
mod log;
mod of_job;
mod times;

pub use delivery::DeliveryPage;
pub use of_job::{JobNotificationsCard, Notices};

use super::not_found::Unreadable;
use crate::{
    backend::notifications as backend,
    components::push_offer::{PushHindrance, PushOffer},
    forms::{FormState, Refused},
    given::FreshSecret,
    i18n::{codes, format, notifications::use_notifications, use_lang, use_t},
    state::browser_push::{Here, use_browser_push},
};
use domain::{
    DeliveryId, Problem,
    api::Page,
    push::{Delivery, NotificationSettings, PushEndpoint, PushOffer as Offer},
};
use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

/// All that the page starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Loaded {
    offer: Offer,
    endpoints: Vec<PushEndpoint>,
    settings: NotificationSettings,
    deliveries: Page<Delivery>,
}

async fn load(before: Option<DeliveryId>) -> Result<Loaded, Problem> {
    Ok(Loaded {
        offer: backend::offer().await?,
        endpoints: backend::endpoints().await?,
        settings: backend::settings().await?,
        deliveries: backend::deliveries(None, before).await?,
    })
}

/// The page; `before` in the address leads to older deliveries.
#[component]
pub fn Settings() -> impl IntoView {
    let t = use_t();
    let before = use_query_map().with_untracked(|query| query.get("before")).and_then(|id| id.parse().ok());
    // Taken before anything is awaited, so that both sides number it alike.
    let fresh = StoredValue::new(SharedValue::new(FreshSecret::of_context).into_inner());
    // And this only here: what is awaited may be rendered more than once, and it can be taken once.
    let refused = StoredValue::new(Refused::take());
    let loaded = Resource::new(|| (), move |()| load(before));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok(loaded) => Either::Left(view! { <Whole loaded before fresh=fresh.get_value() refused /> }),
                        Err(problem) => Either::Right(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Whole(
    loaded: Loaded,
    before: Option<DeliveryId>,
    fresh: Option<FreshSecret>,
    refused: StoredValue<Option<FormState>>,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let Loaded { offer, endpoints, settings, deliveries } = loaded;
    // What is wrong with a signature is said beside it.
    let wrong = refused.with_value(|state| {
        let state = state.as_ref().filter(|state| state.problem.code != "signature-invalid")?;
        Some(codes::problem(lang, &state.problem).in_full())
    });
    let said = said();
    let cards =
        endpoints.clone().into_iter().map(|endpoint| view! { <endpoint::Card endpoint refused /> }).collect_view();
    let nobody = endpoints.is_empty();
    view! {
        <Title text=words.settings />
        <header class="page-head">
            <h1>{words.settings}</h1>
            <p class="lede">{words.lede}</p>
        </header>
        {said.map(|(tone, text)| view! { <p class="notice" data-tone=tone role="status" data-said>{text}</p> })}
        {wrong.map(|text| view! { <p class="notice" data-tone="bad" role="alert">{text}</p> })}
        {fresh.map(|fresh| view! { <Secret fresh /> })}
        <div class="columns">
            <div class="column-main">
                <chain::Chain endpoints settings=settings.clone() />
                <section class="card" aria-labelledby="endpoints-heading">
                    <h2 id="endpoints-heading">{words.endpoints}</h2>
                    {nobody.then(|| view! { <p class="muted">{words.no_endpoints}</p> })}
                    {cards}
                </section>
                <section class="card" aria-labelledby="log-heading">
                    <h2 id="log-heading">{words.log}</h2>
                    <log::DeliveryLog first=deliveries before back="/settings" none=words.no_deliveries />
                </section>
            </div>
            <div class="column-side">
                <ThisBrowser />
                <add::AddWebhook private=offer.private_webhooks refused />
                <add::AddEmail from=offer.email_from refused />
                <times::Times settings refused />
            </div>
        </div>
    }
    .into_any()
}

/// What a form came to, from the address.
fn said() -> Option<(&'static str, &'static str)> {
    let words = use_notifications();
    let word = use_query_map().with_untracked(|query| query.get("said"))?;
    Some(match word.as_str() {
        "saved" => ("good", words.said_saved),
        "added" => ("good", words.said_added),
        "unconfirmed" => ("good", words.said_unconfirmed),
        "removed" => ("good", words.said_removed),
        "tested" => ("good", words.said_tested),
        "resent" => ("good", words.said_resent),
        "cancelled" => ("good", words.said_cancelled),
        "too-late" => ("warn", words.said_too_late),
        "pending" => ("warn", words.said_pending),
        "verified" => ("good", words.verified),
        _ => return None,
    })
}

/// A webhook's secret, this once.
#[component]
fn Secret(fresh: FreshSecret) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let FreshSecret { label, secret, previous_until } = fresh;
    view! {
        <section class="card secret" aria-labelledby="secret-heading">
            <h2 id="secret-heading">{format!("{} · {label}", words.secret_title)}</h2>
            <p>{words.secret_text}</p>
            <copy::Copyable text=secret name="secret" />
            {previous_until.map(|until| view! { <p class="muted">{(words.secret_previous)(&format::moment(lang, until))}</p> })}
        </section>
    }
    .into_any()
}

/// On and off in this browser.
#[component]
fn ThisBrowser() -> impl IntoView {
    let words = use_notifications();
    let push = use_browser_push();
    // Not `Live::started`: this is hydrated after the page has gone live, and must begin as the server rendered it.
    let ready = RwSignal::new(false);
    Effect::new(move |_| {
        ready.set(true);
        push.look();
    });
    // The lists of the page are the server's: it is asked again once this browser is another endpoint than before.
    let again = Callback::new(|()| reload());
    view! {
        <section class="card" aria-labelledby="this-browser-heading" data-here=move || match push.here.get() {
            Here::Unknown => "unknown",
            Here::Off => "off",
            Here::On(_) => "on",
        }>
            <h2 id="this-browser-heading">{words.this_browser}</h2>
            {move || match push.here.get() {
                _ if !ready.get() => view! { <p class="muted">{words.needs_script}</p> }.into_any(),
                Here::Unknown => ().into_any(),
                Here::On(_) => {
                    view! {
                        <p>{words.this_browser_on}</p>
                        <p class="actions">
                            <button
                                type="button"
                                data-action="turn-off-push"
                                aria-disabled=move || push.busy.get().then_some("true")
                                on:click=move |_| push.turn_off(move || again.run(()))
                            >
                                {words.turn_off}
                            </button>
                        </p>
                    }
                        .into_any()
                }
                Here::Off => {
                    view! {
                        <p>{words.this_browser_off}</p>
                        <PushOffer then=again />
                    }
                        .into_any()
                }
            }}
            <PushHindrance />
        </section>
    }
    .into_any()
}

/// Asks for the page again, where what was said stays true.
fn reload() {
    #[cfg(feature = "hydrate")]
    {
        // Refused only to a page that is being left.
        let _ = window().location().set_href("/settings?said=saved");
    }
}
