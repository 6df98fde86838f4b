//! The suppliers' simulator over HTTP: what can be set while it runs, by JSON and by its page, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
mod process;
#[path = "supplier_quotes/world.rs"]
mod world;

use common::{PATIENCE, places, problem, text};
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};
use world::{NEVER, Suppliers};

const FORM: &str = "application/x-www-form-urlencoded";

async fn form(suppliers: &Suppliers, path: &str, body: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let mut request = client.post(format!("{}{path}", suppliers.base)).header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned()).send().await.unwrap()
}

async fn settings(suppliers: &Suppliers, id: &str) -> Value {
    suppliers.get(&format!("/suppliers/{id}/settings")).await.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_replaced_and_changed_while_it_runs() {
    let suppliers = Suppliers::start().await;
    let path = "/suppliers/alba/settings";
    let whole = json!({"latency_ms": 5, "error_rate": 0.25, "mode": "twice", "call_back_delay_ms": 7});
    assert_eq!(suppliers.send("PUT", path, &whole).await.json::<Value>().await.unwrap(), whole);
    assert_eq!(settings(&suppliers, "alba").await, whole);
    suppliers.set("alba", json!({"mode": "dead"})).await;
    let changed = settings(&suppliers, "alba").await;
    assert_eq!((text(&changed, "mode"), &changed["latency_ms"]), ("dead", &json!(5)), "the rest stays");
    let listed: Value = suppliers.get("/suppliers").await.json().await.unwrap();
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| text(item, "id").to_owned()).collect();
    assert_eq!(ids, Suppliers::IDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_set_is_a_problem_and_changes_nothing() {
    let suppliers = Suppliers::start().await;
    let before = settings(&suppliers, "alba").await;
    let path = "/suppliers/alba/settings";
    let at = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    for (method, body, wanted) in [
        ("PATCH", json!({"latency_ms": 600_001}), at("/latency_ms", "out-of-range")),
        ("PATCH", json!({"error_rate": 1.5}), at("/error_rate", "out-of-range")),
        ("PATCH", json!({"mode": "asleep"}), at("/mode", "wrong-type")),
        ("PATCH", json!({"latency": 5}), at("/latency", "unknown-field")),
        (
            "PUT",
            json!({"latency_ms": 5, "error_rate": 0, "mode": "answer"}),
            at("/call_back_delay_ms", "missing-field"),
        ),
    ] {
        let refused = problem(suppliers.send(method, path, &body).await, 422, "invalid-input").await;
        assert_eq!(places(&refused), wanted);
    }
    problem(suppliers.get("/suppliers/nobody").await, 404, "not-found").await;
    problem(suppliers.get("/elsewhere").await, 404, "not-found").await;
    problem(suppliers.send("DELETE", path, &json!({})).await, 405, "method-not-allowed").await;
    let ask = "/suppliers/alba/quotes";
    problem(form(&suppliers, ask, "a=b", &[]).await, 415, "not-json").await;
    problem(suppliers.send("POST", ask, &json!({"handles": "mug"})).await, 400, "bad-json").await;
    problem(suppliers.send("POST", ask, &json!({"handles": []})).await, 422, "invalid-input").await;
    assert_eq!(settings(&suppliers, "alba").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_holds_for_questions_that_are_under_way() {
    let suppliers = Suppliers::start().await;
    suppliers.set("alba", json!({"latency_ms": NEVER})).await;
    suppliers.set("dune", json!({"mode": "dead"})).await;
    let question = json!({"handles": ["mug"]});
    let ask = async |id: &str| suppliers.send("POST", &format!("/suppliers/{id}/quotes"), &question).await;
    let release = async {
        suppliers.counts("alba", "asked", 1).await;
        suppliers.set("alba", json!({"latency_ms": 0})).await;
        suppliers.counts("dune", "asked", 1).await;
        suppliers.set("dune", json!({"mode": "answer"})).await;
    };
    let both = async { tokio::join!(ask("alba"), ask("dune"), release) };
    let (alba, dune, ()) = tokio::time::timeout(PATIENCE, both).await.expect("they answer when they may");
    for answer in [alba, dune] {
        let offers: Value = answer.json().await.unwrap();
        assert_eq!(offers["offers"][0]["handle"], "mug");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_put_again_under_its_key_is_called_back_once() {
    let suppliers = Suppliers::start().await;
    suppliers.set("echo", json!({"mode": "call-back", "call_back_delay_ms": NEVER})).await;
    // Nobody listens there, and whoever knows nothing of the key is told apart.
    let question = json!({"handles": ["mug"], "callback_url": format!("{}/nobody", suppliers.base)});
    for key in ["one", "one", "two"] {
        let url = format!("{}/suppliers/echo/quotes", suppliers.base);
        let answer = Client::new().post(url).header("idempotency-key", key).json(&question).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }
    assert_eq!(suppliers.count("echo", "pending").await, 2);
    suppliers.set("echo", json!({"call_back_delay_ms": 0})).await;
    suppliers.counts("echo", "refused", 2).await;
    assert_eq!(suppliers.count("echo", "pending").await, 0);
    let nowhere = json!({"handles": ["mug"]});
    let refused = problem(suppliers.send("POST", "/suppliers/echo/quotes", &nowhere).await, 422, "invalid-input").await;
    assert_eq!(places(&refused), [("/callback_url".to_owned(), "missing-field".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_page_sets_the_same_by_plain_forms_in_both_languages() {
    let suppliers = Suppliers::start().await;
    let page = async |language: &str| {
        let request = Client::new().get(&suppliers.base).header("accept-language", language);
        request.send().await.unwrap().text().await.unwrap()
    };
    let (english, french) = (page("en-GB,fr;q=0.5").await, page("fr-CA,fr;q=0.9,en;q=0.8").await);
    assert!(english.contains("Make it dead") && french.contains("Le rendre muet") && french.contains("lang=\"fr\""));
    assert!(english.contains("Borealis &amp; Sons"), "names are text");
    let sent = form(
        &suppliers,
        "/suppliers/cobalt",
        "mode=call-back&latency_ms=12&error_per_cent=50&call_back_delay_ms=34",
        &[("sec-fetch-site", "same-origin")],
    )
    .await;
    assert_eq!((sent.status().as_u16(), sent.headers()["location"].to_str().unwrap()), (303, "/#cobalt"));
    let wanted = json!({"mode": "call-back", "latency_ms": 12, "error_rate": 0.5, "call_back_delay_ms": 34});
    assert_eq!(settings(&suppliers, "cobalt").await, wanted);
    form(&suppliers, "/suppliers/cobalt", "do=kill", &[]).await;
    assert_eq!(text(&settings(&suppliers, "cobalt").await, "mode"), "dead");
    assert!(page("en").await.contains("Bring it back"));
    let before = settings(&suppliers, "cobalt").await;
    for wrong in ["mode=asleep", "mode=answer&latency_ms=soon&error_per_cent=0&call_back_delay_ms=0", "", "%ff=%zz&=&&"]
    {
        let refused = form(&suppliers, "/suppliers/cobalt", wrong, &[]).await;
        assert_eq!(refused.status(), 422);
        assert!(refused.text().await.unwrap().contains("role=\"alert\""), "in a sentence, on the page");
    }
    let cross = form(&suppliers, "/suppliers/cobalt", "do=revive", &[("sec-fetch-site", "cross-site")]).await;
    problem(cross, 403, "cross-site").await;
    assert_eq!(settings(&suppliers, "cobalt").await, before);
    assert_eq!(form(&suppliers, "/reset", "", &[]).await.status(), 303);
    assert_eq!(settings(&suppliers, "cobalt").await["latency_ms"], 3500, "slow, as at the start");
}

/// What a process of the simulator says first.
fn first_line(child: &mut std::process::Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn the_command_says_where_it_listens_and_ends_with_whoever_started_it() {
    // A shell starts it, waits until it is told to end, and ends: the simulator must follow.
    let script = "\"$0\" suppliers --listen 127.0.0.1:0 --stop-with $$ & echo $!; read line; exit 0";
    let mut shell = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_meanwhile")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut said = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()];
    said.sort();
    assert!(said[1].starts_with("listening on http://127.0.0.1:"), "{said:?}");
    drop(shell.stdin.take());
    shell.wait().unwrap();
    // Its end of stdout closes when it has ended; until then this waits.
    assert!(lines.next().is_none());
}

#[test]
fn a_port_that_is_taken_is_said_in_one_line() {
    let mut first = Command::new(env!("CARGO_BIN_EXE_meanwhile"))
        .args(["suppliers", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = first_line(&mut first);
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let second =
        Command::new(env!("CARGO_BIN_EXE_meanwhile")).args(["suppliers", "--listen", &address]).output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains(&address) && said.trim().lines().count() == 1, "{said}");
}
