//! Uploads and job files on disk; their rows are the store's.
//!
//! Used by the upload handlers, by kinds (through their context) and by the download handler. Knows no owner and no quota.
//! Invariants: a file under its final name is complete and synced, and so is the way to it (POSIX: a name is durable once its folder is
//! synced, and no sooner); everything else ends in `.partial` and is swept at start.

use bytes::Bytes;
use domain::{JobId, UploadId};
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};
use tokio::{fs::File, io::AsyncWriteExt as _};

/// The two folders of files in the data folder.
#[derive(Debug, Clone)]
pub struct Files {
    uploads: Arc<Path>,
    jobs: Arc<Path>,
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
    /// Makes the folders in the data folder, and sweeps what a crash left.
    ///
    /// # Errors
    /// When a folder cannot be made or read.
    pub fn open(data: &Path) -> io::Result<Self> {
        let files = Self { uploads: data.join("uploads").into(), jobs: data.join("jobs").into() };
        make_folder(&files.uploads)?;
        make_folder(&files.jobs)?;
        files.sweep()?;
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

    /// Every upload whose content is here, with or without a row.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn uploads(&self) -> io::Result<Vec<UploadId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.uploads)? {
            ids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<UploadId>().ok()));
        }
        Ok(ids)
    }

    /// Removes an upload's content. A file that is not there is as good as removed.
    pub fn remove_upload(&self, id: UploadId) {
        let path = self.upload_path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, upload = %id, "an upload could not be removed");
            }
            _ => {}
        }
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

    /// Removes partial files: with nobody writing yet, each is what a crash left.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn sweep(&self) -> io::Result<()> {
        let mut folders = vec![self.uploads.to_path_buf()];
        for entry in fs::read_dir(&self.jobs)? {
            folders.push(entry?.path());
        }
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "partial") {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
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

    #[tokio::test]
    async fn a_partial_file_of_a_crash_is_swept_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        fs::write(files.uploads.join("x.partial"), b"half").unwrap();
        fs::create_dir(files.job_dir(JobId::from_bytes([3; 16]))).unwrap();
        fs::write(files.job_dir(JobId::from_bytes([3; 16])).join("rejects.csv.partial"), b"half").unwrap();
        let files = Files::open(folder.path()).unwrap();
        assert_eq!(names(&files), [""; 0]);
        assert_eq!(fs::read_dir(files.job_dir(JobId::from_bytes([3; 16]))).unwrap().count(), 0);
    }
}
