//! Forms as a browser without JavaScript posts them.

use crate::common::{Server, Visitor, header, link, text};
use reqwest::{Response, StatusCode, multipart};
use serde_json::{Value, json};

pub(super) async fn post(visitor: &Visitor, path: &str, fields: &[(&str, &str)]) -> Response {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let request = visitor.post(path).header("content-type", "application/x-www-form-urlencoded");
    request.body(body.join("&")).send().await.unwrap()
}

/// The job whose page a form led to.
async fn job_of(visitor: &Visitor, response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = header(&response, "location");
    assert!(location.starts_with("/jobs/"), "{location}");
    visitor.json(&format!("/api/v1{location}")).await
}

async fn refused(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(header(&response, "content-type").starts_with("text/html"));
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_submits_what_was_typed_and_leads_to_the_job() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let fields = [
        ("kind", "rehearsal"),
        ("label", "spring list"),
        ("input.steps", "2"),
        ("input.step_ms", "0"),
        ("input.partials", "on"),
        ("input.fail_at", ""),
        ("idempotency_key", "form-1"),
        ("wait", "30"),
    ];
    let first = post(&visitor, "/jobs", &fields).await;
    assert!(header(&first, "set-cookie").starts_with("meanwhile_owner="));
    let job = job_of(&visitor, first).await;
    assert_eq!((text(&job, "label"), text(&job, "state")), ("spring list", "succeeded"), "it was waited for");
    assert_eq!(job["input"], json!({"steps": 2, "step_ms": 0, "partials": true}));
    let again = job_of(&visitor, post(&visitor, "/jobs", &fields).await).await;
    assert_eq!(again["id"], job["id"], "a double click");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_wrong_comes_again_with_what_was_typed() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let page = refused(post(&visitor, "/jobs", &[("kind", "rehearsal"), ("input.steps", "seven")]).await).await;
    assert!(page.contains("seven"), "{page}");
    refused(post(&visitor, "/jobs", &[("kind", "no-such"), ("input.steps", "1")]).await).await;
    refused(post(&visitor, "/jobs", &[]).await).await;
    refused(post(&visitor, "/jobs", &[("kind", "rehearsal"), ("input.steps", "10001")]).await).await;
    assert_eq!(visitor.json("/api/v1/jobs").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_cancel_retry_and_step() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let job = visitor.held(1).await;
    let path = format!("/jobs/{}", text(&job, "id"));
    assert_eq!(job_of(&visitor, post(&visitor, &format!("{path}/step"), &[]).await).await["id"], job["id"]);
    visitor.wait_for(&job, "succeeded").await;
    let job = visitor.held(1).await;
    let path = format!("/jobs/{}", text(&job, "id"));
    job_of(&visitor, post(&visitor, &format!("{path}/cancel"), &[]).await).await;
    let cancelled = visitor.wait_for(&job, "cancelled").await;
    job_of(&visitor, post(&visitor, &format!("{path}/retry"), &[("from", "start")]).await).await;
    visitor.wait_until(&job, |job| job["jseq"].as_u64() > cancelled["jseq"].as_u64()).await;
    job_of(&visitor, post(&visitor, &format!("{path}/cancel"), &[]).await).await;
    visitor.wait_for(&job, "cancelled").await;
    let edited = post(&visitor, &format!("{path}/retry"), &[("input.steps", "1"), ("input.step_ms", "0")]).await;
    let new = job_of(&visitor, edited).await;
    assert_eq!(new["origin"], job["id"]);
    refused(post(&visitor, &format!("{path}/retry"), &[("input.steps", "10001")]).await).await;
    let stranger = post(&server.visitor(), &format!("{path}/cancel"), &[]).await;
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
    assert_eq!(visitor.json(link(&job, "self")).await["id"], job["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_brings_its_file_along() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let form = |file: multipart::Part| {
        let form = multipart::Form::new().text("kind", "catalogue-import").text("label", "spring");
        form.part("input.upload", file)
    };
    let file = multipart::Part::text("Handle,Title\na,A\n").file_name("list.csv");
    let job = job_of(&visitor, visitor.post("/jobs").multipart(form(file)).send().await.unwrap()).await;
    let job = visitor.wait_until(&job, |job| job["finished_at"].is_string()).await;
    assert_eq!(
        (text(&job, "state"), text(&job, "label"), &job["result"]["created"]),
        ("succeeded", "spring", &json!(1))
    );
    let none = multipart::Part::text("").file_name("");
    refused(visitor.post("/jobs").multipart(form(none)).send().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_cookies_that_the_page_can_read() {
    let server = Server::start().await;
    let fields =
        [("lang", "fr"), ("theme", "dark"), ("channel", "poll"), ("interval_s", "99"), ("next", "/catalogue?q=a")];
    let response = post(&server.visitor(), "/preferences", &fields).await;
    assert_eq!((response.status(), header(&response, "location")), (StatusCode::SEE_OTHER, "/catalogue?q=a"));
    let cookies: Vec<_> =
        response.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    for cookie in ["lang=fr; ", "theme=dark; ", "channel=poll:30; "] {
        let found =
            cookies.iter().find(|text| text.starts_with(cookie)).unwrap_or_else(|| panic!("{cookie} in {cookies:?}"));
        assert!(!found.contains("HttpOnly"), "{found}");
    }
    let hostile = [("lang", "xx; Domain=example"), ("channel", "carrier-pigeon"), ("next", "//evil.example")];
    let response = post(&server.visitor(), "/preferences", &hostile).await;
    assert_eq!(header(&response, "location"), "/");
    let cookies = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter(|value| !value.as_bytes().starts_with(b"meanwhile_owner="));
    assert_eq!(cookies.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_and_how_are_asked_by_a_form_as_over_the_api() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let plain = [("kind", "rehearsal"), ("input.steps", "1"), ("input.step_ms", "0"), ("idempotency_key", "form-2")];
    let set = [("start", "now"), ("start_at", ""), ("start_within_min", ""), ("priority", "0"), ("max_attempts", "5")];
    let job = job_of(&visitor, post(&visitor, "/jobs", &[&plain[..], &set].concat()).await).await;
    assert_eq!(job["max_attempts"], json!(5));

    let over_the_api = visitor
        .post("/api/v1/jobs")
        .header("idempotency-key", "\"form-2\"")
        .json(&json!({"kind": "rehearsal", "input": {"steps": 1, "step_ms": 0}, "max_attempts": 5}));
    let repeated = over_the_api.send().await.unwrap();
    assert_eq!(header(&repeated, "idempotency-replayed"), "true", "the same request, whichever way it comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_when_and_how_stands_at_its_field_and_what_was_typed_stays() {
    let server = Server::start().await;
    let visitor = server.visitor();
    let wrong = [
        ("kind", "rehearsal"),
        ("input.steps", "1"),
        ("start", "at"),
        ("start_at", ""),
        ("start_within_min", "soon"),
        ("max_attempts", "21x"),
    ];
    let page = refused(post(&visitor, "/jobs", &wrong).await).await;
    for error in ["run_at-error", "start_within_s-error", "max_attempts-error"] {
        assert!(page.contains(&format!("id=\"{error}\"")), "{error}: {page}");
    }
    assert!(page.contains("soon") && page.contains("21x"), "{page}");
    assert_eq!(visitor.json("/api/v1/jobs").await["items"], json!([]));
}
