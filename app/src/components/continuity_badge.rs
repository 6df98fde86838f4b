//! "1…57, no gaps": what the page has received, counted from sequence numbers and never assumed.

use crate::{
    i18n::{format, live::live, use_lang},
    state::live::use_live,
};
use leptos::prelude::*;

/// The continuity badge.
#[component]
pub fn ContinuityBadge() -> impl IntoView {
    let lang = use_lang();
    let words = live(lang);
    let seen = use_live().continuity();
    let text = move || {
        let seen = seen.get();
        match seen.span {
            Some((first, last)) => {
                let (first, last) = (format::number(lang, first), format::number(lang, last));
                (words.span)(&first, &last, seen.gaps, seen.open_gap)
            }
            None => words.no_event.to_owned(),
        }
    };
    let explained = move || {
        let seen = seen.get();
        (words.counted)(seen.gaps, seen.duplicates, seen.folded, seen.resets)
    };
    view! {
        <span
            class="badge"
            data-testid="continuity"
            data-first=move || seen.get().span.map(|(first, _)| first.to_string())
            data-last=move || seen.get().span.map(|(_, last)| last.to_string())
            data-gaps=move || seen.get().gaps.to_string()
            data-open-gap=move || seen.get().open_gap.to_string()
            data-duplicates=move || seen.get().duplicates.to_string()
            data-folded=move || seen.get().folded.to_string()
            data-resets=move || seen.get().resets.to_string()
            data-empty=move || seen.get().span.is_none().then_some("")
            title=explained
        >
            {text}
        </span>
    }
}
