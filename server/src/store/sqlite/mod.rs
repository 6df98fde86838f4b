//! The embedded driver of the store: SQLite in one data folder, one writer, a few readers.
//!
//! Opened by `startup`; each call of [`Store`] is one command for the writer or one read. The statements are in the files
//! of this folder, by what they are for. Invariants as in `store`; this driver keeps them by having only one writer.

mod accept;
mod attempt;
mod backlog;
pub mod backup;
mod callbacks;
mod catalogue;
mod checkpointer;
mod claim;
mod erase;
mod event_reads;
mod events;
mod lane_turns;
mod lanes;
mod lifecycle;
mod operations;
mod outbox;
mod owner_ops;
mod prune;
mod readers;
mod reads;
mod row;
mod schedule;
mod schema;
mod spill;
mod statement;
mod uploads;
mod writer;

use super::*;
use async_trait::async_trait;
use backlog::{Backlog, Before};
use checkpointer::Wal;
use domain::{JobState, catalogue::ProductEdit};
use lane_turns::Turns;
use lanes::{Lane, Lanes};
use readers::Readers;
use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicI64},
    thread::{self, JoinHandle},
};
use writer::{Bench, Listening, Tx, write};

/// Reading threads: reads are short, and the disk's cache serves most of them.
const READERS: usize = 4;

/// Embedded SQLite.
pub struct SqliteStore {
    epoch: String,
    lanes: Arc<Lanes>,
    readers: Arc<Readers>,
    listening: Listening,
    backlog: Arc<Backlog>,
    /// The owner whose job was queued last when there was nothing else to do.
    idle_turn: Arc<AtomicI64>,
    policy: OnceLock<Policy>,
    /// Joined at the end. Emptied by the first who closes.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held for as long as the store is open, so that no second process runs the same jobs.
    lock: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens the database in a folder that exists, and brings it up to this version.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open.
    pub fn open(folder: &Path) -> StoreResult<Arc<Self>> {
        let lock = lock(folder)?;
        let path = folder.join("meanwhile.db");
        let mut conn = schema::open_writer(&path)?;
        schema::migrate(&mut conn)?;
        let epoch = schema::epoch(&conn)?;
        let (turns, backlog) = (Turns::open(&conn)?, Arc::<Backlog>::default());
        backlog.load(&conn)?;
        let (lanes, readers) = (Arc::<Lanes>::default(), Arc::<Readers>::default());
        let (listening, wal) = (Listening::default(), Arc::new(Wal::new()));
        let mut threads = Vec::with_capacity(READERS + 1);

        let checkpointing = schema::open_writer(&path)?;
        let checkpointer = spawn("checkpointer", {
            let wal = wal.clone();
            move || checkpointer::run(&checkpointing, &wal)
        })?;
        let waker = checkpointer.thread().clone();
        let hooked = wal.clone();
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            if hooked.committed(pages) {
                waker.unpark();
            }
            Ok(())
        }))?;
        let (its_lanes, its_listening) = (lanes.clone(), listening.clone());
        let bench = Bench { conn, turns, backlog: backlog.clone(), wal: wal.clone() };
        threads.push(spawn("writer", move || {
            writer::run(&bench, &its_lanes, &its_listening);
            drop(bench);
            // Last, so that the database is whole without its WAL once the store is closed.
            wal.close();
            checkpointer.thread().unpark();
            let _ = checkpointer.join();
        })?);
        for _ in 0..READERS {
            let (conn, its_readers) = (schema::open_reader(&path)?, readers.clone());
            threads.push(spawn("reader", move || its_readers.run(&conn))?);
        }
        let (threads, lock) = (Mutex::new(threads), Mutex::new(Some(lock)));
        let (idle_turn, policy) = (Arc::new(AtomicI64::new(i64::MIN)), OnceLock::new());
        Ok(Arc::new(Self { epoch, lanes, readers, listening, backlog, idle_turn, policy, threads, lock }))
    }

    async fn express<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        write(&self.lanes, Lane::Express, work).await
    }

    async fn bulk<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        write(&self.lanes, Lane::Bulk, work).await
    }

    /// Lets the threads finish what was taken in, and hands them over to be joined.
    fn begin_to_close(&self) -> Vec<JoinHandle<()>> {
        self.lanes.close();
        self.readers.close();
        std::mem::take(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The data folder is free, and the listener, which may hold this store, is let go.
    fn end_closing(&self) {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        for thread in self.begin_to_close() {
            // The listener may have held the last reference, on the writer's own thread.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
        self.end_closing();
    }
}

/// Takes the folder, or says that another process has it.
fn lock(folder: &Path) -> StoreResult<File> {
    let io = |error: std::io::Error| StoreError::Driver(format!("cannot open the data folder's lock file: {error}"));
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> StoreResult<JoinHandle<()>> {
    let thread = thread::Builder::new().name(format!("store-{name}"));
    thread.spawn(run).map_err(|error| StoreError::Driver(format!("cannot start the {name}: {error}")))
}

/// A limit as SQL counts.
fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A position as SQL counts; no stream reaches further.
fn position(after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX)
}

#[async_trait]
impl Store for SqliteStore {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn on_commit(&self, listener: CommitListener) {
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    async fn accept(&self, job: NewJob, now: Timestamp) -> StoreResult<Accepted> {
        let open_limit = position(self.policy().open_jobs);
        let accepted = self.express(move |tx| accept::accept(tx, &job, open_limit, now)).await?;
        Ok(match accepted {
            Accepted::Created(job, _) => {
                let state = match self.backlog.before_newest(job.value.owner, &job.value.kind) {
                    _ if job.value.state != JobState::Queued => {
                        self.backlog.queue(job.value.owner, &job.value.kind, None)
                    }
                    Before::Known(before) => self.backlog.queue(job.value.owner, &job.value.kind, Some(before)),
                    Before::Unknown => self.queue(&job.value).await?,
                };
                Accepted::Created(job, state)
            }
            other => other,
        })
    }

    async fn cancel(&self, owner: OwnerId, id: JobId, now: Timestamp) -> StoreResult<Option<CancelOutcome>> {
        self.express(move |tx| owner_ops::cancel(tx, owner, id, now)).await
    }

    async fn reopen(
        &self,
        owner: OwnerId,
        id: JobId,
        from: ReopenFrom,
        fresh_attempts: u32,
        now: Timestamp,
    ) -> StoreResult<Reopened> {
        let open_limit = position(self.policy().open_jobs);
        self.express(move |tx| owner_ops::reopen(tx, owner, id, from, fresh_attempts, open_limit, now)).await
    }

    async fn job(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Snapshot<JobRow>>> {
        self.readers.read(move |conn| reads::job(conn, owner, id)).await
    }

    async fn jobs(&self, owner: OwnerId, filter: JobFilter) -> StoreResult<Snapshot<Vec<JobRow>>> {
        self.readers.read(move |conn| reads::jobs(conn, owner, &filter, at_most(filter.limit))).await
    }

    async fn attempts(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<Vec<AttemptRow>>> {
        self.readers.read(move |conn| reads::attempts(conn, owner, id)).await
    }

    async fn stream(&self, owner: OwnerId) -> StoreResult<StreamState> {
        self.readers.read(move |conn| event_reads::stream(conn, owner)).await
    }

    async fn events(&self, owner: OwnerId, after: u64, job: Option<JobId>, limit: usize) -> StoreResult<EventsRead> {
        self.readers.read(move |conn| event_reads::events(conn, owner, position(after), job, limit)).await
    }

    async fn job_events(&self, owner: OwnerId, id: JobId, after: u64, limit: usize) -> StoreResult<Option<EventsRead>> {
        self.readers.read(move |conn| event_reads::job_events(conn, owner, id, position(after), limit)).await
    }

    async fn queue(&self, job: &JobRow) -> StoreResult<QueueState> {
        let (owner, kind) = (job.owner, job.kind.as_str());
        if job.state != JobState::Queued {
            return Ok(self.backlog.queue(owner, kind, None));
        }
        if self.backlog.is_alone(owner, kind) {
            return Ok(self.backlog.queue(owner, kind, Some(0)));
        }
        let row = job.clone();
        let before = self.readers.read(move |conn| reads::before_in_lane(conn, &row)).await?;
        Ok(self.backlog.queue(owner, kind, Some(before)))
    }

    async fn load(&self) -> StoreResult<Load> {
        Ok(self.backlog.now())
    }

    async fn claim(
        &self,
        worker: &str,
        quotas: &[Quota],
        limit: usize,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<Vec<Claimed>> {
        let (worker, quotas) = (worker.to_owned(), quotas.to_owned());
        self.express(move |tx| claim::claim(tx, &worker, &quotas, limit, now, lease_until)).await
    }

    async fn renew(&self, leases: &[Lease], lease_until: Timestamp) -> StoreResult<Vec<LeaseState>> {
        let leases = leases.to_owned();
        self.express(move |tx| claim::renew(tx, &leases, lease_until)).await
    }

    async fn advance(&self, lease: Lease, step: Advance, now: Timestamp) -> StoreResult<Result<Advanced, LeaseLost>> {
        let lane = if step.catalogue.is_some() || step.bulk.is_some() { Lane::Bulk } else { Lane::Express };
        write(&self.lanes, lane, move |tx| attempt::advance(tx, lease, &step, now)).await
    }

    async fn finish(&self, lease: Lease, finish: Finish, now: Timestamp) -> StoreResult<Result<JobState, LeaseLost>> {
        self.express(move |tx| attempt::finish(tx, lease, finish.clone(), now)).await
    }

    async fn callbacks(&self, lease: Lease, now: Timestamp) -> StoreResult<Result<Callbacks, LeaseLost>> {
        self.readers.read(move |conn| callbacks::read(conn, lease, now)).await
    }

    async fn awaits_callback(&self, hash: [u8; 32], now: Timestamp) -> StoreResult<bool> {
        self.readers.read(move |conn| callbacks::is_open(conn, &hash, now)).await
    }

    async fn receive_callback(&self, hash: [u8; 32], body: String, now: Timestamp) -> StoreResult<bool> {
        self.express(move |tx| callbacks::receive(tx, &hash, &body, now)).await
    }

    async fn promote_due(&self, now: Timestamp, limit: usize) -> StoreResult<Promoted> {
        self.express(move |tx| schedule::promote(tx, now, at_most(limit))).await
    }

    async fn promote_idle(&self, now: Timestamp, limit: usize) -> StoreResult<usize> {
        let turn = self.idle_turn.clone();
        self.express(move |tx| schedule::promote_idle(tx, now, at_most(limit), &turn)).await
    }

    async fn rescue(
        &self,
        now: Timestamp,
        except_worker: Option<&str>,
        all: bool,
        limit: usize,
    ) -> StoreResult<Vec<Rescued>> {
        let except = except_worker.map(str::to_owned);
        self.express(move |tx| schedule::rescue(tx, now, except.as_deref(), all, at_most(limit))).await
    }

    async fn add_upload(&self, upload: UploadRow) -> StoreResult<bool> {
        let quota = position(self.policy().upload_bytes);
        self.express(move |tx| uploads::add(tx, &upload, quota)).await
    }

    async fn upload(&self, owner: OwnerId, id: UploadId) -> StoreResult<Option<UploadRow>> {
        self.readers.read(move |conn| uploads::find(conn, owner, id)).await
    }

    async fn upload_bytes(&self, owner: OwnerId) -> StoreResult<u64> {
        self.readers.read(move |conn| uploads::bytes(conn, owner)).await
    }

    async fn job_file(&self, owner: OwnerId, id: JobId, name: &str) -> StoreResult<Option<FileRow>> {
        let name = name.to_owned();
        self.readers.read(move |conn| uploads::job_file(conn, owner, id, &name)).await
    }

    async fn result_file(&self, owner: OwnerId, id: JobId) -> StoreResult<Option<FileRow>> {
        self.readers.read(move |conn| uploads::result_file(conn, owner, id)).await
    }

    async fn expire_uploads(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<UploadId>> {
        self.bulk(move |tx| uploads::expire(tx, before, at_most(limit))).await
    }

    async fn products(&self, q: Option<&str>, after: Option<&str>, limit: usize) -> StoreResult<ProductsRead> {
        let (q, after) = (q.map(str::to_owned), after.map(str::to_owned));
        self.readers.read(move |conn| Ok(catalogue::products(conn, q.as_deref(), after.as_deref(), limit)?)).await
    }

    async fn product(&self, handle: &str) -> StoreResult<Option<domain::api::Product>> {
        let handle = handle.to_owned();
        self.readers.read(move |conn| Ok(catalogue::product(conn, &handle)?)).await
    }

    async fn edit_product(
        &self,
        handle: &str,
        expected: Expected,
        edit: ProductEdit,
        now: Timestamp,
    ) -> StoreResult<Edited> {
        let handle = handle.to_owned();
        self.express(move |tx| {
            let (edited, revision) = catalogue::edit(tx.conn, &handle, &expected, &edit, now)?;
            tx.committed.catalogue = revision;
            Ok(edited)
        })
        .await
    }

    async fn catalogue(&self) -> StoreResult<CatalogueState> {
        self.readers.read(|conn| Ok(catalogue::state(conn)?)).await
    }

    async fn ping(&self) -> StoreResult<()> {
        // A row that changes, since a full disk shows only when something is written.
        const PING: &str =
            "INSERT INTO meta (key, value) VALUES ('ping', 1) ON CONFLICT DO UPDATE SET value = value + 1";
        self.express(|tx| Ok(statement::run(tx.conn, PING, []).map(|_| ())?)).await?;
        self.readers.read(|conn| Ok(statement::only::<i64>(conn, "SELECT count(*) FROM meta", []).map(|_| ())?)).await
    }

    async fn close(&self) {
        let threads = self.begin_to_close();
        if threads.is_empty() {
            return;
        }
        // The threads end by themselves once their queues are empty; waiting for them blocks a thread of its own.
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ = joined.await;
        self.end_closing();
    }
}
