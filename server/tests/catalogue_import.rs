//! `catalogue-import` over the real engine and store, without HTTP. Each test is named after the promise that it keeps.
//!
//! Files are made here (`files`); a crash is a store that stops answering at a chosen step (`interrupting`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "catalogue_import/files.rs"]
mod files;
#[path = "catalogue_import/interrupting.rs"]
mod interrupting;
#[path = "catalogue_import/world.rs"]
mod world;
mod wrapped_store;

use domain::{FailureReason, JobState, kinds::catalogue_import::Output};
use interrupting::{Interruption, Plan};
use serde_json::json;
use server::store::Store as _;
use world::World;

fn output(created: u64, updated: u64, unchanged: u64, rows: u64) -> Output {
    Output { created, updated, unchanged, rows, rejected: 0, rejects: None }
}

#[tokio::test]
async fn a_shop_export_imports_in_full_and_again_unchanged() {
    for (name, file, rows) in files::exports() {
        let world = World::new().await;
        let first = world.import(&file).await;
        assert_eq!(world.output(first).await, output(20, 0, 0, rows), "{name}");
        let before = world.store.products(None, None, 500).await.unwrap();
        assert_eq!((before.total, before.state.changing.len()), (20, 0));
        let again = world.import(&file).await;
        assert_eq!(world.output(again).await, output(0, 0, 20, rows), "{name}");
        let after = world.store.products(None, None, 500).await.unwrap();
        assert_eq!((after.items, after.state), (before.items, before.state), "{name}");
    }
}

#[tokio::test]
async fn a_changed_cell_updates_its_product_alone() {
    let world = World::new().await;
    let (_, file, rows) = files::exports().remove(0);
    world.output(world.import(&file).await).await;
    let revision = world.store.catalogue().await.unwrap().revision;
    let changed = String::from_utf8(file).unwrap().replace("Thing 7,", "Thing seven,");
    let id = world.import(changed.as_bytes()).await;
    assert_eq!(world.output(id).await, output(0, 1, 19, rows));
    let products = world.store.products(None, None, 500).await.unwrap();
    let moved: Vec<_> = products.items.iter().filter(|product| product.revision > revision).collect();
    assert_eq!(moved.len(), 1);
    assert_eq!((moved[0].title.as_str(), products.state.revision), ("Thing seven", revision + 1));
}

#[tokio::test]
async fn rows_of_a_handle_need_not_stand_together() {
    let together = World::new().await;
    let scattered = World::new().await;
    let (tidy, untidy) = files::scattered(700);
    let expected = together.output(together.import(&tidy).await).await;
    assert_eq!((expected.created, expected.rows, expected.rejected), (100, 700, 0));
    assert_eq!(scattered.output(scattered.import(&untidy).await).await, expected);
    assert_eq!(scattered.catalogue().await, together.catalogue().await);
    let again = scattered.import(&untidy).await;
    assert_eq!(scattered.output(again).await, output(0, 0, 100, 700));
}

#[tokio::test]
async fn each_rejected_row_is_told_with_line_column_and_reason_and_is_in_the_file() {
    let world = World::new().await;
    let file = "Handle,Title,Option1 Value,Variant Price,Notes\r\n\
        mug,Mug,,3,\r\n\
        mug,,Large,free,\"=1+1, é\"\r\n\
        ghost,,Small,5,\r\n\
        hat,Hat\r\n\
        ghost,Ghost,,5,\r\n";
    let id = world.import(file.as_bytes()).await;
    let link = format!("/api/v1/jobs/{id}/files/rejects.csv");
    let expected = Output { rejected: 3, rejects: Some(link), ..output(2, 0, 0, 5) };
    assert_eq!(world.output(id).await, expected);
    let told = [
        json!({"line": 3, "column": "Variant Price", "handle": "mug", "code": "bad-price", "params": {"value": "free"}}),
        json!({"line": 4, "column": "Title", "handle": "ghost", "code": "title-missing", "params": {}}),
        json!({"line": 5, "column": null, "handle": "hat", "code": "wrong-column-count", "params": {"expected": 5, "found": 2}}),
    ];
    assert_eq!(world.partials(id).await, told);
    let rejects = "Handle,Title,Option1 Value,Variant Price,Notes,line,column,reason\n\
        mug,,Large,free,\"'=1+1, é\",3,Variant Price,bad-price: value free\n\
        ghost,,Small,5,,4,Title,title-missing\n\
        hat,Hat,,,,5,,\"wrong-column-count: expected 5, found 2\"\n";
    assert_eq!(world.rejects(id).unwrap(), rejects);
    let row = world.store.job_file(world::OWNER, id, "rejects.csv").await.unwrap().unwrap();
    assert_eq!(row.size, rejects.len() as u64);
    // Corrected, the file of rejects is a product file.
    let corrected = rejects.replace("free", "4").replace("hat,Hat,,,", "hat,Hat,,7,");
    let id = world.import(corrected.as_bytes()).await;
    assert_eq!(world.output(id).await, output(1, 2, 0, 3));
}

#[tokio::test]
async fn a_hundred_rejects_are_told_and_the_file_has_them_all() {
    let world = World::new().await;
    let mut file = "Handle,Title,Variant Price\n".to_owned();
    (0..450).for_each(|n| file.push_str(&format!("p{n},Thing,{}\n", if n % 2 == 0 { "5" } else { "?" })));
    let id = world.import(file.as_bytes()).await;
    let output = world.output(id).await;
    assert_eq!((output.created, output.rows, output.rejected), (225, 450, 225));
    let lines: Vec<_> = world.partials(id).await.iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (0..100).map(|n| 2 * n + 3).collect::<Vec<_>>());
    assert_eq!(world.rejects(id).unwrap().lines().count(), 226);
}

#[tokio::test]
async fn progress_counts_bytes_and_names_rows_and_ignored_columns() {
    let world = World::new().await;
    let mut file = "Handle,Title,Colour of Box\n".to_owned();
    (0..1200).for_each(|n| file.push_str(&format!("p{n},Thing,red\n")));
    let id = world.import(file.as_bytes()).await;
    world.output(id).await;
    let told = world.progress(id).await;
    let total = file.len() as u64;
    assert_eq!(told[0], json!({"done": 0, "total": total, "unit": "bytes", "note": "ignored columns: Colour of Box"}));
    assert_eq!(told.last().unwrap(), &json!({"done": total, "total": total, "unit": "bytes", "note": "1,200 rows"}));
}

#[tokio::test]
async fn a_file_that_is_no_product_file_fails_as_rejected() {
    let world = World::new().await;
    for (file, code, params) in [
        (&b""[..], "empty-file", json!({})),
        (b"\x89PNG\r\n\x1a\n\0\0", "not-a-product-csv", json!({"looks_like": "image"})),
        (b"Title,Vendor\nShirt,Acme\n", "missing-column", json!({"column": "Handle"})),
        (b"Handle,Title,Handle\n", "duplicate-column", json!({"column": "Handle"})),
    ] {
        let id = world.import(file).await;
        let row = world.wait_end(id).await;
        let failure = row.failure.unwrap();
        assert_eq!(
            (row.state, failure.reason, failure.code.as_str()),
            (JobState::Failed, FailureReason::Rejected, code)
        );
        assert_eq!((serde_json::Value::from(failure.params), failure.retryable), (params, false));
    }
    let id = world.import_without_file().await;
    let failure = world.wait_end(id).await.failure.unwrap();
    assert_eq!((failure.reason, failure.code.as_str()), (FailureReason::Rejected, "upload-missing"));
    let header_only = world.import(b"Handle,Title\n").await;
    assert_eq!(world.output(header_only).await, output(0, 0, 0, 0));
}

/// What an import leaves behind that no crash may change.
async fn result(world: &World, id: domain::JobId) -> impl PartialEq + std::fmt::Debug + use<> {
    let output = Output { rejects: None, ..world.output(id).await };
    (output, world.rejects(id).unwrap(), world.partials(id).await, world.catalogue().await)
}

#[tokio::test]
async fn an_import_that_dies_at_any_step_comes_to_the_same_without_doubled_rejects() {
    let file = files::faulty(900);
    let calm = World::new().await;
    let expected = result(&calm, calm.import(&file).await).await;
    // Each life commits so many steps and dies; the answer to its last one may be lost or the step itself. The first step of a
    // resumed life asks about the batch that its predecessor may not have settled.
    for plan in [
        Plan::new(18, vec![Interruption::AnswerLost(1), Interruption::AnswerLost(2)]),
        Plan::new(10, vec![Interruption::AnswerLost(2)]),
        Plan::new(10, vec![Interruption::StepLost(1), Interruption::AnswerLost(3)]),
        Plan::new(24, vec![Interruption::StepLost(2), Interruption::AnswerLost(1), Interruption::StepLost(3)]),
    ] {
        let mut world = World::interrupted(plan.next()).await;
        let id = world.import(&file).await;
        let mut lives = 1;
        while world.interrupted_or_ended(id).await {
            lives += 1;
            world = world.next_life(plan.next()).await;
        }
        assert_eq!(lives, plan.lives + 1, "each life was interrupted but the last");
        let row = world.wait_end(id).await;
        assert_eq!((row.state, row.attempt), (JobState::Succeeded, 1), "{plan:?}: {:?}", row.failure);
        assert_eq!(result(&world, id).await, expected, "{plan:?}");
    }
}

#[tokio::test]
async fn a_cancelled_import_keeps_what_it_did_and_a_retry_goes_on_from_there() {
    let file = files::faulty(900);
    let calm = World::new().await;
    let expected = result(&calm, calm.import(&file).await).await;
    let world = World::interrupted(Interruption::Cancel(4)).await;
    let id = world.import(&file).await;
    let row = world.wait_end(id).await;
    assert_eq!((row.state, row.resumable), (JobState::Cancelled, true));
    let kept = world.store.products(None, None, 500).await.unwrap();
    assert!(kept.total > 0, "what was done stays");
    let rejects = world.rejects(id).unwrap();
    assert!(rejects.lines().count() > 1, "{rejects}");
    world.retry(id).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    assert!(world.rejects(id).unwrap().starts_with(&rejects));
    assert_eq!(result(&world, id).await, expected);
}

#[tokio::test]
async fn a_retry_from_the_start_counts_anew() {
    let file = files::faulty(900);
    let world = World::interrupted(Interruption::Cancel(4)).await;
    let id = world.import(&file).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Cancelled);
    let kept = world.store.products(None, None, 1).await.unwrap().total;
    world.retry_from_start(id).await;
    assert_eq!(world.wait_end(id).await.state, JobState::Succeeded);
    let calm = World::new().await;
    let expected = calm.import(&file).await;
    let (again, first) = (world.output(id).await, calm.output(expected).await);
    assert_eq!((again.rows, again.created + kept), (first.rows, first.created));
    assert_eq!(again.updated + again.unchanged, kept);
    assert_eq!(world.catalogue().await, calm.catalogue().await);
}

#[tokio::test]
async fn two_imports_at_once_each_count_their_own() {
    let world = World::new().await;
    let (tidy, untidy) = files::scattered(700);
    let (one, other) = tokio::join!(world.import(&tidy), world.import(&untidy));
    let (one, other) = (world.output(one).await, world.output(other).await);
    for output in [&one, &other] {
        assert_eq!((output.created + output.updated + output.unchanged, output.rejected), (100, 0));
    }
    assert_eq!(one.created + other.created, 100, "each product was created once");
}
