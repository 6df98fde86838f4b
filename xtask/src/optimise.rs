//! `wasm-opt` from the npm package `binaryen`. Called by `module`.
//! Never the system's: distributions ship versions too old for what rustc writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::node;
use crate::project::Project;
use crate::step::command;

/// How it is called. The features are those that rustc uses by default, since a part does not say which it uses; `--all-features` writes encodings that
/// browsers refuse.
pub const ARGUMENTS: [&str; 7] = [
    "-Oz",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

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
    /// Makes each module smaller, a few at a time, the largest first. `scratch` is a folder for the files that the program wants.
    pub fn shrink_all(&self, modules: &mut BTreeMap<String, Vec<u8>>, scratch: &Path) -> Result<()> {
        let mut waiting: Vec<_> = modules.iter_mut().collect();
        waiting.sort_by_key(|(_, module)| module.len());
        let waiting = Mutex::new(waiting);
        let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
        let work = || -> Result<()> {
            while let Some((name, module)) = next() {
                *module = self.shrink(name, module, scratch)?;
            }
            Ok(())
        };
        let places = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..places).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(_) => bail!("wasm-opt: a worker panicked"),
            })
        })
    }

    fn shrink(&self, name: &str, module: &[u8], scratch: &Path) -> Result<Vec<u8>> {
        let (from, to) = (scratch.join(format!("{name}.before.wasm")), scratch.join(format!("{name}.after.wasm")));
        std::fs::write(&from, module)?;
        let output = command("node").arg(&self.program).arg(&from).args(ARGUMENTS).arg("-o").arg(&to).output()?;
        if !output.status.success() {
            // It prints the function around each complaint: the first lines say enough.
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("wasm-opt, {name}: {}", complaint.lines().take(6).collect::<Vec<_>>().join("\n"));
        }
        let smaller = std::fs::read(&to)?;
        std::fs::remove_file(from)?;
        std::fs::remove_file(to)?;
        Ok(smaller)
    }
}
