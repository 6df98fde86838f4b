//! Accepting: durable (1), in a gap-free stream (2), once per key (7), with one's own uploads.

use super::fixture::*;
use domain::JobState;
use server::store::*;

pub async fn an_accepted_job_is_there_after_reopening(bench: Bench) {
    let made = bench.accept(NewJob { run_at: Some(at(5000)), origin: Some(job_id()), ..new_job(OWNER) }).await;
    let bench = bench.restart().await;
    let snapshot = bench.store.job(OWNER, made.id).await.unwrap().unwrap();
    assert_eq!((snapshot.value, snapshot.head), (made, 1));
    bench.assert_sound(OWNER).await;
}

pub async fn a_stream_is_gap_free_under_fifty_tasks(bench: Bench) {
    let tasks: Vec<_> = (0..50)
        .map(|task| {
            let store = bench.store.clone();
            let owner = if task % 5 == 0 { OTHER } else { OWNER };
            tokio::spawn(async move {
                for _ in 0..10 {
                    let job = new_job(owner);
                    let id = job.id;
                    store.accept(job, at(0)).await.unwrap();
                    let claimed =
                        store.claim("worker", &[Quota::unlimited(KIND)], 2, at(1), at(LEASE_MS)).await.unwrap();
                    for claimed in claimed {
                        let step = Advance { progress: Some(progress(1)), ..Advance::default() };
                        store.advance(claimed.lease, step, at(2)).await.unwrap().ok();
                        store.finish(claimed.lease, success(), at(3)).await.unwrap().ok();
                    }
                    store.cancel(owner, id, at(4)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(bench.head().await >= 400);
    bench.assert_sound(OWNER).await;
    bench.assert_sound(OTHER).await;
}

pub async fn the_same_key_makes_one_job_however_many_ask_at_once(bench: Bench) {
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = bench.store.clone();
            let job = NewJob { idempotency: key("k", 1, at(0)), ..new_job(OWNER) };
            tokio::spawn(async move { store.accept(job, at(0)).await.unwrap() })
        })
        .collect();
    let (mut ids, mut created) = (Vec::new(), 0);
    for task in tasks {
        match task.await.unwrap() {
            Accepted::Created(snapshot, _) => {
                created += 1;
                ids.push(snapshot.value.id);
            }
            Accepted::Replayed(snapshot) => ids.push(snapshot.value.id),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!((ids.len(), created, bench.head().await), (1, 1, 1));
}

pub async fn a_key_names_one_request_until_it_is_forgotten(bench: Bench) {
    let keyed = |fingerprint, now| NewJob { idempotency: key("k", fingerprint, now), ..new_job(OWNER) };
    let first = bench.accept(keyed(1, at(0))).await;
    assert_eq!(bench.store.accept(keyed(2, at(1)), at(1)).await.unwrap(), Accepted::KeyReused);
    let claimed = bench.claim_one(at(2)).await;
    bench.finish(claimed.lease, success(), at(3)).await;
    // The replay is the job as it is now, also after a restart.
    let bench = bench.restart().await;
    match bench.store.accept(keyed(1, at(4)), at(4)).await.unwrap() {
        Accepted::Replayed(snapshot) => {
            assert_eq!((snapshot.value.id, snapshot.value.state), (first.id, JobState::Succeeded));
            assert_eq!(snapshot.head, 3);
        }
        other => panic!("{other:?}"),
    }
    let next_day = at(86_400_001);
    let later = bench.accept_at(keyed(2, next_day), next_day).await;
    assert_ne!(later.id, first.id);
    assert!(matches!(bench.store.accept(keyed(2, next_day), next_day).await.unwrap(), Accepted::Replayed(_)));
}

pub async fn keys_of_different_owners_do_not_meet(bench: Bench) {
    let mine = bench.accept(NewJob { idempotency: key("k", 1, at(0)), ..new_job(OWNER) }).await;
    let theirs = bench.accept(NewJob { idempotency: key("k", 2, at(0)), ..new_job(OTHER) }).await;
    assert_ne!(mine.id, theirs.id);
}

pub async fn a_job_uses_only_its_owners_uploads(bench: Bench) {
    let (mine, theirs, absent) = (upload(OWNER, 10, at(0)), upload(OTHER, 10, at(0)), upload_id());
    bench.store.add_upload(mine.clone()).await.unwrap();
    bench.store.add_upload(theirs.clone()).await.unwrap();
    for missing in [theirs.id, absent] {
        let job = NewJob { uploads: vec![mine.id, missing], idempotency: key("k", 1, at(0)), ..new_job(OWNER) };
        assert_eq!(bench.store.accept(job, at(0)).await.unwrap(), Accepted::UploadMissing(missing));
    }
    // Nothing of the refused ones was kept, their key neither.
    assert_eq!(bench.head().await, 0);
    bench.accept(NewJob { uploads: vec![mine.id], idempotency: key("k", 2, at(0)), ..new_job(OWNER) }).await;
    assert_eq!(bench.store.upload(OWNER, mine.id).await.unwrap(), Some(mine));
    assert_eq!(bench.store.upload(OWNER, theirs.id).await.unwrap(), None);
}

pub async fn an_upload_stays_as_long_as_a_job_uses_it(bench: Bench) {
    let (used, old, young) = (upload(OWNER, 10, at(0)), upload(OWNER, 20, at(1)), upload(OWNER, 40, at(1000)));
    for upload in [&used, &old, &young] {
        bench.store.add_upload(upload.clone()).await.unwrap();
    }
    assert_eq!(bench.store.upload_bytes(OWNER).await.unwrap(), 70);
    assert_eq!(bench.store.upload_bytes(OTHER).await.unwrap(), 0);
    bench.accept(NewJob { uploads: vec![used.id, used.id], ..new_job(OWNER) }).await;
    assert_eq!(bench.store.known_uploads(vec![young.id, upload_id(), old.id]).await.unwrap(), [young.id, old.id]);
    assert_eq!(bench.store.expire_uploads(at(1000), 10).await.unwrap(), [old.id]);
    assert_eq!(bench.store.known_uploads(vec![old.id]).await.unwrap(), []);
    assert_eq!(bench.store.expire_uploads(at(1000), 10).await.unwrap(), []);
    assert_eq!(bench.store.upload_bytes(OWNER).await.unwrap(), 50);
    let again = NewJob { uploads: vec![old.id], ..new_job(OWNER) };
    assert_eq!(bench.store.accept(again, at(2)).await.unwrap(), Accepted::UploadMissing(old.id));
}

pub async fn a_large_input_comes_back_whole(bench: Bench) {
    for size in [1023, 1024, 1025, 200_000] {
        let input = format!("\"{}\"", "é".repeat(size / 2));
        let made = bench.accept(NewJob { input: input.clone(), ..new_job(OWNER) }).await;
        assert_eq!(bench.row(made.id).await.input, input);
        assert_eq!(bench.claim_one(at(1)).await.row.input, input);
    }
}

pub async fn a_commit_tells_what_it_changed(bench: Bench) {
    bench.accept(new_job(OWNER)).await;
    let told = Committed { heads: vec![(OWNER, 1)], claimable: true, ..Committed::default() };
    assert_eq!(bench.heard(), [told]);
    bench.accept(NewJob { run_at: Some(at(5000)), ..new_job(OWNER) }).await;
    let told = Committed { heads: vec![(OWNER, 2)], due: Some(at(5000)), ..Committed::default() };
    assert_eq!(bench.heard(), [told]);
    let claimed = bench.claim_one(at(10)).await;
    assert_eq!(bench.heard(), [Committed { heads: vec![(OWNER, 3)], ..Committed::default() }]);
    bench.store.cancel(OWNER, claimed.lease.job, at(11)).await.unwrap();
    let cancel_requested = vec![claimed.lease.job];
    assert_eq!(bench.heard(), [Committed { heads: vec![(OWNER, 4)], cancel_requested, ..Committed::default() }]);
    bench.finish(claimed.lease, Finish::Cancelled, at(12)).await;
    assert_eq!(bench.heard(), [Committed { heads: vec![(OWNER, 5)], ..Committed::default() }]);
    bench.store.promote_due(at(5000), 10).await.unwrap();
    let told = Committed { heads: vec![(OWNER, 6)], claimable: true, ..Committed::default() };
    assert_eq!(bench.heard(), [told]);
    let claimed = bench.claim_one(at(5001)).await;
    bench.heard();
    bench.finish(claimed.lease, Finish::Retry { failure: failure("rain"), at: at(9000) }, at(5002)).await;
    let told = Committed { heads: vec![(OWNER, 9)], due: Some(at(9000)), ..Committed::default() };
    assert_eq!(bench.heard(), [told]);
    // What changes nothing wakes nobody.
    bench.claim("worker", 1, at(5003)).await;
    assert_eq!(bench.heard(), []);
}
