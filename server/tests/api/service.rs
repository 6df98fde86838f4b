//! The service around the resources: health, description, what is not there, and starting up.

use crate::common::{PATIENCE, Server, header, problem, text};
use reqwest::{Method, StatusCode};
use server::{
    config::Config,
    startup::{self, StartupError},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_that_it_lives_and_is_ready() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        let response = server.visitor().get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "same-origin");
    }
    let kinds = server.visitor().json("/api/v1/kinds").await;
    let names: Vec<_> = kinds["items"].as_array().unwrap().iter().map(|kind| text(kind, "name")).collect();
    assert!(names.contains(&"rehearsal") && names.contains(&"catalogue-import"), "{names:?}");
    assert!(kinds["items"][0]["input_schema"]["properties"].is_object());
    let document = server.visitor().json("/api/openapi.json").await;
    assert_eq!(text(&document, "openapi"), "3.1.0");
    assert!(document["paths"]["/api/v1/jobs"]["post"]["requestBody"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_under_api_and_a_page_elsewhere() {
    let server = Server::start().await;
    let visitor = server.visitor();
    for path in ["/api", "/api/", "/api/v2/jobs", "/api/v1/jobs/1/nothing"] {
        problem(visitor.get(path).send().await.unwrap(), 404, "not-found").await;
        problem(visitor.post(path).send().await.unwrap(), 404, "not-found").await;
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/jobs", "POST"),
        (Method::PUT, "/api/v1/jobs/0190d3f4-1c2b-7a3d-8e4f-00112233aabb", "GET"),
        (Method::GET, "/api/v1/uploads", "POST"),
        (Method::POST, "/healthz", "GET"),
    ] {
        let response = visitor.client.request(method, format!("{}{path}", server.base)).send().await.unwrap();
        assert!(header(&response, "allow").contains(allow), "{path}");
        problem(response, 405, "method-not-allowed").await;
    }
    let page = visitor.get("/no-such-page").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(!header(&page, "content-type").contains("json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_served_compressed_cached_and_without_a_cookie() {
    let site = tempfile::tempdir().unwrap();
    std::fs::create_dir(site.path().join("pkg")).unwrap();
    std::fs::write(
        site.path().join("assets.json"),
        r#"{"build":"b1","js":"/pkg/a.1.js","wasm":"/pkg/a.1.wasm","css":"/pkg/a.1.css"}"#,
    )
    .unwrap();
    std::fs::write(site.path().join("pkg/a.1.js"), "plain").unwrap();
    std::fs::write(site.path().join("pkg/a.1.js.br"), "squeezed").unwrap();
    std::fs::write(site.path().join("robots.txt"), "hello").unwrap();
    let server = Server::start_with(|config| config.assets = Some(site.path().to_owned())).await;
    let visitor = server.visitor();
    let script = visitor.get("/pkg/a.1.js").header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!((script.status(), header(&script, "content-encoding")), (StatusCode::OK, "br"));
    assert_eq!(header(&script, "cache-control"), "public, max-age=31536000, immutable");
    assert!(!script.headers().contains_key("set-cookie"));
    assert_eq!(script.bytes().await.unwrap(), "squeezed");
    let robots = visitor.get("/robots.txt").send().await.unwrap();
    assert_eq!(header(&robots, "cache-control"), "no-cache");
    assert_eq!(robots.text().await.unwrap(), "hello");
    for missing in ["/pkg/a.2.js", "/..%2fdata/owner.key", "/pkg"] {
        let response = visitor.get(missing).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_a_port_in_use_is_said_in_one_sentence() {
    let server = Server::start().await;
    let data = server.folder.path().join("data");
    let Err(error @ StartupError::DataInUse(_)) = startup::start(Config::for_test(&data)).await else {
        panic!("started twice")
    };
    assert!(error.to_string().ends_with('.') && !error.to_string().contains('\n'), "{error}");
    let other = tempfile::tempdir().unwrap();
    let config = Config { listen: server.addr(), ..Config::for_test(other.path()) };
    let Err(error @ StartupError::AddressInUse(_)) = startup::start(config).await else { panic!("listened twice") };
    assert!(error.to_string().contains(&server.addr().to_string()), "{error}");
    // Neither attempt has harmed the one that runs.
    server.visitor().rehearse(serde_json::json!({"steps": 1})).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_hands_back_what_runs_and_a_start_goes_on_with_it() {
    let mut server = Server::start_with(|config| config.stop_grace = std::time::Duration::ZERO).await;
    let visitor = server.visitor();
    let job = visitor.held(2).await;
    visitor.step(&job).await;
    visitor.wait_until(&job, |job| job["progress"]["done"] == 1).await;
    tokio::time::timeout(PATIENCE, server.restart()).await.expect("a stop comes to an end");
    let visitor = crate::common::Visitor { base: server.base.clone(), ..visitor };
    visitor.step(&job).await;
    let job = visitor.wait_for(&job, "succeeded").await;
    assert_eq!(job["attempt"], 1, "a stop burns no attempt");
}
