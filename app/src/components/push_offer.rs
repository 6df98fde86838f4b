//! Turning notifications on in this browser: what they are for, the one button that makes the browser ask, and what to do when it cannot.
//!
//! Shown by the channel picker when push is chosen, and by the Settings page. Nothing here asks the browser before the button is pressed.

use crate::{i18n::notifications::use_notifications, state::browser_push::use_browser_push};
use leptos::{callback::Callback, prelude::*};

/// The explanation and the button.
#[component]
pub fn PushOffer(
    /// Called once this browser is told.
    then: Callback<()>,
    /// Called when the visitor would rather not; without it there is no such button.
    #[prop(optional)]
    never_mind: Option<Callback<()>>,
) -> impl IntoView {
    let words = use_notifications();
    let push = use_browser_push();
    view! {
        <section class="push-offer" aria-label=words.offer_title>
            <h3>{words.offer_title}</h3>
            <ul>
                <li>{words.offer_asks}</li>
                <li>{words.offer_used}</li>
                <li>{words.offer_back}</li>
            </ul>
            <div class="actions">
                <button
                    type="button"
                    class="primary"
                    data-action="turn-on-push"
                    aria-disabled=move || push.busy.get().then_some("true")
                    on:click=move |_| push.turn_on(move || then.run(()))
                >
                    {move || if push.busy.get() { words.turning_on } else { words.turn_on }}
                </button>
                {never_mind
                    .map(|never_mind| {
                        view! {
                            <button type="button" class="quiet" on:click=move |_| never_mind.run(())>
                                {words.not_now}
                            </button>
                        }
                    })}
            </div>
        </section>
    }
    .into_any()
}

/// Why this browser cannot be told, and the alternative.
#[component]
pub fn PushHindrance(
    /// Said at the end, where it matters.
    #[prop(optional)]
    end: &'static str,
) -> impl IntoView {
    let words = use_notifications();
    let hindrance = use_browser_push().hindrance;
    move || {
        hindrance.get().map(|found| {
            view! {
                <p class="notice" data-tone="warn" role="alert" data-hindrance=found.as_str().to_owned()>
                    {words.hindrance(&found)}
                    " "
                    {end}
                </p>
            }
        })
    }
}
