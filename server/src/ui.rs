//! The pages: renders the interface of `app` for the owner who asks, in full, before any script runs.
//!
//! Called by the router, and by `forms` when a form comes back. The one file of the server that names views; holds no rules: its [`Backend`]
//! answers from the store and [`representation`], as the API does.
//! Invariant: a page is private to its owner, carries a nonce of its own, and lets nothing run that the nonce does not name.

mod notifications;
mod operations;

use crate::{
    api::{products, suppliers},
    clock,
    engine::Engine,
    error::ApiError,
    kinds::supplier_quotes::directory::Directory,
    owner::Owner,
    representation,
    state::AppState,
    store::{EventRow, JobFilter, Store, StoreResult, json},
};
use app::{
    FormState,
    backend::{
        Answer, Backend, JobsQuery, PAGE_SIZE, notifications::NotificationsBackend, operations::OperationsBackend,
    },
    given::{FreshSecret, Given, Keeps, Status},
    i18n::codes,
    routes::PATHS,
    shell::{AssetPaths, document},
    state::prefs::PrefsSource,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{
    Cursor, Event, Job, JobId, OwnerId, Problem,
    api::{Attempt, EventPage, JobList, KindInfo, Product, ProductPage},
    kinds::supplier_quotes::SupplierList,
    push::WebhookSecret,
};
use leptos::{
    nonce::use_nonce,
    prelude::{provide_context, use_context},
};
use leptos_axum::{ResponseOptions, render_app_async_with_context};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// The built interface on disk, if there is one; without it pages are plain but work.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    folder: Option<PathBuf>,
    build: String,
    paths: AssetPaths,
}

/// `assets.json`, as the build writes it.
#[derive(Deserialize)]
struct Manifest {
    build: String,
    js: String,
    wasm: String,
    css: String,
}

impl Assets {
    /// Looks in the folder named, else in `site` beside the executable, else in the one beside that (`target/site`).
    pub fn load(named: Option<&Path>) -> Self {
        let beside = || {
            let exe = std::env::current_exe().ok()?;
            let home = exe.parent()?;
            [home.join("site"), home.join("../site")].into_iter().find(|folder| folder.join("assets.json").is_file())
        };
        let Some(folder) = named.map(Path::to_owned).or_else(beside) else { return Self::default() };
        let read = || -> Result<Manifest, String> {
            let text = std::fs::read_to_string(folder.join("assets.json")).map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        };
        match read() {
            Ok(Manifest { build, js, wasm, css }) => {
                let paths = AssetPaths { css: Some(css), script: Some((js, wasm)) };
                Self { folder: Some(folder), build, paths }
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the interface is served without style and script");
                Self { folder: Some(folder), ..Self::default() }
            }
        }
    }

    /// Where the files are.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Path of the style sheet, if there is one.
    pub fn css(&self) -> Option<&str> {
        self.paths.css.as_deref()
    }

    /// The build that a page of it was made from; empty without one.
    pub fn build(&self) -> &str {
        &self.build
    }
}

/// Every page.
pub fn routes() -> Router<AppState> {
    PATHS.iter().fold(Router::new(), |router, path| router.route(path, get(page)))
}

/// The page of the request's path.
async fn page(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    if let Some(sign_in) = operations::sign_in_first(&state, &request) {
        return sign_in;
    }
    render(state, owner, request.into_parts().0, None).await
}

/// The page that says that there is nothing at this path.
pub async fn not_found(State(state): State<AppState>, owner: Owner, request: Request) -> Response {
    render(state, owner, request.into_parts().0, None).await
}

/// A page with a form that was refused: what was typed, and what is wrong with it. The caller sets the status.
pub async fn page_with_form(state: AppState, page: Parts, form: FormState) -> Response {
    match page.extensions.get::<Owner>().copied() {
        Some(owner) => render(state, owner, page, Some(form)).await,
        None => ApiError::internal("a form without owner::identify comes back").into_response(),
    }
}

/// The page that shows a webhook's secret, this once: in the body of the answer, kept by nobody on the way.
pub async fn page_with_secret(state: AppState, mut page: Parts, made: WebhookSecret) -> Response {
    let WebhookSecret { endpoint, secret, previous_until } = made;
    page.extensions.insert(FreshSecret { label: endpoint.label, secret, previous_until });
    let Some(owner) = page.extensions.get::<Owner>().copied() else {
        return ApiError::internal("a secret without owner::identify is shown").into_response();
    };
    let mut response = render(state, owner, page, None).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A page that is one sentence and a next step, for whoever meets a limit: nothing is read for it, and nothing rendered.
pub fn sentence(headers: &HeaderMap, error: ApiError) -> Response {
    let lang = prefs_of(headers).lang();
    let wording = codes::problem(lang, error.problem());
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let (lang, what, next) = (lang.as_str(), escaped(&wording.what), escaped(&wording.next));
    let mut response = error.into_response();
    *response.body_mut() = Body::from(format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{what}</title><h1>{what}</h1><p>{next}</p></html>"
    ));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn render(state: AppState, owner: Owner, parts: Parts, refused: Option<FormState>) -> Response {
    // Resources of a page load on the server's own runtime; only the first call does anything.
    let _ = any_spawner::Executor::init_tokio();
    let (store, engine, suppliers) = (state.store.clone(), state.engine.clone(), state.suppliers.clone());
    let direct = Direct { store, engine, suppliers, owner: owner.id };
    let snapshot = match direct.list(JobsQuery::default()).await {
        Ok(list) => Some(list),
        Err(error) => {
            tracing::error!(%error, "a page is rendered without the jobs of its owner");
            None
        }
    };
    let given = Given { now: clock::now(), key: Uuid::now_v7().to_string(), refused, snapshot };
    let operating: Arc<dyn OperationsBackend> =
        Arc::new(operations::OperatorView::new(state.engine.clone(), state.operator.has_session(&parts.headers)));
    let notifying: Arc<dyn NotificationsBackend> = Arc::new(notifications::Notifications::new(state.clone(), owner));
    let secret = parts.extensions.get::<FreshSecret>().cloned();
    let backend: Arc<dyn Backend> = Arc::new(direct);
    let prefs = prefs_of(&parts.headers);
    let paths = state.assets.paths.clone();
    let retention = &state.config.retention;
    let keeps = Keeps { jobs_days: retention.keep_jobs_days, results_days: retention.keep_results_days };
    let context = move || {
        provide_context(given.clone());
        provide_context(keeps);
        provide_context(prefs.clone());
        provide_context(backend.clone());
        provide_context(operating.clone());
        provide_context(notifying.clone());
        if let Some(secret) = secret.clone() {
            provide_context(secret);
        }
        if let Some(options) = use_context::<ResponseOptions>() {
            if let Some(policy) = use_nonce().and_then(|nonce| HeaderValue::from_str(&policy(&nonce)).ok()) {
                options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
            }
            provide_context(Status::new(move |status| {
                options.set_status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            }));
        }
    };
    let handler = render_app_async_with_context(context, move || document(paths.clone()));
    let mut response = handler(Request::from_parts(parts, Body::empty())).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(header::VARY, HeaderValue::from_static("cookie, accept-language"));
    response
}

/// Only our own files, this page's inline scripts, and no frame around it.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self'"
    )
}

/// The tag of the language that a request asks for.
pub fn lang_of(headers: &HeaderMap) -> &'static str {
    prefs_of(headers).lang().as_str()
}

fn prefs_of(headers: &HeaderMap) -> PrefsSource {
    let text = |name: HeaderName| {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join("; "))
    };
    PrefsSource { cookie_header: text(header::COOKIE), accept_language: text(header::ACCEPT_LANGUAGE) }
}

/// The service without HTTP, for one owner.
#[derive(Clone)]
struct Direct {
    store: Arc<dyn Store>,
    engine: Engine,
    suppliers: Directory,
    owner: OwnerId,
}

impl Direct {
    async fn list(&self, query: JobsQuery) -> StoreResult<JobList> {
        let limit = query.limit.unwrap_or(PAGE_SIZE) as usize;
        // One more than asked for tells whether there is a next page.
        let filter = JobFilter { states: query.states, before: query.before, limit: limit + 1, ..JobFilter::default() };
        let mut snapshot = self.store.jobs(self.owner, filter).await?;
        let more = snapshot.value.len() > limit;
        snapshot.value.truncate(limit);
        let last = snapshot.value.last().filter(|_| more).map(|row| row.id);
        let cursor = Cursor::new(self.store.epoch(), snapshot.head);
        let items = representation::jobs(&self.engine, snapshot).await?;
        Ok(JobList { items, next: last.map(|last| format!("/api/v1/jobs?limit={limit}&before={last}")), cursor })
    }

    fn event(&self, row: EventRow) -> Event {
        let EventRow { seq, prev, job, kind, jseq, at, type_, data } = row;
        Event { epoch: self.store.epoch().to_owned(), seq, prev, job, kind, jseq, at, type_, data: json(&data) }
    }
}

/// Runs a read and turns what the store said into the problem that the API would answer.
fn answer<T: Send + 'static>(read: impl Future<Output = Result<T, ApiError>> + Send + 'static) -> Answer<T> {
    Box::pin(async move { read.await.map_err(ApiError::into_problem) })
}

impl Backend for Direct {
    fn jobs(&self, query: JobsQuery) -> Answer<JobList> {
        let this = self.clone();
        answer(async move { Ok(this.list(query).await?) })
    }

    fn job(&self, id: JobId) -> Answer<Job> {
        let this = self.clone();
        answer(async move {
            let snapshot = this.store.job(this.owner, id).await?.ok_or_else(ApiError::job_not_found)?;
            Ok(representation::job(&this.engine, snapshot).await?)
        })
    }

    fn job_events(&self, id: JobId, after_jseq: u64, limit: u32) -> Answer<EventPage> {
        let this = self.clone();
        answer(async move {
            let read = this.store.job_events(this.owner, id, after_jseq, limit as usize).await?;
            let read = read.ok_or_else(ApiError::job_not_found)?;
            let head = Cursor { job: Some(id), ..Cursor::new(this.store.epoch(), read.stream.head) };
            let next_cursor =
                read.rows.last().filter(|_| read.more).map_or_else(|| head.clone(), |row| head.at(row.seq));
            let items = read.rows.into_iter().map(|row| this.event(row)).collect();
            Ok(EventPage { items, next_cursor, head, more: read.more })
        })
    }

    fn attempts(&self, id: JobId) -> Answer<Vec<Attempt>> {
        let this = self.clone();
        answer(async move {
            let rows = this.store.attempts(this.owner, id).await?.ok_or_else(ApiError::job_not_found)?;
            Ok(rows.into_iter().map(representation::attempt).collect())
        })
    }

    fn kinds(&self) -> Answer<Vec<KindInfo>> {
        let infos = self.engine.kinds();
        Box::pin(async move { Ok::<_, Problem>(infos) })
    }

    fn suppliers(&self) -> Answer<SupplierList> {
        let directory = self.suppliers.clone();
        answer(async move { suppliers::read(&directory).await })
    }

    fn products(&self, q: Option<String>, after: Option<String>) -> Answer<ProductPage> {
        const PAGE: usize = 50;
        let this = self.clone();
        answer(async move {
            let as_of = clock::now();
            let read = this.store.products(q.as_deref(), after.as_deref(), PAGE).await?;
            // The page makes a link of its own; that there is one is what counts.
            let next = read.items.last().filter(|_| read.more).map(|_| "/api/v1/products".to_owned());
            let state = read.state;
            let (revision, changing) = (state.revision, state.changing);
            let epoch = this.store.epoch();
            let items = read.items.into_iter().map(|product| representation::product(epoch, product)).collect();
            Ok(ProductPage { items, next, total: read.total, revision, as_of, changing })
        })
    }

    fn product(&self, handle: String) -> Answer<Product> {
        let this = self.clone();
        answer(async move {
            let product = this.store.product(&handle).await?.ok_or_else(products::not_found)?;
            Ok(representation::product(this.store.epoch(), product))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_without_a_manifest_serves_plain_pages() {
        let folder = tempfile::tempdir().unwrap();
        let assets = Assets::load(Some(folder.path()));
        assert_eq!((assets.folder(), &assets.paths), (Some(folder.path()), &AssetPaths::default()));
    }

    #[test]
    fn a_site_names_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = r#"{"build":"b1","js":"/pkg/a.js","wasm":"/pkg/a.wasm","css":"/pkg/a.css"}"#;
        std::fs::write(folder.path().join("assets.json"), manifest).unwrap();
        let assets = Assets::load(Some(folder.path()));
        assert_eq!(assets.build(), "b1");
        assert_eq!(assets.paths.css.as_deref(), Some("/pkg/a.css"));
    }
}
