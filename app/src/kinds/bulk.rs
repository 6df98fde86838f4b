//! What the bulk actions of the operator brought, in figures.

use crate::i18n::{format, operations::use_operations, use_lang};
use domain::kinds::bulk::Output;
use leptos::prelude::*;
use serde_json::Value;

/// What it left behind.
#[component]
pub fn Outcome(
    /// The output.
    result: Value,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_operations());
    let Output { matched, done, skipped } = serde_json::from_value(result).unwrap_or_default();
    let figure = |name: &'static str, word: &'static str, count: u64| {
        view! {
            <div data-figure=name>
                <dt>{word}</dt>
                <dd class="num">{format::number(lang, count)}</dd>
            </div>
        }
    };
    view! {
        <dl class="facts figures">
            {figure("matched", words.matched, matched)} {figure("done", words.done, done)}
            {figure("skipped", words.skipped, skipped)}
        </dl>
    }
    .into_any()
}
