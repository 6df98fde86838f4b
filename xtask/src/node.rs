//! Node and the npm packages of `end2end/` (Playwright, axe, binaryen), as its lock file says. Called by `optimise` and `e2e`.
//! Installs once per lock file; it never downloads a browser.

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::site::fingerprint;
use crate::step::{answer, command, run, step};

/// Whether Node and npm can be called.
pub fn is_there() -> bool {
    answer(command("node").arg("--version")).is_some() && answer(command("npm").arg("--version")).is_some()
}

/// Installs the packages unless they are those of the lock file.
pub fn ensure_packages(project: &Project) -> Result<()> {
    if !is_there() {
        bail!("Node is needed. Type: apt-get install -y nodejs npm");
    }
    let folder = project.end2end();
    let lock = std::fs::read(folder.join("package-lock.json")).context("end2end/package-lock.json is missing")?;
    let stamp = folder.join("node_modules/.lock-file");
    let wanted = fingerprint(&[&lock]);
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    step("npm ci in end2end", || {
        run(command("npm").current_dir(&folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").args([
            "ci",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]))
    })?;
    std::fs::write(stamp, wanted).context("end2end/node_modules cannot be written")
}
