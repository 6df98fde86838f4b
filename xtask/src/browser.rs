//! Browsers for the browser tests: the machine's, else Debian's by apt when that is allowed. Called by `e2e`.
//! Chromium for every journey, Firefox for those of push: Chromium subscribes at its maker's cloud only, Firefox wherever it is told to.
//! Playwright's own downloads are not used. Without a browser it fails with the line to type; it never skips.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::step::{answer, command, run, step};

/// A browser that the tests need.
pub struct Browser {
    name: &'static str,
    /// The environment's word for another one, and how the journeys hear of it.
    pub variable: &'static str,
    package: &'static str,
    programs: &'static [&'static str],
    elsewhere: &'static [&'static str],
    /// Said when the package is not to be had.
    otherwise: &'static str,
}

/// For every journey.
pub const CHROMIUM: Browser = Browser {
    name: "Chromium",
    variable: "CHROMIUM",
    package: "chromium",
    programs: &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
    elsewhere: &[
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    otherwise: "or set CHROMIUM to a browser's path",
};

/// For the journeys of push.
pub const FIREFOX: Browser = Browser {
    name: "Firefox",
    variable: "FIREFOX",
    package: "firefox-esr",
    programs: &["firefox-esr", "firefox"],
    elsewhere: &["/Applications/Firefox.app/Contents/MacOS/firefox"],
    otherwise: "or, where there is no such package (Ubuntu), install Mozilla's own and set FIREFOX to its path",
};

impl Browser {
    /// The browser's path, after installing it when it is absent.
    pub fn ensure(&self) -> Result<PathBuf> {
        let Self { name, variable, package, otherwise, .. } = self;
        if let Some(named) = std::env::var_os(variable) {
            let path = PathBuf::from(named);
            if path.is_file() {
                return Ok(path);
            }
            bail!("{variable} names {}, which is not there", path.display());
        }
        if let Some(path) = self.find() {
            return Ok(path);
        }
        let line = format!("sudo apt-get install -y {package} ({otherwise})");
        let Some(prefix) = administrator() else {
            bail!("the browser tests need {name}, and apt may not be used here. Type: {line}");
        };
        step(&format!("apt-get install {package}"), || {
            apt(prefix, &["update", "-qq"])?;
            apt(prefix, &["install", "-y", "-qq", "--no-install-recommends", package])
        })
        .map_err(|error| error.context(format!("{name} could not be installed. Type: {line}")))?;
        match self.find() {
            Some(path) => Ok(path),
            None => bail!("{name} was installed and is not found. Set {variable} to its path"),
        }
    }

    fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]).collect();
        let on_path = self.programs.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        // Ubuntu's `firefox` is a script that asks for a snap; it is no browser.
        let real = |path: &PathBuf| path.is_file() && !std::fs::read(path).is_ok_and(|head| is_snap_stub(&head));
        on_path.chain(self.elsewhere.iter().map(PathBuf::from)).find(real)
    }
}

fn is_snap_stub(content: &[u8]) -> bool {
    content.starts_with(b"#!") && content.windows(5).any(|five| five == b"snap ")
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

#[cfg(test)]
mod tests {
    use super::is_snap_stub;

    #[test]
    fn a_script_that_only_asks_for_a_snap_is_no_browser() {
        assert!(is_snap_stub(b"#!/bin/sh\necho 'requires the firefox snap to be installed'\n"));
        assert!(!is_snap_stub(b"#!/bin/sh\nexec /usr/lib/firefox-esr/firefox-esr \"$@\"\n"));
        assert!(!is_snap_stub(b"\x7fELF snap "));
    }
}
