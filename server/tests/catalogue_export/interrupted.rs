//! What comes in the way: imports that change what is being written, a cancel, a death.

use crate::{
    common::{Visitor, link, text, visitor},
    counts, download, export, import,
    process::Process,
    submit_export,
    world::{OWNER, World},
};
use domain::{JobState, kinds::catalogue_export::Output};
use server::store::Store as _;
use std::{fs, path::Path};

/// More than two pages.
const MANY: usize = 1200;

fn products(from: usize, to: usize, title: &str) -> String {
    let rows = (from..to).map(|n| format!("p-{n:05},{title} {n}\n"));
    std::iter::once("Handle,Title\n".to_owned()).chain(rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_while_imports_run_says_what_changed_and_what_came_too_late() {
    let world = World::holding(2).await;
    world.import(&products(0, MANY, "Thing")).await;
    let revision = world.store.catalogue().await.unwrap().revision;
    let id = world.export("csv").await;
    world.asked_for(2).await;
    // One that is written already, two that are not, three new ones.
    world.import("Handle,Title\np-00001,Late\np-01100,Newer\np-01101,Newer\nnew-1,N\nnew-2,N\nnew-3,N\n").await;
    world.door.permits.add_permits(1);
    let (output, file) = world.exported(id).await;
    let Output { products, rows, revision: began, changed_meanwhile, added_meanwhile, .. } = output;
    assert_eq!((products, rows, began), (MANY as u64, MANY as u64, revision));
    assert_eq!((changed_meanwhile, added_meanwhile), (2, 3));
    assert!(file.contains("p-00001,Thing 1,") && file.contains("p-01100,Newer,") && !file.contains("new-1"));
    let mut handles: Vec<_> = file
        .split("\r\n")
        .skip(1)
        .filter_map(|row| row.split(',').next())
        .filter(|handle| !handle.is_empty())
        .collect();
    assert_eq!(handles.len(), MANY);
    handles.dedup();
    assert_eq!(handles.len(), MANY, "each product once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_comes_in_the_middle_is_not_lost() {
    let world = World::holding(2).await;
    world.import(&products(0, MANY, "Thing")).await;
    let id = world.export("csv").await;
    world.asked_for(2).await;
    world.import("Handle,Title,Google Shopping / MPN\np-01100,Thing 1100,mpn-7\n").await;
    world.door.permits.add_permits(1);
    let (output, file) = world.exported(id).await;
    assert!(file.contains("Google Shopping / MPN") && file.contains("mpn-7"));
    assert_eq!((output.products, output.changed_meanwhile), (MANY as u64, 0), "it began anew, from the newer revision");
    assert_eq!(world.names(id).len(), 1, "and nothing of the first beginning is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_export_leaves_nothing_behind() {
    for format in ["csv", "xlsx"] {
        let world = World::holding(2).await;
        world.import(&products(0, MANY, "Thing")).await;
        let id = world.export(format).await;
        world.asked_for(2).await;
        assert!(
            world.names(id).iter().any(|path| path.extension().is_some_and(|end| end == "partial")),
            "it was under way"
        );
        world.engine.cancel(OWNER, id).await.unwrap();
        world.door.permits.add_permits(1);
        let row = world.ended(id).await;
        assert_eq!((row.state, row.resumable), (JobState::Cancelled, false));
        assert!(!world.files.job_dir(id).exists(), "{:?}", world.names(id));
        assert_eq!(world.store.result_file(OWNER, id).await.unwrap(), None);
        world.engine.retry(OWNER, id, domain::api::Retry::default()).await.unwrap();
        assert_eq!(world.ended(id).await.state, JobState::Succeeded, "a retry makes it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_worker_dies_is_made_anew_and_whole() {
    let world = World::holding(0).await;
    world.import(&products(0, MANY, "Thing")).await;
    world.door.die.store(2, std::sync::atomic::Ordering::SeqCst);
    let id = world.export("csv").await;
    world.asked_for(2).await;
    let world = world.next_life().await;
    world.import(&products(0, 1, "Other")).await;
    let (output, file) = world.exported(id).await;
    assert_eq!((output.products, world.names(id).len()), (MANY as u64, 1));
    assert_eq!(file.matches("\r\n").count(), MANY + 1);
}

fn partials(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "partial")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_survives_kill_nine_without_a_trace_of_the_first_try() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Process::start(&data);
    let mine = visitor(&first.base);
    let body = "x".repeat(2000);
    let rows = (0..20_000).map(|n| format!("p-{n},Thing {n},{body}\n"));
    let file: String = std::iter::once("Handle,Title,Body (HTML)\n".to_owned()).chain(rows).collect();
    assert_eq!(counts(&import(&mine, file).await), [20_000, 0, 0, 0]);
    let job = submit_export(&mine, "csv").await;
    let place = data.join("jobs").join(text(&job, "id"));
    let given_up = std::time::Instant::now() + crate::common::PATIENCE;
    while partials(&place) == 0 {
        assert!(std::time::Instant::now() < given_up, "it never began to write");
        tokio::task::yield_now().await;
    }
    first.kill();
    assert_eq!(partials(&place), 1, "killed in the middle");

    let second = Process::start(&data);
    let mine = Visitor { base: second.base.clone(), ..mine };
    let job = mine.wait_for(&job, "succeeded").await;
    assert_eq!(job["result"]["products"].as_u64(), Some(20_000));
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "the file, and no half of one");
    let again = import(&mine, download(&mine, &job).await).await;
    assert_eq!(counts(&again), [0, 0, 20_000, 0]);
    let log = mine.json(link(&job, "events")).await;
    assert!(log["items"].as_array().unwrap().iter().any(|event| event["type"] == "released"));
    export(&mine, "csv").await;
}
