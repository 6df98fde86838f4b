//! `meanwhile backup` and `meanwhile restore`: a data folder copied while it is in use, and a data folder made from such a copy.
//!
//! Called by `main`. Needs no server, and disturbs none that runs. All SQL is the store's.
//! Invariants: the database is copied before the files that it names, so each of them was there at its moment; `backup.json` is written
//! last, so a folder that has one is complete; a restore never writes into a folder that has something in it.

use crate::{
    notify::vapid,
    store::{
        StoreError,
        sqlite::backup::{self, DATABASE, Named},
    },
};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

const MANIFEST: &str = "backup.json";
/// What signs cookies, opens the operator's routes and is known to browsers that are pushed to: without them nobody's jobs would be theirs
/// after a restore, and no browser would be told.
const KEYS: [&str; 3] = ["owner.key", "operator.token", vapid::FILE];
const FORMAT: u32 = 1;

/// Why nothing was copied; each reads as one sentence for whoever typed the command.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no database in the data folder.
    #[error("There is no database in the data folder {}; name the right one with --data.", .0.display())]
    NoData(PathBuf),
    /// Something is in the way.
    #[error("The folder {} is not empty; name one that is empty or does not exist yet.", .0.display())]
    NotEmpty(PathBuf),
    /// What is to be restored is no complete backup.
    #[error("The folder {} holds no complete backup: {reason}.", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be copied: {source}.", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database cannot be copied.
    #[error("The database cannot be copied: {0}.")]
    Store(#[from] StoreError),
}

/// What a backup holds; written last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// When it was begun.
    pub made_at: Timestamp,
    /// Jobs in it.
    pub jobs: u64,
    /// Files of uploads and jobs in it.
    pub files: u64,
    /// Files that the database names and the data folder lacked.
    pub missing: Vec<String>,
}

/// Copies a data folder.
///
/// # Errors
/// [`BackupError`]; what was written until then has no manifest and will not be restored.
pub fn backup(data: &Path, to: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    if !data.join(DATABASE).is_file() {
        return Err(BackupError::NoData(data.to_owned()));
    }
    make_empty(to)?;
    let Named { jobs, uploads, files, resumable } = backup::copy(data, &to.join(DATABASE))?;
    let mut manifest = Manifest { format: FORMAT, made_at: now, jobs, files: 0, missing: Vec::new() };
    let mut names: Vec<PathBuf> = uploads.iter().map(|id| Path::new("uploads").join(id.to_string())).collect();
    names.extend(files.iter().map(|(job, name)| Path::new("jobs").join(job.to_string()).join(name)));
    for job in resumable {
        let folder = Path::new("jobs").join(job.to_string());
        // Most have none. What is still growing is copied as far as it has come: at least as far as the checkpoint counts.
        for entry in fs::read_dir(data.join(&folder)).into_iter().flatten().flatten() {
            names.push(folder.join(entry.file_name()));
        }
    }
    names.sort();
    names.dedup();
    for name in names {
        match copy(&data.join(&name), &to.join(&name)) {
            Ok(()) => manifest.files += 1,
            Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                manifest.missing.push(name.display().to_string());
            }
            Err(error) => return Err(error),
        }
    }
    copy_keys(data, to)?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(to)(error.into()))?;
    sync(to).map_err(at(to))?;
    fs::write(to.join(MANIFEST), text)
        .and_then(|()| sync(&to.join(MANIFEST)))
        .and_then(|()| sync(to))
        .map_err(at(to))?;
    Ok(manifest)
}

/// Makes a data folder from a backup.
///
/// # Errors
/// [`BackupError`]; the folder then has no database, or was not touched.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest, BackupError> {
    let no_backup = |reason: String| BackupError::NoBackup { path: from.to_owned(), reason };
    let text = fs::read(from.join(MANIFEST)).map_err(|error| no_backup(format!("{MANIFEST}: {error}")))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| no_backup(format!("{MANIFEST}: {error}")))?;
    if manifest.format != FORMAT {
        return Err(no_backup(format!("it has format {}, and this program knows {FORMAT}", manifest.format)));
    }
    if !from.join(DATABASE).is_file() {
        return Err(no_backup(format!("{DATABASE} is not there")));
    }
    make_empty(data)?;
    for folder in ["uploads", "jobs"] {
        if from.join(folder).is_dir() {
            copy_folder(&from.join(folder), &data.join(folder))?;
        }
    }
    copy_keys(from, data)?;
    // Under its own name only once it is ready: a start in between finds no database, not one with the old epoch.
    let aside = data.join("restoring.db");
    copy(&from.join(DATABASE), &aside)?;
    backup::make_own(&aside)?;
    fs::rename(&aside, data.join(DATABASE)).and_then(|()| sync(data)).map_err(at(data))?;
    for left in ["restoring.db-wal", "restoring.db-shm"] {
        let _ = fs::remove_file(data.join(left));
    }
    Ok(manifest)
}

/// Makes the folder, for its user only, or takes one that is empty.
fn make_empty(folder: &Path) -> Result<(), BackupError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(at(folder))?;
    match fs::read_dir(folder).map_err(at(folder))?.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::NotEmpty(folder.to_owned())),
    }
}

fn copy_keys(from: &Path, to: &Path) -> Result<(), BackupError> {
    // `fs::copy` keeps the permissions, which keep others out.
    KEYS.iter().filter(|key| from.join(key).is_file()).try_for_each(|key| copy(&from.join(key), &to.join(key)))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() { copy_folder(&path, &to.join(name))? } else { copy(&path, &to.join(name))? }
    }
    sync(to).map_err(at(to))
}

/// Copies a file durably, and makes its folder.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    fs::copy(from, to).map_err(at(from))?;
    sync(to).map_err(at(to))
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Io { path: path.clone(), source }
}
