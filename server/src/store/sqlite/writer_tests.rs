//! The writer under failure: what a command that panics, fails or loses the transaction does to its neighbours.

use super::super::SqliteStore;
use super::*;
use crate::store::Store;
use domain::OwnerId;

/// Holds the writer inside a commit until told, so that what is sent meanwhile lands in one batch.
struct Held(std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<StoreResult<()>>);

async fn hold(store: &Arc<SqliteStore>) -> Held {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (entered, inside) = oneshot::channel();
    let mut entered = Some(entered);
    let command = write(&store.lanes, Lane::Express, move |_| {
        let _ = entered.take().map(|entered| entered.send(()));
        let _ = wait.recv();
        Ok(())
    });
    let held = tokio::spawn(command);
    inside.await.unwrap();
    Held(go, held)
}

impl Held {
    async fn release(self) {
        self.0.send(()).unwrap();
        self.1.await.unwrap().unwrap();
    }
}

fn note(tx: &mut Tx<'_>, key: &str) -> StoreResult<()> {
    execute(tx.conn, "INSERT INTO meta (key, value) VALUES (?1, 1)", [key])?;
    tx.committed.heads.push((OwnerId::from_bytes([1; 16]), 1));
    Ok(())
}

async fn notes(store: &SqliteStore) -> Vec<String> {
    const READ: &str = "SELECT key FROM meta WHERE key LIKE 'note%' ORDER BY key";
    let read = |conn: &Connection| Ok(super::super::statement::all(conn, READ, [], |row| row.get(0))?);
    store.readers.read(read).await.unwrap()
}

fn open() -> (tempfile::TempDir, Arc<SqliteStore>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_command_that_panics_fails_alone_and_leaves_nothing() {
    let (_folder, store) = open();
    let held = hold(&store).await;
    let before = write(&store.lanes, Lane::Express, |tx| note(tx, "note 1"));
    let panics = write(&store.lanes, Lane::Express, |tx| -> StoreResult<()> {
        note(tx, "note 2")?;
        panic!("on purpose")
    });
    let after = write(&store.lanes, Lane::Express, |tx| note(tx, "note 3"));
    held.release().await;
    assert_eq!((before.await, after.await), (Ok(()), Ok(())));
    assert!(matches!(panics.await, Err(StoreError::Driver(_))));
    assert_eq!(notes(&store).await, ["note 1", "note 3"]);
}

#[tokio::test]
async fn a_batch_that_runs_again_counts_once() {
    let (_folder, store) = open();
    let queued = || {
        write(&store.lanes, Lane::Express, |tx| {
            tx.changes.push(Change::Moved(super::super::backlog::Move {
                owner: OwnerId::from_bytes([1; 16]),
                kind: "rehearsal".to_owned(),
                prioritised: false,
                deferral: None,
                from: None,
                to: domain::JobState::Queued,
                turn: Some(1),
                took_ms: None,
            }));
            Ok(())
        })
    };
    let held = hold(&store).await;
    let before = queued();
    let fails = write(&store.lanes, Lane::Express, |_| -> StoreResult<()> { Err(StoreError::DiskFull) });
    let after = queued();
    held.release().await;
    assert_eq!((before.await, fails.await, after.await), (Ok(()), Err(StoreError::DiskFull), Ok(())));
    assert_eq!(store.backlog.now().queued, 2);
}

#[tokio::test]
async fn when_sqlite_gives_the_transaction_up_the_whole_batch_fails_and_nobody_is_told() {
    let (_folder, store) = open();
    let told = Arc::new(Mutex::new(0));
    let count = told.clone();
    store.on_commit(Arc::new(move |_| *count.lock().unwrap() += 1));
    let held = hold(&store).await;
    let before = write(&store.lanes, Lane::Express, |tx| note(tx, "note 1"));
    // What SQLite does by itself on SQLITE_FULL and SQLITE_IOERR.
    let gives_up = write(&store.lanes, Lane::Express, |tx| -> StoreResult<()> {
        execute(tx.conn, "ROLLBACK", [])?;
        Err(StoreError::DiskFull)
    });
    let after = write(&store.lanes, Lane::Express, |tx| note(tx, "note 3"));
    held.release().await;
    for answer in [before.await, gives_up.await, after.await] {
        assert_eq!(answer, Err(StoreError::DiskFull));
    }
    assert_eq!(*told.lock().unwrap(), 0);
    write(&store.lanes, Lane::Express, |tx| note(tx, "note 4")).await.unwrap();
    assert_eq!(notes(&store).await, ["note 4"]);
    assert_eq!(*told.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_store_goes_on_when_there_is_room_again() {
    let (_folder, store) = open();
    let limit = |sql: &'static str| {
        write(&store.lanes, Lane::Express, move |tx| Ok(tx.conn.query_row(sql, [], |row| row.get::<_, i64>(0))?))
    };
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let fill = |key: &'static str| {
        write(&store.lanes, Lane::Express, move |tx| {
            note(tx, key)?;
            execute(tx.conn, "INSERT INTO spill (body) VALUES (?1)", ["x".repeat(1 << 20)])?;
            Ok(())
        })
    };
    assert_eq!(fill("note 1").await, Err(StoreError::DiskFull));
    limit("PRAGMA max_page_count = 1000000").await.unwrap();
    assert_eq!(fill("note 2").await, Ok(()));
    assert_eq!(notes(&store).await, ["note 2"]);
}

#[tokio::test]
async fn bulk_waits_for_express_but_a_flood_does_not_starve_it() {
    let (_folder, store) = open();
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = |what: &'static str| {
        let order = order.clone();
        move |_: &mut Tx<'_>| {
            order.lock().unwrap().push(what);
            Ok(())
        }
    };
    let held = hold(&store).await;
    let bulk = write(&store.lanes, Lane::Bulk, log("bulk"));
    let express: Vec<_> = (0..10 * BATCH).map(|_| write(&store.lanes, Lane::Express, log("express"))).collect();
    held.release().await;
    bulk.await.unwrap();
    for answer in express {
        answer.await.unwrap();
    }
    let order = order.lock().unwrap();
    let position = order.iter().position(|what| *what == "bulk").unwrap();
    // The batch that the writer was held in had taken its express commands; the one after it begins with express again.
    assert!(position <= BATCH, "bulk ran after {position} express commands");
    assert_eq!(order.len(), 10 * BATCH + 1);
}

#[tokio::test]
async fn a_listener_that_panics_does_not_end_the_writer() {
    let (_folder, store) = open();
    store.on_commit(Arc::new(|_| panic!("on purpose")));
    write(&store.lanes, Lane::Express, |tx| note(tx, "note 1")).await.unwrap();
    write(&store.lanes, Lane::Express, |tx| note(tx, "note 2")).await.unwrap();
    assert_eq!(notes(&store).await, ["note 1", "note 2"]);
}

#[tokio::test]
async fn what_was_taken_in_is_done_before_the_store_closes() {
    let (folder, store) = open();
    let held = hold(&store).await;
    let waiting: Vec<_> = (0..300)
        .map(|index| write(&store.lanes, Lane::Express, move |tx| note(tx, &format!("note {index:03}"))))
        .collect();
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    held.release().await;
    for answer in waiting {
        answer.await.unwrap();
    }
    closing.await.unwrap();
    assert_eq!(write(&store.lanes, Lane::Express, |tx| note(tx, "late")).await, Err(StoreError::Closed));
    let again = SqliteStore::open(folder.path()).unwrap();
    assert_eq!(notes(&again).await.len(), 300);
}
