//! Where things are. Called by every command; it reads paths and creates none.
//! Its invariant: all paths are absolute, so that commands may run in any folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout and its folders.
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Project {
    /// Takes the folder above this package, and the target folder this very program was built in.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// What the server serves: scripts, styles, public files and `assets.json`.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// Results kept between runs, each under the hash of what it was made from.
    pub fn cache(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The server's binary.
    pub fn binary(&self) -> PathBuf {
        self.target.join("release").join(format!("meanwhile{}", std::env::consts::EXE_SUFFIX))
    }

    /// The browser tests, and the npm packages of the build.
    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }
}
