//! The operator's pages: every visitor's jobs by filter, what there is to do by kind, and actions on one, a few, or all that match.
//!
//! `list` has the page itself, `filter_form` its filter, `row` a line of it; `confirm` asks before a bulk action; `report` shows one job;
//! `sign_in` asks for the token. Works without script: filters are in the address, actions are forms; with it the page looks again
//! every few seconds and keeps ticks and focus where they are.
//! Invariant: a page without a session shows the form for signing in and nothing else.

// A problem goes to a page as it came; a box around it would be opened at once.
#![allow(clippy::result_large_err)]

mod confirm;
mod filter_form;
mod list;
mod report;
mod row;
mod sign_in;

pub use confirm::Confirm;
pub use list::Operations;
pub use report::Report;
pub use sign_in::SignIn;

use super::not_found::{NotFound, Unreadable};
use crate::i18n::{Strings, operations::OperationsStrings};
use domain::{
    Problem,
    operations::{Filter, Row},
};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

/// Seconds between two looks.
const LOOK_AGAIN_S: u64 = 3;
/// Names of a filter's parts in an address.
const NAMES: [&str; 7] = ["state", "kind", "reason", "code", "owner", "q", "since"];

/// What the address asks for; a part that cannot be read is a problem.
fn asked() -> Result<Filter, Problem> {
    let values = use_query_map().with(|query| NAMES.map(|name| (name, query.get(name).unwrap_or_default())));
    Filter::from_pairs(values.iter().map(|(name, value)| (*name, value.as_str()))).map_err(Problem::invalid)
}

/// A page that cannot be shown: the form for signing in, when that is what is missing.
#[component]
fn Instead(problem: Problem) -> impl IntoView {
    let location = use_location();
    match problem.code.as_str() {
        "operator-required" => {
            let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
            let query = query.trim_start_matches('?');
            let next = if query.is_empty() { path } else { format!("{path}?{query}") };
            view! { <sign_in::SignInForm next /> }.into_any()
        }
        "job-not-found" => view! { <NotFound /> }.into_any(),
        _ => view! { <Unreadable problem /> }.into_any(),
    }
}

/// What a job is called.
fn title_of(t: &Strings, row: &Row) -> String {
    let named = || format!("{} {}", t.kind_name(&row.kind), crate::i18n::short_id(row.id));
    row.label.clone().unwrap_or_else(named)
}

/// The end of an owner's id: enough to tell a page's visitors apart.
fn short_owner(owner: domain::OwnerId) -> String {
    owner.to_string().chars().skip(30).collect()
}

/// Where this is, and the way out.
#[component]
fn SignOut(words: &'static OperationsStrings) -> impl IntoView {
    view! {
        <form method="post" action="/operations/sign-out">
            <button type="submit" class="quiet">
                {words.sign_out}
            </button>
        </form>
    }
}

/// Calls `look` every few seconds while somebody can see the page.
fn look_again(look: impl Fn() + Copy + 'static) {
    Effect::new(move |_| {
        let tick = move || {
            if !document().hidden() {
                look();
            }
        };
        if let Ok(timer) = set_interval_with_handle(tick, std::time::Duration::from_secs(LOOK_AGAIN_S)) {
            on_cleanup(move || timer.clear());
        }
    });
}

/// Says that the page stands still since the session has ended.
#[component]
fn SessionOver(over: RwSignal<bool>, words: &'static OperationsStrings) -> impl IntoView {
    move || {
        over.get().then(|| {
            view! {
                <p class="notice" data-tone="warn" role="status">
                    {words.session_over}
                    " "
                    <a href="/operations/sign-in" rel="external">
                        {words.sign_in}
                    </a>
                </p>
            }
        })
    }
}
