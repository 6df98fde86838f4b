//! `wasm-opt -Oz` from the npm package `binaryen`. Called by `site`.
//! Never the system's: distributions ship versions too old for what rustc writes. No feature flags: `--all-features`
//! writes encodings that browsers refuse.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::node;
use crate::project::Project;
use crate::step::command;

/// The optimiser, as installed.
pub struct Optimiser {
    program: PathBuf,
    /// Its version: part of the name under which results are kept.
    pub version: String,
}

/// Installs it when needed.
pub fn find(project: &Project) -> Result<Optimiser> {
    node::ensure_packages(project)?;
    let package = project.end2end().join("node_modules/binaryen");
    let manifest = std::fs::read(package.join("package.json")).context("binaryen is not in end2end/package.json")?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
    let version = manifest["version"].as_str().unwrap_or_default().to_owned();
    Ok(Optimiser { program: package.join("bin/wasm-opt"), version })
}

impl Optimiser {
    /// The smaller module. `scratch` is a folder for the two files that the program wants.
    pub fn shrink(&self, module: &[u8], scratch: &Path) -> Result<Vec<u8>> {
        let (from, to) = (scratch.join("before.wasm"), scratch.join("after.wasm"));
        std::fs::write(&from, module)?;
        let output = command("node").arg(&self.program).arg(&from).arg("-Oz").arg("-o").arg(&to).output()?;
        if !output.status.success() {
            // It prints the function around each complaint: the first lines say enough.
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("wasm-opt: {}", complaint.lines().take(6).collect::<Vec<_>>().join("\n"));
        }
        let smaller = std::fs::read(&to)?;
        std::fs::remove_file(from)?;
        std::fs::remove_file(to)?;
        Ok(smaller)
    }
}
