//! The one writer: a thread that owns the only write connection and commits in groups.
//!
//! Fed through [`Lanes`] by the store's calls. Takes what waits, runs it, commits once, tells the listener, then replies. Knows nothing
//! of jobs.
//! Invariant: a reply means committed; a command that fails leaves nothing behind and fails alone, unless SQLite gave the
//! whole transaction up, which fails them all. A savepoint for each command would copy every page that it touches, so a batch is
//! first run without; when one of it fails, the transaction is rolled back and the batch run again, each command in a savepoint. So
//! a command may run twice, and changes nothing but the database and what its [`Tx`] notes.

use super::{
    backlog::{Backlog, Change},
    checkpointer::{self, Wal},
    lane_turns::Turns,
    lanes::{Boxed, Lane, Lanes},
    statement::run as execute,
};
use crate::store::{CommitListener, Committed, StoreError, StoreResult};
use domain::Timestamp;
use rusqlite::Connection;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Most express commands in one commit: past it the fsync and the pages that they have in common are well shared, and a reply should
/// not wait for more.
const BATCH: usize = 512;
/// How long bulk commands may keep a commit that others wait for.
const BULK_SHARE: Duration = Duration::from_millis(2);

/// With so many commands in the last commit there is a crowd, whose next commands are about to come. Waiting for them costs less than
/// writing the pages that they have in common twice; who comes alone never waits.
const CROWD: usize = 16;
/// How long it is waited for as many again.
const GATHERING: Duration = Duration::from_millis(1);

/// What a command writes with: the connection inside the transaction, and a note of what it changed.
pub(super) struct Tx<'c> {
    pub(super) conn: &'c Connection,
    /// Whose turn it is.
    pub(super) turns: &'c Turns,
    pub(super) committed: Committed,
    /// What the command changed of the backlog.
    pub(super) changes: Vec<Change>,
}

impl<'c> Tx<'c> {
    fn begin(bench: &'c Bench) -> Self {
        Self { conn: &bench.conn, turns: &bench.turns, committed: Committed::default(), changes: Vec::new() }
    }
}

/// What the writer works with besides its queue.
pub(super) struct Bench {
    pub(super) conn: Connection,
    pub(super) turns: Turns,
    pub(super) backlog: Arc<Backlog>,
    pub(super) wal: Arc<Wal>,
}

/// What a batch changed.
#[derive(Default)]
struct Changes {
    committed: Committed,
    backlog: Vec<Change>,
}

impl Changes {
    /// Adds what one command changed.
    fn add(&mut self, mut tx: Tx<'_>) {
        merge(&mut self.committed, tx.committed);
        self.backlog.append(&mut tx.changes);
    }
}

/// Work for the writer, with its types erased.
pub(super) trait Command: Send {
    /// Runs it and keeps its answer.
    fn run(&mut self, tx: &mut Tx<'_>) -> StoreResult<()>;
    /// Replaces its answer.
    fn fail(&mut self, error: StoreError);
    /// Tells its caller.
    fn reply(self: Box<Self>);
}

struct Work<F, T> {
    work: F,
    answer: StoreResult<T>,
    caller: oneshot::Sender<StoreResult<T>>,
}

impl<F, T> Command for Work<F, T>
where
    F: FnMut(&mut Tx<'_>) -> StoreResult<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> StoreResult<()> {
        self.answer = Ok((self.work)(tx)?);
        Ok(())
    }

    fn fail(&mut self, error: StoreError) {
        self.answer = Err(error);
    }

    fn reply(self: Box<Self>) {
        // A caller that went away does not want to know; what it asked for is done.
        let _ = self.caller.send(self.answer);
    }
}

/// Sends work to the writer and waits until it is committed.
pub(super) fn write<F, T>(lanes: &Lanes, lane: Lane, work: F) -> impl Future<Output = StoreResult<T>> + Send + use<F, T>
where
    F: FnMut(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    T: Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    lanes.push(lane, Box::new(Work { work, answer: Err(StoreError::Closed), caller }));
    async move { answer.await.unwrap_or(Err(StoreError::Closed)) }
}

/// Where the store keeps its listener; emptied at the end, since the listener may hold the store.
pub(super) type Listening = Arc<Mutex<Option<CommitListener>>>;

/// Closes the lanes however the thread ends.
struct Abandon<'l>(&'l Lanes);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The writer's thread, until the lanes are closed and empty.
pub(super) fn run(bench: &Bench, lanes: &Lanes, listening: &Listening) {
    let _abandon = Abandon(lanes);
    let mut batch = Vec::with_capacity(BATCH);
    while lanes.take(&mut batch, BATCH) {
        let size = batch.len();
        let mut done = Vec::with_capacity(batch.len() + 1);
        let started = Instant::now();
        match commit(bench, &mut batch, lanes, &mut done) {
            Ok(Changes { mut committed, backlog }) => {
                lanes.committed(done.len(), started.elapsed());
                let stirs = backlog.iter().any(Change::stirs_catalogue);
                // Before the replies: whoever is answered finds its own job counted.
                bench.backlog.apply(backlog);
                committed.changing = stirs.then(|| bench.backlog.changing_catalogue());
                tell(listening, &committed);
            }
            Err(error) => {
                // Whatever each of them answered did not come to be.
                done.append(&mut batch);
                done.iter_mut().for_each(|command| command.fail(error.clone()));
            }
        }
        done.into_iter().for_each(Command::reply);
        checkpointer::begin_anew(&bench.conn, &bench.wal);
        if size >= CROWD {
            lanes.gather(size, GATHERING);
        }
    }
}

/// Runs a batch in one transaction; what it took from the lanes is in `done` or still in `batch`.
fn commit(bench: &Bench, batch: &mut Vec<Boxed>, lanes: &Lanes, done: &mut Vec<Boxed>) -> StoreResult<Changes> {
    let conn = &bench.conn;
    if let Err(error) = execute(conn, "BEGIN IMMEDIATE", []) {
        // With no express command in it, the batch is the bulk one that it was made for.
        if batch.is_empty() {
            batch.extend(lanes.take_bulk());
        }
        return Err(error.into());
    }
    let mut changes = Changes::default();
    let result = run_all(bench, batch, lanes, done, &mut changes)
        .and_then(|()| Ok(execute(conn, "COMMIT", []).map(|_| changes)?));
    if result.is_err() && !conn.is_autocommit() {
        // When even this fails the next BEGIN does, and says so to its callers.
        let _ = execute(conn, "ROLLBACK", []);
    }
    result
}

fn run_all(
    bench: &Bench,
    batch: &mut Vec<Boxed>,
    lanes: &Lanes,
    done: &mut Vec<Boxed>,
    changes: &mut Changes,
) -> StoreResult<()> {
    if let Err(error) = run_plainly(bench, batch, changes) {
        // SQLITE_FULL, IOERR and NOMEM may have rolled everything back, and nobody knows how much of the rest would go on.
        if bench.conn.is_autocommit() {
            return Err(error);
        }
        execute(&bench.conn, "ROLLBACK", [])?;
        execute(&bench.conn, "BEGIN IMMEDIATE", [])?;
        *changes = Changes::default();
        for command in batch.iter_mut() {
            run_one(bench, command, changes)?;
        }
    }
    done.append(batch);
    let started = Instant::now();
    // The first one is always taken, so that a flood of accepts cannot starve an import.
    while let Some(mut command) = lanes.take_bulk() {
        let result = run_one(bench, &mut command, changes);
        done.push(command);
        result?;
        if started.elapsed() >= BULK_SHARE {
            break;
        }
    }
    Ok(())
}

/// Runs commands one after the other; the first error ends it.
fn run_plainly(bench: &Bench, batch: &mut [Boxed], changes: &mut Changes) -> StoreResult<()> {
    for command in batch {
        let mut tx = Tx::begin(bench);
        attempt(command, &mut tx)?;
        changes.add(tx);
    }
    Ok(())
}

/// Runs a command; a panic is an error of its own.
fn attempt(command: &mut Boxed, tx: &mut Tx<'_>) -> StoreResult<()> {
    catch_unwind(AssertUnwindSafe(|| command.run(tx)))
        .unwrap_or_else(|_| Err(StoreError::Driver("a command panicked".into())))
}

/// Runs one command in a savepoint. An error here is the whole transaction's; the command's own is kept as its answer.
fn run_one(bench: &Bench, command: &mut Boxed, changes: &mut Changes) -> StoreResult<()> {
    let conn = &bench.conn;
    execute(conn, "SAVEPOINT command", [])?;
    let mut tx = Tx::begin(bench);
    let Err(error) = attempt(command, &mut tx) else {
        execute(conn, "RELEASE command", [])?;
        changes.add(tx);
        return Ok(());
    };
    // SQLITE_FULL, IOERR and NOMEM may have rolled everything back, the commands before this one included.
    if conn.is_autocommit() {
        return Err(error);
    }
    execute(conn, "ROLLBACK TO command", [])?;
    execute(conn, "RELEASE command", [])?;
    command.fail(error);
    Ok(())
}

/// Adds what one command changed to what its batch did: one head an owner, the latest.
fn merge(all: &mut Committed, one: Committed) {
    for (owner, head) in one.heads {
        match all.heads.iter_mut().find(|(known, _)| *known == owner) {
            Some(entry) => entry.1 = entry.1.max(head),
            None => all.heads.push((owner, head)),
        }
    }
    all.events.extend(one.events);
    all.claimable |= one.claimable;
    all.due = earliest(all.due, one.due);
    all.deliveries = earliest(all.deliveries, one.deliveries);
    all.unsettled |= one.unsettled;
    all.cancel_requested.extend(one.cancel_requested);
    all.catalogue = all.catalogue.max(one.catalogue);
}

fn earliest(known: Option<Timestamp>, new: Option<Timestamp>) -> Option<Timestamp> {
    known.into_iter().chain(new).min()
}

/// Tells the listener, unless nothing changed.
fn tell(listening: &Listening, committed: &Committed) {
    if *committed == Committed::default() {
        return;
    }
    let listener = listening.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(listener) = listener
        && catch_unwind(AssertUnwindSafe(|| listener(committed))).is_err()
    {
        tracing::error!("the commit listener panicked; its wake-ups of this commit are lost");
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
