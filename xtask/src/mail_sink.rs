//! A mail server for the tests of mails: Python's `aiosmtpd`, in an environment of its own under `target/`. Called by `test`.
//! Without Python it fails with the line to type; it never skips.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::step::{answer, command, run, step};

const PACKAGE: &str = "aiosmtpd==1.4.6";
const LINE: &str = "sudo apt-get install -y python3-venv";

/// Makes the environment unless it is there.
pub fn ensure(project: &Project) -> Result<()> {
    let python = python(project);
    if answer(command(&python).args(["-c", "import aiosmtpd"])).is_some() {
        return Ok(());
    }
    if answer(command("python3").args(["-c", "import venv, ensurepip"])).is_none() {
        bail!("the tests of mails need Python 3 with venv. Type: {LINE}");
    }
    step("aiosmtpd for the tests of mails", || {
        run(command("python3").args(["-m", "venv", "--clear"]).arg(project.target.join("mail-sink")))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", PACKAGE];
        run(command(&python).args(install))
    })
}

/// Where `server/tests/senders/mail.rs` looks for it.
fn python(project: &Project) -> PathBuf {
    let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    project.target.join("mail-sink").join(inside)
}
