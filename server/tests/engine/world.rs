//! A store in a folder of its own, an engine on a runtime of its own, and ways to wait for what they commit.

use crate::script::Script;
use domain::{EventType, JobId, JobState, OwnerId, api::Submit};
use serde_json::{Value, json};
use server::{
    config::EngineConfig,
    engine::{Engine, registry::Registry},
    files::Files,
    kinds::rehearsal::Rehearsal,
    store::{AttemptRow, Committed, EventRow, JobRow, Store, sqlite::SqliteStore},
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

pub(crate) const OWNER: OwnerId = OwnerId::from_bytes([1; 16]);
pub(crate) const STRANGER: OwnerId = OwnerId::from_bytes([2; 16]);
/// No promise takes this long; a wait that does has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    /// While set, the engine hears of no commit.
    pub(crate) deaf: Arc<AtomicBool>,
    commits: watch::Sender<u64>,
    runtime: Option<Runtime>,
    folder: Option<TempDir>,
}

/// Wraps the store that the engine gets.
pub(crate) type Between = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Store>>;

/// What a test may set.
pub(crate) struct Setup {
    pub(crate) script: Script,
    pub(crate) config: EngineConfig,
    pub(crate) threads: usize,
    /// Puts something between engine and store.
    pub(crate) between: Between,
}

impl Default for Setup {
    fn default() -> Self {
        Self { script: Script::none(), config: EngineConfig::default(), threads: 2, between: Box::new(|store| store) }
    }
}

impl Setup {
    pub(crate) fn script(script: Script) -> Self {
        Self { script, ..Self::default() }
    }

    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    pub(crate) fn cancel_grace(mut self, grace: Duration) -> Self {
        self.config.cancel_grace = grace;
        self
    }

    pub(crate) async fn start(self) -> World {
        self.start_in(TempDir::new().unwrap()).await
    }

    pub(crate) async fn start_in(self, folder: TempDir) -> World {
        let store: Arc<dyn Store> = SqliteStore::open(folder.path()).unwrap();
        let commits = watch::Sender::new(0);
        let slot = Arc::new(OnceLock::<Engine>::new());
        let deaf = Arc::new(AtomicBool::new(false));
        let (tell, engine, unheard) = (commits.clone(), Arc::clone(&slot), Arc::clone(&deaf));
        store.on_commit(Arc::new(move |committed: &Committed| {
            tell.send_modify(|count| *count += 1);
            if let Some(engine) = engine.get().filter(|_| !unheard.load(Ordering::SeqCst)) {
                engine.committed(committed);
            }
        }));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(self.threads).enable_all().build().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let registry = Registry::default().with(Rehearsal).with(self.script);
        let between = (self.between)(Arc::clone(&store));
        let config = self.config;
        let engine =
            runtime.spawn(async move { Engine::start(between, registry, files, config).await }).await.unwrap().unwrap();
        let _ = slot.set(engine.clone());
        World { engine, store, deaf, commits, runtime: Some(runtime), folder: Some(folder) }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Setup::default().start().await
    }

    /// The process dies: nothing that runs gets to say anything more.
    pub(crate) async fn crash(mut self) -> TempDir {
        self.store.close().await;
        self.folder.take().unwrap()
    }

    /// The process stops as it should.
    pub(crate) async fn stop(mut self, grace: Duration) -> TempDir {
        self.engine.stop(grace).await;
        self.store.close().await;
        self.folder.take().unwrap()
    }

    pub(crate) async fn submit(&self, request: Value) -> JobId {
        let submit: Submit = serde_json::from_value(request).unwrap();
        self.engine.submit(OWNER, submit, None).await.unwrap().job.value.id
    }

    pub(crate) async fn rehearse(&self, input: Value) -> JobId {
        self.submit(json!({"kind": "rehearsal", "input": input})).await
    }

    /// A job of the kind that runs the test's script.
    pub(crate) async fn run_script(&self, max_attempts: u32) -> JobId {
        self.submit(json!({"kind": "script", "input": {}, "max_attempts": max_attempts})).await
    }

    pub(crate) async fn row(&self, id: JobId) -> JobRow {
        self.store.job(OWNER, id).await.unwrap().unwrap().value
    }

    pub(crate) async fn wait_row(&self, id: JobId, what: &str, until: impl Fn(&JobRow) -> bool) -> JobRow {
        let mut commits = self.commits.subscribe();
        let wait = async {
            loop {
                commits.borrow_and_update();
                let row = self.row(id).await;
                if until(&row) {
                    return row;
                }
                commits.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(row) => row,
            Err(_) => panic!("waited in vain for {what}; the job is {:?}", self.row(id).await),
        }
    }

    pub(crate) async fn wait_state(&self, id: JobId, state: JobState) -> JobRow {
        self.wait_row(id, state.as_str(), |row| row.state == state).await
    }

    pub(crate) async fn wait_end(&self, id: JobId) -> JobRow {
        self.wait_row(id, "its end", |row| row.state.is_terminal()).await
    }

    pub(crate) async fn wait_done(&self, id: JobId, done: u64) -> JobRow {
        self.wait_row(id, "progress", |row| row.progress.as_ref().is_some_and(|progress| progress.done == done)).await
    }

    pub(crate) async fn events(&self, id: JobId) -> Vec<EventRow> {
        let mut rows = Vec::new();
        loop {
            let after = rows.last().map_or(0, |row: &EventRow| row.jseq);
            let read = self.store.job_events(OWNER, id, after, 500).await.unwrap().unwrap();
            rows.extend(read.rows);
            if !read.more {
                return rows;
            }
        }
    }

    /// The job's log in words, without the progress.
    pub(crate) async fn story(&self, id: JobId) -> String {
        let events = self.events(id).await;
        let words = events.iter().filter(|row| row.type_ != EventType::Progress).map(|row| row.type_.as_str());
        words.collect::<Vec<_>>().join(" ")
    }

    pub(crate) async fn data(&self, id: JobId, type_: EventType) -> Vec<Value> {
        let events = self.events(id).await;
        events.iter().filter(|row| row.type_ == type_).map(|row| serde_json::from_str(&row.data).unwrap()).collect()
    }

    pub(crate) async fn attempts(&self, id: JobId) -> Vec<AttemptRow> {
        self.store.attempts(OWNER, id).await.unwrap().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A wait for anything else than a commit, bounded.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
