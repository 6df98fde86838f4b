//! `build --release` and `clean`. The first leaves one folder to deploy, `target/dist/meanwhile`, and an archive of it.
//! Called from `main`. The server looks for `site` beside itself, so the folder runs anywhere as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::build;
use crate::project::Project;
use crate::site::Effort;
use crate::step::{cargo, command, note, run, step};

/// Builds and packs.
pub fn pack(project: &Project) -> Result<()> {
    let binary = build::build(project, Effort::Release)?;
    let dist = project.target.join("dist");
    let folder = dist.join("meanwhile");
    step("pack", || {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let name = binary.file_name().context("the binary has no name")?;
        fs::copy(&binary, folder.join(name))?;
        copy_folder(&project.site(), &folder.join("site"))?;
        let archive = dist.join(format!("meanwhile-{}-{}.tar.gz", std::env::consts::OS, std::env::consts::ARCH));
        run(command("tar").arg("-C").arg(&dist).arg("-czf").arg(&archive).arg("meanwhile"))?;
        let size = fs::metadata(&archive)?.len();
        note(&format!("{} ({:.1} MB)", archive.display(), size as f64 / 1_048_576.0));
        note(&format!("try it: {}/meanwhile serve", folder.display()));
        Ok(())
    })
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Removes what was built and installed; the data folder stays.
pub fn clean(project: &Project) -> Result<()> {
    for folder in ["node_modules", "test-results", "playwright-report"] {
        let path = project.end2end().join(folder);
        if path.exists() {
            step(&format!("remove end2end/{folder}"), || Ok(fs::remove_dir_all(&path)?))?;
        }
    }
    step("cargo clean", || run(cargo().current_dir(&project.root).arg("clean")))
}
