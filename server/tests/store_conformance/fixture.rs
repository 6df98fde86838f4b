//! What the checks work with: a driver, a store on it, and shortcuts for the calls that every check makes.

use domain::{
    Event, EventType, Failure, FailureReason, Job, JobId, JobState, OwnerId, Progress, Timestamp, UploadId, event,
    job::Why,
};
use server::store::{sqlite::SqliteStore, *};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// A database that can be opened again, as after a restart.
pub trait Driver: Send + Sync + 'static {
    /// Opens it, once the store of before is closed.
    fn try_open(&self) -> StoreResult<Arc<dyn Store>>;
}

pub struct Sqlite(tempfile::TempDir);

impl Sqlite {
    pub fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Driver for Sqlite {
    fn try_open(&self) -> StoreResult<Arc<dyn Store>> {
        Ok(SqliteStore::open(self.0.path())?)
    }
}

/// A store under test and what it told its listener.
pub struct Bench {
    pub store: Arc<dyn Store>,
    /// Without the events, which are in `told`.
    pub heard: Arc<Mutex<Vec<Committed>>>,
    pub told: Arc<Mutex<HashMap<(OwnerId, u64), EventRow>>>,
    pub driver: Arc<dyn Driver>,
}

pub const LEASE_MS: i64 = 12_000;
pub const KIND: &str = "rehearsal";
pub const OWNER: OwnerId = OwnerId::from_bytes([7; 16]);
pub const OTHER: OwnerId = OwnerId::from_bytes([8; 16]);

pub fn at(ms: i64) -> Timestamp {
    Timestamp(1_800_000_000_000 + ms)
}

pub fn job_id() -> JobId {
    JobId::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

pub fn upload_id() -> UploadId {
    UploadId::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

pub fn new_job(owner: OwnerId) -> NewJob {
    NewJob {
        id: job_id(),
        owner,
        kind: KIND.into(),
        label: Some("spring list".into()),
        input: r#"{"steps":5}"#.into(),
        max_attempts: 3,
        timeout_ms: 60_000,
        priority: 0,
        run_at: None,
        deferral: None,
        start_by: None,
        origin: None,
        uploads: Vec::new(),
        idempotency: None,
    }
}

pub fn key(key: &str, fingerprint: u8, now: Timestamp) -> Option<Idempotency> {
    let valid_since = now.plus_ms(-86_400_000);
    Some(Idempotency { key: key.into(), fingerprint: [fingerprint; 32], valid_since })
}

pub fn upload(owner: OwnerId, size: u64, created_at: Timestamp) -> UploadRow {
    UploadRow { id: upload_id(), owner, name: "spring.csv".into(), size, sha256: [3; 32], created_at }
}

pub fn failure(code: &str) -> Failure {
    Failure {
        reason: FailureReason::Error,
        code: code.into(),
        params: Default::default(),
        detail: Some("It rained.".into()),
        retryable: true,
        attempt: 1,
    }
}

pub fn progress(done: u64) -> Progress {
    Progress { done, total: Some(10), unit: Some("steps".into()), note: None }
}

pub fn success() -> Finish {
    Finish::Succeeded { output: r#"{"steps":5}"#.into(), files: Vec::new() }
}

pub fn checkpoint(text: &str) -> Advance {
    Advance { checkpoint: Some(text.into()), ..Advance::default() }
}

/// A wait for a call-back that fails at its deadline.
pub fn wait_until(until: Timestamp) -> Wait {
    let what = Why { code: "rehearsed-callback".into(), params: Default::default() };
    Wait { what, until, on_timeout: OnTimeout::Fail }
}

pub fn waits(wait: Wait, seen: u64) -> Finish {
    Finish::Waiting { wait, seen, files: Vec::new() }
}

/// A step that gives out an address.
pub fn address(hash: u8, name: &str, until: Timestamp) -> Advance {
    Advance { callbacks: vec![CallbackAddress { hash: [hash; 32], name: name.into(), until }], ..Advance::default() }
}

impl Bench {
    pub fn open(driver: impl Driver) -> Self {
        let driver = Arc::new(driver);
        let store = driver.try_open().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::new(Mutex::new(HashMap::new()));
        let (ears, events) = (heard.clone(), told.clone());
        store.on_commit(Arc::new(move |committed| {
            let mut committed = committed.clone();
            assert!(committed.at.take().is_some(), "what is told is durable");
            let told = std::mem::take(&mut committed.events);
            events.lock().unwrap().extend(told.into_iter().map(|(owner, event)| ((owner, event.seq), event)));
            ears.lock().unwrap().push(committed);
        }));
        Self { store, heard, told, driver }
    }

    /// Closes the store and opens the database again.
    pub async fn restart(mut self) -> Self {
        self.store.close().await;
        self.store = self.driver.try_open().unwrap();
        self
    }

    pub async fn accept(&self, job: NewJob) -> JobRow {
        self.accept_at(job, at(0)).await
    }

    pub async fn accept_at(&self, job: NewJob, now: Timestamp) -> JobRow {
        match self.store.accept(job, now).await.unwrap() {
            Accepted::Created(snapshot, _) => snapshot.value,
            other => panic!("not created: {other:?}"),
        }
    }

    pub async fn claim(&self, worker: &str, limit: usize, now: Timestamp) -> Vec<Claimed> {
        self.store.claim(worker, &[Quota::unlimited(KIND)], limit, now, now.plus_ms(LEASE_MS)).await.unwrap()
    }

    pub async fn claim_one(&self, now: Timestamp) -> Claimed {
        self.claim("worker", 1, now).await.pop().expect("a queued job")
    }

    /// A job that is running, and its lease.
    pub async fn running(&self) -> Claimed {
        self.accept(new_job(OWNER)).await;
        self.claim_one(at(10)).await
    }

    pub async fn advance(&self, lease: Lease, step: Advance) -> Advanced {
        self.store.advance(lease, step, at(20)).await.unwrap().expect("the lease stands")
    }

    pub async fn finish(&self, lease: Lease, finish: Finish, now: Timestamp) -> JobState {
        self.store.finish(lease, finish, now).await.unwrap().expect("the lease stands")
    }

    pub async fn row(&self, id: JobId) -> JobRow {
        self.store.job(OWNER, id).await.unwrap().expect("the job").value
    }

    pub async fn head(&self) -> u64 {
        self.store.stream(OWNER).await.unwrap().head
    }

    /// Whether a call-back was taken.
    pub async fn call_back(&self, hash: u8, body: &str, now: Timestamp) -> bool {
        let awaited = self.store.awaits_callback([hash; 32], now).await.unwrap();
        let taken = self.store.receive_callback([hash; 32], body.into(), now).await.unwrap();
        assert_eq!(awaited, taken);
        assert!(!self.store.awaits_callback([hash; 32], now).await.unwrap(), "used up");
        taken
    }

    /// The bodies that a worker is given, in order, and the names of the addresses that are open.
    pub async fn callbacks(&self, lease: Lease, now: Timestamp) -> (Vec<CallbackBody>, Vec<String>) {
        let found = self.store.callbacks(lease, now).await.unwrap().expect("the lease stands");
        (found.received, found.open.into_iter().map(|open| open.name).collect())
    }

    /// The types of a job's events, in order.
    pub async fn log(&self, id: JobId) -> Vec<EventType> {
        self.events(id).await.into_iter().map(|event| event.type_).collect()
    }

    pub async fn events(&self, id: JobId) -> Vec<EventRow> {
        self.store.job_events(OWNER, id, 0, 10_000).await.unwrap().expect("the job").rows
    }

    /// Everything told since the last time.
    pub fn heard(&self) -> Vec<Committed> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Invariant 2 and proof 3: the owner's stream has no gap, and each job's events fold to its row.
    pub async fn assert_sound(&self, owner: OwnerId) {
        let read = self.store.events(owner, 0, None, 1_000_000).await.unwrap();
        let seqs: Vec<u64> = read.rows.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, (1..=read.stream.head).collect::<Vec<_>>(), "the stream has a gap");
        let told = self.told.lock().unwrap().clone();
        for row in &read.rows {
            // What was committed before a restart was told to nobody who is left.
            assert_eq!(told.get(&(owner, row.seq)).unwrap_or(row), row, "an event was told that is not in the log");
        }
        let all = JobFilter { limit: 10_000, ..JobFilter::default() };
        for row in self.store.jobs(owner, all).await.unwrap().value {
            let events: Vec<_> = read.rows.iter().filter(|event| event.job == row.id).collect();
            let jseqs: Vec<u64> = events.iter().map(|event| event.jseq).collect();
            assert_eq!(jseqs, (1..=row.jseq).collect::<Vec<_>>(), "the job's log has a gap");
            assert_folds_to(&events, &row);
        }
    }
}

/// A fold of a job's events equals its row.
pub fn assert_folds_to(events: &[&EventRow], row: &JobRow) {
    let mut job: Option<Job> = None;
    for event in events {
        let event = Event {
            epoch: "epoch".into(),
            seq: event.seq,
            prev: event.prev,
            job: event.job,
            kind: event.kind.clone(),
            jseq: event.jseq,
            at: event.at,
            type_: event.type_,
            data: serde_json::from_str(&event.data).unwrap(),
        };
        match &mut job {
            None => job = event::begin(&event),
            Some(job) => event::fold(job, &event),
        }
    }
    let job = job.expect("an `accepted` event");
    assert_eq!((job.id, &job.kind, &job.label), (row.id, &row.kind, &row.label));
    assert_eq!((job.state, job.jseq), (row.state, row.jseq));
    assert_eq!((job.attempt, job.max_attempts), (row.attempt, row.max_attempts));
    assert_eq!((job.created_at, job.started_at, job.finished_at), (row.created_at, row.started_at, row.finished_at));
    assert_eq!(job.first_started_at, row.first_started_at);
    assert_eq!((job.run_at, job.priority, job.origin), (row.run_at, row.priority, row.origin));
    assert_eq!(job.next_attempt_at, row.due_at.filter(|_| row.state == JobState::Retrying));
    assert_eq!((job.cancel_requested_at, &job.waiting), (row.cancel_requested_at, &row.waiting));
    assert_eq!((&job.progress, &job.failure), (&row.progress, &row.failure));
    if let Some(result) = &job.result {
        assert_eq!(Some(result), row.output.as_deref().map(json).as_ref());
    }
    // A checkpoint makes no event: the fold learns of it at the next start, and never claims one that is not there.
    assert!(row.resumable || !job.resumable, "the fold resumes from a checkpoint that the row has not");
}
