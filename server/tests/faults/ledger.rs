//! A load of jobs over HTTP that outlives its server, and a book of everything that the server has promised.
//!
//! A test starts, kills and starts the server again, and says where it is ([`Ledger::serve_from`]); the load goes on wherever that is,
//! repeats under its key what got no answer, and in the end [`Ledger::settle`] holds the server's answers against the book.
//! What is in the database is `audit`'s to check.
//! Invariant: an entry is made when its answer has arrived, and at no other time: each is a promise.

use super::{
    audit,
    course::{Course, Wanted},
    follow::follow,
};
use crate::process::Process;
use domain::{JobId, JobState, UploadId};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// A request that takes longer has failed; a killed server's connections end at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// Keys that each client sends again after a crash.
const RESENT: usize = 3;

/// A job that was answered 202.
#[derive(Debug, Clone)]
pub struct Entry {
    pub owner: usize,
    pub id: JobId,
    pub key: Option<String>,
    pub course: Course,
}

/// An upload that was answered 201.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub id: UploadId,
    pub bytes: u64,
}

/// Where the server is, if it is anywhere.
#[derive(Debug, Clone, Default)]
struct Place {
    base: Option<String>,
    /// Grows with each server.
    generation: u64,
}

pub struct Ledger {
    client: Client,
    /// The cookie of each owner.
    owners: Vec<String>,
    place: watch::Sender<Place>,
    entries: Mutex<Vec<Entry>>,
    uploads: Mutex<Vec<Kept>>,
    accepted: watch::Sender<usize>,
    next: AtomicUsize,
    resent: AtomicUsize,
}

/// What a settled ledger came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settled {
    pub accepted: usize,
    pub uploads: usize,
    pub resent: usize,
    /// Jobs of the ledger and those whose answer was lost.
    pub jobs: usize,
    pub events: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub cancelled: usize,
}

impl Ledger {
    /// Makes owners at a server that runs.
    pub async fn open(process: &Process, owners: usize) -> Arc<Self> {
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        let mut cookies = Vec::new();
        for _ in 0..owners {
            let page = client.get(&process.base).send().await.unwrap();
            let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
            cookies.push(cookie.to_owned());
        }
        let ledger = Arc::new(Self {
            client,
            owners: cookies,
            place: watch::Sender::default(),
            entries: Mutex::default(),
            uploads: Mutex::default(),
            accepted: watch::Sender::default(),
            next: AtomicUsize::default(),
            resent: AtomicUsize::default(),
        });
        ledger.serve_from(process);
        ledger
    }

    /// The load goes there from now on.
    pub fn serve_from(&self, process: &Process) {
        self.place.send_modify(|place| {
            place.base = Some(process.base.clone());
            place.generation += 1;
        });
    }

    /// The load waits; what is under way goes on.
    pub fn pause(&self) {
        self.place.send_modify(|place| place.base = None);
    }

    /// Jobs answered 202 so far.
    pub fn accepted(&self) -> usize {
        *self.accepted.borrow()
    }

    /// Waits until so many jobs have been answered.
    pub async fn wait_accepted(&self, count: usize) {
        self.accepted.subscribe().wait_for(|accepted| *accepted >= count).await.unwrap();
    }

    /// Submits from several clients side by side until `enough` says so; then all of them have come to their ends.
    pub async fn load(self: &Arc<Self>, clients: usize, enough: impl Fn(&Self) -> bool + Clone + Send + 'static) {
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (ledger, enough) = (Arc::clone(self), enough.clone());
            tasks.spawn(async move { ledger.work(enough).await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    async fn work(&self, enough: impl Fn(&Self) -> bool) {
        let mut recent = VecDeque::new();
        let mut generation = self.place().await.1;
        while !enough(self) {
            let now = self.place().await.1;
            if std::mem::replace(&mut generation, now) != now {
                for entry in &recent {
                    self.send_again(entry).await;
                }
            }
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n % 50 == 49 {
                self.upload(n).await;
            } else if let Some(entry) = self.submit(n).await.filter(|entry| entry.key.is_some()) {
                recent.push_back(entry);
                if recent.len() > RESENT {
                    recent.pop_front();
                }
            }
        }
    }

    /// Waits for a server.
    async fn place(&self) -> (String, u64) {
        let mut place = self.place.subscribe();
        let place = place.wait_for(|place| place.base.is_some()).await.unwrap();
        (place.base.clone().unwrap(), place.generation)
    }

    /// Status, whether replayed, and body; `None` when there was no whole answer, and it may or may not have been done.
    async fn ask(&self, owner: usize, request: RequestBuilder) -> Option<(StatusCode, bool, Value)> {
        let response = request.header("cookie", &self.owners[owner]).send().await.ok()?;
        let replayed = response.headers().contains_key("idempotency-replayed");
        let status = response.status();
        Some((status, replayed, response.json().await.ok()?))
    }

    async fn post(
        &self,
        owner: usize,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Option<(StatusCode, bool, Value)> {
        let (base, _) = self.place().await;
        let mut request = self.client.post(format!("{base}{path}")).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.ask(owner, request).await
    }

    /// Asks until there is an answer; for what may be repeated.
    async fn insist(&self, owner: usize, path: &str, key: Option<&str>, body: &Value) -> (StatusCode, bool, Value) {
        loop {
            match self.post(owner, path, key, body).await {
                // Too much or too early: it says so, and takes it later.
                Some((StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, ..)) | None => {
                    tokio::task::yield_now().await;
                }
                Some(answer) => return answer,
            }
        }
    }

    /// Submits one job and does what its course asks for; answers its entry if it was answered.
    async fn submit(&self, n: usize) -> Option<Entry> {
        let (owner, course) = (n % self.owners.len(), Course::of(n));
        // What is to be cancelled must be known; a third of the rest has a key, too.
        let key = (n.is_multiple_of(3) || course == Course::Cancelled).then(|| format!("key-{n}"));
        let body = json!({"kind": "rehearsal", "input": course.input()});
        let (status, _, job) = if key.is_some() {
            self.insist(owner, "/api/v1/jobs", key.as_deref(), &body).await
        } else {
            self.post(owner, "/api/v1/jobs", None, &body).await?
        };
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return None;
        }
        // 200: the answer was lost, and the job has ended by the time that the request is repeated.
        assert!(status == StatusCode::ACCEPTED || status == StatusCode::OK && key.is_some(), "{status}: {job}");
        let entry = Entry { owner, id: id_of(&job), key, course };
        self.entries.lock().unwrap().push(entry.clone());
        self.accepted.send_modify(|accepted| *accepted += 1);
        match course {
            Course::Cancelled => self.cancel(&entry).await,
            Course::Reopened => self.reopen(&entry).await,
            _ => {}
        }
        Some(entry)
    }

    async fn cancel(&self, entry: &Entry) {
        let path = format!("/api/v1/jobs/{}/cancel", entry.id);
        let (status, _, answer) = self.insist(entry.owner, &path, None, &Value::Null).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    }

    /// Opens a failed job once more. Whether that arrives is left open: it may not be repeated blindly.
    async fn reopen(&self, entry: &Entry) {
        let (base, _) = self.place().await;
        let request = self.client.get(format!("{base}/api/v1/jobs/{}?wait=5", entry.id));
        let Some((_, _, job)) = self.ask(entry.owner, request).await else { return };
        if job["state"] == "failed" {
            let path = format!("/api/v1/jobs/{}/retry", entry.id);
            self.post(entry.owner, &path, None, &json!({"from": "start"})).await;
        }
    }

    /// Invariant 7 across a crash: the key still means that job.
    async fn send_again(&self, entry: &Entry) {
        let body = json!({"kind": "rehearsal", "input": entry.course.input()});
        let (status, replayed, job) = self.insist(entry.owner, "/api/v1/jobs", entry.key.as_deref(), &body).await;
        assert!(replayed, "{status}: a key from before the crash made another job: {job}");
        assert_eq!(id_of(&job), entry.id, "a key from before the crash means another job");
        self.resent.fetch_add(1, Ordering::Relaxed);
    }

    async fn upload(&self, n: usize) {
        let (base, _) = self.place().await;
        let bytes = 1 + n % 20_000;
        let request = self.client.post(format!("{base}/api/v1/uploads?name=load.csv")).body("x".repeat(bytes));
        if let Some((StatusCode::CREATED, _, upload)) = self.ask(n % self.owners.len(), request).await {
            let id = upload["id"].as_str().unwrap().parse().unwrap();
            self.uploads.lock().unwrap().push(Kept { id, bytes: bytes as u64 });
        }
    }

    /// Waits until everything has ended, and holds what the API says against the book: every entry is there, has ended once a round
    /// and as its course has it, in streams without a gap, and each row is the fold of its events.
    pub async fn settle(&self) -> Settled {
        let entries = self.entries.lock().unwrap().clone();
        let (base, _) = self.place().await;
        let mut settled = Settled {
            accepted: entries.len(),
            uploads: self.uploads.lock().unwrap().len(),
            resent: self.resent.load(Ordering::Relaxed),
            ..Settled::default()
        };
        for (owner, cookie) in self.owners.iter().enumerate() {
            let promised: Vec<_> = entries.iter().filter(|entry| entry.owner == owner).collect();
            let ids: Vec<_> = promised.iter().map(|entry| entry.id).collect();
            let stream = follow(&self.client, &base, cookie, &ids).await;
            settled.events += stream.events;
            settled.jobs += stream.jobs.len();
            for followed in stream.jobs.values() {
                match followed.job.state {
                    JobState::Succeeded => settled.succeeded += 1,
                    JobState::Failed => settled.failed += 1,
                    JobState::Cancelled => settled.cancelled += 1,
                    state => panic!("{} is {state:?} in the end", followed.job.id),
                }
            }
            for entry in promised {
                let followed = &stream.jobs[&entry.id];
                let Wanted { state, partials } = entry.course.wanted();
                assert_eq!(followed.job.state, state, "{entry:?} ended otherwise: {:?}", followed.job.failure);
                assert_eq!(followed.partials, partials, "{entry:?}: a step was lost or taken twice");
            }
        }
        settled
    }

    /// What is on the disk once nobody serves it: see [`audit`].
    pub async fn audit(&self, data: &Path) {
        audit::audit(data).await;
        audit::holds(data, &self.entries.lock().unwrap(), &self.uploads.lock().unwrap());
    }
}

pub fn id_of(job: &Value) -> JobId {
    job["id"].as_str().unwrap_or_else(|| panic!("no job: {job}")).parse().unwrap()
}
