//! Suppliers that fail: each in its own way, each a line and never a failed job; and the breaker that leaves them alone.

use crate::{
    common::{PATIENCE, Server, link, text},
    stub::{Stub, answer, offers},
    world::{Suppliers, ask, asking, failed, lines, offering, quotes, stands},
};
use serde_json::{Value, json};
use server::kinds::supplier_quotes::breaker::BreakerConfig;
use std::time::{Duration, Instant};

async fn with_stub(stub: &Stub) -> Server {
    Server::start_with(|config| config.suppliers = asking(&stub.base)).await
}

fn mug() -> Value {
    json!({"handles": ["mug"], "within_s": 600})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_fail_is_a_line_with_its_reason_and_the_others_answer() {
    let suppliers = Suppliers::start().await;
    suppliers.set("alba", json!({"mode": "garbage"})).await;
    suppliers.set("borealis", json!({"mode": "too-much"})).await;
    suppliers.set("cobalt", json!({"mode": "dead"})).await;
    suppliers.set("dune", json!({"error_rate": 1})).await;
    let server = suppliers.server_with(|config| config.suppliers.patience.per_try = Duration::from_millis(300)).await;
    let (job, lines) = quotes(&server.visitor(), mug()).await;
    let mut failed = failed(&job);
    failed.sort_unstable();
    let wanted = [("alba", "garbage"), ("borealis", "too-much"), ("cobalt", "timeout"), ("dune", "error")];
    assert_eq!((failed, offering(&job)), (wanted.to_vec(), vec!["echo"]));
    let said = |id: &str| lines.iter().rev().find(|line| line["supplier"] == id).unwrap()["reason"].clone();
    assert!(wanted.iter().all(|(id, reason)| said(id) == *reason), "{lines:?}");
    assert_eq!(suppliers.count("alba", "asked").await, 1, "who talks nonsense is not asked again");
    assert_eq!(suppliers.count("cobalt", "asked").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_at_every_second_question_is_tried_again_and_answers() {
    let suppliers = Suppliers::start().await;
    suppliers.set("dune", json!({"error_rate": 0.5})).await;
    let server = suppliers.server().await;
    for _ in 0..4 {
        let (job, _) = quotes(&server.visitor(), json!({"handles": ["mug"], "suppliers": ["dune"]})).await;
        assert_eq!(offering(&job), ["dune"]);
    }
    assert!(suppliers.count("dune", "asked").await >= 7, "half of the questions failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_supplier_opens_its_breaker_other_jobs_go_on_and_it_recovers_by_itself() {
    let suppliers = Suppliers::start().await;
    suppliers.set("cobalt", json!({"mode": "dead"})).await;
    let server = suppliers
        .server_with(|config| {
            config.suppliers.patience.per_try = Duration::from_millis(100);
            let cool_down = Duration::from_millis(400);
            config.suppliers.breaker = BreakerConfig { failures: 3, cool_down, longest: cool_down };
        })
        .await;
    let visitor = server.visitor();
    let circuit = async || {
        let list = visitor.json("/api/v1/suppliers").await;
        let items = list["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["id"] == "cobalt").unwrap()
    };
    assert_eq!(text(&circuit().await, "circuit"), "closed");
    let (job, told) = quotes(&visitor, mug()).await;
    assert_eq!(failed(&job), [("cobalt", "timeout")]);
    let line = told.iter().rev().find(|line| line["supplier"] == "cobalt").unwrap();
    assert_eq!(line["circuit"], "open", "the page tells");
    // Others ask meanwhile; who finds it open does not wait for it.
    let started = Instant::now();
    loop {
        let (job, _) = quotes(&visitor, mug()).await;
        assert_eq!(offering(&job).len(), 4, "the other four answer");
        match failed(&job)[..] {
            [("cobalt", "circuit-open")] => break,
            // A probe of a job that came when the while was over.
            [("cobalt", "timeout")] => assert!(started.elapsed() < PATIENCE),
            ref other => panic!("{other:?}"),
        }
    }
    suppliers.set("cobalt", json!({"mode": "answer"})).await;
    let started = Instant::now();
    loop {
        let (job, _) = quotes(&visitor, mug()).await;
        if failed(&job).is_empty() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it never recovered: {:?}", failed(&job));
    }
    assert_eq!((text(&circuit().await, "circuit"), &circuit().await["open_until"]), ("closed", &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_spares_the_supplier_and_says_until_when() {
    let suppliers = Suppliers::start().await;
    suppliers.set("dune", json!({"error_rate": 1})).await;
    let server = suppliers.server_with(|config| config.suppliers.breaker = BreakerConfig::default()).await;
    let visitor = server.visitor();
    let (first, _) = quotes(&visitor, mug()).await;
    let (second, _) = quotes(&visitor, mug()).await;
    assert_eq!((failed(&first), failed(&second)), (vec![("dune", "error")], vec![("dune", "circuit-open")]));
    assert_eq!(suppliers.count("dune", "asked").await, 3, "the second job left it alone");
    let list = visitor.json("/api/v1/suppliers").await;
    let dune = list["items"].as_array().unwrap().iter().find(|item| item["id"] == "dune").unwrap().clone();
    assert_eq!(text(&dune, "circuit"), "open");
    assert!(text(&dune, "open_until").ends_with('Z'));
    assert_eq!(list["control"], format!("{}/", suppliers.base));
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_obeyed_within_limits() {
    let stub = Stub::start(|n, _| match n {
        0 => answer(429, &[("retry-after", "0")], ""),
        1 => answer(503, &[("retry-after", "0")], ""),
        2 => answer(200, &[], &offers("7.50").to_string()),
        _ => answer(429, &[("retry-after", "3600")], ""),
    })
    .await;
    let server = with_stub(&stub).await;
    let (job, _) = quotes(&server.visitor(), mug()).await;
    assert_eq!(job["result"]["offers"][0]["price"], "7.50");
    let keys: Vec<_> = stub.asked().into_iter().map(|(key, _)| key).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "one question, put three times: {keys:?}");
    let (job, _) = quotes(&server.visitor(), mug()).await;
    assert_eq!(failed(&job), [("stub", "busy")]);
    assert_eq!(stub.asked().len(), 4, "an hour is not waited for");
    assert_ne!(stub.asked()[3].0, keys[0], "another job asks another question");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_supplier_says_leads_elsewhere() {
    let stub = Stub::start(|_, _| answer(307, &[("location", "/suppliers/stub/quotes")], "")).await;
    let server = with_stub(&stub).await;
    let (job, _) = quotes(&server.visitor(), mug()).await;
    assert_eq!((failed(&job), stub.asked().len()), (vec![("stub", "refused")], 1));
    let list = server.visitor().json("/api/v1/suppliers").await;
    assert_eq!(list["control"], Value::Null, "a page elsewhere is none of the directory's");
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_of_another_shape_are_garbage_by_whatever_way_they_come() {
    for wrong in [offers("-1"), offers("cheap"), json!({"offers": {}}), json!([]), json!("mug"), json!(null)] {
        let body = wrong.to_string();
        let stub = Stub::start(move |_, _| answer(200, &[], &body)).await;
        let (job, _) = quotes(&with_stub(&stub).await.visitor(), mug()).await;
        assert_eq!(failed(&job), [("stub", "garbage")], "{wrong}");
        let stub = Stub::start(|_, _| answer(202, &[], "")).await;
        let server = with_stub(&stub).await;
        let visitor = server.visitor();
        let job = ask(&visitor, mug()).await;
        visitor.wait_for(&job, "waiting").await;
        assert_eq!(post(&stub, 0, &wrong).await, 204, "it is JSON, and so the address is used up");
        let done = visitor.wait_for(&job, "succeeded").await;
        assert_eq!(failed(&done), [("stub", "garbage")], "{wrong}");
        assert_eq!(post(&stub, 0, &offers("1")).await, 404);
    }
}

/// Calls back where the nth question said.
async fn post(stub: &Stub, n: usize, body: &Value) -> u16 {
    let url = text(&stub.asked()[n].1, "callback_url").to_owned();
    reqwest::Client::new().post(url).json(body).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_and_calls_back_too_counts_once_by_what_came_first() {
    let stub = Stub::start(|n, question| {
        if n > 0 {
            return answer(200, &[], &offers("2.00").to_string());
        }
        // Before its own answer has left.
        let url = text(&question, "callback_url").to_owned();
        let posted = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                reqwest::Client::new().post(url).json(&offers("1.00")).send().await.unwrap().status()
            })
        });
        assert_eq!(posted.join().unwrap(), 204, "it may come before there is anything to wait for");
        answer(503, &[], "")
    })
    .await;
    let server = with_stub(&stub).await;
    let visitor = server.visitor();
    let (job, told) = quotes(&visitor, mug()).await;
    let offers = job["result"]["offers"].as_array().unwrap();
    assert_eq!(offers.len(), 1, "{offers:?}");
    let answered: Vec<_> = told.iter().filter(|line| line["state"] == "answered").collect();
    assert_eq!((answered.len(), &answered[0]["offers"][0]["price"]), (1, &offers[0]["price"]));
    assert_eq!(text(&offers[0], "price"), "1.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_moves_nothing() {
    let stub = Stub::start(|_, _| answer(202, &[], "")).await;
    let server = with_stub(&stub).await;
    let visitor = server.visitor();
    let job = ask(&visitor, mug()).await;
    visitor.wait_for(&job, "waiting").await;
    let other = text(&stub.asked()[0].1, "callback_url").replace("/callbacks/", "/callbacks/x");
    assert_eq!(reqwest::Client::new().post(other).json(&offers("1")).send().await.unwrap().status(), 404);
    assert_eq!(visitor.json(link(&job, "self")).await["state"], "waiting");
    assert_eq!(post(&stub, 0, &offers("3.00")).await, 204);
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(done["result"]["offers"][0]["price"], "3.00");
    assert_eq!(lines(&visitor, &job).await.len(), 3, "asked, promised, answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impatient_owner_is_no_evidence_against_a_supplier() {
    let suppliers = Suppliers::start().await;
    suppliers.set("alba", json!({"mode": "dead"})).await;
    let breaker = BreakerConfig { failures: 1, ..BreakerConfig::default() };
    let server = suppliers.server_with(|config| config.suppliers.breaker = breaker).await;
    let visitor = server.visitor();
    let job = ask(&visitor, json!({"handles": ["mug"], "suppliers": ["alba"], "within_s": 1})).await;
    let line = stands(&visitor, &job, "alba", "failed").await;
    assert_eq!((&line["reason"], &line["circuit"]), (&json!("timeout"), &json!("closed")));
}
