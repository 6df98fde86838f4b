//! `target/site`: what the server serves beside its pages. Called by `build`, after cargo.
//! Each stage is kept under the hash of its inputs, so an unchanged one costs a read.
//! Invariant: names in `pkg/` carry the hash of their content, and `assets.json` is written last, after all that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::bindgen::{self, Bound};
use crate::compress;
use crate::optimise::{self, Optimiser};
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
    let bound = browser_code(project, &cache, wasm, effort)?;
    let sheet = step("bundle style/main.css", || style::bundle(&project.root.join("style/main.css")))?;

    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let script = hashed("meanwhile.", &bound.script, ".js");
    let module = hashed("meanwhile.", &bound.module, "_bg.wasm");
    let style = hashed("meanwhile.", sheet.as_bytes(), ".css");
    let build = fingerprint(&[script.as_bytes(), module.as_bytes(), style.as_bytes()]).split_off(52);
    files.insert(script.clone(), bound.script);
    files.insert(module.clone(), bound.module);
    files.insert(style.clone(), sheet.into_bytes());
    files.extend(bound.snippets.into_iter().map(|(path, source)| (format!("pkg/{path}"), source)));
    step("compress", || compress_all(&cache, &mut files, &[&script, &module, &style]))?;
    copy_public(&project.root.join("public"), Path::new(""), &mut files)?;

    let assets = serde_json::json!({
        "build": build, "js": format!("/{script}"), "wasm": format!("/{module}"), "css": format!("/{style}"),
    });
    write_site(&project.site(), &files, assets.to_string().as_bytes())
}

fn hashed(before: &str, content: &[u8], after: &str) -> String {
    let hash = fingerprint(&[content]);
    format!("pkg/{before}{}{after}", hash.get(..12).unwrap_or_default())
}

fn browser_code(project: &Project, cache: &Cache, wasm: &Path, effort: Effort) -> Result<Bound> {
    let optimiser = match (optimise::find(project), effort) {
        (Ok(optimiser), _) => Some(optimiser),
        (Err(error), Effort::Release) => return Err(error.context("wasm-opt is required for a release")),
        (Err(error), Effort::Quick) => {
            note(&format!("wasm-opt is skipped, the module stays larger: {error}"));
            None
        }
    };
    let compiled = fs::read(wasm).with_context(|| format!("{} is missing", wasm.display()))?;
    let version = optimiser.as_ref().map_or("none", |optimiser| optimiser.version.as_str());
    let key = fingerprint(&[&compiled, version.as_bytes()]);
    // One record for script, snippets and module: a part alone would be a mismatch.
    let record = cache.get_or(&key, "bound", || {
        let mut bound = step("wasm-bindgen", || bindgen::bind(wasm))?;
        if let Some(optimiser) = &optimiser {
            bound.module = shrink(optimiser, &bound.module, &cache.folder)?;
        }
        pack(&bound)
    })?;
    unpack(&record)
}

fn shrink(optimiser: &Optimiser, module: &[u8], scratch: &Path) -> Result<Vec<u8>> {
    let smaller = step(&format!("wasm-opt -Oz ({})", optimiser.version), || optimiser.shrink(module, scratch))?;
    note(&format!("{} KB became {} KB", module.len() / 1024, smaller.len() / 1024));
    Ok(smaller)
}

fn pack(bound: &Bound) -> Result<Vec<u8>> {
    let head = serde_json::to_vec(&serde_json::json!({
        "script": String::from_utf8_lossy(&bound.script),
        "snippets": bound.snippets.iter().map(|(path, source)| (path, String::from_utf8_lossy(source))).collect::<BTreeMap<_, _>>(),
    }))?;
    let mut record = u64::try_from(head.len())?.to_le_bytes().to_vec();
    record.extend(head);
    record.extend(&bound.module);
    Ok(record)
}

fn unpack(record: &[u8]) -> Result<Bound> {
    let (length, rest) = record.split_first_chunk::<8>().context("a kept result is cut short")?;
    let (head, module) =
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length))?).context("a kept result is cut short")?;
    let head: serde_json::Value = serde_json::from_slice(head)?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let snippets =
        head["snippets"].as_object().into_iter().flatten().map(|(path, source)| (path.clone(), text(source)));
    Ok(Bound { script: text(&head["script"]), module: module.to_vec(), snippets: snippets.collect() })
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
struct Cache {
    folder: PathBuf,
}

impl Cache {
    fn get_or(&self, key: &str, kind: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
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
    fn kept_record_gives_back_script_snippets_and_module() {
        let bound = Bound {
            script: b"import 'x'".to_vec(),
            module: vec![0, 97, 115, 109, 255],
            snippets: BTreeMap::from([("snippets/a/inline0.js".to_owned(), b"export {}".to_vec())]),
        };
        let again = unpack(&pack(&bound).unwrap()).unwrap();
        assert_eq!((again.script, again.module, again.snippets), (bound.script, bound.module, bound.snippets));
        assert!(unpack(b"short").is_err());
    }

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
