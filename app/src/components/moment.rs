//! Points in time as people read them: "12 s ago" with the full date behind it, or the reader's own time.
//!
//! Invariant: until the page is live, "now" is the moment at which the server rendered it, so hydration writes the same words.

use crate::{
    i18n::{format, use_lang},
    state::clock::{local_text, use_now},
};
use domain::Timestamp;
use leptos::prelude::*;

/// When the server rendered this page.
#[derive(Debug, Clone, Copy)]
pub struct RenderedAt(pub Timestamp);

/// The time to count from: the page's clock, or the time of rendering while it stands still.
pub fn use_moment() -> Signal<Timestamp> {
    let rendered = use_context::<RenderedAt>().map_or(Timestamp(0), |at| at.0);
    let now = use_now();
    Signal::derive(move || now.get().unwrap_or(rendered))
}

/// A point in the past, relative to now.
#[component]
pub fn Ago(
    /// When it was.
    #[prop(into)]
    at: Signal<Timestamp>,
) -> impl IntoView {
    let lang = use_lang();
    let now = use_moment();
    view! {
        <time datetime=move || at.get().to_string() title=move || format::moment(lang, at.get())>
            {move || format::ago(lang, now.get(), at.get())}
        </time>
    }
}

/// A point in time to the minute: in UTC until the page has its script, then as clocks show it where the reader is.
#[component]
pub fn LocalMoment(
    /// When it is.
    at: Timestamp,
) -> impl IntoView {
    let lang = use_lang();
    let local = RwSignal::new(None::<String>);
    // After hydration: the server does not know where the reader is.
    Effect::new(move |_| local.set(local_text(lang, at)));
    view! {
        <time datetime=at.to_string() title=format::moment(lang, at)>
            {move || local.get().unwrap_or_else(|| format::minute(lang, at))}
        </time>
    }
}

/// A point in time in full.
#[component]
pub fn Moment(
    /// When it was.
    at: Timestamp,
) -> impl IntoView {
    view! { <time datetime=at.to_string()>{format::moment(use_lang(), at)}</time> }
}
