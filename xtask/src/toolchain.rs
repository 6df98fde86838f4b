//! What must be there before a build: the browser's compile target, a C compiler, one version of wasm-bindgen.
//! Called first by the commands that build. It installs the target with rustup; anything else it only names.

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::step::{answer, command, run, step};

/// The target that browsers run.
pub const BROWSER_TARGET: &str = "wasm32-unknown-unknown";

/// The version of `wasm-bindgen-cli-support` in this program.
const GENERATOR: &str = "0.2.130";

/// Makes sure of everything, or says the one line to type.
pub fn ensure(project: &Project) -> Result<()> {
    ensure_browser_target(project)?;
    if answer(command("cc").arg("--version")).is_none() && std::env::var_os("CC").is_none() {
        bail!("a C compiler is needed (SQLite is built from source). Type: apt-get install -y build-essential");
    }
    let lock = std::fs::read_to_string(project.root.join("Cargo.lock")).context("Cargo.lock is missing")?;
    check_generator(&lock)
}

fn ensure_browser_target(project: &Project) -> Result<()> {
    let installed = || {
        answer(command("rustc").current_dir(&project.root).args([
            "--print",
            "target-libdir",
            "--target",
            BROWSER_TARGET,
        ]))
        .is_some_and(|folder| std::path::Path::new(&folder).is_dir())
    };
    if installed() {
        return Ok(());
    }
    let line = format!("rustup target add {BROWSER_TARGET}");
    if answer(command("rustup").arg("--version")).is_none() {
        bail!("Rust's target for browsers is missing, and so is rustup. Install https://rustup.rs, then type: {line}");
    }
    step(&line, || run(command("rustup").current_dir(&project.root).args(["target", "add", BROWSER_TARGET])))?;
    if installed() { Ok(()) } else { bail!("Rust's target for browsers is missing. Type: {line}") }
}

/// The generator reads a format that changes with each version, so both must be the very same.
fn check_generator(lock: &str) -> Result<()> {
    for name in ["wasm-bindgen", "wasm-bindgen-cli-support"] {
        let locked = locked_version(lock, name).with_context(|| format!("Cargo.lock has no {name}"))?;
        if locked != GENERATOR {
            bail!(
                "Cargo.lock has {name} {locked}, xtask expects {GENERATOR}. \
                 Type: cargo update -p wasm-bindgen -p wasm-bindgen-cli-support, then set GENERATOR in xtask/src/toolchain.rs"
            );
        }
    }
    Ok(())
}

fn locked_version<'lock>(lock: &'lock str, name: &str) -> Option<&'lock str> {
    let mut lines = lock.lines();
    lines.find(|line| line.strip_prefix("name = ").is_some_and(|found| found.trim_matches('"') == name))?;
    lines.next()?.strip_prefix("version = ").map(|version| version.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_of_another_version_is_refused() {
        let lock = |version| {
            format!(
                "[[package]]\nname = \"wasm-bindgen\"\nversion = \"{version}\"\n\n\
                 [[package]]\nname = \"wasm-bindgen-cli-support\"\nversion = \"{GENERATOR}\"\n"
            )
        };
        assert!(check_generator(&lock(GENERATOR)).is_ok());
        assert!(check_generator(&lock("0.2.1")).is_err());
        assert!(check_generator("").is_err());
    }

    #[test]
    fn lock_file_of_this_checkout_fits() {
        let lock = std::fs::read_to_string(Project::find().unwrap().root.join("Cargo.lock")).unwrap();
        check_generator(&lock).unwrap();
    }
}
