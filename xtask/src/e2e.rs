//! The browser tests: Playwright over real servers that the tests start themselves. Called by `e2e` and `test`, after a build.
//! Installs npm packages and the browsers when they are absent. A run that ends without a report counts as failed.

use anyhow::{Context, Result};

use crate::browser::{CHROMIUM, FIREFOX};
use crate::node;
use crate::project::Project;
use crate::step::{command, note, step};
use crate::tally::Tally;

/// Runs them with Playwright's own arguments.
pub fn e2e(project: &Project, arguments: &[String]) -> Result<Tally> {
    node::ensure_packages(project)?;
    let chromium = CHROMIUM.ensure()?;
    note(&format!("browser: {}", chromium.display()));
    // A run that names files or words of its own may not need it; its journeys say so themselves then.
    let firefox = match (FIREFOX.ensure(), arguments.is_empty()) {
        (Ok(path), _) => Some(path),
        (Err(error), true) => return Err(error),
        (Err(error), false) => {
            note(&format!("without Firefox: {error}"));
            None
        }
    };
    let folder = project.end2end();
    let report = folder.join("test-results/report.json");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    step("browser tests", || {
        let status = command("node")
            .current_dir(&folder)
            .arg("node_modules/@playwright/test/cli.js")
            .arg("test")
            .args(arguments)
            .env(CHROMIUM.variable, &chromium)
            .envs(firefox.as_ref().map(|path| (FIREFOX.variable, path)))
            .env("MEANWHILE_BINARY", project.binary())
            .env("MEANWHILE_ASSETS", project.site())
            .status()
            .context("Playwright could not be started")?;
        let report = std::fs::read(&report).context("Playwright ended without a report")?;
        let mut tally = Tally::from_playwright(&report)?;
        if !status.success() && tally.failed == 0 {
            tally.failed = 1;
        }
        Ok(tally)
    })
}
