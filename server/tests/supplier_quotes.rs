//! `supplier-quotes` over real HTTP: answers as they come, suppliers that fail in every way, call-backs at every moment, breakers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "supplier_quotes/faults.rs"]
mod faults;
#[path = "supplier_quotes/stub.rs"]
mod stub;
#[path = "supplier_quotes/world.rs"]
mod world;

use common::{Server, link, places, problem, text};
use serde_json::{Value, json};
use world::{NEVER, Suppliers, ask, failed, lines, offering, quotes, stands, submit, times};

#[tokio::test(flavor = "multi_thread")]
async fn all_suppliers_are_asked_and_their_prices_are_the_result() {
    let suppliers = Suppliers::start().await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let (job, lines) = quotes(&visitor, json!({"handles": ["mug", "cup", "mug"]})).await;
    let offers = job["result"]["offers"].as_array().unwrap();
    assert_eq!((offers.len(), failed(&job)), (10, vec![]), "five suppliers, two products, each once");
    for offer in offers {
        assert!(["mug", "cup"].contains(&text(offer, "handle")) && offer["currency"] == "EUR", "{offer}");
        assert!(text(offer, "price").parse::<f64>().unwrap() > 0.0 && offer["delivery_days"].as_u64().is_some());
    }
    let asked = lines.iter().filter(|line| line["state"] == "asked").map(|line| text(line, "supplier"));
    assert_eq!(asked.collect::<Vec<_>>(), Suppliers::IDS, "the table has its rows before the first answer");
    let (again, _) = quotes(&visitor, json!({"handles": ["mug"], "suppliers": ["echo", "alba"]})).await;
    let mut some = offering(&again);
    some.sort_unstable();
    assert_eq!(some, ["alba", "echo"]);
    let price = |job: &Value, supplier: &str| {
        let offers = job["result"]["offers"].as_array().unwrap().clone();
        let found = offers.iter().find(|offer| offer["supplier"] == supplier && offer["handle"] == "mug");
        text(found.unwrap(), "price").to_owned()
    };
    assert_eq!(price(&again, "alba"), price(&job, "alba"), "made of the two names");
    assert_ne!((price(&job, "alba"), price(&job, "cobalt")), (price(&job, "borealis"), price(&job, "dune")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slow_one_failing_one_by_call_back_each_told_as_it_comes_and_no_worker_is_held() {
    let suppliers = Suppliers::start().await;
    suppliers.set_all(json!({"latency_ms": NEVER})).await;
    suppliers.set("dune", json!({"latency_ms": 0, "error_rate": 1})).await;
    suppliers.set("echo", json!({"latency_ms": 0, "mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let server = suppliers.server_with(|config| config.engine.workers = 1).await;
    let visitor = server.visitor();
    let job = ask(&visitor, json!({"handles": ["mug"], "within_s": 600})).await;
    stands(&visitor, &job, "echo", "promised").await;
    assert_eq!(stands(&visitor, &job, "dune", "failed").await["reason"], "error");
    // Each is told before the next one may answer.
    for id in ["borealis", "alba", "cobalt"] {
        suppliers.set(id, json!({"latency_ms": 0})).await;
        let line = stands(&visitor, &job, id, "answered").await;
        assert_eq!(line["offers"][0]["handle"], "mug");
    }
    let waiting = visitor.wait_for(&job, "waiting").await;
    let what = &waiting["waiting"]["for"];
    assert_eq!((text(what, "code"), &what["params"]), ("supplier-callbacks", &json!({"suppliers": "Echo Supply"})));
    assert_eq!(waiting["progress"], json!({"done": 4, "total": 5, "unit": "suppliers", "note": null}));
    // The only worker is free: another job runs from its start to its end.
    let other = visitor.finished(json!({"steps": 2, "step_ms": 0})).await;
    assert_eq!(
        (text(&other, "state"), text(&visitor.json(link(&job, "self")).await, "state")),
        ("succeeded", "waiting")
    );
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(offering(&done), ["borealis", "alba", "cobalt", "echo"]);
    assert_eq!((failed(&done), &done["attempt"]), (vec![("dune", "error")], &json!(1)));
    let told: Vec<_> = lines(&visitor, &job).await;
    let told: Vec<_> =
        told.iter().filter(|line| line["state"] == "answered").map(|line| text(line, "supplier")).collect();
    assert_eq!(told, ["borealis", "alba", "cobalt", "echo"]);
    for once in ["started", "waiting", "resumed", "succeeded"] {
        let wanted = if once == "started" { 2 } else { 1 };
        assert_eq!(times(&visitor, &job, once).await, wanted, "{once}");
    }
    for id in ["alba", "borealis", "cobalt", "echo"] {
        assert_eq!(suppliers.count(id, "asked").await, 1, "{id} is not asked again when the job goes on");
    }
    assert_eq!(suppliers.count("dune", "asked").await, 3, "a supplier that fails is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_that_comes_while_others_are_still_asked_is_told_at_once() {
    let suppliers = Suppliers::start().await;
    suppliers.set("alba", json!({"latency_ms": NEVER})).await;
    suppliers.set("echo", json!({"mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let job = ask(&visitor, json!({"handles": ["mug"], "suppliers": ["alba", "echo"], "within_s": 600})).await;
    stands(&visitor, &job, "echo", "promised").await;
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    stands(&visitor, &job, "echo", "answered").await;
    assert_eq!(visitor.json(link(&job, "self")).await["state"], "running", "alba has not answered");
    suppliers.set("alba", json!({"latency_ms": 0})).await;
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(offering(&done), ["echo", "alba"]);
    assert_eq!(times(&visitor, &job, "waiting").await, 0, "there was nothing to wait for");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_back_too_late_is_a_line_and_finds_nobody() {
    let suppliers = Suppliers::start().await;
    suppliers.set("echo", json!({"mode": "late"})).await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let input = json!({"handles": ["mug"], "suppliers": ["alba", "echo"], "within_s": 1});
    let (job, lines) = quotes(&visitor, input).await;
    assert_eq!((offering(&job), failed(&job)), (vec!["alba"], vec![("echo", "too-late")]));
    assert_eq!(lines.last().unwrap()["reason"], "too-late");
    suppliers.counts("echo", "refused", 1).await;
    let resumed = world::log(&visitor, &job).await.into_iter().find(|event| event["type"] == "resumed").unwrap();
    assert_eq!(resumed["data"]["by"], "timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_back_twice_counts_once() {
    let suppliers = Suppliers::start().await;
    suppliers.set("echo", json!({"mode": "twice"})).await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let (job, lines) = quotes(&visitor, json!({"handles": ["mug"], "suppliers": ["echo"]})).await;
    assert_eq!((offering(&job), failed(&job)), (vec!["echo"], vec![]));
    assert_eq!(lines.iter().filter(|line| line["state"] == "answered").count(), 1);
    suppliers.counts("echo", "refused", 1).await;
    assert_eq!(suppliers.count("echo", "delivered").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_is_done_with_its_suppliers_and_a_retry_asks_only_who_has_not_answered() {
    let suppliers = Suppliers::start().await;
    suppliers.set("echo", json!({"mode": "call-back", "call_back_delay_ms": NEVER})).await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let job = ask(&visitor, json!({"handles": ["mug"], "suppliers": ["alba", "echo"], "within_s": 600})).await;
    visitor.wait_for(&job, "waiting").await;
    visitor.post(link(&job, "cancel")).send().await.unwrap();
    visitor.wait_for(&job, "cancelled").await;
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    suppliers.counts("echo", "refused", 1).await;
    assert_eq!(visitor.json(link(&job, "self")).await["state"], "cancelled");
    assert_eq!(visitor.post(link(&job, "retry")).send().await.unwrap().status(), 202);
    let done = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(offering(&done), ["alba", "echo"]);
    assert_eq!(suppliers.count("alba", "asked").await, 1, "its answer was kept");
    assert_eq!(suppliers.count("echo", "asked").await, 2, "its address had died with the first round");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_that_is_cancelled_lets_go_of_its_questions() {
    let suppliers = Suppliers::start().await;
    suppliers.set("alba", json!({"mode": "dead"})).await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let job = ask(&visitor, json!({"handles": ["mug"], "within_s": 600})).await;
    stands(&visitor, &job, "borealis", "answered").await;
    visitor.post(link(&job, "cancel")).send().await.unwrap();
    let cancelled = visitor.wait_for(&job, "cancelled").await;
    assert_eq!(cancelled["result"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_suppliers_the_job_says_so_and_so_does_the_api() {
    let server = Server::start().await;
    let visitor = server.visitor();
    problem(visitor.get("/api/v1/suppliers").send().await.unwrap(), 404, "no-suppliers").await;
    let job = ask(&visitor, json!({"handles": ["mug"]})).await;
    let failed = visitor.wait_for(&job, "failed").await;
    assert_eq!((text(&failed["failure"], "code"), &failed["failure"]["retryable"]), ("no-suppliers", &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there_is_asked_again_and_then_the_job_fails_in_words() {
    // A port that was free a moment ago.
    let gone = Suppliers::start().await.base;
    let server = Server::start_with(|config| config.suppliers = world::asking(&gone)).await;
    let visitor = server.visitor();
    problem(visitor.get("/api/v1/suppliers").send().await.unwrap(), 503, "suppliers-unreachable").await;
    let body = json!({"kind": "supplier-quotes", "input": {"handles": ["mug"]}, "max_attempts": 1});
    let job = visitor.post("/api/v1/jobs").json(&body).send().await.unwrap().json().await.unwrap();
    let failed = visitor.wait_for(&job, "failed").await;
    let failure = &failed["failure"];
    assert_eq!((text(failure, "code"), &failure["retryable"]), ("suppliers-unreachable", &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn suppliers_that_are_gone_since_they_were_listed_are_lines() {
    let suppliers = Suppliers::start().await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    quotes(&visitor, json!({"handles": ["mug"]})).await;
    drop(suppliers);
    let (job, _) = quotes(&visitor, json!({"handles": ["mug"], "suppliers": ["alba", "dune"]})).await;
    let mut failed = failed(&job);
    failed.sort_unstable();
    assert_eq!(failed, [("alba", "unreachable"), ("dune", "unreachable")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_knows_is_a_line_and_what_cannot_be_is_refused() {
    let suppliers = Suppliers::start().await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let (job, _) = quotes(&visitor, json!({"handles": ["mug"], "suppliers": ["alba", "zephyr"]})).await;
    assert_eq!((offering(&job), failed(&job)), (vec!["alba"], vec![("zephyr", "unknown-supplier")]));
    let many: Vec<_> = (0..101).map(|n| format!("p{n}")).collect();
    for (input, pointer, code) in [
        (json!({}), "handles", "missing-field"),
        (json!({"handles": []}), "handles", "none-chosen"),
        (json!({"handles": many}), "handles", "too-many"),
        (json!({"handles": ["a,b"]}), "handles", "bad-name"),
        (json!({"handles": "mug"}), "handles", "wrong-type"),
        (json!({"handles": ["mug"], "suppliers": []}), "suppliers", "none-chosen"),
        (json!({"handles": ["mug"], "suppliers": ["../../etc"]}), "suppliers", "bad-name"),
        (json!({"handles": ["mug"], "within_s": 0}), "within_s", "out-of-range"),
        (json!({"handles": ["mug"], "whithin_s": 5}), "whithin_s", "unknown-field"),
    ] {
        let refused = problem(submit(&visitor, input).await, 422, "invalid-input").await;
        assert_eq!(places(&refused), [(format!("/input/{pointer}"), code.to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_products_with_long_names_fit_into_events_and_result() {
    let suppliers = Suppliers::start().await;
    let server = suppliers.server().await;
    let visitor = server.visitor();
    let handles: Vec<_> = (0..100).map(|n| format!("{}-{n}", "h".repeat(200))).collect();
    let job = ask(&visitor, json!({"handles": handles, "suppliers": ["alba"]})).await;
    visitor.wait_for(&job, "succeeded").await;
    let result = visitor.json(link(&job, "result")).await;
    let offered: Vec<_> = result["offers"].as_array().unwrap().iter().map(|offer| text(offer, "handle")).collect();
    assert_eq!(offered, handles);
    let lines = lines(&visitor, &job).await;
    let told = lines.iter().flat_map(|line| line["offers"].as_array().into_iter().flatten());
    assert_eq!(told.map(|offer| text(offer, "handle")).collect::<Vec<_>>(), handles, "none is lost between the lines");
}
