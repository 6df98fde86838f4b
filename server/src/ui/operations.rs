//! The operator's pages: what they read, and the way to the form for signing in for whoever has no session.
//!
//! Answers from the same functions as the API (`api::operations`).
//! Invariant: without a session every read is `operator-required`, whatever it asks for.

use super::answer;
use crate::{
    api::{extract::link, operations as api},
    engine::Engine,
    error::ApiError,
    forms::see_other,
    operator::Refused,
    state::AppState,
};
use app::backend::{Answer, operations::OperationsBackend};
use axum::{extract::Request, response::Response};
use domain::{
    JobId,
    operations::{Action, Filter, JobReport, Matched, Overview, PAGE_SIZE, RowPage},
};

/// The service as an operator reaches it without HTTP, or as somebody who is none does not.
pub(super) struct OperatorView {
    engine: Engine,
    operates: bool,
}

impl OperatorView {
    /// For a request that has a session, or has none.
    pub(super) fn new(engine: Engine, operates: bool) -> Self {
        Self { engine, operates }
    }

    fn read<T: Send + 'static, Read>(&self, read: impl FnOnce(Engine) -> Read + Send + 'static) -> Answer<T>
    where
        Read: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let (engine, operates) = (self.engine.clone(), self.operates);
        answer(async move { if operates { read(engine).await } else { Err(Refused::Missing.into()) } })
    }
}

impl OperationsBackend for OperatorView {
    fn overview(&self) -> Answer<Overview> {
        self.read(async |engine| api::overview_of(&engine).await)
    }

    fn jobs(&self, filter: Filter, before: Option<i64>) -> Answer<RowPage> {
        self.read(async move |engine| api::page_of(&engine, filter, before, PAGE_SIZE).await)
    }

    fn count(&self, action: Action, filter: Filter) -> Answer<Matched> {
        self.read(async move |engine| api::count_of(&engine, action, filter).await)
    }

    fn job(&self, id: JobId) -> Answer<JobReport> {
        self.read(async move |engine| api::report_of(&engine, id).await)
    }
}

/// Where to go instead of a page of the operator's, for whoever has no session.
pub(super) fn sign_in_first(state: &AppState, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let operators = path.strip_prefix("/operations").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !operators || path == "/operations/sign-in" || state.operator.has_session(request.headers()) {
        return None;
    }
    let here = request.uri().path_and_query().map_or(path, |here| here.as_str());
    Some(see_other(&link("/operations/sign-in", &[("next", Some(here))])))
}
