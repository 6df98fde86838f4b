//! Uploads and job files on disk; their rows are the store's.
//!
//! Used by the upload handlers, by kinds (through their context) and by the download handler. Knows no owner and no quota.
//! Invariants: a file under its final name is complete and synced, and so is the way to it (POSIX: a name is durable once its folder is
//! synced, and no sooner); what is not ends in `.partial`. What a crash left of either is found by [`Files::untouched_for`] and judged by
//! the pruner, which asks the store.

mod job_file;

pub use job_file::{JobFile, Kept};

use bytes::Bytes;
use domain::{JobId, UploadId};
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{fs::File, io::AsyncWriteExt as _};

/// The two folders of files in the data folder.
#[derive(Debug, Clone)]
pub struct Files {
    uploads: Arc<Path>,
    jobs: Arc<Path>,
}

/// What lies in the folders and has not been written to for a while, whether a row names it or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Files that were never finished: no row names one.
    pub partial: Vec<PathBuf>,
    /// Uploads in full.
    pub uploads: Vec<UploadId>,
    /// Jobs that have a folder.
    pub jobs: Vec<JobId>,
}

/// A file that arrived in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// Why a file did not arrive; nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// More bytes came than may.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The stream broke off.
    #[error("cut off: {0}")]
    Cut(String),
    /// No room on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// Anything else that the system reports.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

impl Files {
    /// Makes the folders in the data folder.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let files = Self { uploads: data.join("uploads").into(), jobs: data.join("jobs").into() };
        make_folder(&files.uploads)?;
        make_folder(&files.jobs)?;
        Ok(files)
    }

    /// Where an upload's content is.
    pub fn upload_path(&self, id: UploadId) -> PathBuf {
        self.uploads.join(id.to_string())
    }

    /// The folder of a job's own files; whoever writes the first one makes it.
    pub fn job_dir(&self, id: JobId) -> PathBuf {
        self.jobs.join(id.to_string())
    }

    /// Removes an upload's content. A file that is not there is as good as removed.
    pub fn remove_upload(&self, id: UploadId) {
        let path = self.upload_path(id);
        removed(&path, fs::remove_file(&path));
    }

    /// Removes a file of a job, which the store had a row for.
    pub fn remove_job_file(&self, id: JobId, name: &str) {
        let path = self.job_dir(id).join(name);
        removed(&path, fs::remove_file(&path));
    }

    /// Removes all files of a job.
    pub fn remove_job(&self, id: JobId) {
        let path = self.job_dir(id);
        removed(&path, fs::remove_dir_all(&path));
    }

    /// Removes a file that [`Self::untouched_for`] found unfinished.
    pub fn remove_partial(&self, path: &Path) {
        removed(path, fs::remove_file(path));
    }

    /// Writes a stream to an upload's file, in constant memory, and answers once it is durable under its final name.
    ///
    /// # Errors
    /// [`ReceiveError`]; the partial file is removed then, and also when the caller goes away in the middle.
    pub async fn receive<S, E>(&self, id: UploadId, stream: S, limit: u64) -> Result<Received, ReceiveError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        let partial = Partial(self.upload_path(id).with_extension("partial"));
        let mut file = File::create(&partial.0).await?;
        let mut hash = Sha256::new();
        let mut size = 0u64;
        let mut stream = pin!(stream);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| ReceiveError::Cut(error.to_string()))?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(ReceiveError::TooLarge(limit));
            }
            hash.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        fs::rename(&partial.0, self.upload_path(id))?;
        File::open(&self.uploads).await?.sync_all().await?;
        Ok(Received { size, sha256: hash.finalize().into() })
    }

    /// What lies in the folders and was last written to longer ago than that. Names that are none of ours are passed over.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn untouched_for(&self, grace: Duration) -> io::Result<Orphans> {
        let mut found = Orphans::default();
        for path in untouched(&self.uploads, grace)? {
            if is_partial(&path) {
                found.partial.push(path);
            } else if let Some(id) = named(&path) {
                found.uploads.push(id);
            }
        }
        for path in untouched(&self.jobs, Duration::ZERO)? {
            let Some(id) = named(&path) else { continue };
            let old = untouched(&path, grace)?;
            // A folder counts as touched when anything in it does.
            if old.len() == fs::read_dir(&path)?.count() && is_untouched(&fs::metadata(&path)?, grace) {
                found.jobs.push(id);
            }
            found.partial.extend(old.into_iter().filter(|path| is_partial(path)));
        }
        Ok(found)
    }
}

/// The entries of a folder that were last written to longer ago than that.
fn untouched(folder: &Path, grace: Duration) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if is_untouched(&metadata, grace) => found.push(entry.path()),
            // Removed in between, or still in use.
            _ => {}
        }
    }
    Ok(found)
}

/// With a clock that was set back, a file may be of the future: only without grace is that old enough.
fn is_untouched(metadata: &fs::Metadata, grace: Duration) -> bool {
    grace.is_zero() || metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > grace))
}

fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial")
}

/// The id that a file or folder is named after.
fn named<T: std::str::FromStr>(path: &Path) -> Option<T> {
    path.file_name()?.to_str()?.parse().ok()
}

/// Tells the log of what could not be removed; what is not there is as good as removed.
fn removed(path: &Path, result: io::Result<()>) {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a file could not be removed; the daily sweep tries again");
        }
        _ => {}
    }
}

/// Makes a folder and those above it that are missing, readable by their user only, and answers once all of them are durable.
///
/// # Errors
/// When one cannot be made, or the folder that it is in cannot be synced.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let missing: Vec<_> = missing.collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    for folder in missing {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        fs::File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// A file that is removed unless it was renamed, however its writer ends.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Renamed: there is nothing left under this name.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn chunks(parts: &[Result<&'static str, &'static str>]) -> impl Stream<Item = Result<Bytes, &'static str>> {
        stream::iter(parts.iter().map(|part| part.map(|text| Bytes::from_static(text.as_bytes()))).collect::<Vec<_>>())
    }

    fn names(files: &Files) -> Vec<String> {
        fs::read_dir(&files.uploads).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_arrived_is_whole_and_what_was_cut_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let id = UploadId::from_bytes([1; 16]);
        let received = files.receive(id, chunks(&[Ok("ab"), Ok("c")]), 3).await.unwrap();
        assert_eq!((received.size, received.sha256), (3, Sha256::digest(b"abc").into()));
        assert_eq!(fs::read(files.upload_path(id)).unwrap(), b"abc");
        let other = UploadId::from_bytes([2; 16]);
        let cut = files.receive(other, chunks(&[Ok("ab"), Err("gone")]), 3).await;
        assert!(matches!(cut, Err(ReceiveError::Cut(_))));
        let large = files.receive(other, chunks(&[Ok("ab"), Ok("cd")]), 3).await;
        assert!(matches!(large, Err(ReceiveError::TooLarge(3))));
        assert_eq!(names(&files), [id.to_string()]);
    }

    #[test]
    fn what_is_being_written_is_not_found_and_names_that_are_not_ours_neither() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let (upload, job) = (UploadId::from_bytes([1; 16]), JobId::from_bytes([3; 16]));
        let partial = files.uploads.join("x.partial");
        fs::write(&partial, b"half").unwrap();
        fs::write(files.upload_path(upload), b"whole").unwrap();
        fs::write(files.uploads.join("README"), b"not ours").unwrap();
        fs::create_dir(files.job_dir(job)).unwrap();
        fs::write(files.job_dir(job).join("rejects.csv"), b"whole").unwrap();
        assert_eq!(files.untouched_for(Duration::from_secs(3600)).unwrap(), Orphans::default());
        let all = Orphans { partial: vec![partial], uploads: vec![upload], jobs: vec![job] };
        assert_eq!(files.untouched_for(Duration::ZERO).unwrap(), all);
    }
}
