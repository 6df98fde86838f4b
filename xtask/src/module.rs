//! The browser's module: from what the compiler made to the scripts and modules that a page loads. Called by `site`.
//!
//! Empties what never runs, cuts the rest into parts, binds what stays, optimises each, and names them.
//! Invariant: each file's name carries a hash of its content and of all that it refers to, so that a browser never puts files of two builds together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bindgen::{self, Bound};
use crate::optimise::{self, Optimiser};
use crate::project::Project;
use crate::site::{Cache, Effort, fingerprint};
use crate::snip;
use crate::split::{self, LOADER, SCRIPT};
use crate::step::{note, step};

/// The part of the module that every page loads.
const MAIN: &str = "meanwhile_bg";

/// What was made of the module, under the names that the tools gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Made {
    script: String,
    loader: String,
    snippets: BTreeMap<String, String>,
    /// The files that each part needs.
    needs: BTreeMap<String, Vec<String>>,
    /// All modules, [`MAIN`] among them.
    modules: BTreeMap<String, Vec<u8>>,
}

/// The files, under the names that they are served by.
pub struct Named {
    /// By path in the site.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The script that a page starts.
    pub script: String,
    /// The script that fetches parts.
    pub loader: String,
    /// The module that every page loads.
    pub module: String,
    /// The modules that each part needs.
    pub parts: BTreeMap<String, Vec<String>>,
}

/// Makes them from the compiled module at `wasm`.
pub fn make(project: &Project, cache: &Cache, wasm: &Path, effort: Effort) -> Result<Named> {
    let optimiser = match (optimise::find(project), effort) {
        (Ok(optimiser), _) => Some(optimiser),
        (Err(error), Effort::Release) => return Err(error.context("wasm-opt is required for a release")),
        (Err(error), Effort::Quick) => {
            note(&format!("wasm-opt is skipped, the modules stay larger: {error}"));
            None
        }
    };
    let compiled = fs::read(wasm).with_context(|| format!("{} is missing", wasm.display()))?;
    let version = optimiser.as_ref().map_or("none", |optimiser| optimiser.version.as_str());
    let recipe = [&snip::NEVER[..], &optimise::ARGUMENTS[..]].concat().join(" ");
    let key = fingerprint(&[&compiled, version.as_bytes(), recipe.as_bytes()]);
    // One record for all of it: a part alone would be a mismatch.
    let record = cache.get_or(&key, "made", || pack(&of_compiled(&compiled, optimiser.as_ref(), &cache.folder)?))?;
    named(unpack(&record)?)
}

fn of_compiled(compiled: &[u8], optimiser: Option<&Optimiser>, scratch: &Path) -> Result<Made> {
    let (compiled, emptied) = step("empty what never runs", || snip::snip(compiled))?;
    note(&format!("{} KB of code", emptied / 1024));
    let split = step("cut the module", || split::split(&compiled, scratch))?;
    let Bound { script, module, snippets } = step("wasm-bindgen", || bindgen::bind(split.main))?;
    let mut modules = split.files;
    modules.insert(MAIN.to_owned(), module);
    if let Some(optimiser) = optimiser {
        let before: usize = modules.values().map(Vec::len).sum();
        step(&format!("wasm-opt ({})", optimiser.version), || optimiser.shrink_all(&mut modules, scratch))?;
        let after: usize = modules.values().map(Vec::len).sum();
        note(&format!("{} KB became {} KB", before / 1024, after / 1024));
    }
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).context("a script that is no text");
    let snippets = snippets.into_iter().map(|(path, source)| Ok((path, text(source)?))).collect::<Result<_>>()?;
    Ok(Made { script: text(script)?, loader: split.loader, snippets, needs: split.needs, modules })
}

/// Names the modules by their content, then the two scripts, which name each other, by the content of both.
fn named(made: Made) -> Result<Named> {
    let Made { mut script, mut loader, snippets, needs, modules } = made;
    let mut files = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for (name, module) in modules {
        let file = format!("{name}.{}.wasm", short(&[&module]));
        loader = loader.replace(&format!("\"./{name}.wasm\""), &format!("\"./{file}\""));
        paths.insert(name, format!("pkg/{file}"));
        files.insert(format!("pkg/{file}"), module);
    }
    let both = short(&[script.as_bytes(), loader.as_bytes()]);
    let (script_name, loader_name) = (format!("meanwhile.{both}.js"), format!("parts.{both}.js"));
    for quote in ['"', '\''] {
        // The name stays where it is a key of the module's imports.
        let from = |path: &str| format!("from {quote}{path}{quote}");
        script = script.replace(&from(LOADER), &from(&format!("./{loader_name}")));
        loader = loader.replace(&from(SCRIPT), &from(&format!("./{script_name}")));
    }
    anyhow::ensure!(
        script.contains(&loader_name) && loader.contains(&script_name),
        "the scripts do not name each other as expected"
    );
    let (script_path, loader_path) = (format!("pkg/{script_name}"), format!("pkg/{loader_name}"));
    files.insert(script_path.clone(), script.into_bytes());
    files.insert(loader_path.clone(), loader.into_bytes());
    files.extend(snippets.into_iter().map(|(path, source)| (format!("pkg/{path}"), source.into_bytes())));
    let path_of = |name: &String| paths.get(name).cloned().with_context(|| format!("{name} was not made"));
    let parts = needs
        .iter()
        .map(|(part, names)| Ok((part.clone(), names.iter().map(path_of).collect::<Result<Vec<_>>>()?)))
        .collect::<Result<_>>()?;
    let module = path_of(&MAIN.to_owned())?;
    Ok(Named { files, script: script_path, loader: loader_path, module, parts })
}

fn short(parts: &[&[u8]]) -> String {
    fingerprint(parts).chars().take(12).collect()
}

fn pack(made: &Made) -> Result<Vec<u8>> {
    let head = serde_json::to_vec(&serde_json::json!({
        "script": made.script,
        "loader": made.loader,
        "snippets": made.snippets,
        "needs": made.needs,
        "modules": made.modules.iter().map(|(name, module)| (name, module.len())).collect::<BTreeMap<_, _>>(),
    }))?;
    let mut record = u64::try_from(head.len())?.to_le_bytes().to_vec();
    record.extend(head);
    record.extend(made.modules.values().flatten());
    Ok(record)
}

fn unpack(record: &[u8]) -> Result<Made> {
    const SHORT: &str = "a kept result is cut short";
    let (length, rest) = record.split_first_chunk::<8>().context(SHORT)?;
    let (head, mut rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length))?).context(SHORT)?;
    let mut head: serde_json::Value = serde_json::from_slice(head)?;
    let mut take = |name: &str| head.get_mut(name).map(serde_json::Value::take).context(SHORT);
    let lengths: BTreeMap<String, usize> = serde_json::from_value(take("modules")?)?;
    let mut modules = BTreeMap::new();
    for (name, length) in lengths {
        let (module, after) = rest.split_at_checked(length).context(SHORT)?;
        modules.insert(name, module.to_vec());
        rest = after;
    }
    Ok(Made {
        script: serde_json::from_value(take("script")?)?,
        loader: serde_json::from_value(take("loader")?)?,
        snippets: serde_json::from_value(take("snippets")?)?,
        needs: serde_json::from_value(take("needs")?)?,
        modules,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Made {
        Made {
            script: "import * as loader from \"./__wasm_split.js\"; imports[\"./__wasm_split.js\"] = loader;"
                .to_owned(),
            loader: "import { initSync } from \"./meanwhile.js\"; fetch(\"./split_job.wasm\")".to_owned(),
            snippets: BTreeMap::from([("snippets/a/inline0.js".to_owned(), "export {}".to_owned())]),
            needs: BTreeMap::from([("job".to_owned(), vec!["split_job".to_owned()])]),
            modules: BTreeMap::from([
                (MAIN.to_owned(), vec![0, 97, 115, 109, 255]),
                ("split_job".to_owned(), vec![0, 97, 115, 109]),
            ]),
        }
    }

    #[test]
    fn kept_record_gives_back_what_was_made() {
        assert_eq!(unpack(&pack(&made()).unwrap()).unwrap(), made());
        assert!(unpack(b"short").is_err());
    }

    #[test]
    fn a_changed_part_renames_all_that_leads_to_it_and_every_name_leads_to_a_file() {
        let before = named(made()).unwrap();
        let text = |named: &Named, path: &String| String::from_utf8(named.files[path].clone()).unwrap();
        let part = &before.parts["job"][0];
        assert!(before.files.contains_key(part) && before.files.contains_key(&before.module));
        assert!(text(&before, &before.loader).contains(&part.replace("pkg/", "./")));
        assert!(text(&before, &before.loader).contains(&before.script.replace("pkg/", "./")));
        let script = text(&before, &before.script);
        assert!(script.contains(&before.loader.replace("pkg/", "./")));
        // The key that the module's imports are looked up by is the tools' affair.
        assert!(script.contains("imports[\"./__wasm_split.js\"]"));

        let mut changed = made();
        changed.modules.get_mut("split_job").unwrap().push(1);
        let after = named(changed).unwrap();
        assert_ne!((&before.script, &before.loader), (&after.script, &after.loader));
        assert_ne!(before.parts, after.parts);
        assert_eq!(before.module, after.module);
    }
}
