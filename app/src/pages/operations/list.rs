//! `/operations`: what there is to do by kind, the filter, and the jobs that match.
//!
//! Invariant: what is shown was asked for by the address alone; a later look replaces values in lines that stay.

use super::{Instead, LOOK_AGAIN_S, SessionOver, SignOut, asked, filter_form::FilterForm, look_again, row::JobLine};
use crate::{
    backend::operations::{self as backend, path_with},
    components::moment::Ago,
    forms::Refused,
    i18n::{codes, format, operations::use_operations, use_lang, use_t},
};
use domain::{
    InputError, JobId, JobState, Problem,
    operations::{Action, Filter, KindLoad, Overview, Row, RowPage},
};
use leptos::{either::Either, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

type Loaded = (Overview, RowPage);

async fn load(filter: Result<Filter, Problem>, before: Option<i64>) -> Result<Loaded, Problem> {
    let filter = filter?;
    Ok((backend::overview().await?, backend::jobs(filter, before).await?))
}

/// The page; another address is another list.
#[component]
pub fn Operations() -> impl IntoView {
    let query = use_query_map();
    let before =
        Memo::new(move |_| query.with(|query| query.get("before")).and_then(|before| before.parse::<i64>().ok()));
    let filter = Memo::new(move |_| asked());
    move || view! { <Listed filter=filter.get() before=before.get() /> }
}

#[component]
fn Listed(filter: Result<Filter, Problem>, before: Option<i64>) -> impl IntoView {
    let t = use_t();
    let kept = StoredValue::new(filter.clone().unwrap_or_default());
    let loaded = Resource::new(|| (), move |()| load(filter.clone(), before));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok(loaded) => Either::Left(view! { <Page loaded filter=kept before /> }),
                        Err(problem) => Either::Right(view! { <Instead problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Page(loaded: Loaded, filter: StoredValue<Filter>, before: Option<i64>) -> impl IntoView {
    let words = use_operations();
    let (overview, page) = loaded;
    let kinds = overview.clone();
    let (overview, page) = (RwSignal::new(overview), RwSignal::new(page));
    let (reading, over) = (RwSignal::new(false), RwSignal::new(false));
    look_again(move || {
        if reading.get_untracked() || over.get_untracked() {
            return;
        }
        reading.set(true);
        spawn_local(async move {
            // A look that fails is made up for by the next one; only a session that is over ends them.
            match load(Ok(filter.get_value()), before).await {
                Ok((new_overview, new_page)) => {
                    overview
                        .try_maybe_update(|known| (std::mem::replace(known, new_overview.clone()) != new_overview, ()));
                    page.try_maybe_update(|known| (std::mem::replace(known, new_page.clone()) != new_page, ()));
                }
                Err(problem) if problem.status == 401 => {
                    over.try_set(true);
                }
                Err(_) => {}
            }
            reading.try_set(false);
        });
    });
    // As often as the page looks by itself with script; ticks do not survive it, so only where nothing can be ticked yet.
    let refresh = page.with_untracked(|page| {
        let quiet = page.items.is_empty();
        if quiet { format!(r#"<meta http-equiv="refresh" content="{}">"#, LOOK_AGAIN_S * 2) } else { String::new() }
    });
    view! {
        <Title text=words.title />
        <noscript inner_html=refresh></noscript>
        <header class="page-head operations-head">
            <h1>{words.title}</h1>
            <p class="lede">{words.lede}</p>
            <SignOut words />
        </header>
        <Notices />
        <SessionOver over words />
        <Kinds overview />
        <section class="card" aria-labelledby="operations-jobs">
            <div class="card-head">
                <h2 id="operations-jobs">{words.jobs}</h2>
            </div>
            <FilterForm filter=filter.get_value() overview=kinds />
            <Jobs page filter before />
        </section>
    }
    .into_any()
}

/// What came of the form that led here.
#[component]
fn Notices() -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let refused = Refused::take().map(|state| {
        let place = |error: &InputError| {
            let name = if error.pointer == "/per_second" { words.per_second } else { t.field_name(&error.pointer) };
            format!("{name}: {}.", codes::input_error(lang, error))
        };
        let places: Vec<_> = state.problem.errors.iter().map(place).collect();
        format!("{} {}", codes::problem(lang, &state.problem).in_full(), places.join(" "))
    });
    let said = use_query_map().with_untracked(|query| query.get("said"));
    let said = said.and_then(|said| {
        if said == "nothing-ticked" {
            return Some(("warn", words.said_nothing.to_owned()));
        }
        let mut parts = said.split('-');
        let action = Action::parse(parts.next()?)?;
        let (done, left): (u64, u64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let text = (words.said_done)(action, done);
        Some(if left == 0 { ("good", text) } else { ("warn", format!("{text} {}", (words.said_left)(left))) })
    });
    view! {
        {refused.map(|text| view! { <p class="notice" data-tone="bad" role="alert">{text}</p> })}
        {said.map(|(tone, text)| view! { <p class="notice" data-tone=tone role="status">{text}</p> })}
    }
}

/// Kinds with something to do before those without, each in the order of their names.
fn busiest_first(mut kinds: Vec<KindLoad>) -> Vec<KindLoad> {
    let idle = |load: &KindLoad| {
        load.scheduled + load.queued + load.running + load.waiting + load.retrying + load.failed_last_day == 0
    };
    kinds.sort_by_key(idle);
    kinds
}

/// How much there is of each kind; every figure leads to its jobs.
#[component]
fn Kinds(overview: RwSignal<Overview>) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_operations());
    let workers = move || overview.with(|all| (words.workers)(all.workers_busy, all.workers));
    let card = move |load: KindLoad| {
        let figure = |state: JobState, count: u64, word: String| {
            let filter =
                Filter { kind: Some(load.kind.clone()), state: vec![state.as_str().to_owned()], ..Filter::default() };
            (count > 0).then(|| {
                view! {
                    <li data-state=state.as_str() data-count=count>
                        <a href=path_with("/operations", &filter, &[])>
                            <strong class="num">{format::number(lang, count)}</strong>
                            " "
                            {word}
                        </a>
                    </li>
                }
            })
        };
        let unfinished = load.scheduled + load.queued + load.running + load.waiting + load.retrying;
        let figures = [
            (JobState::Running, load.running, t.state_running),
            (JobState::Queued, load.queued, t.state_queued),
            (JobState::Scheduled, load.scheduled, t.state_scheduled),
            (JobState::Waiting, load.waiting, t.state_waiting),
            (JobState::Retrying, load.retrying, t.state_retrying),
        ]
        .map(|(state, count, word)| figure(state, count, word.to_lowercase()));
        let failed = figure(JobState::Failed, load.failed_last_day, words.failed_last_day.to_owned());
        let quiet = unfinished == 0 && load.failed_last_day == 0;
        view! {
            <li class="kind-load" data-kind=load.kind.clone()>
                <h3>
                    <a href=path_with("/operations", &Filter { kind: Some(load.kind.clone()), ..Filter::default() }, &[])>
                        {t.kind_name(&load.kind).to_owned()}
                    </a>
                </h3>
                <ul class="counts">{figures.into_iter().collect_view()} {failed}</ul>
                {quiet.then(|| view! { <p class="muted">{words.nothing_to_do}</p> })}
                {load
                    .oldest_queued_at
                    .map(|at| view! { <p class="muted">{words.oldest_queued} " " <Ago at=Signal::stored(at) /></p> })}
            </li>
        }
    };
    view! {
        <section aria-labelledby="kinds-heading" class="operations-kinds">
            <div class="card-head">
                <h2 id="kinds-heading">{words.queues}</h2>
                <p class="muted num" data-workers="">
                    {workers}
                </p>
            </div>
            <ul class="kind-loads">{move || busiest_first(overview.get().kinds).into_iter().map(card).collect_view()}</ul>
        </section>
    }
    .into_any()
}

/// The jobs that match, and what can be done with those ticked or with all of them.
#[component]
fn Jobs(page: RwSignal<RowPage>, filter: StoredValue<Filter>, before: Option<i64>) -> impl IntoView {
    let (t, words) = (use_t(), use_operations());
    let ids = Memo::new(move |_| page.with(|page| page.items.iter().map(|row| row.id).collect::<Vec<JobId>>()));
    let empty = Memo::new(move |_| ids.with(Vec::is_empty));
    let next = Memo::new(move |_| page.with(|page| page.before));
    let here = move |before: Option<i64>| {
        let more: Vec<_> = before.map(|before| ("before", before.to_string())).into_iter().collect();
        filter.with_value(|filter| path_with("/operations", filter, &more))
    };
    let all = move |action: Action, word: &'static str| {
        let more = [("action", action.as_str().to_owned())];
        let fits = filter.with_value(|filter| !action.states_of(filter).is_empty());
        let href = filter.with_value(|filter| path_with("/operations/confirm", filter, &more));
        fits.then(|| view! { <a class="button" href=href data-all=action.as_str()>{word}</a> })
    };
    let line = move |id: JobId| {
        let known = page.with_untracked(|page| page.items.iter().find(|row| row.id == id).cloned())?;
        let known = StoredValue::new(known);
        let row: Memo<Row> = Memo::new(move |before: Option<&Row>| {
            let found = page.with(|page| page.items.iter().find(|row| row.id == id).cloned());
            found.or_else(|| before.cloned()).unwrap_or_else(|| known.get_value())
        });
        Some(view! { <JobLine row=row.into() filter /> })
    };
    view! {
        <form method="post" action="/operations/act" class="operations-jobs">
            <input type="hidden" name="back" value=here(before) />
            <div class="actions" role="group" aria-label=words.ticked>
                <span class="muted">{words.ticked} ":"</span>
                <button type="submit" name="action" value="retry" data-ticked="retry">
                    {words.retry_ticked}
                </button>
                <button type="submit" name="action" value="cancel" class="danger" data-ticked="cancel">
                    {words.cancel_ticked}
                </button>
                <span class="spacer"></span>
                {all(Action::Retry, words.retry_all)}
                {all(Action::Cancel, words.cancel_all)}
            </div>
            {move || {
                empty
                    .get()
                    .then(|| view! { <div class="empty"><h3>{words.none}</h3><p>{words.none_text}</p></div> })
            }}
            <div class="table-scroll" hidden=move || empty.get()>
                <table class="data operations-table">
                    <caption class="visually-hidden">{words.jobs}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{words.job}</th>
                            <th scope="col">{words.state}</th>
                            <th scope="col">{words.what}</th>
                            <th scope="col">{words.when}</th>
                            <th scope="col">{words.actions}</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || ids.get() key=|id| *id let:id>
                            {line(id)}
                        </For>
                    </tbody>
                </table>
            </div>
        </form>
        {move || {
            let few = page.with(|page| page.before.is_some() && page.items.len() < domain::operations::PAGE_SIZE);
            few.then(|| view! { <p class="muted">{words.looked_back}</p> })
        }}
        <nav class="pager" aria-label=t.pages>
            {before.is_some().then(|| view! { <a class="button" href=here(None) rel="prev">{t.newest}</a> })}
            {move || {
                let few = page.with(|page| page.items.len() < domain::operations::PAGE_SIZE);
                let word = if few { words.look_further } else { t.older };
                next.get().map(|before| view! { <a class="button" href=here(Some(before)) rel="next">{word}</a> })
            }}
        </nav>
    }
    .into_any()
}
