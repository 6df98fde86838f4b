//! Claiming and working: one job to one worker, and every write fenced by its lease (3).

use super::fixture::*;
use domain::{EventType, JobState, api::EVENT_LIMIT, catalogue::ProductEdit};
use server::store::*;
use std::collections::HashSet;

pub async fn a_claim_takes_each_job_once_and_in_order(bench: Bench) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.accept(new_job(OWNER)).await.id);
    }
    let claimed = bench.claim("worker", 3, at(10)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.lease.job).collect::<Vec<_>>(), ids[..3]);
    for claimed in &claimed {
        assert_eq!((claimed.row.state, claimed.row.attempt, claimed.row.jseq), (JobState::Running, 1, 2));
        assert_eq!(claimed.row, bench.row(claimed.lease.job).await);
        assert_eq!(claimed.checkpoint, None);
    }
    let rest = bench.claim("worker", 10, at(11)).await;
    assert_eq!(rest.iter().map(|claimed| claimed.lease.job).collect::<Vec<_>>(), ids[3..]);
    assert_eq!(bench.claim("worker", 10, at(12)).await, []);
    bench.assert_sound(OWNER).await;
}

pub async fn a_claim_takes_only_the_kinds_it_knows(bench: Bench) {
    bench.accept(NewJob { kind: "other".into(), ..new_job(OWNER) }).await;
    let known = bench.accept(new_job(OWNER)).await;
    let claimed = bench.claim("worker", 10, at(10)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.lease.job).collect::<Vec<_>>(), [known.id]);
    assert_eq!(bench.store.claim("worker", &[], 10, at(10), at(LEASE_MS)).await.unwrap(), []);
}

pub async fn concurrent_claims_share_no_job(bench: Bench) {
    for _ in 0..60 {
        bench.accept(new_job(OWNER)).await;
    }
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let store = bench.store.clone();
            let worker = format!("worker {task}");
            tokio::spawn(async move {
                store.claim(&worker, &[Quota::unlimited(KIND)], 7, at(1), at(LEASE_MS)).await.unwrap()
            })
        })
        .collect();
    let mut jobs = Vec::new();
    for task in tasks {
        jobs.extend(task.await.unwrap().into_iter().map(|claimed| claimed.lease.job));
    }
    assert_eq!(jobs.len(), 60);
    assert_eq!(jobs.into_iter().collect::<HashSet<_>>().len(), 60);
}

pub async fn a_stale_lease_writes_nothing(bench: Bench) {
    let stale = bench.running().await.lease;
    bench.store.rescue(at(20_000), None, false, 10).await.unwrap();
    let current = bench.claim_one(at(20_001)).await.lease;
    assert!(current.token > stale.token);
    let (row, head) = (bench.row(stale.job).await, bench.head().await);
    let step = Advance {
        progress: Some(progress(3)),
        partials: vec!["{}".into()],
        checkpoint: Some("1".into()),
        ..Advance::default()
    };
    for lease in [stale, Lease { job: stale.job, token: 99 }, Lease { job: job_id(), token: 1 }] {
        assert_eq!(bench.store.advance(lease, step.clone(), at(20_002)).await.unwrap(), Err(LeaseLost));
        for finish in [success(), Finish::Cancelled, Finish::Released, retry(), failed()] {
            assert_eq!(bench.store.finish(lease, finish, at(20_003)).await.unwrap(), Err(LeaseLost));
        }
        let renewed = bench.store.renew(&[lease], at(99_999)).await.unwrap();
        assert_eq!(renewed, [LeaseState { lease, held: false, cancel_requested: false }]);
    }
    assert_eq!((bench.row(stale.job).await, bench.head().await), (row, head));
    bench.finish(current, success(), at(20_004)).await;
    // Its own lease is no good either once the job has ended.
    assert_eq!(bench.store.advance(current, step, at(20_005)).await.unwrap(), Err(LeaseLost));
    assert_eq!(bench.store.finish(current, success(), at(20_005)).await.unwrap(), Err(LeaseLost));
    bench.assert_sound(OWNER).await;
}

fn retry() -> Finish {
    Finish::Retry { failure: failure("rain"), at: at(30_000) }
}

fn failed() -> Finish {
    Finish::Failed { failure: failure("rain"), files: Vec::new() }
}

pub async fn a_renewal_tells_held_lost_and_cancel(bench: Bench) {
    let (held, asked, ended) = (bench.running().await.lease, bench.running().await.lease, bench.running().await.lease);
    bench.store.cancel(OWNER, asked.job, at(20)).await.unwrap();
    bench.finish(ended, success(), at(20)).await;
    let states = bench.store.renew(&[held, asked, ended], at(50_000)).await.unwrap();
    let expected = [(held, true, false), (asked, true, true), (ended, false, false)];
    assert_eq!(states, expected.map(|(lease, held, cancel_requested)| LeaseState { lease, held, cancel_requested }));
    // Renewed to 50,000: nothing to rescue before.
    assert_eq!(bench.store.rescue(at(49_999), None, false, 10).await.unwrap(), []);
    assert_eq!(bench.store.rescue(at(50_001), None, false, 10).await.unwrap().len(), 2);
}

pub async fn a_step_commits_its_events_together(bench: Bench) {
    let lease = bench.running().await.lease;
    let step = Advance {
        progress: Some(progress(4)),
        partials: vec![r#"{"step":1}"#.into(), r#"{"step":2}"#.into()],
        checkpoint: Some(r#"{"step":2}"#.into()),
        ..Advance::default()
    };
    bench.heard();
    assert_eq!(bench.advance(lease, step).await, Advanced::default());
    assert_eq!(bench.heard(), [Committed { heads: vec![(OWNER, 5)], ..Committed::default() }]);
    let events = bench.events(lease.job).await;
    let tail: Vec<_> = events[2..].iter().map(|event| (event.type_, event.data.as_str())).collect();
    assert_eq!(tail[..2], [(EventType::Partial, r#"{"step":1}"#), (EventType::Partial, r#"{"step":2}"#)]);
    assert_eq!(tail[2].0, EventType::Progress);
    let row = bench.row(lease.job).await;
    assert_eq!((row.progress, row.resumable, row.jseq), (Some(progress(4)), true, 5));
    // A checkpoint alone makes no event.
    bench.advance(lease, checkpoint("3")).await;
    assert_eq!(bench.head().await, 5);
    bench.store.cancel(OWNER, lease.job, at(21)).await.unwrap();
    assert!(bench.advance(lease, Advance::default()).await.cancel_requested);
    bench.assert_sound(OWNER).await;
}

pub async fn a_checkpoint_is_what_the_next_attempt_starts_with(bench: Bench) {
    let mut lease = bench.running().await.lease;
    // Short and long by turns: wherever it is kept, the latest counts.
    for text in ["1".to_owned(), "2".repeat(5000), "3".into(), "4".repeat(300_000)] {
        bench.advance(lease, checkpoint(&text)).await;
        bench.finish(lease, Finish::Released, at(30)).await;
        let claimed = bench.claim_one(at(40)).await;
        assert_eq!(claimed.checkpoint.as_deref(), Some(text.as_str()));
        assert!(claimed.row.resumable);
        lease = claimed.lease;
    }
    let started = bench.events(lease.job).await.pop().unwrap();
    assert_eq!(started.data, r#"{"attempt":1,"resumed_from":true}"#);
    bench.finish(lease, success(), at(50)).await;
    assert!(!bench.row(lease.job).await.resumable);
    bench.assert_sound(OWNER).await;
}

pub async fn a_large_event_is_refused_and_leaves_nothing(bench: Bench) {
    let lease = bench.running().await.lease;
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(EVENT_LIMIT));
    let step = Advance {
        progress: Some(progress(4)),
        partials: vec!["{}".into(), large],
        checkpoint: Some("1".into()),
        ..Advance::default()
    };
    assert!(matches!(bench.store.advance(lease, step, at(20)).await, Err(StoreError::Driver(_))));
    let row = bench.row(lease.job).await;
    assert_eq!((row.progress, row.resumable, row.jseq, bench.head().await), (None, false, 2, 2));
}

pub async fn a_catalogue_batch_commits_with_its_step(bench: Bench) {
    let lease = bench.running().await.lease;
    let row = CatalogueRow {
        line: 2,
        handle: "mug".into(),
        product: Some(ProductCells { title: "Mug".into(), ..ProductCells::default() }),
        ..CatalogueRow::default()
    };
    let step = Advance {
        progress: Some(progress(1)),
        checkpoint: Some("1".into()),
        catalogue: Some(CatalogueBatch { rows: vec![row] }),
        ..Advance::default()
    };
    bench.heard();
    let stale = Lease { token: lease.token + 1, ..lease };
    assert_eq!(bench.store.advance(stale, step.clone(), at(20)).await.unwrap(), Err(LeaseLost));
    assert_eq!(bench.store.product("mug").await.unwrap(), None);
    let counts = bench.advance(lease, step.clone()).await.catalogue.unwrap();
    assert_eq!((counts.created, counts.updated, counts.unchanged), (1, 0, 0));
    let revision = bench.store.catalogue().await.unwrap().revision;
    let told = Committed { heads: vec![(OWNER, 3)], catalogue: Some(revision), ..Committed::default() };
    assert_eq!(bench.heard(), [told]);
    assert_eq!(bench.store.product("mug").await.unwrap().unwrap().title, "Mug");
    // The same again changes nothing, and says so to nobody.
    bench.advance(lease, step).await;
    assert_eq!(bench.heard(), [Committed { heads: vec![(OWNER, 4)], ..Committed::default() }]);
    assert_eq!(bench.store.catalogue().await.unwrap().revision, revision);
}

pub async fn a_commit_tells_how_many_jobs_change_the_catalogue(bench: Bench) {
    let changing = |bench: &Bench| bench.heard().into_iter().filter_map(|told| told.changing).collect::<Vec<_>>();
    let import = || NewJob { kind: domain::kinds::catalogue_import::NAME.into(), ..new_job(OWNER) };
    bench.accept(import()).await;
    bench.accept(import()).await;
    assert_eq!(changing(&bench), [0; 0], "they do not run yet");
    let quota = [Quota::unlimited(domain::kinds::catalogue_import::NAME)];
    let claimed = bench.store.claim("w", &quota, 2, at(10), at(1_000)).await.unwrap();
    assert_eq!(changing(&bench), [2]);
    assert_eq!(bench.store.catalogue().await.unwrap().jobs(), 2);
    bench.advance(claimed[0].lease, checkpoint("1")).await;
    assert_eq!(changing(&bench), [0; 0]);
    bench.finish(claimed[0].lease, success(), at(20)).await;
    bench.finish(claimed[1].lease, Finish::Released, at(20)).await;
    assert_eq!(changing(&bench), [1, 0]);
    assert_eq!(bench.store.catalogue().await.unwrap().jobs(), 0);
    bench.running().await;
    assert_eq!(changing(&bench), [0; 0], "jobs of other kinds do not count");
}

pub async fn an_edit_is_made_of_what_it_expects_only(bench: Bench) {
    let lease = bench.running().await.lease;
    let row = CatalogueRow {
        line: 2,
        handle: "mug".into(),
        product: Some(ProductCells { title: "Mug".into(), ..ProductCells::default() }),
        ..CatalogueRow::default()
    };
    bench.advance(lease, Advance { catalogue: Some(CatalogueBatch { rows: vec![row] }), ..Advance::default() }).await;
    let mug = bench.store.product("mug").await.unwrap().unwrap();
    bench.heard();
    let edit = |revision: u64, title: &str| {
        let edit = ProductEdit { title: Some(title.to_owned()), ..ProductEdit::default() };
        bench.store.edit_product("mug", Expected::Revisions(vec![revision]), edit, at(30))
    };
    let Edited::Done(cup) = edit(mug.revision, "Cup").await.unwrap() else { panic!("not done") };
    let told = Committed { catalogue: Some(cup.revision), ..Committed::default() };
    assert_eq!((bench.heard(), cup.revision > mug.revision), (vec![told], true));
    assert_eq!(edit(mug.revision, "Beaker").await.unwrap(), Edited::Changed(cup.clone()));
    assert_eq!(edit(cup.revision, "Cup").await.unwrap(), Edited::Done(cup.clone()));
    assert_eq!(bench.heard(), [], "nothing changed, so nobody is told");
    // Of many at once that have seen the same, one is made.
    let seen = cup.revision;
    let titles: Vec<String> = (0..20).map(|number| format!("Cup {number}")).collect();
    let answers = futures_util::future::join_all(titles.iter().map(|title| edit(seen, title))).await;
    let made = answers.into_iter().filter(|answer| matches!(answer, Ok(Edited::Done(_)))).count();
    assert_eq!(made, 1);
    assert_eq!(bench.store.catalogue().await.unwrap().revision, seen + 1);
    let bench = bench.restart().await;
    assert_eq!(bench.store.product("mug").await.unwrap().unwrap().changed_by, domain::api::ChangedBy::Edit);
}
