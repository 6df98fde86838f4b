//! Language and theme, as forms that work without script.
//!
//! A language is a new page; a theme shows at once in the browser.

use crate::{
    i18n::{Lang, use_t},
    state::prefs::{Theme, use_prefs},
};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Where to come back to after `POST /preferences`: the page as it is.
pub(crate) fn use_here() -> impl Fn() -> String + Copy + Send + 'static {
    let location = use_location();
    let (pathname, search) = (location.pathname, location.search);
    move || match search.get() {
        search if search.is_empty() => pathname.get(),
        search => format!("{}?{}", pathname.get(), search.trim_start_matches('?')),
    }
}

/// Buttons for each language.
#[component]
pub fn LangSwitch() -> impl IntoView {
    let (t, here) = (use_t(), use_here());
    let current = use_prefs().lang;
    let buttons = Lang::ALL.map(|lang| {
        view! {
            <button
                type="submit"
                name="lang"
                value=lang.as_str()
                lang=lang.as_str()
                aria-label=lang.name()
                aria-pressed=if lang == current { "true" } else { "false" }
            >
                {lang.as_str().to_uppercase()}
            </button>
        }
    });
    view! {
        <form class="lang-switch" method="post" action="/preferences" role="group" aria-label=t.language>
            <input type="hidden" name="next" value=here />
            {buttons.into_iter().collect_view()}
        </form>
    }
    .into_any()
}

/// Buttons for each theme.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let (t, here) = (use_t(), use_here());
    let prefs = use_prefs();
    let buttons = Theme::ALL.map(|theme| {
        let word = match theme {
            Theme::Auto => t.theme_auto,
            Theme::Light => t.theme_light,
            Theme::Dark => t.theme_dark,
        };
        view! {
            <button
                type="submit"
                name="theme"
                value=theme.as_str()
                aria-pressed=move || if prefs.theme.get() == theme { "true" } else { "false" }
                on:click=move |event| {
                    event.prevent_default();
                    prefs.set_theme(theme);
                }
            >
                {word}
            </button>
        }
    });
    view! {
        <form class="theme-switch" method="post" action="/preferences" role="group" aria-label=t.theme>
            <input type="hidden" name="next" value=here />
            {buttons.into_iter().collect_view()}
        </form>
    }
    .into_any()
}
