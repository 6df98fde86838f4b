//! The demo's suppliers beside the server: a child that ends with the process that started it. Called by `build::run` and `dev`.
//! Whoever names suppliers of their own (`--suppliers`, `MEANWHILE_SUPPLIERS`) gets none of these.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::project::Project;
use crate::step::{command, note};

/// Where they listen when nobody else does.
const USUAL: &str = "127.0.0.1:3001";

/// Five suppliers that run.
pub struct Suppliers {
    /// Ends with this process, also when that becomes the server.
    _child: Child,
    /// Their address, for the server.
    pub url: String,
}

/// Starts them after a build, unless the server is told of others.
pub fn start(project: &Project, arguments: &[String]) -> Option<Suppliers> {
    let named = arguments.iter().any(|argument| argument == "--suppliers" || argument.starts_with("--suppliers="));
    if named || std::env::var_os("MEANWHILE_SUPPLIERS").is_some() {
        return None;
    }
    // Another checkout may have the usual port.
    let started = listen(project, USUAL).or_else(|| listen(project, "127.0.0.1:0"));
    match &started {
        Some(suppliers) => note(&format!("suppliers to ask, and to make slow or dead: {}", suppliers.url)),
        None => note("the suppliers could not be started; supplier-quotes has nobody to ask"),
    }
    started
}

fn listen(project: &Project, address: &str) -> Option<Suppliers> {
    let parent = std::process::id().to_string();
    let mut child = command(project.binary())
        .args(["suppliers", "--listen", address, "--stop-with", &parent])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
    let Some(url) = line.trim().strip_prefix("listening on ") else {
        // It has said why it does not run by ending.
        let _ = child.wait();
        return None;
    };
    Some(Suppliers { url: url.to_owned(), _child: child })
}
