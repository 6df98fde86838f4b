//! A store in a folder of its own, an engine, and ways to import and to wait for what is committed.

use crate::interrupting::{Interrupting, Interruption};
use domain::{
    EventType, JobId, OwnerId, Timestamp, UploadId,
    api::{Product, Retry, Submit},
    kinds::catalogue_import::Output,
};
use serde_json::{Value, json};
use server::{
    config::EngineConfig,
    engine::{Engine, registry::Registry},
    files::Files,
    kinds::catalogue_import::CatalogueImport,
    store::{Committed, JobRow, Store, UploadRow, sqlite::SqliteStore},
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::watch;

pub(crate) const OWNER: OwnerId = OwnerId::from_bytes([1; 16]);
/// No promise takes this long; a wait that does has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    engine: Engine,
    files: Files,
    commits: watch::Sender<u64>,
    died: watch::Receiver<bool>,
    uploads: AtomicU8,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::interrupted(Interruption::Never).await
    }

    pub(crate) async fn interrupted(interruption: Interruption) -> Self {
        Self::start(TempDir::new().unwrap(), interruption).await
    }

    async fn start(folder: TempDir, interruption: Interruption) -> Self {
        let store = SqliteStore::open(folder.path()).unwrap();
        let files = Files::open(folder.path()).unwrap();
        let commits = watch::Sender::new(0);
        let (told, slot) = (commits.clone(), Arc::new(OnceLock::<Engine>::new()));
        let listening = Arc::clone(&slot);
        store.on_commit(Arc::new(move |committed: &Committed| {
            told.send_modify(|count| *count += 1);
            if let Some(engine) = listening.get() {
                engine.committed(committed);
            }
        }));
        let (between, died) = Interrupting::new(store.clone(), interruption);
        let registry = Registry::default().with(CatalogueImport);
        let engine = Engine::start(between, registry, files.clone(), EngineConfig::default()).await.unwrap();
        let _ = slot.set(engine.clone());
        Self { store, engine, files, commits, died, uploads: AtomicU8::new(1), folder }
    }

    /// The process has died; another one opens its folder.
    pub(crate) async fn next_life(self, interruption: Interruption) -> Self {
        self.store.close().await;
        Self::start(self.folder, interruption).await
    }

    async fn upload(&self, size: u64) -> UploadId {
        let id = UploadId::from_bytes([self.uploads.fetch_add(1, Ordering::SeqCst); 16]);
        let (name, created_at) = ("products.csv".to_owned(), Timestamp(1));
        let row = UploadRow { id, owner: OWNER, name, size, sha256: [0; 32], created_at };
        self.store.add_upload(row).await.unwrap();
        id
    }

    async fn submit(&self, upload: UploadId) -> JobId {
        let submit: Submit =
            serde_json::from_value(json!({"kind": "catalogue-import", "input": {"upload": upload}})).unwrap();
        self.engine.submit(OWNER, submit, None).await.unwrap().job.value.id
    }

    pub(crate) async fn import(&self, file: &[u8]) -> JobId {
        let upload = self.upload(file.len() as u64).await;
        std::fs::write(self.files.upload_path(upload), file).unwrap();
        self.submit(upload).await
    }

    pub(crate) async fn import_without_file(&self) -> JobId {
        let upload = self.upload(1).await;
        self.submit(upload).await
    }

    pub(crate) async fn retry(&self, id: JobId) {
        self.engine.retry(OWNER, id, Retry::default()).await.unwrap();
    }

    pub(crate) async fn retry_from_start(&self, id: JobId) {
        let from = Some("start".to_owned());
        self.engine.retry(OWNER, id, Retry { from, input: None }).await.unwrap();
    }

    async fn row(&self, id: JobId) -> JobRow {
        self.store.job(OWNER, id).await.unwrap().unwrap().value
    }

    pub(crate) async fn wait_end(&self, id: JobId) -> JobRow {
        let mut commits = self.commits.subscribe();
        let wait = async {
            loop {
                commits.borrow_and_update();
                let row = self.row(id).await;
                if row.state.is_terminal() {
                    return row;
                }
                commits.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(row) => row,
            Err(_) => panic!("waited in vain for the end of {:?}", self.row(id).await),
        }
    }

    /// Waits until this life is over or the job is; whether it was the life.
    pub(crate) async fn interrupted_or_ended(&self, id: JobId) -> bool {
        let mut died = self.died.clone();
        tokio::select! {
            result = died.wait_for(|died| *died) => result.is_ok(),
            _ = self.wait_end(id) => false,
        }
    }

    /// The output of an import that must succeed.
    pub(crate) async fn output(&self, id: JobId) -> Output {
        let row = self.wait_end(id).await;
        let Some(output) = row.output else { panic!("{:?}: {:?}", row.state, row.failure) };
        serde_json::from_str(&output).unwrap()
    }

    /// The rejects file as it is on disk.
    pub(crate) fn rejects(&self, id: JobId) -> Option<String> {
        let bytes = std::fs::read(self.files.job_dir(id).join("rejects.csv")).ok()?;
        Some(String::from_utf8(bytes).unwrap())
    }

    pub(crate) async fn partials(&self, id: JobId) -> Vec<Value> {
        self.data(id, EventType::Partial).await
    }

    pub(crate) async fn progress(&self, id: JobId) -> Vec<Value> {
        self.data(id, EventType::Progress).await
    }

    async fn data(&self, id: JobId, type_: EventType) -> Vec<Value> {
        let mut after = 0;
        let mut data = Vec::new();
        loop {
            let read = self.store.job_events(OWNER, id, after, 500).await.unwrap().unwrap();
            after = read.rows.last().map_or(after, |row| row.jseq);
            let rows = read.rows.iter().filter(|row| row.type_ == type_);
            data.extend(rows.map(|row| serde_json::from_str::<Value>(&row.data).unwrap()));
            if !read.more {
                return data;
            }
        }
    }

    /// All products, without what tells when they changed.
    pub(crate) async fn catalogue(&self) -> Vec<Product> {
        let mut products: Vec<Product> = Vec::new();
        loop {
            let after = products.last().map(|product| product.handle.clone());
            let page = self.store.products(None, after.as_deref(), 200).await.unwrap();
            products.extend(page.items);
            if !page.more {
                break;
            }
        }
        products.iter_mut().for_each(|product| (product.revision, product.updated_at) = (0, Timestamp(0)));
        products
    }
}
