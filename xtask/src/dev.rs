//! `dev`: build, serve, and do both again when a source changes. Called from `main`.
//! Looks at modification times twice a second. A build that fails leaves the running server alone.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::build;
use crate::project::Project;
use crate::site::Effort;
use crate::step::{command, note};
use crate::suppliers::{self, Suppliers};

const WATCHED: [&str; 8] =
    ["domain", "app", "server/src", "server/migrations", "style", "public", "Cargo.toml", "server/Cargo.toml"];

/// Until it is interrupted.
pub fn dev(project: &Project, arguments: &[String]) -> Result<()> {
    let mut server: Option<Child> = None;
    let mut suppliers: Option<Suppliers> = None;
    loop {
        let seen = newest(project);
        match build::build(project, Effort::Quick) {
            Ok(_) => {
                if let Some(running) = server.take() {
                    stop(running)?;
                }
                suppliers = suppliers.or_else(|| suppliers::start(project, arguments));
                let mut command = build::serve(project, arguments, suppliers.as_ref());
                server = Some(command.spawn().context("the server could not be started")?);
            }
            Err(error) => eprintln!("✗ {error:#}"),
        }
        note("watching the sources");
        while newest(project) == seen {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// Asks first: a server that is told to stop hands its jobs back.
fn stop(mut server: Child) -> Result<()> {
    let asked = cfg!(unix)
        && command("kill").args(["-TERM", &server.id().to_string()]).status().is_ok_and(|status| status.success());
    if !asked {
        server.kill()?;
    }
    server.wait()?;
    Ok(())
}

fn newest(project: &Project) -> Option<SystemTime> {
    WATCHED.iter().filter_map(|path| newest_in(&project.root.join(path))).max()
}

fn newest_in(path: &Path) -> Option<SystemTime> {
    let data = path.metadata().ok()?;
    let own = data.modified().ok();
    if !data.is_dir() {
        return own;
    }
    let inside = path.read_dir().ok()?.flatten().filter_map(|entry| newest_in(&entry.path())).max();
    own.max(inside)
}
