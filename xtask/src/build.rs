//! The whole build: server, browser module, site; and `run`, which then becomes the server.
//! Called by `run`, `dev`, `build`, `e2e` and `test`. Cargo decides what to compile again, `site` what to process again.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::site::{self, Effort};
use crate::step::{cargo, run as run_command, step};
use crate::suppliers::{self, Suppliers};
use crate::toolchain::{self, BROWSER_TARGET};

/// Builds everything; the server's binary and the site are then in the target folder.
pub fn build(project: &Project, effort: Effort) -> Result<PathBuf> {
    toolchain::ensure(project)?;
    step("build the server (release)", || {
        run_command(cargo().current_dir(&project.root).args(["build", "--release", "--package", "meanwhile-server"]))
    })?;
    build_site(project, effort)?;
    Ok(project.binary())
}

/// Builds what the browser loads.
pub fn build_site(project: &Project, effort: Effort) -> Result<()> {
    step("build the browser's module (profile wasm)", || {
        run_command(cargo().current_dir(&project.root).args([
            "rustc",
            "--profile",
            "wasm",
            "--package",
            "meanwhile-hydrate",
            "--lib",
            "--target",
            BROWSER_TARGET,
            "--",
            // What the module is cut by.
            "-Clink-arg=--emit-relocs",
        ]))
    })?;
    let wasm = project.target.join(BROWSER_TARGET).join("wasm/hydrate.wasm");
    site::assemble(project, &wasm, effort)
}

/// The server, ready to start with the site that was built with it, and with suppliers to ask.
pub fn serve(project: &Project, arguments: &[String], suppliers: Option<&Suppliers>) -> Command {
    let mut command = Command::new(project.binary());
    command.arg("serve").args(arguments).env("MEANWHILE_ASSETS", project.site());
    if let Some(suppliers) = suppliers {
        command.env("MEANWHILE_SUPPLIERS", &suppliers.url);
    }
    command
}

/// Builds, then becomes the server, so that signals reach it; the suppliers are then the server's children, and end with it.
pub fn run(project: &Project, arguments: &[String]) -> Result<()> {
    build(project, Effort::Quick)?;
    let suppliers = suppliers::start(project, arguments);
    let mut command = serve(project, arguments, suppliers.as_ref());
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        Err(error).context("the server could not be started")
    }
    #[cfg(not(unix))]
    run_command(&mut command).context("the server ended")
}
