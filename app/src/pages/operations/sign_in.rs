//! Signing in with the operator's token, and where that is to be found.

use crate::{
    forms::Refused,
    i18n::{codes, operations::use_operations, use_lang},
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The page; `next` in the address says where to go from here.
#[component]
pub fn SignIn() -> impl IntoView {
    let next = use_query_map().with_untracked(|query| query.get("next")).unwrap_or_else(|| "/operations".to_owned());
    view! { <SignInForm next /> }
}

/// The form, on its own page or in place of one that needs a session.
#[component]
pub(super) fn SignInForm(
    /// Where to go once signed in.
    next: String,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_operations());
    let refused = Refused::take();
    let next = refused
        .as_ref()
        .and_then(|state| state.values.iter().find(|(name, _)| name == "next").map(|(_, next)| next.clone()))
        .unwrap_or(next);
    let wrong = refused.map(|state| codes::problem(lang, &state.problem).in_full());
    let is_wrong = wrong.is_some();
    let signed_out = use_query_map().with_untracked(|query| query.get("said")).as_deref() == Some("signed-out");
    view! {
        <Title text=words.sign_in />
        <header class="page-head">
            <h1>{words.sign_in}</h1>
            <p class="lede">{words.sign_in_lede}</p>
        </header>
        {signed_out.then(|| view! { <p class="notice" role="status">{words.signed_out}</p> })}
        {wrong.map(|text| view! { <p class="notice" data-tone="bad" role="alert" id="token-error">{text}</p> })}
        <section class="card sign-in" aria-label=words.sign_in>
            <form class="form" method="post" action="/operations/sign-in">
                <input type="hidden" name="next" value=next />
                <div class="field">
                    <label for="token">{words.token}</label>
                    <input
                        id="token"
                        name="token"
                        type="password"
                        autocomplete="current-password"
                        spellcheck="false"
                        required=true
                        aria-invalid=is_wrong.then_some("true")
                        aria-describedby=if is_wrong { "token-error token-hint" } else { "token-hint" }
                    />
                    <p class="hint" id="token-hint">
                        {words.token_hint}
                    </p>
                </div>
                <div class="actions">
                    <button type="submit" class="primary">
                        {words.sign_in}
                    </button>
                </div>
            </form>
            <section aria-labelledby="where-heading">
                <h2 id="where-heading">{words.where_is_it}</h2>
                <p>{words.where_file}</p>
                <p>{words.where_setting}</p>
            </section>
        </section>
    }
    .into_any()
}
