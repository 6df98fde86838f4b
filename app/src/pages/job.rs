//! A job's page, complete at any moment: a reload or another tab loses nothing.
//!
//! Reads the job, its log and its attempts, then shows them from the store; `?edit=1` puts the kind's form above, filled in.
//! Invariants: an unknown job, or another owner's, is a 404; what happens while the page is being read is on it.

use super::{
    job_detail::JobDetail,
    not_found::{NotFound, Unreadable},
    settings::Notices,
};
use crate::{
    backend::{self, LOG_PAGE},
    i18n::use_t,
    state::jobs::use_jobs,
};
use domain::{Event, Job, JobId, Problem, api::Attempt};
use leptos::{either::EitherOf3, prelude::*};
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};

/// All that the page starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// The job.
    pub job: Job,
    /// Both ends of its log.
    pub log: Vec<Event>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// What of it is told; none when that could not be read.
    pub notices: Option<Notices>,
}

async fn load(id: Option<JobId>) -> Result<Loaded, Problem> {
    let id = id.ok_or_else(|| Problem::new(404, "job-not-found", "the address names no job"))?;
    let job = backend::job(id).await?;
    let mut log = backend::job_events(id, 0, LOG_PAGE).await?.items;
    let read = log.last().map_or(0, |event| event.jseq);
    if read < job.jseq {
        let after = read.max(job.jseq.saturating_sub(u64::from(LOG_PAGE)));
        log.extend(backend::job_events(id, after, LOG_PAGE).await?.items);
    }
    let attempts = backend::attempts(id).await?;
    let notices = Notices::load(id).await.ok();
    Ok(Loaded { job, log, attempts, notices })
}

/// The page of one job; another job in the address is another page.
#[component]
pub fn JobPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).and_then(|id| id.parse::<JobId>().ok()));
    move || view! { <Of id=id.get() /> }
}

/// One job's page for as long as it is that job's. Its resource never loads again: that would dispose of what the page still shows.
#[component]
fn Of(id: Option<JobId>) -> impl IntoView {
    let t = use_t();
    if let Some(id) = id {
        // Kept from before the first read: what comes while the page is being read is in none of the answers.
        use_jobs().watch_log(id);
    }
    let loaded = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok(loaded) => EitherOf3::A(view! { <JobDetail loaded /> }),
                        Err(problem) if problem.status == 404 => EitherOf3::B(view! { <NotFound /> }),
                        Err(problem) => EitherOf3::C(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}
