//! Who may use the operator's routes, and what the others learn: nothing.

use super::{Operator, TOKEN, id, start, start_with};
use crate::common::{Visitor, header, problem, text, visitor};
use reqwest::StatusCode;
use serde_json::{Value, json};

const READS: [&str; 4] = ["", "/jobs", "/count?action=retry", "/jobs/0190d3f4-1c2b-7a3d-8e4f-00112233aabb"];
const WRITES: [&str; 3] = ["/retry", "/cancel", "/bulk"];

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_every_route_is_401_and_tells_of_no_job() {
    let (server, _) = start().await;
    let mine = server.visitor();
    let job = mine.held(1).await;
    let there = format!("/jobs/{}", id(&job));
    for path in READS.iter().copied().chain([there.as_str()]) {
        let response = mine.get(&format!("/api/v1/operations{path}")).send().await.unwrap();
        assert!(header(&response, "www-authenticate").starts_with("Bearer "));
        problem(response, 401, "operator-required").await;
    }
    for path in WRITES {
        // Refused before the body is looked at, so a broken one gets the same answer as one that names a job.
        let path = format!("/api/v1/operations{path}");
        problem(mine.post(&path).json(&json!({"jobs": [id(&job)]})).send().await.unwrap(), 401, "operator-required")
            .await;
        problem(mine.post(&path).body("{").send().await.unwrap(), 401, "operator-required").await;
    }
    assert_eq!(text(&mine.json(&format!("/api/v1{there}")).await, "state"), "running", "nothing was done to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_many_times_is_refused_the_same_way_and_then_not_heard_from_this_machine_either() {
    let (server, operator) = start().await;
    operator.read("").await;
    let mut answers = Vec::new();
    for guess in 0..10 {
        let request = operator.0.get("/api/v1/operations").bearer_auth(format!("guess {guess}"));
        answers.push(problem(request.send().await.unwrap(), 401, "wrong-token").await);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "nothing is revealed");
    let response = operator.get("").send().await.unwrap();
    assert!(header(&response, "retry-after").parse::<u64>().unwrap() >= 1);
    problem(response, 429, "too-many-attempts").await;
    // The form is judged by the same count.
    let form = form_of(server.visitor().post("/operations/sign-in"), format!("token={TOKEN}")).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(form.headers().contains_key("retry-after"));
    assert!(form.text().await.unwrap().contains("Too many wrong tokens"));
}

fn form_of(request: reqwest::RequestBuilder, fields: String) -> reqwest::RequestBuilder {
    request.header("content-type", "application/x-www-form-urlencoded").body(fields)
}

async fn sign_in(visitor: &Visitor, token: &str) -> reqwest::Response {
    let form = format!("token={}&next=%2Foperations%3Fstate%3Dfailed", token.replace(' ', "+"));
    form_of(visitor.post("/operations/sign-in"), form).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_pages_and_routes_until_it_is_ended() {
    let (server, _) = start().await;
    let mine = server.visitor();
    let page = mine.get("/operations?kind=rehearsal").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&page, "location"), "/operations/sign-in?next=%2Foperations%3Fkind%3Drehearsal");
    let wrong = sign_in(&mine, "not the token").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let page = wrong.text().await.unwrap();
    assert!(page.contains("That is not the operator’s token.") && !page.contains("not the token\""), "{page}");

    let right = sign_in(&mine, TOKEN).await;
    assert_eq!((right.status(), header(&right, "location")), (StatusCode::SEE_OTHER, "/operations?state=failed"));
    let cookies: Vec<_> = right.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("meanwhile_operator=")).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains(TOKEN));
    assert_eq!(mine.get("/operations").send().await.unwrap().status(), StatusCode::OK);
    mine.json("/api/v1/operations").await;

    let elsewhere =
        form_of(mine.post("/operations/act").header("sec-fetch-site", "cross-site"), "action=cancel".to_owned());
    problem(elsewhere.send().await.unwrap(), 403, "cross-site").await;

    mine.post("/operations/sign-out").send().await.unwrap();
    problem(mine.get("/api/v1/operations").send().await.unwrap(), 401, "operator-required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_ends_every_session_and_a_made_one_is_kept_in_the_data_folder() {
    let (mut server, _) = start().await;
    let mine = server.visitor();
    assert_eq!(sign_in(&mine, TOKEN).await.status(), StatusCode::SEE_OTHER);
    mine.json("/api/v1/operations").await;
    // The restart has no setting, so it makes a token of its own.
    server.restart().await;
    let mine = Visitor { base: server.base.clone(), ..mine };
    problem(mine.get("/api/v1/operations").send().await.unwrap(), 401, "operator-required").await;
    let made = std::fs::read_to_string(server.folder.path().join("data/operator.token")).unwrap();
    assert_eq!(sign_in(&mine, made.trim()).await.status(), StatusCode::SEE_OTHER);
    mine.json("/api/v1/operations").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_jobs_are_started_and_opened_again_by_operators_only() {
    let (server, operator) = start().await;
    let mine = server.visitor();
    let kinds = mine.json("/api/v1/kinds").await;
    assert!(kinds["items"].as_array().unwrap().iter().all(|kind| !text(kind, "name").starts_with("bulk-")));
    let submit = json!({"kind": "bulk-cancel", "input": {"filter": {}, "as_of": "2026-12-01T00:00:00Z"}});
    problem(mine.post("/api/v1/jobs").json(&submit).send().await.unwrap(), 403, "operator-only").await;
    problem(operator.0.post("/api/v1/jobs").json(&submit).send().await.unwrap(), 403, "operator-only").await;

    // It belongs to the operator's visitor, who follows it like any other job, and cannot open it again as one.
    let bulk = operator.bulk("retry", json!({"kind": "rehearsal"})).await;
    let done = operator.0.wait_for(&bulk, "succeeded").await;
    assert_eq!(done["result"], json!({"matched": 0, "done": 0, "skipped": 0}));
    problem(mine.get(&format!("/api/v1/jobs/{}", id(&bulk))).send().await.unwrap(), 404, "job-not-found").await;
    let again = operator.0.post(&format!("/api/v1/jobs/{}/retry", id(&bulk))).send().await.unwrap();
    problem(again, 403, "operator-only").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_request_that_means_nothing_changes_nothing() {
    let (server, operator) = start().await;
    let mine = server.visitor();
    let failed = mine.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"})).await;
    for (body, pointer) in [
        (json!({"action": "retry", "filter": {"state": ["running"]}}), "/filter/state"),
        (json!({"action": "cancel", "filter": {"state": ["failed"]}}), "/filter/state"),
        (json!({"action": "retry", "filter": {"state": ["late"]}}), "/filter/state"),
        (json!({"action": "retry", "filter": {"knid": "rehearsal"}}), "/filter/knid"),
        (json!({"action": "delete"}), "/action"),
    ] {
        let problem = problem(operator.post("/bulk", &body).send().await.unwrap(), 422, "invalid-input").await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for jobs in [json!([]), Value::Array(vec![failed["id"].clone(); 201])] {
        problem(operator.post("/retry", &json!({"jobs": jobs})).send().await.unwrap(), 422, "invalid-input").await;
    }
    let unchanged = mine.json(&format!("/api/v1/jobs/{}", id(&failed))).await;
    assert_eq!(unchanged["jseq"], failed["jseq"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_and_a_few_jobs_of_anybody_are_retried_and_cancelled() {
    let (server, operator) = start_with(|config| config.engine.workers = 2).await;
    let (one, two) = (server.visitor(), server.visitor());
    let failed = one.finished(json!({"steps": 1, "step_ms": 0, "fail_at": 1, "failure": "permanent"})).await;
    let running = two.held(1).await;
    let nobodys = "0190d3f4-1c2b-7a3d-8e4f-00112233aabb";
    let jobs = json!({"jobs": [failed["id"], running["id"], nobodys]});
    let outcomes = async |action: &str| {
        let answer: Value = operator.post(action, &jobs).send().await.unwrap().json().await.unwrap();
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|acted| text(acted, "outcome").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("/retry").await, ["retried", "not-retryable", "job-not-found"]);
    one.wait_until(&failed, |job| text(job, "state") == "failed" && job["attempt"] == json!(2)).await;
    assert_eq!(outcomes("/cancel").await, ["too-late", "requested", "job-not-found"]);
    two.wait_for(&running, "cancelled").await;
}

#[test]
fn a_token_that_is_too_short_is_refused_at_the_start() {
    let mut config = server::config::Config::default();
    config.operator.token = Some("short".to_owned());
    assert_eq!(config.validate().unwrap_err().setting, "--operator-token");
    assert!(!format!("{:?}", config.operator).contains("short"), "a setting that is printed keeps it to itself");
    let _ = (visitor as fn(&str) -> Visitor, Operator);
}
