//! The filter as a form that asks by the address, so that it works without script and can be kept as a bookmark.

use crate::{
    components::{moment::RenderedAt, state_chip::state_word},
    i18n::{format, operations::use_operations, use_lang, use_t},
};
use domain::{
    FailureReason, JobState, Timestamp,
    operations::{Filter, Overview},
};
use leptos::prelude::*;

const HOUR_MS: i64 = 3600 * 1000;

/// The form.
#[component]
pub(super) fn FilterForm(
    /// What is asked for now.
    filter: Filter,
    /// The kinds to choose from.
    overview: Overview,
) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let option = |value: String, chosen: bool, word: String| {
        view! {
            <option value=value selected=chosen>
                {word}
            </option>
        }
    };
    let one_state = if filter.state.len() == 1 { filter.state.first().cloned() } else { None };
    // An address can name several; the form keeps them as one choice.
    let several = (filter.state.len() > 1).then(|| {
        let named: Vec<_> = filter.states().into_iter().map(|state| state_word(t, state)).collect();
        option(filter.state.join(","), true, named.join(", "))
    });
    let states = JobState::ALL
        .map(|state| {
            let chosen = one_state.as_deref() == Some(state.as_str());
            option(state.as_str().to_owned(), chosen, state_word(t, state).to_owned())
        })
        .into_iter()
        .collect_view();
    let mut kinds: Vec<String> = overview.kinds.into_iter().map(|load| load.kind).collect();
    if let Some(kind) = filter.kind.as_ref().filter(|kind| !kinds.contains(kind)) {
        kinds.push(kind.clone());
    }
    let kinds = kinds
        .into_iter()
        .map(|kind| option(kind.clone(), filter.kind.as_ref() == Some(&kind), t.kind_name(&kind).to_owned()))
        .collect_view();
    let reasons = FailureReason::ALL
        .map(|reason| {
            let chosen = filter.reason.as_deref() == Some(reason.as_str());
            option(reason.as_str().to_owned(), chosen, words.reason_word(reason).to_owned())
        })
        .into_iter()
        .collect_view();
    let now = use_context::<RenderedAt>().map_or(Timestamp(0), |at| at.0);
    let since = filter.since.map(|since| option(since.to_string(), true, format::minute(lang, since)));
    let since_choices = [HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS]
        .into_iter()
        .zip(words.since_choices)
        .map(|(ms, word)| option(now.plus_ms(-ms).to_string(), false, word.to_owned()))
        .collect_view();
    let any = move || option(String::new(), false, words.any.to_owned());
    let owner = filter.owner.map(|owner| {
        view! {
            <div class="field">
                <label for="f-owner">{words.owner}</label>
                <input id="f-owner" name="owner" value=owner.to_string() spellcheck="false" autocomplete="off" />
            </div>
        }
    });
    let narrowed = filter != Filter::default();
    view! {
        <form class="form operations-filter" method="get" action="/operations" role="search" aria-label=words.filter>
            <div class="field-row">
                <div class="field">
                    <label for="f-state">{words.state}</label>
                    <select id="f-state" name="state">
                        {any()}
                        {several}
                        {states}
                    </select>
                </div>
                <div class="field">
                    <label for="f-kind">{t.kind}</label>
                    <select id="f-kind" name="kind">
                        {any()}
                        {kinds}
                    </select>
                </div>
                <div class="field">
                    <label for="f-reason">{words.reason}</label>
                    <select id="f-reason" name="reason">
                        {any()}
                        {reasons}
                    </select>
                </div>
                <div class="field">
                    <label for="f-since">{words.since}</label>
                    <select id="f-since" name="since">
                        {any()}
                        {since}
                        {since_choices}
                    </select>
                </div>
                <div class="field">
                    <label for="f-code">{words.code}</label>
                    <input id="f-code" name="code" value=filter.code spellcheck="false" autocomplete="off" />
                </div>
                <div class="field">
                    <label for="f-q">{words.search}</label>
                    <input id="f-q" name="q" type="search" value=filter.q autocomplete="off" />
                </div>
                {owner}
            </div>
            <div class="actions">
                <button type="submit">{words.apply}</button>
                {narrowed.then(|| view! { <a href="/operations">{words.clear}</a> })}
            </div>
        </form>
    }
    .into_any()
}
