//! `check`: formatting, lints for each package and feature. Layering is a test of the server's. Called from `main` and `.ci/run`.
//! Packages are linted with the features they are built with, in as few invocations as have different dependencies:
//! `ssr` and `hydrate` exclude each other, so `--all-features` would check what nobody builds.

use anyhow::Result;

use crate::project::Project;
use crate::step::{cargo, run, step};
use crate::toolchain::{self, BROWSER_TARGET};

/// What is linted together.
const LINTS: [(&str, &[&str]); 4] = [
    ("domain alone", &["--package", "meanwhile-domain", "--all-targets"]),
    (
        "domain with schema, app with ssr, server",
        &[
            "--package",
            "meanwhile-domain",
            "--package",
            "meanwhile-app",
            "--package",
            "meanwhile-server",
            "--features",
            "meanwhile-domain/schema,meanwhile-app/ssr",
            "--all-targets",
        ],
    ),
    (
        "domain, app with hydrate, hydrate, for the browser",
        &[
            "--package",
            "meanwhile-domain",
            "--package",
            "meanwhile-app",
            "--package",
            "meanwhile-hydrate",
            "--features",
            "meanwhile-app/hydrate",
            "--target",
            BROWSER_TARGET,
        ],
    ),
    ("xtask", &["--package", "xtask", "--all-targets"]),
];

/// All of it; the first that fails ends it.
pub fn check(project: &Project) -> Result<()> {
    toolchain::ensure(project)?;
    step("cargo fmt --check", || run(cargo().current_dir(&project.root).args(["fmt", "--all", "--check"])))?;
    for (title, selection) in LINTS {
        step(&format!("clippy: {title}"), || {
            run(cargo().current_dir(&project.root).arg("clippy").args(selection).args(["--", "-D", "warnings"]))
        })?;
    }
    Ok(())
}
