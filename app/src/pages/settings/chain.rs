//! The chain: who is told first, and who if nobody has seen it, as steps in their order.

use crate::{
    i18n::{format, live::live, notifications::use_notifications, use_lang},
    state::live::use_live,
};
use domain::push::{EndpointState, NotificationSettings, PushEndpoint, When};
use leptos::prelude::*;

/// The steps, each endpoint in its place.
#[component]
pub fn Chain(
    /// Every endpoint.
    endpoints: Vec<PushEndpoint>,
    /// How long the last resort waits.
    settings: NotificationSettings,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let channel = use_live().channel();
    let of = |when: When| {
        let told: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.when == when).collect();
        if told.is_empty() {
            return view! { <p class="muted">{words.chain_nobody}</p> }.into_any();
        }
        let items = told.into_iter().map(|endpoint| {
            let off = (endpoint.state != EndpointState::Active).then(|| words.endpoint_state(endpoint.state));
            view! {
                <li>
                    <a href=format!("#endpoint-{}", endpoint.id) rel="external">
                        {endpoint.label.clone()}
                    </a>
                    " "
                    <span class="muted">{words.kind(endpoint.kind)} {off.map(|off| format!(", {off}"))}</span>
                </li>
            }
        });
        view! { <ul>{items.collect_view()}</ul> }.into_any()
    };
    let after = format::duration(lang, i64::from(settings.fallback_after_s) * 1000);
    view! {
        <section class="card chain" aria-labelledby="chain-heading">
            <h2 id="chain-heading">{words.chain}</h2>
            <p class="muted">{words.chain_text}</p>
            <ol>
                <li data-step="page">
                    <p>{move || (words.chain_page)(live(lang).name(channel.get()))}</p>
                </li>
                <li data-step="unseen">
                    <p>{words.chain_unseen}</p>
                    {of(When::Unseen)}
                </li>
                <li data-step="fallback">
                    <p>{(words.chain_fallback)(&after)}</p>
                    {of(When::Fallback)}
                </li>
            </ol>
            <div class="beside" data-step="always">
                <p>{words.chain_always}</p>
                {of(When::Always)}
            </div>
        </section>
    }
    .into_any()
}
