//! The operator's view through the same two ways as everything else: direct calls while the server renders, HTTP from the browser.
//!
//! Pages under `/operations` call the free functions; `server::ui` implements [`OperationsBackend`] and puts it into the context, bound
//! to whether the request has an operator's session. A problem with the code `operator-required` means that it has none.

use super::{Answer, IN_BROWSER, encode, transport};
use domain::{
    JobId, Problem,
    operations::{Action, Filter, JobReport, Matched, Overview, RowPage},
};
use transport::{Request, call, read};

/// The operator's service as the server's renderer reaches it.
pub trait OperationsBackend: Send + Sync {
    /// What there is to do.
    fn overview(&self) -> Answer<Overview>;
    /// Jobs of whichever owner, newest first.
    fn jobs(&self, filter: Filter, before: Option<i64>) -> Answer<RowPage>;
    /// How many a bulk action would take.
    fn count(&self, action: Action, filter: Filter) -> Answer<Matched>;
    /// All there is to see of a job.
    fn job(&self, id: JobId) -> Answer<JobReport>;
}

#[cfg(not(feature = "hydrate"))]
fn direct() -> Result<std::sync::Arc<dyn OperationsBackend>, Problem> {
    leptos::prelude::use_context().ok_or_else(|| Problem::unreachable("no operator's backend in this context"))
}

#[cfg(feature = "hydrate")]
fn direct() -> Result<std::sync::Arc<dyn OperationsBackend>, Problem> {
    Err(Problem::unreachable("the browser goes through HTTP"))
}

/// A path with the filter and more as its query.
pub fn path_with(path: &str, filter: &Filter, more: &[(&str, String)]) -> String {
    let pairs = filter.to_pairs().into_iter().chain(more.iter().map(|(name, value)| (*name, value.clone())));
    let query: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(&value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// What there is to do, by kind.
///
/// # Errors
/// `operator-required`, another problem of the service, or `unreachable`.
pub async fn overview() -> Result<Overview, Problem> {
    if !IN_BROWSER {
        return direct()?.overview().await;
    }
    read(call(Request::get("/api/v1/operations")).await?)
}

/// Jobs of whichever owner, newest first.
///
/// # Errors
/// As [`overview`].
pub async fn jobs(filter: Filter, before: Option<i64>) -> Result<RowPage, Problem> {
    if !IN_BROWSER {
        return direct()?.jobs(filter, before).await;
    }
    let more: Vec<_> = before.map(|before| ("before", before.to_string())).into_iter().collect();
    read(call(Request::get(&path_with("/api/v1/operations/jobs", &filter, &more))).await?)
}

/// How many jobs a bulk action would take.
///
/// # Errors
/// As [`overview`]; `invalid-input` when the action fits none of the filter's states.
pub async fn count(action: Action, filter: Filter) -> Result<Matched, Problem> {
    if !IN_BROWSER {
        return direct()?.count(action, filter).await;
    }
    let more = [("action", action.as_str().to_owned())];
    read(call(Request::get(&path_with("/api/v1/operations/count", &filter, &more))).await?)
}

/// All there is to see of a job.
///
/// # Errors
/// `job-not-found`, or as [`overview`].
pub async fn job(id: JobId) -> Result<JobReport, Problem> {
    if !IN_BROWSER {
        return direct()?.job(id).await;
    }
    read(call(Request::get(&format!("/api/v1/operations/jobs/{id}"))).await?)
}
