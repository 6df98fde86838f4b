//! The owner's jobs, live: filters and pages in the URL, rows from the store.
//!
//! Invariant: a first page shows what the server listed and every newer job that the store knows and the filter lets through.

use super::not_found::Unreadable;
use crate::{
    backend::{self, JobsQuery, PAGE_SIZE},
    components::job_row::{JobRow, UnconfirmedRow},
    given::FirstPage,
    i18n::use_t,
    state::jobs::use_jobs,
};
use domain::{Job, JobId, JobState, Problem};
use leptos::{either::Either, prelude::*};
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which jobs to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Filter {
    All,
    Active,
    Failed,
    Done,
}

impl Filter {
    const EACH: [Self; 4] = [Self::All, Self::Active, Self::Failed, Self::Done];

    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    fn states(self) -> Vec<JobState> {
        JobState::ALL.into_iter().filter(|state| self != Self::All && self.lets(*state)).collect()
    }

    fn lets(self, state: JobState) -> bool {
        match self {
            Self::All => true,
            Self::Active => !state.is_terminal(),
            Self::Failed => matches!(state, JobState::Failed | JobState::Cancelled),
            Self::Done => state == JobState::Succeeded,
        }
    }

    fn href(self) -> String {
        if self == Self::All { "/".to_owned() } else { format!("/?state={}", self.word()) }
    }
}

/// What the URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    filter: Filter,
    before: Option<JobId>,
}

/// What was listed for it. The default list is the snapshot, which the page has already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Listing {
    jobs: Vec<Job>,
    /// The last one on the page, when older ones follow.
    oldest: Option<JobId>,
}

async fn list(asked: Asked, first: FirstPage) -> Result<Listing, Problem> {
    if asked == (Asked { filter: Filter::All, before: None }) {
        return Ok(Listing { jobs: Vec::new(), oldest: first.oldest });
    }
    let query = JobsQuery { states: asked.filter.states(), before: asked.before, limit: Some(PAGE_SIZE) };
    let list = backend::jobs(query).await?;
    let oldest = list.items.last().map(|job| job.id).filter(|_| list.next.is_some());
    Ok(Listing { jobs: list.items, oldest })
}

/// The list with its filters and pages.
#[component]
pub fn MyJobs() -> impl IntoView {
    let t = use_t();
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let word = query.get("state").unwrap_or_default();
            let filter = Filter::EACH.into_iter().find(|filter| filter.word() == word).unwrap_or(Filter::All);
            Asked { filter, before: query.get("before").and_then(|id| id.parse().ok()) }
        })
    });
    let filters = Filter::EACH.map(|filter| {
        let word = match filter {
            Filter::All => t.filter_all,
            Filter::Active => t.filter_active,
            Filter::Failed => t.filter_failed,
            Filter::Done => t.filter_done,
        };
        view! {
            <a href=filter.href() aria-current=move || (asked.get().filter == filter).then_some("page")>
                {word}
            </a>
        }
    });
    view! {
        <div class="card-head">
            <h2 id="jobs-heading">{t.my_jobs}</h2>
            <nav class="filters" aria-label=t.filter_jobs>
                {filters.into_iter().collect_view()}
            </nav>
        </div>
        {move || view! { <Listed asked=asked.get() /> }}
    }
    .into_any()
}

/// What the URL asks for, for as long as it does. Its resource never loads again: that would dispose of what the list still shows.
#[component]
fn Listed(asked: Asked) -> impl IntoView {
    let t = use_t();
    let first = FirstPage::of_context();
    let listing = Resource::new(|| (), move |()| list(asked, first));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match listing.await {
                        Ok(listing) => Either::Left(view! { <Rows asked listing /> }),
                        Err(problem) => Either::Right(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

/// The rows of one page.
#[component]
fn Rows(asked: Asked, listing: Listing) -> impl IntoView {
    let t = use_t();
    let store = use_jobs();
    let is_first = asked.before.is_none();
    let oldest = listing.oldest;
    let listed: BTreeMap<JobId, Job> = listing.jobs.into_iter().map(|job| (job.id, job)).collect();
    let listed = StoredValue::new(listed);
    // Only after hydration: others on the page show the store too, and must find what the server rendered.
    Effect::new(move |_| listed.with_value(|listed| listed.values().for_each(|job| store.upsert(job.clone()))));
    let state_of = move |id: JobId| match store.get(id) {
        Some(row) => Some(row.with(|job| job.state)),
        None => listed.with_value(|listed| listed.get(&id).map(|job| job.state)),
    };
    let ids = Memo::new(move |_| {
        let mut known = store.ids().get();
        let here = listed.with_value(|listed| listed.keys().copied().collect::<Vec<_>>());
        known.extend(&here);
        // UUIDv7: the order of ids is that of acceptance.
        known.sort_unstable_by(|a, b| b.cmp(a));
        known.dedup();
        let belongs = |id: &JobId| {
            let in_page = here.contains(id) || (is_first && oldest.is_none_or(|oldest| *id >= oldest));
            in_page && (asked.filter == Filter::All || state_of(*id).is_some_and(|state| asked.filter.lets(state)))
        };
        let mut ids: Vec<JobId> = known.into_iter().filter(belongs).collect();
        if is_first {
            ids.truncate(AT_MOST);
        }
        ids
    });
    let sending = move || if is_first { store.unconfirmed().get() } else { Vec::new() };
    let empty = Memo::new(move |_| ids.with(Vec::is_empty) && sending().is_empty());
    let older = move || {
        let last = oldest?;
        let query = if asked.filter == Filter::All { String::new() } else { format!("state={}&", asked.filter.word()) };
        Some(view! { <a class="button" href=format!("/?{query}before={last}") rel="next">{t.older}</a> })
    };
    view! {
        {move || {
            empty
                .get()
                .then(|| {
                    if asked.filter == Filter::All && is_first {
                        view! {
                            <div class="empty">
                                <h3>{t.no_jobs_heading}</h3>
                                <p>{t.no_jobs_text}</p>
                            </div>
                        }
                            .into_any()
                    } else {
                        view! { <p class="muted">{t.no_jobs_here}</p> }.into_any()
                    }
                })
        }}
        <ul class="job-list" aria-labelledby="jobs-heading">
            <For each=sending key=|submit| (submit.key.clone(), submit.problem.is_some()) let:submit>
                <UnconfirmedRow submit />
            </For>
            <For each=move || ids.get() key=|id| *id let:id>
                {row_of(id, listed.with_value(|listed| listed.get(&id).cloned())).map(|job| view! { <JobRow job /> })}
            </For>
        </ul>
        <nav class="pager" aria-label=t.pages>
            {(!is_first).then(|| view! { <a class="button" href=asked.filter.href() rel="prev">{t.newest}</a> })}
            {older}
        </nav>
    }
    .into_any()
}

/// The row in the store; until that has it, as it was listed.
fn row_of(id: JobId, listed: Option<Job>) -> Option<Signal<Job>> {
    let store = use_jobs();
    match (store.get(id), listed) {
        (Some(row), _) => Some(row.into()),
        (None, Some(listed)) => {
            let row = store.watch(id);
            Some(Memo::new(move |_| row.get().unwrap_or_else(|| listed.clone())).into())
        }
        (None, None) => None,
    }
}

/// Rows on a first page that has grown while it was open.
const AT_MOST: usize = 200;
