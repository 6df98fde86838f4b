//! Holds a data folder that nobody serves against the engine's invariants, and against what was promised from it.
//!
//! Used after every kill, death and power loss. Opens the folder with the real store, which recovers it as a start would, then
//! asks the tables themselves. Each rule is a query that must find nothing.

use super::ledger::{Entry, Kept};
use crate::fixture::assert_folds_to;
use domain::{JobId, OwnerId};
use rusqlite::Connection;
use server::{
    files::Files,
    store::{EventRow, JobFilter, Store, sqlite::SqliteStore},
};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// More rows than any test makes.
const ALL: usize = 10_000_000;

/// What must not be, each with a query that finds it.
const RULES: [(&str, &str); 15] = [
    ("a queued job's lane has no turn, so nobody would claim it",
     "SELECT j.id FROM job j WHERE j.state = 'queued' AND NOT EXISTS
      (SELECT 1 FROM lane l WHERE l.kind = j.kind AND l.owner = j.owner)"),
    ("an owner's stream has a gap or another head than its last event",
     "SELECT o.id FROM owner o WHERE (o.head, o.head > 0) <> (SELECT count(*), coalesce(min(seq) = 1 AND max(seq) = o.head, 0)
      FROM event e WHERE e.owner = o.id)"),
    ("a job's log has a gap or another end than the row says",
     "SELECT j.id FROM job j WHERE (SELECT count(*) = j.jseq AND min(jseq) = 1 AND max(jseq) = j.jseq AND max(e.owner) = j.owner
      AND min(e.owner) = j.owner FROM event e WHERE e.job = j.id) IS NOT 1"),
    ("an event belongs to no job", "SELECT seq FROM event WHERE job NOT IN (SELECT id FROM job)"),
    ("a job was accepted twice or never",
     "SELECT id FROM job WHERE (SELECT count(*) FROM event e WHERE e.job = job.id AND type = 'accepted') <> 1"),
    ("a job ended more than once a round, or a round that is over has no end",
     "SELECT id FROM job WHERE (SELECT count(*) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled'))
      - count(*) FILTER (WHERE type = 'reopened') FROM event e WHERE e.job = job.id)
      <> (state IN ('succeeded', 'failed', 'cancelled'))"),
    ("a job's row is in another state than its last deciding event",
     "SELECT j.id FROM job j WHERE j.state IN ('succeeded', 'failed', 'cancelled')
      AND j.state <> (SELECT type FROM event e WHERE e.job = j.id AND e.jseq = j.jseq)"),
    ("claims, attempts and `started` events do not match: a token was used twice or skipped",
     "SELECT j.id FROM job j WHERE j.lease_token <> (SELECT count(*) FROM attempt a WHERE a.job = j.id)
      OR j.lease_token <> (SELECT count(*) FROM event e WHERE e.job = j.id AND type = 'started')
      OR j.lease_token < (SELECT max(lease_token) FROM attempt a WHERE a.job = j.id)"),
    ("an attempt runs that is not its job's latest, or of a job that does not",
     "SELECT a.job FROM attempt a JOIN job j ON j.id = a.job
      WHERE a.outcome = 'running' AND (j.state <> 'running' OR a.lease_token <> j.lease_token)"),
    ("a job runs without an attempt or a lease",
     "SELECT j.id FROM job j WHERE j.state = 'running' AND (j.lease_until IS NULL OR NOT EXISTS
      (SELECT 1 FROM attempt a WHERE a.job = j.id AND a.lease_token = j.lease_token AND a.outcome = 'running'))"),
    ("a job succeeded by more or less than one attempt",
     "SELECT id FROM job WHERE (SELECT count(*) FROM attempt a WHERE a.job = job.id AND outcome = 'succeeded') <> (state = 'succeeded')"),
    ("an attempt was lost or released without its job's log saying what came of it",
     "SELECT j.id FROM job j WHERE (SELECT count(*) FROM attempt a WHERE a.job = j.id AND outcome IN ('lost', 'released'))
      < (SELECT count(*) FROM event e WHERE e.job = j.id AND type = 'released')"),
    ("more attempts count than were allowed", "SELECT id FROM job WHERE attempt > max_attempts"),
    ("a job is due, leased or being cancelled in a state that knows no such thing",
     "SELECT id FROM job WHERE (due_at IS NOT NULL) <> (state IN ('scheduled', 'retrying'))
      OR (lease_until IS NOT NULL AND state <> 'running') OR (cancel_requested_at IS NOT NULL AND state <> 'running')"),
    ("a key means no job of its owner",
     "SELECT key FROM idempotency i WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.id = i.job AND j.owner = i.owner)"),
];

/// Every invariant that can be read from the disk.
pub async fn audit(data: &Path) {
    let store = SqliteStore::open(data).expect("the store opens");
    let conn = database(data);
    let owners: Vec<[u8; 16]> = column(&conn, "SELECT uuid FROM owner");
    for owner in owners.into_iter().map(OwnerId::from_bytes) {
        assert_folds(&*store, owner).await;
    }
    store.close().await;
    let intact: Vec<String> = column(&conn, "PRAGMA integrity_check");
    assert_eq!(intact, ["ok"]);
    for (rule, query) in RULES {
        let mut query = conn.prepare(query).unwrap();
        let found = query.query_map([], |row| Ok(format!("{:?}", row.get_ref(0)?))).unwrap();
        let found: Vec<_> = found.take(5).map(Result::unwrap).collect();
        assert!(found.is_empty(), "{rule}: {found:?}");
    }
}

/// Each job's events fold to its row.
async fn assert_folds(store: &dyn Store, owner: OwnerId) {
    let read = store.events(owner, 0, None, ALL).await.unwrap();
    let mut logs: HashMap<JobId, Vec<&EventRow>> = HashMap::new();
    for event in &read.rows {
        logs.entry(event.job).or_default().push(event);
    }
    for row in store.jobs(owner, JobFilter { limit: ALL, ..JobFilter::default() }).await.unwrap().value {
        assert_folds_to(&logs[&row.id], &row);
    }
}

/// What was promised from this folder is in it.
pub fn holds(data: &Path, jobs: &[Entry], uploads: &[Kept]) {
    let conn = database(data);
    let known: HashSet<[u8; 16]> = column(&conn, "SELECT uuid FROM job").into_iter().collect();
    let ended = "SELECT uuid FROM job WHERE state IN ('succeeded', 'failed', 'cancelled')";
    let ended: HashSet<[u8; 16]> = column(&conn, ended).into_iter().collect();
    let lost: Vec<_> = jobs.iter().filter(|entry| !known.contains(entry.id.as_bytes())).take(5).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let open: Vec<_> = jobs.iter().filter(|entry| !ended.contains(entry.id.as_bytes())).take(5).collect();
    assert!(open.is_empty(), "not ended: {open:?}");
    let mut keyed =
        conn.prepare("SELECT j.uuid FROM idempotency i JOIN job j ON j.id = i.job WHERE i.key = ?1").unwrap();
    for entry in jobs {
        let Some(key) = &entry.key else { continue };
        let found: [u8; 16] = keyed.query_row([key], |row| row.get(0)).unwrap();
        assert_eq!(&found, entry.id.as_bytes(), "the key {key} means another job");
    }
    let files = Files::open(data).unwrap();
    for Kept { id, bytes } in uploads {
        let size =
            conn.query_row("SELECT size FROM upload WHERE uuid = ?1", [id.as_bytes()], |row| row.get::<_, u64>(0));
        assert_eq!(size.as_ref(), Ok(bytes), "the row of upload {id}");
        let found = std::fs::metadata(files.upload_path(*id)).map(|file| file.len()).unwrap_or_default();
        assert_eq!(found, *bytes, "the file of upload {id}");
    }
}

/// A connection of the test's own.
pub fn database(data: &Path) -> Connection {
    Connection::open(data.join("meanwhile.db")).unwrap()
}

pub fn column<T: rusqlite::types::FromSql>(conn: &Connection, query: &str) -> Vec<T> {
    let mut statement = conn.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
