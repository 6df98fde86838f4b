//! The load generator of `cargo xtask bench`: how it reads answers and streams, its percentiles and ratios, and two of its scenarios
//! against the real server. Its sources are taken in here, since a bench target with a `main` of its own runs no tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(target_os = "linux")]

#[path = "load_generator/framing.rs"]
mod framing;
#[path = "load_generator/http.rs"]
mod http;
#[path = "load_generator/machine.rs"]
mod machine;
#[path = "load_generator/report.rs"]
mod report;
#[path = "load_generator/samples.rs"]
mod samples;
#[path = "load_generator/scrape.rs"]
mod scrape;
#[path = "load_generator/stream.rs"]
mod stream;

#[allow(dead_code, reason = "its own `main` is not called here")]
#[path = "../benches/load/main.rs"]
mod load;

use clap::Parser as _;

#[test]
fn the_generator_measures_the_server_and_writes_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let (json, markdown) = (folder.path().join("bench.json"), folder.path().join("bench.md"));
    let mut arguments = load::Arguments::parse_from(["bench", "--quick", "--only", "accept,start,delivery"]);
    arguments.server = env!("CARGO_BIN_EXE_meanwhile").into();
    arguments.scratch = folder.path().join("scratch");
    (arguments.json, arguments.markdown) = (Some(json.clone()), Some(markdown.clone()));
    load::run(&arguments, None).unwrap();

    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(report["command"], "cargo xtask bench --only accept,start,delivery --quick");
    let scenarios = report["scenarios"].as_array().unwrap();
    let names: Vec<_> = scenarios.iter().map(|scenario| scenario["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["accept", "start", "delivery"]);
    for figure in scenarios.iter().flat_map(|scenario| scenario["figures"].as_array().unwrap()) {
        let (name, samples) = (figure["name"].as_str().unwrap(), figure["samples"].as_u64().unwrap());
        assert!(samples > 0, "{name} was measured");
        for beside in figure["beside"].as_array().unwrap() {
            assert!(beside["ratio"].as_f64().unwrap() >= 0.0, "{name} stands beside {}", beside["name"]);
        }
    }
    let started = &scenarios[1]["figures"][2];
    assert_eq!(started["name"], "request to `started` on the stream p50");
    assert_eq!(started["samples"], 30, "each job's start was seen once");
    let markdown = std::fs::read_to_string(markdown).unwrap();
    assert!(markdown.contains("## Accepting jobs over HTTP") && markdown.contains("not to be compared"), "{markdown}");
    assert_eq!(std::fs::read_dir(folder.path().join("scratch")).unwrap().count(), 0, "its data folders are gone");
}
