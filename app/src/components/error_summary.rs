//! What is wrong with a form, above it, with links to the places (as GOV.UK does it).
//!
//! Shows after a refused post and, in the browser, when an API call comes back with a problem; then it takes the focus.

use crate::{
    forms::{Scope, focus_soon, id_of_pointer},
    i18n::{codes, use_lang, use_t},
};
use leptos::prelude::*;

const ID: &str = "error-summary";

/// The summary of a form's problem; nothing while there is none.
#[component]
pub fn ErrorSummary(
    /// The form.
    scope: Scope,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let problem = scope.problem;
    Effect::new(move |before: Option<bool>| {
        let there = problem.with(Option::is_some);
        // On page load the focus stays where the browser puts it.
        if there && before.is_some() {
            focus_soon(ID);
        }
        there
    });
    move || {
        problem.get().map(|problem| {
            let wording = codes::problem(lang, &problem);
            let places = problem.errors.iter().map(|error| {
                let href = format!("#{}", id_of_pointer(&error.pointer));
                let text = format!("{}: {}", t.field_name(&error.pointer), codes::input_error(lang, error));
                view! {
                    <li>
                        <a href=href rel="external">{text}</a>
                    </li>
                }
            });
            let places = places.collect_view();
            view! {
                <div class="error-summary" id=ID role="alert" tabindex="-1" data-code=problem.code.clone()>
                    <h2>{t.error_summary}</h2>
                    <p>{wording.what} " " {wording.next}</p>
                    <ul>{places}</ul>
                </div>
            }
        })
    }
}
