//! Cuts the compiled module at the functions under `wasm_split` in `app/src/parts.rs`. Called by `site`, before the generator.
//!
//! Uses the splitter as a library. It needs the relocations that `build` asks the linker for, and writes a script, the loader, that fetches the parts.
//! Invariant: every file that the loader names is among the parts, under the name that it has there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wasm_split_cli_support::Options;

/// The script of the generator, as the loader imports it.
pub const SCRIPT: &str = "./meanwhile.js";
/// The loader, as the generator's script imports it.
pub const LOADER: &str = "./__wasm_split.js";

/// What the module was cut into.
pub struct Split {
    /// What stays, for the generator.
    pub main: Vec<u8>,
    /// The script that fetches parts.
    pub loader: String,
    /// The files of the parts, by the names that the loader has for them (without `.wasm`).
    pub files: BTreeMap<String, Vec<u8>>,
    /// The files that each part needs, by its name.
    pub needs: BTreeMap<String, Vec<String>>,
}

/// Cuts it. `scratch` is a folder for the files that the splitter writes.
pub fn split(compiled: &[u8], scratch: &Path) -> Result<Split> {
    let folder = scratch.join("split");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let main = folder.join("main.wasm");
    let mut options = Options::new(compiled);
    (options.output_dir, options.main_out_path) = (&folder, &main);
    (options.main_module, options.link_name) = (SCRIPT, LOADER);
    let made = wasm_split_cli_support::transform(options).map_err(|error| anyhow!("{error:#}"))?;
    let mut files = BTreeMap::new();
    for path in &made.split_modules {
        let name = path.file_stem().context("a part without a name")?.to_string_lossy().into_owned();
        files.insert(name, fs::read(path)?);
    }
    let split = Split {
        main: fs::read(&main)?,
        loader: fs::read_to_string(folder.join(LOADER))?,
        files,
        needs: made.prefetch_map.into_iter().collect(),
    };
    fs::remove_dir_all(folder)?;
    Ok(split)
}
