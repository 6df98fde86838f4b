//! The page for what is not there, with its status.

use crate::{
    given::Status,
    i18n::{codes, use_lang, use_t},
};
use domain::Problem;
use leptos::prelude::*;
use leptos_meta::Title;

/// No such page.
#[component]
pub fn NotFound() -> impl IntoView {
    let t = use_t();
    Status::set(404);
    view! {
        <Title text=t.not_found_title />
        <header class="page-head">
            <h1>{t.not_found_title}</h1>
            <p class="lede">{t.not_found_text}</p>
            <p>
                <a class="button" href="/">{t.back_to_work}</a>
            </p>
        </header>
    }
    .into_any()
}

/// A page whose data could not be read.
#[component]
pub fn Unreadable(
    /// Why.
    problem: Problem,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    Status::set(if problem.status == 0 { 503 } else { problem.status });
    let wording = codes::problem(lang, &problem);
    view! {
        <Title text=wording.what.clone() />
        <header class="page-head">
            <h1>{wording.what}</h1>
            <p class="lede">{wording.next}</p>
            <p>
                <a class="button" href="/">{t.back_to_work}</a>
            </p>
        </header>
    }
    .into_any()
}
