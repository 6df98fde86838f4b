//! A Chromium for the browser tests: the machine's, else Debian's by apt when that is allowed. Called by `e2e`.
//! Playwright's own downloads are not used. Without any browser it fails with the line to type; it never skips.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::step::{answer, command, run, step};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const ELSEWHERE: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const LINE: &str = "sudo apt-get install -y chromium";

/// The browser's path, after installing it when it is absent.
pub fn ensure() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        let path = PathBuf::from(named);
        if path.is_file() {
            return Ok(path);
        }
        bail!("CHROMIUM names {}, which is not there", path.display());
    }
    if let Some(path) = find() {
        return Ok(path);
    }
    let Some(prefix) = administrator() else {
        bail!(
            "the browser tests need Chromium, and apt may not be used here. Type: {LINE} (or set CHROMIUM to a browser's path)"
        );
    };
    step("apt-get install chromium", || {
        apt(prefix, &["update", "-qq"])?;
        apt(prefix, &["install", "-y", "-qq", "--no-install-recommends", "chromium"])
    })
    .map_err(|error| error.context(format!("Chromium could not be installed. Type: {LINE}")))?;
    match find() {
        Some(path) => Ok(path),
        None => bail!("Chromium was installed and is not found. Set CHROMIUM to its path"),
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]).collect();
    let on_path = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    on_path.chain(ELSEWHERE.iter().map(PathBuf::from)).find(|candidate| candidate.is_file())
}

/// What to put before a command that needs the administrator; nothing when this one is.
fn administrator() -> Option<&'static [&'static str]> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return None;
    }
    if answer(command("id").arg("-u")).as_deref() == Some("0") {
        return Some(&[]);
    }
    answer(command("sudo").args(["-n", "true"])).map(|_| &["sudo", "-n"] as &[&str])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let words: Vec<&str> = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]).collect();
    let [program, rest @ ..] = words.as_slice() else { bail!("no program") };
    run(command(program).args(rest).args(arguments))
}
