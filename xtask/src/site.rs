//! `target/site`: what the server serves beside its pages. Called by `build`, after cargo.
//! Each stage is kept under the hash of its inputs, so an unchanged one costs a read.
//! Invariant: names in `pkg/` carry the hash of their content, and `assets.json` is written last, after all that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::budget;
use crate::compress;
use crate::module::{self, Named};
use crate::project::Project;
use crate::step::{note, step};
use crate::style;

/// How hard to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For a build that is looked at here: the optimiser may be missing.
    Quick,
    /// For a build that is deployed: nothing may be missing.
    Release,
}

/// Hexadecimal SHA-256 over the parts and their lengths.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the folder from the compiled module at `wasm`.
pub fn assemble(project: &Project, wasm: &Path, effort: Effort) -> Result<()> {
    let cache = Cache { folder: project.cache() };
    let Named { mut files, script, loader, module, parts } = module::make(project, &cache, wasm, effort)?;
    let sheet = step("bundle style/main.css", || style::bundle(&project.root.join("style/main.css")))?;
    let style = format!("pkg/meanwhile.{}.css", &fingerprint(&[sheet.as_bytes()])[..12]);
    let build = fingerprint(&[script.as_bytes(), module.as_bytes(), style.as_bytes()]).split_off(52);
    files.insert(style.clone(), sheet.into_bytes());
    step("compress", || compress_all(&cache, &mut files, &[&script, &module, &style]))?;
    copy_public(&project.root.join("public"), Path::new(""), &mut files)?;

    let path = |path: &String| format!("/{path}");
    let parts: BTreeMap<&String, Vec<String>> =
        parts.iter().map(|(part, files)| (part, files.iter().map(path).collect())).collect();
    let assets = serde_json::json!({
        "build": build, "js": path(&script), "loader": path(&loader), "wasm": path(&module), "css": path(&style), "parts": parts,
    });
    write_site(&project.site(), &files, assets.to_string().as_bytes())?;
    budget::show(&project.site())
}

fn compress_all(cache: &Cache, files: &mut BTreeMap<String, Vec<u8>>, shown: &[&String]) -> Result<()> {
    for (path, content) in files.clone() {
        let key = fingerprint(&[&content]);
        let small = cache.get_or(&key, "br", || compress::brotli(&content))?;
        let gzip = cache.get_or(&key, "gz", || compress::gzip(&content))?;
        if shown.contains(&&path) {
            let kb = |bytes: &[u8]| format!("{:.1} KB", bytes.len() as f64 / 1024.0);
            note(&format!("{path}: {}, brotli {}, gzip {}", kb(&content), kb(&small), kb(&gzip)));
        }
        files.insert(format!("{path}.br"), small);
        files.insert(format!("{path}.gz"), gzip);
    }
    Ok(())
}

fn copy_public(folder: &Path, prefix: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let path = prefix.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_public(&entry.path(), &path, files)?;
        } else {
            files.insert(path.to_string_lossy().replace('\\', "/"), fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Writes what changed, then the list of assets, then removes what no build names any more.
fn write_site(site: &Path, files: &BTreeMap<String, Vec<u8>>, assets: &[u8]) -> Result<()> {
    for (path, content) in files {
        write_if_changed(&site.join(path), content)?;
    }
    write_if_changed(&site.join("assets.json"), assets)?;
    remove_others(site, site, files)
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}

fn remove_others(site: &Path, folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(site, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(site) {
            let relative = relative.to_string_lossy().replace('\\', "/");
            if relative != "assets.json" && !files.contains_key(&relative) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// Results kept by the hash of what they were made from.
pub struct Cache {
    /// Where they are.
    pub folder: PathBuf,
}

impl Cache {
    /// What was kept under `key`, or what `make` makes now.
    pub fn get_or(&self, key: &str, kind: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let path = self.folder.join(format!("{key}.{kind}"));
        if let Ok(kept) = fs::read(&path) {
            return Ok(kept);
        }
        fs::create_dir_all(&self.folder)?;
        let made = make()?;
        // Renamed into place, so that a build that is cut short leaves no half result.
        let partial = self.folder.join(format!("{key}.{kind}.partial"));
        fs::write(&partial, &made)?;
        fs::rename(partial, path)?;
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_keeps_only_what_the_build_names() {
        let site = Project::find().unwrap().cache().join("site-test");
        let named = |name: &str| BTreeMap::from([(name.to_owned(), b"content".to_vec())]);
        write_site(&site, &named("pkg/old.js"), b"{}").unwrap();
        write_site(&site, &named("pkg/new.js"), b"{\"js\":1}").unwrap();
        assert!(!site.join("pkg/old.js").exists());
        assert!(site.join("pkg/new.js").exists());
        assert_eq!(fs::read(site.join("assets.json")).unwrap(), b"{\"js\":1}");
    }

    #[test]
    fn fingerprint_tells_parts_apart() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
        assert_eq!(fingerprint(&[]).len(), 64);
    }
}
