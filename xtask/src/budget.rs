//! What a page loads before it answers by script, and how much that may be. Called by `site`, which shows it, and by `test`, which fails above the limits.
//!
//! Reads the built site as the server does: `assets.json`, and the files compressed with brotli, as nearly every browser asks for them.
//! Invariant: a part that is named and not there is an error, never nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::project::Project;
use crate::step::note;
use crate::tally::Tally;

/// The part that the home page lies in.
const FIRST: &str = "work";
/// Most that the home page may load, and any page, in KB (1,024 bytes) with brotli. A little above what they are: whoever adds to them on purpose raises these,
/// whoever does so by accident finds out. 200 was the aim for the first.
const FIRST_KB: f64 = 470.0;
const ANY_KB: f64 = 555.0;

/// What the build wrote for the server.
#[derive(Deserialize)]
struct Assets {
    js: String,
    loader: String,
    wasm: String,
    parts: BTreeMap<String, Vec<String>>,
}

/// What a page loads: scripts and modules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Bytes.
    pub plain: u64,
    /// Bytes with brotli.
    pub packed: u64,
    /// How many files.
    pub files: usize,
}

impl Load {
    fn packed_kb(self) -> f64 {
        self.packed as f64 / 1024.0
    }
}

/// What the pages of each part load, of the site in a folder.
pub fn loads(site: &Path) -> Result<BTreeMap<String, Load>> {
    let assets = fs::read(site.join("assets.json")).context("there is no built site")?;
    let Assets { js, loader, wasm, parts } = serde_json::from_slice(&assets).context("assets.json")?;
    let size = |path: &str| {
        let file = site.join(path.trim_start_matches('/'));
        fs::metadata(&file).map(|data| data.len()).with_context(|| format!("{} is missing", file.display()))
    };
    let load = |modules: &Vec<String>| -> Result<Load> {
        let mut load = Load::default();
        for path in [&js, &loader, &wasm].into_iter().chain(modules) {
            load.plain += size(path)?;
            load.packed += size(&format!("{path}.br"))?;
            load.files += 1;
        }
        Ok(load)
    };
    parts.iter().map(|(part, modules)| Ok((part.clone(), load(modules)?))).collect()
}

/// Says what each loads.
pub fn show(site: &Path) -> Result<()> {
    for (part, load) in loads(site)? {
        let (plain, packed) = (load.plain as f64 / 1024.0, load.packed_kb());
        note(&format!("{part} loads {plain:.1} KB, brotli {packed:.1} KB, in {} files", load.files));
    }
    Ok(())
}

/// Fails with the figures when a page loads too much.
pub fn check(project: &Project) -> Result<Tally> {
    within(&loads(&project.site())?)?;
    Ok(Tally { passed: 1, ..Tally::default() })
}

fn within(loads: &BTreeMap<String, Load>) -> Result<()> {
    ensure!(loads.contains_key(FIRST), "the build has no part `{FIRST}`");
    let mut too_large = Vec::new();
    for (part, load) in loads {
        let limit = if part == FIRST { FIRST_KB } else { ANY_KB };
        if load.packed_kb() > limit {
            too_large.push(format!("{part} loads {:.1} KB with brotli, {limit:.0} KB is its limit", load.packed_kb()));
        }
    }
    if too_large.is_empty() { Ok(()) } else { bail!("{} (xtask/src/budget.rs)", too_large.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: &str, packed_kb: f64) -> BTreeMap<String, Load> {
        let size = |kb: f64| Load { packed: (kb * 1024.0) as u64, ..Load::default() };
        let mut loads = BTreeMap::from([(FIRST.to_owned(), size(1.0))]);
        loads.insert(part.to_owned(), size(packed_kb));
        loads
    }

    #[test]
    fn a_page_above_its_limit_fails_and_is_named_with_its_figure() {
        within(&of(FIRST, FIRST_KB - 1.0)).unwrap();
        let error = within(&of(FIRST, FIRST_KB + 1.0)).unwrap_err().to_string();
        assert!(error.contains("work loads 471.0 KB") && error.contains("470 KB"), "{error}");
        within(&of("job", ANY_KB - 1.0)).unwrap();
        assert!(within(&of("job", ANY_KB + 1.0)).unwrap_err().to_string().contains("job loads"));
        assert!(within(&BTreeMap::new()).is_err());
    }

    #[test]
    fn a_file_that_is_named_and_missing_is_an_error() {
        let site = Project::find().unwrap().cache().join("budget-test");
        fs::create_dir_all(&site).unwrap();
        let assets = r#"{"js":"/a.js","loader":"/l.js","wasm":"/a.wasm","parts":{"work":["/w.wasm"]}}"#;
        fs::write(site.join("assets.json"), assets).unwrap();
        for (path, size) in [("a.js", 1), ("l.js", 2), ("a.wasm", 4), ("w.wasm", 8)] {
            fs::write(site.join(path), vec![0; 16 * size]).unwrap();
            fs::write(site.join(format!("{path}.br")), vec![0; size]).unwrap();
        }
        assert_eq!(loads(&site).unwrap()["work"], Load { plain: 240, packed: 15, files: 4 });
        fs::remove_file(site.join("w.wasm.br")).unwrap();
        assert!(loads(&site).unwrap_err().to_string().contains("w.wasm.br is missing"));
    }
}
