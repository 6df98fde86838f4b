//! Before a bulk action: how many jobs it would take, which, as of when.
//!
//! Invariant: the moment that was counted is the moment that is acted upon, so nothing that comes in between is swept in.

use super::{Instead, asked};
use crate::{
    backend::operations::{self as backend, path_with},
    components::{moment::Moment, state_chip::state_word},
    i18n::{format, operations::use_operations, use_lang, use_t},
};
use domain::{
    FailureReason, JobState, Problem,
    operations::{Action, Filter, Matched},
};
use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

async fn load(asked: Result<(Action, Filter), Problem>) -> Result<(Action, Filter, Matched), Problem> {
    let (action, filter) = asked?;
    let matched = backend::count(action, filter.clone()).await?;
    Ok((action, filter, matched))
}

/// The page.
#[component]
pub fn Confirm() -> impl IntoView {
    let t = use_t();
    let asked_for = Memo::new(move |_| {
        let action = use_query_map().with(|query| query.get("action")).as_deref().and_then(Action::parse);
        let action = action.ok_or_else(|| Problem::new(400, "bad-query", "the address names no action"))?;
        Ok((action, asked()?))
    });
    let loaded = Resource::new(move || asked_for.get(), load);
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok((action, filter, matched)) => Either::Left(view! { <Ask action filter matched /> }),
                        Err(problem) => Either::Right(view! { <Instead problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Ask(action: Action, filter: Filter, matched: Matched) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let Matched { matched, as_of } = matched;
    let figure = format::number(lang, matched);
    let title = (words.confirm_title)(action);
    let text = match action {
        Action::Retry => words.confirm_retry_text,
        Action::Cancel => words.confirm_cancel_text,
    };
    let hidden =
        filter.to_pairs().into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    let parts = described(&filter, lang, t, words);
    let back = path_with("/operations", &filter, &[]);
    let go = (matched > 0).then(|| {
        let class = if action == Action::Cancel { "danger" } else { "primary" };
        view! {
            <form class="form" method="post" action="/operations/bulk">
                <input type="hidden" name="action" value=action.as_str() />
                <input type="hidden" name="as_of" value=as_of.to_string() />
                {hidden.collect_view()}
                <div class="field">
                    <label for="per_second">{words.per_second}</label>
                    <input
                        id="per_second"
                        name="per_second"
                        type="number"
                        min="1"
                        max=domain::kinds::bulk::RATE_LIMIT
                        aria-describedby="per-second-hint"
                    />
                    <p class="hint" id="per-second-hint">
                        {words.per_second_hint}
                    </p>
                </div>
                <div class="actions">
                    <button type="submit" class=class data-confirm=action.as_str()>
                        {(words.confirm_go)(action, &figure)}
                    </button>
                </div>
            </form>
        }
    });
    let count =
        if matched == 0 { words.confirm_none.to_owned() } else { (words.confirm_count)(action, matched, &figure) };
    view! {
        <Title text=title />
        <header class="page-head">
            <nav class="crumbs" aria-label=t.you_are_here>
                <a href="/operations">{words.title}</a>
            </nav>
            <h1>{title}</h1>
        </header>
        <section class="card confirm" aria-label=title>
            <p class="count" data-matched=matched>
                {count}
            </p>
            <p>{text}</p>
            <dl class="facts">
                {parts}
                <div>
                    <dt>{words.confirm_as_of}</dt>
                    <dd>
                        <Moment at=as_of />
                    </dd>
                </div>
            </dl>
            {go}
            <p>
                <a href=back>{words.back}</a>
            </p>
        </section>
    }
    .into_any()
}

/// The filter in words.
fn described(
    filter: &Filter,
    lang: crate::i18n::Lang,
    t: &'static crate::i18n::Strings,
    words: &'static crate::i18n::operations::OperationsStrings,
) -> impl IntoView + use<> {
    let mut parts = Vec::new();
    for (name, value) in filter.to_pairs() {
        let (label, text) = match name {
            "state" => {
                let states = value.split(',').filter_map(JobState::parse).map(|state| state_word(t, state));
                (words.state, states.collect::<Vec<_>>().join(", "))
            }
            "kind" => (t.kind, t.kind_name(&value).to_owned()),
            "reason" => (words.reason, FailureReason::parse(&value).map_or(value, |r| words.reason_word(r).to_owned())),
            "code" => (words.code, value),
            "owner" => (words.owner, value),
            "since" => (words.since, filter.since.map_or(value, |since| format::minute(lang, since))),
            _ => (words.search, value),
        };
        parts.push((label, text));
    }
    if parts.is_empty() {
        parts.push((words.filter, words.no_filter.to_owned()));
    }
    parts.into_iter().map(|(label, text)| view! { <div><dt>{label}</dt><dd>{text}</dd></div> }).collect_view()
}
