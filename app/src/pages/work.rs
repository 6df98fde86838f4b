//! Work, the home page: a form to submit, and the owner's jobs as they move.

use super::{my_jobs::MyJobs, submit_form::SubmitForm};
use crate::i18n::use_t;
use domain::kinds;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The home page.
#[component]
pub fn Work() -> impl IntoView {
    let t = use_t();
    let query = use_query_map();
    let refused = crate::forms::Refused::take();
    let posted = refused
        .as_ref()
        .and_then(|state| state.values.iter().find(|(name, _)| name == "kind").map(|(_, value)| value.clone()));
    // The kind that was posted, until another tab is chosen.
    let kind = Memo::new(move |_| {
        let wanted = query.with(|query| query.get("kind")).or_else(|| posted.clone());
        let known = kinds::NAMES.into_iter().find(|name| wanted.as_deref() == Some(*name));
        known.unwrap_or(kinds::rehearsal::NAME)
    });
    let refused = StoredValue::new(refused);
    let tabs = kinds::NAMES.map(|name| {
        view! {
            <a href=format!("/?kind={name}") aria-current=move || (kind.get() == name).then_some("page")>
                {t.kind_name(name).to_owned()}
            </a>
        }
    });
    view! {
        <Title text=t.work />
        <header class="page-head">
            <h1>{t.work_heading}</h1>
            <p class="lede">{t.promise}</p>
        </header>
        <div class="columns">
            <section class="column-main" aria-labelledby="submit-heading">
                <div class="card">
                    <div class="card-head">
                        <h2 id="submit-heading">{t.submit_heading}</h2>
                    </div>
                    <nav class="tabs" aria-label=t.kinds_of_work>
                        {tabs.into_iter().collect_view()}
                    </nav>
                    {move || {
                        let kind = kind.get();
                        let refused = refused.try_update_value(Option::take).flatten();
                        view! {
                            <p class="muted">{t.kind_text(kind)}</p>
                            <SubmitForm kind refused />
                        }
                    }}
                </div>
            </section>
            <section class="column-side" aria-labelledby="jobs-heading">
                <MyJobs />
            </section>
        </div>
    }
    .into_any()
}
