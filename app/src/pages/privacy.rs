//! Your data: what is kept and for how long, and a form that deletes all of it.
//!
//! Reached by a full load from the footer. Works without script: a plain form, whose box must be ticked; the server asks for it too.
//! Invariant: the figures are the server's settings, passed along with the page.

use crate::{given::Keeps, i18n::use_t};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The page.
#[component]
pub fn Privacy() -> impl IntoView {
    let t = use_t();
    let Keeps { jobs_days, results_days } = SharedValue::new(Keeps::of_context).into_inner();
    let said = use_query_map().with_untracked(|query| query.get("said"));
    let said = match said.as_deref() {
        Some("deleted") => Some(t.deleted_data),
        Some("confirm") => Some(t.delete_first_confirm),
        _ => None,
    };
    view! {
        <Title text=t.your_data />
        <header class="page-head">
            <h1>{t.your_data}</h1>
            <p class="lede">{t.your_data_text}</p>
            {said.map(|said| view! { <p role="status"><strong>{said}</strong></p> })}
        </header>
        <section class="card" aria-labelledby="kept-heading">
            <h2 id="kept-heading">{t.kept_heading}</h2>
            <ul>
                <li>{(t.kept_jobs)(jobs_days)}</li>
                <li>{(t.kept_results)(results_days)}</li>
                <li>{t.kept_uploads}</li>
                <li>{t.kept_cookie}</li>
                <li>{t.kept_catalogue}</li>
            </ul>
        </section>
        <section class="card" aria-labelledby="delete-heading">
            <h2 id="delete-heading">{t.delete_data}</h2>
            <p>{t.delete_data_text}</p>
            <form class="form" method="post" action="/privacy/delete">
                <p>
                    <label>
                        <input type="checkbox" name="confirm" value="yes" required=true />
                        " "
                        {t.delete_confirm}
                    </label>
                </p>
                <p>
                    <button class="button" type="submit">{t.delete_data}</button>
                </p>
            </form>
        </section>
    }
    .into_any()
}
