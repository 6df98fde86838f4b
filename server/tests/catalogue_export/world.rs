//! An engine whose exports are held up, cut off or changed under at a chosen page of products.

use crate::wrapped_store::{Call, Interpose, WrappedStore};
use domain::{JobId, JobState, OwnerId, Timestamp, UploadId, api::Submit, kinds::catalogue_export::Output};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use server::{
    config::{EngineConfig, SuppliersConfig},
    engine::{Engine, registry::Registry},
    files::Files,
    kinds::{registry, supplier_quotes::directory::Directory},
    store::{Committed, JobRow, Store, StoreError, StoreResult, UploadRow, sqlite::SqliteStore},
};
use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};

pub(crate) const OWNER: OwnerId = OwnerId::from_bytes([1; 16]);

/// What stands in the way of reading pages of products.
pub(crate) struct Door {
    pages: AtomicU64,
    /// The page, from 1, that waits for a permit; 0 for none.
    hold: AtomicU64,
    pub(crate) permits: Semaphore,
    /// How many pages have been asked for.
    pub(crate) asked: watch::Sender<u64>,
    /// From this page on the store is dead; 0 for never.
    pub(crate) die: AtomicU64,
}

impl Interpose for Door {
    async fn around<T: Send>(&self, call: Call, inner: BoxFuture<'_, StoreResult<T>>) -> StoreResult<T> {
        let dead = || (1..=self.pages.load(Ordering::SeqCst)).contains(&self.die.load(Ordering::SeqCst));
        if call == Call::ExportProducts {
            let page = self.pages.fetch_add(1, Ordering::SeqCst) + 1;
            self.asked.send_replace(page);
            if page == self.hold.load(Ordering::SeqCst) {
                self.permits.acquire().await.unwrap().forget();
            }
        }
        let of_worker =
            matches!(call, Call::ExportProducts | Call::Claim | Call::Renew | Call::Advance { .. } | Call::Finish);
        if of_worker && dead() { Err(StoreError::Closed) } else { inner.await }
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) engine: Engine,
    pub(crate) files: Files,
    pub(crate) door: Arc<Door>,
    commits: watch::Sender<u64>,
    folder: TempDir,
}

impl World {
    /// Holds the page of that number until the door gives a permit; 0 for none.
    pub(crate) async fn holding(page: u64) -> Self {
        Self::start(TempDir::new().unwrap(), page).await
    }

    async fn start(folder: TempDir, page: u64) -> Self {
        let store = SqliteStore::open(folder.path()).unwrap();
        let files = Files::open(folder.path()).unwrap();
        let (commits, slot) = (watch::Sender::new(0), Arc::new(OnceLock::<Engine>::new()));
        let (told, listening) = (commits.clone(), Arc::clone(&slot));
        store.on_commit(Arc::new(move |committed: &Committed| {
            told.send_modify(|count| *count += 1);
            if let Some(engine) = listening.get() {
                engine.committed(committed);
            }
        }));
        let (pages, hold, permits, asked) =
            (AtomicU64::new(0), AtomicU64::new(page), Semaphore::new(0), watch::Sender::new(0));
        let door = Arc::new(Door { pages, hold, permits, asked, die: AtomicU64::new(0) });
        let between: Arc<dyn Store> = Arc::new(WrappedStore::new(store.clone(), Arc::clone(&door)));
        let nobody = Directory::new(&SuppliersConfig::default()).unwrap();
        let kinds: Registry = registry(nobody);
        let engine = Engine::start(between, kinds, files.clone(), EngineConfig::default()).await.unwrap();
        let _ = slot.set(engine.clone());
        Self { store, engine, files, door, commits, folder }
    }

    /// The process has died; another one opens its folder.
    pub(crate) async fn next_life(self) -> Self {
        self.store.close().await;
        Self::start(self.folder, 0).await
    }

    async fn submit(&self, kind: &str, input: Value) -> JobId {
        let submit: Submit = serde_json::from_value(json!({"kind": kind, "input": input})).unwrap();
        self.engine.submit(OWNER, submit, None).await.unwrap().job.value.id
    }

    /// Imports a file, to its end.
    pub(crate) async fn import(&self, file: &str) {
        let id = UploadId::from_bytes(fastrand::u128(..).to_be_bytes());
        std::fs::write(self.files.upload_path(id), file).unwrap();
        let (name, created_at) = ("products.csv".to_owned(), Timestamp(1));
        let row = UploadRow { id, owner: OWNER, name, size: file.len() as u64, sha256: [0; 32], created_at };
        self.store.add_upload(row).await.unwrap();
        let job = self.submit("catalogue-import", json!({"upload": id})).await;
        assert_eq!(self.ended(job).await.state, JobState::Succeeded);
    }

    pub(crate) async fn export(&self, format: &str) -> JobId {
        self.submit("catalogue-export", json!({"format": format})).await
    }

    /// Waits until a page of that number has been asked for.
    pub(crate) async fn asked_for(&self, page: u64) {
        let mut asked = self.door.asked.subscribe();
        tokio::time::timeout(crate::common::PATIENCE, asked.wait_for(|asked| *asked >= page)).await.unwrap().unwrap();
    }

    pub(crate) async fn ended(&self, id: JobId) -> JobRow {
        let mut commits = self.commits.subscribe();
        let wait = async {
            loop {
                commits.borrow_and_update();
                let row = self.store.job(OWNER, id).await.unwrap().unwrap().value;
                if row.state.is_terminal() {
                    return row;
                }
                commits.changed().await.unwrap();
            }
        };
        tokio::time::timeout(crate::common::PATIENCE, wait).await.unwrap()
    }

    /// The output of an export that must succeed, and its file.
    pub(crate) async fn exported(&self, id: JobId) -> (Output, String) {
        let row = self.ended(id).await;
        let Some(output) = row.output else { panic!("{:?}: {:?}", row.state, row.failure) };
        let output: Output = serde_json::from_str(&output).unwrap();
        let file = std::fs::read_to_string(self.files.job_dir(id).join(&output.name)).unwrap();
        (output, file)
    }

    /// The names in a job's folder; none without one.
    pub(crate) fn names(&self, id: JobId) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.files.job_dir(id)) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}
