//! Power loss: what a client has been answered is on the disk, whatever of the rest the disk has kept.
//!
//! `kill -9` cannot show a lost sync, since the system still has the writes. So every change of the data folder is recorded, with a mark
//! for each answer that arrived; for many moments just after an answer, the folder is built as the disk may hold it then (`disk.rs`),
//! opened with the real store, and asked for everything that was answered before.

use crate::{
    audit::{audit, column, database},
    common::{self, Visitor, text},
    disk::{self, Disk, Loss, MARK, Record},
    ledger::id_of,
    shim::Shim,
};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A job was answered 202.
const ACCEPTED: u32 = MARK;
/// A job was answered with its result.
const ENDED: u32 = MARK + 1;
/// An upload was answered 201; the data is its id.
const UPLOADED: u32 = MARK + 2;

const CLIENTS: usize = 6;
/// Jobs of each client between two looks at the recording.
const JOBS_EACH: usize = 70;
/// Rounds of the write-ahead log: with fewer there is no old one to be mistaken for the new.
const ROUNDS: usize = 3;
/// Moments for each way of losing.
const CUTS: usize = 16;

/// Says in the log that an answer has arrived.
struct Marks(File);

impl Marks {
    fn mark(&self, kind: u32, data: &[u8]) {
        (&self.0).write_all(&disk::mark(kind, data)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlasts_the_power() {
    let folder = tempfile::tempdir().unwrap();
    let (root, log) = (folder.path().join("disk"), folder.path().join("log"));
    fs::create_dir(&root).unwrap();
    let data = root.join("data");
    let shim = Shim::new(folder.path()).recording(&log);
    let process = shim.start(&data, |_| {}).unwrap();
    let marks = Arc::new(Marks(OpenOptions::new().append(true).open(&log).unwrap()));
    for _ in 0..20 {
        let client = |client| tokio::spawn(work(common::visitor(&process.base), Arc::clone(&marks), client));
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        for client in clients {
            client.await.unwrap();
        }
        if rounds(&disk::read(&log)) >= ROUNDS {
            break;
        }
    }
    process.kill();
    let records = disk::read(&log);
    assert!(rounds(&records) >= ROUNDS, "the log was never moved into the database and begun anew");
    for loss in [Loss::All, Loss::Writes, Loss::Sectors] {
        let seed = fastrand::u64(..);
        println!("{loss:?}, seed {seed}");
        lose(&root, &data, &records, loss, seed).await;
    }
}

/// Jobs and uploads of one client, marked as they are answered.
async fn work(visitor: Visitor, marks: Arc<Marks>, client: usize) {
    for n in 0..JOBS_EACH {
        let input = match n % 3 {
            0 => json!({"steps": 1, "step_ms": 0}),
            // A page of its own for most, so that there is more to write.
            1 => json!({"steps": 3, "step_ms": 0, "partials": true}),
            _ => json!({"steps": 2, "step_ms": 0, "fail_at": 2, "failure": "permanent"}),
        };
        let body = json!({"kind": "rehearsal", "input": input, "label": "x".repeat(150)});
        let answer = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let job: Value = answer.json().await.unwrap();
        marks.mark(ACCEPTED, id_of(&job).as_bytes());
        if n % 4 == 0 {
            visitor.wait_until(&job, |job| ["succeeded", "failed"].contains(&text(job, "state"))).await;
            marks.mark(ENDED, id_of(&job).as_bytes());
        }
        if n % 10 == 5 {
            let content = "x".repeat(1 + n * 100 + client);
            let answer = visitor.post("/api/v1/uploads").body(content).send().await.unwrap();
            assert_eq!(answer.status(), 201);
            let upload: Value = answer.json().await.unwrap();
            marks.mark(UPLOADED, text(&upload, "id").as_bytes());
        }
    }
}

/// How often the write-ahead log began anew, which is when the old one had been moved into the database and synced.
fn rounds(records: &[Record]) -> usize {
    // A log's first 32 bytes are its header, written at the start of each round.
    records.iter().filter(|record| record.is_write_at_start(32)).count()
}

/// Loses the power at random moments just after an answer, at the first and at the last.
async fn lose(root: &Path, data: &Path, records: &[Record], loss: Loss, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let marks: Vec<_> = (0..records.len()).filter(|at| records[*at].kind >= MARK).collect();
    let mut cuts: Vec<_> = (0..CUTS).map(|_| marks[random.usize(..marks.len())]).collect();
    cuts.extend([marks[0], marks[marks.len() - 1]]);
    cuts.sort_unstable();
    cuts.dedup();
    let (mut disk, mut taken, mut at_stake) = (Disk::new(root), 0, 0);
    for cut in cuts {
        records[taken..cut].iter().for_each(|record| disk.take(record));
        taken = cut;
        at_stake += disk.unsynced();
        let image = tempfile::tempdir().unwrap();
        disk.write(image.path(), loss, &mut random);
        check(&disk.below(image.path(), data), &records[..=cut]).await;
    }
    assert!(at_stake > 0, "there was nothing to lose");
}

/// The store opens, is sound, and has everything that was answered.
async fn check(data: &Path, records: &[Record]) {
    audit(data).await;
    let conn = database(data);
    let ids = |query: &str| column::<[u8; 16]>(&conn, query).into_iter().map(Vec::from).collect::<HashSet<_>>();
    let known = ids("SELECT uuid FROM job");
    let ended = ids("SELECT uuid FROM job WHERE state IN ('succeeded', 'failed')");
    let marked = |kind| records.iter().filter(move |record| record.kind == kind).map(|record| &record.data);
    let lost: Vec<_> = marked(ACCEPTED).filter(|id| !known.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} accepted jobs are lost", lost.len(), marked(ACCEPTED).count());
    let undone: Vec<_> = marked(ENDED).filter(|id| !ended.contains(*id)).collect();
    assert!(undone.is_empty(), "{} of {} results are lost", undone.len(), marked(ENDED).count());
    for id in marked(UPLOADED).map(|id| std::str::from_utf8(id).unwrap()) {
        let path: PathBuf = data.join("uploads").join(id);
        let content = fs::read(&path).unwrap_or_else(|error| panic!("the upload {id} is lost: {error}"));
        let bytes = id.parse::<domain::UploadId>().unwrap();
        let size: usize =
            conn.query_row("SELECT size FROM upload WHERE uuid = ?1", [bytes.as_bytes()], |row| row.get(0)).unwrap();
        assert!(content.len() == size && content.iter().all(|byte| *byte == b'x'), "the upload {id} is torn");
    }
    // Without it, every cookie that was given out names nobody.
    assert_eq!(fs::metadata(data.join("owner.key")).map(|key| key.len()).unwrap_or_default(), 64);
}
