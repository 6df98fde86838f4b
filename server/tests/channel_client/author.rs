//! Writes an owner's log through the store, as a worker would: jobs of a kind that the engine does not run.

use domain::{EventType, JobId, JobState, OwnerId, Progress, Timestamp};
use server::{
    clock::now,
    store::{
        Accepted, Advance, CatalogueBatch, CatalogueRow, Finish, Lease, NewJob, ProductCells, Quota, ReopenFrom,
        Reopened, Store,
    },
};
use std::sync::Arc;

const KIND: &str = "written-by-the-test";
const LONG_MS: i64 = 3_600_000;

/// Whoever writes one owner's log.
#[derive(Clone)]
pub struct Author {
    pub store: Arc<dyn Store>,
    pub owner: OwnerId,
}

/// A job that the test runs.
#[derive(Clone, Copy)]
pub struct Written {
    pub id: JobId,
    lease: Lease,
}

impl Author {
    pub fn new(store: Arc<dyn Store>, owner: OwnerId) -> Self {
        Self { store, owner }
    }

    /// `accepted`, and nothing more.
    pub async fn accept(&self) -> JobId {
        let job = NewJob {
            id: JobId::from_bytes(*uuid::Uuid::now_v7().as_bytes()),
            owner: self.owner,
            kind: KIND.to_owned(),
            label: None,
            input: "{}".to_owned(),
            max_attempts: 3,
            timeout_ms: LONG_MS,
            priority: 0,
            run_at: None,
            deferral: None,
            start_by: None,
            origin: None,
            uploads: Vec::new(),
            idempotency: None,
        };
        match self.store.accept(job, now()).await.unwrap() {
            Accepted::Created(snapshot, _) => snapshot.value.id,
            other => panic!("{other:?}"),
        }
    }

    /// `accepted`, `started`.
    pub async fn start(&self) -> Written {
        let id = self.accept().await;
        let until = Timestamp(now().0 + LONG_MS);
        let claimed = self.store.claim("test", &[Quota::unlimited(KIND)], 1, now(), until).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].lease.job, id, "another job of this test is still queued");
        Written { id, lease: claimed[0].lease }
    }

    async fn advance(&self, job: Written, step: Advance) {
        self.store.advance(job.lease, step, now()).await.unwrap().unwrap();
    }

    /// `progress`.
    pub async fn progress(&self, job: Written, done: u64) {
        self.long_progress(job, done, "").await;
    }

    /// `progress` with a note.
    pub async fn long_progress(&self, job: Written, done: u64, note: &str) {
        let note = (!note.is_empty()).then(|| note.to_owned());
        let progress = Progress { done, total: None, unit: Some("steps".to_owned()), note };
        self.advance(job, Advance { progress: Some(progress), ..Advance::default() }).await;
    }

    /// `partial`.
    pub async fn partial(&self, job: Written, step: u64) {
        self.advance(job, Advance { partials: vec![format!("{{\"step\":{step}}}")], ..Advance::default() }).await;
    }

    /// One new product.
    pub async fn change_catalogue(&self, job: Written, handle: &str) {
        let product = ProductCells { title: handle.to_owned(), ..ProductCells::default() };
        let row =
            CatalogueRow { line: 2, handle: handle.to_owned(), product: Some(product), ..CatalogueRow::default() };
        self.advance(job, Advance { catalogue: Some(CatalogueBatch { rows: vec![row] }), ..Advance::default() }).await;
    }

    /// `succeeded`.
    pub async fn succeed(&self, job: Written) {
        let finish = Finish::Succeeded { output: "{\"ok\":true}".to_owned(), files: Vec::new() };
        assert_eq!(self.store.finish(job.lease, finish, now()).await.unwrap().unwrap(), JobState::Succeeded);
    }

    /// A job with `partials` partials from `accepted` to `succeeded`.
    pub async fn whole_job(&self, partials: u64) -> JobId {
        let job = self.start().await;
        for step in 1..=partials {
            self.partial(job, step).await;
        }
        self.succeed(job).await;
        job.id
    }

    /// `cancelled`, `reopened`, of a job that has not started.
    pub async fn cancel_and_reopen(&self, job: JobId) {
        assert!(self.store.cancel(self.owner, job, now()).await.unwrap().is_some());
        let reopened = self.store.reopen(self.owner, job, ReopenFrom::Checkpoint, 3, now()).await.unwrap();
        assert!(matches!(reopened, Reopened::Reopened(_)), "{reopened:?}");
    }

    pub async fn head(&self) -> u64 {
        self.store.stream(self.owner).await.unwrap().head
    }

    /// What the store has, in order: `seq` and type.
    pub async fn log(&self) -> Vec<(u64, EventType)> {
        let mut log = Vec::new();
        loop {
            let after = log.last().map_or(0, |&(seq, _)| seq);
            let read = self.store.events(self.owner, after, None, 500).await.unwrap();
            log.extend(read.rows.iter().map(|row| (row.seq, row.type_)));
            if !read.more {
                return log;
            }
        }
    }
}
