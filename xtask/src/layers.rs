//! Who may name what: `domain ← app ← server`, and inside the server one place for each foreign thing. Called by `check`.
//! Reads `use` paths as text, which is enough for crates with such names; comments do not count.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// A crate, the sources it must stay out of, and the files there that may name it.
struct Rule {
    name: &'static str,
    sources: &'static str,
    except: &'static [&'static str],
}

const RULES: [Rule; 6] = [
    Rule { name: "app", sources: "server/src", except: &["ui.rs"] },
    Rule { name: "rusqlite", sources: "server/src", except: &["store/"] },
    Rule { name: "tokio_postgres", sources: "server/src", except: &["store/"] },
    Rule { name: "axum", sources: "server/src/engine", except: &[] },
    Rule { name: "axum", sources: "server/src/store", except: &[] },
    Rule { name: "server", sources: "app/src", except: &[] },
];

/// Fails with every place that breaks a rule.
pub fn check(root: &Path) -> Result<()> {
    let mut broken = Vec::new();
    for rule in &RULES {
        let folder = root.join(rule.sources);
        for file in sources(&folder)? {
            let relative = file.strip_prefix(&folder)?.to_string_lossy().replace('\\', "/");
            if rule.except.iter().any(|allowed| relative.starts_with(allowed)) {
                continue;
            }
            for (index, line) in fs::read_to_string(&file)?.lines().enumerate() {
                if names(line, rule.name) {
                    broken.push(format!("{}/{relative}:{} names {}", rule.sources, index + 1, rule.name));
                }
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("layering is broken:\n{}", broken.join("\n")) }
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Whether the line has `name::` as the first segment of a path, or `use name`.
fn names(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(name).any(|(start, _)| {
        let before = code.get(..start).unwrap_or_default();
        let after = code.get(start + name.len()..).unwrap_or_default();
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '.' || c == '"');
        let used = before.trim_end().ends_with("use") && after.starts_with([';', ' ']);
        begins && (after.starts_with("::") || used)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_path_is_seen_and_a_likeness_is_not() {
        for line in ["use app::Shell;", "let x = app::shell();", "use app;", "use rusqlite as x; app::y()"] {
            assert!(names(line, "app"), "{line}");
        }
        for line in
            ["use crate::app::Shell;", "// app::Shell", "myapp::x()", "app.route()", "let app = 1;", "\"app::x\""]
        {
            assert!(!names(line, "app"), "{line}");
        }
    }
}
