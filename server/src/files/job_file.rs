//! A file of a job while it is written: hashed as it goes, and there under its name only when it is whole and durable.
//!
//! Used on blocking threads by kinds whose result is a file. Knows no store; whoever keeps the file adds its row.
//! Invariant: until [`Kept::leave`] is called nothing of it outlives its value, however its writer ends, whether it gives up, is dropped
//! or is told to stop; what a crash leaves ends in `.partial`, or is written over by the next attempt.

use super::{Files, Partial, make_folder};
use domain::JobId;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
};

const BUFFER: usize = 256 * 1024;

/// Says whether to go on writing.
pub type GoOn = Box<dyn Fn() -> bool + Send>;

/// A file being written.
pub struct JobFile {
    // Before the folder, which goes only when it is empty.
    out: BufWriter<File>,
    partial: Partial,
    folder: Folder,
    name: String,
    hash: Sha256,
    size: u64,
    go_on: GoOn,
}

/// The job's folder; removed with the last that was in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // With something in it, it stays.
        let _ = fs::remove_dir(&self.0);
    }
}

/// A file that is whole and durable, and goes unless somebody leaves it there.
pub struct Kept {
    path: Option<PathBuf>,
    /// Bytes.
    pub size: u64,
    /// Of the content.
    pub sha256: [u8; 32],
}

impl Files {
    /// Begins a file of a job. Each write asks `go_on` first.
    ///
    /// # Errors
    /// When folder or file cannot be made.
    pub fn begin_job_file(&self, job: JobId, name: &str, go_on: GoOn) -> io::Result<JobFile> {
        let folder = Folder(self.job_dir(job));
        make_folder(&folder.0)?;
        // An earlier attempt that was given up may still hold its own: never the same name twice.
        let partial = Partial(folder.0.join(format!("{name}.{:016x}.partial", fastrand::u64(..))));
        let out = BufWriter::with_capacity(BUFFER, File::create_new(&partial.0)?);
        Ok(JobFile { out, partial, folder, name: name.to_owned(), hash: Sha256::new(), size: 0, go_on })
    }
}

impl JobFile {
    /// The folder that it is in, for what has to lie beside it on the same disk.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder.0
    }

    /// Gives it its name, once all of it is on the disk.
    ///
    /// # Errors
    /// What the disk says; an error of its own when it was told to stop.
    pub fn keep(mut self) -> io::Result<Kept> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        self.asked()?;
        let path = self.folder.0.join(&self.name);
        fs::rename(&self.partial.0, &path)?;
        let kept = Kept { path: Some(path), size: self.size, sha256: self.hash.finalize().into() };
        File::open(&self.folder.0)?.sync_all()?;
        Ok(kept)
    }

    fn asked(&self) -> io::Result<()> {
        if (self.go_on)() { Ok(()) } else { Err(io::Error::other("told to stop")) }
    }
}

impl Write for JobFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked()?;
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Kept {
    /// Leaves the file where it is: its row is about to be committed.
    pub fn leave(mut self) {
        self.path = None;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // What stays is found by the daily sweep once the job is gone.
            let _ = fs::remove_file(&path);
            drop(path.parent().map(|folder| Folder(folder.to_owned())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    fn always() -> GoOn {
        Box::new(|| true)
    }

    #[test]
    fn a_kept_file_is_whole_and_any_other_end_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let job = JobId::from_bytes([3; 16]);
        let begin = |go_on| files.begin_job_file(job, "products.csv", go_on).unwrap();

        let mut given_up = begin(always());
        given_up.write_all(b"half").unwrap();
        assert_eq!(fs::read_dir(files.job_dir(job)).unwrap().count(), 1);
        drop(given_up);
        assert!(!files.job_dir(job).exists());

        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let mut told = begin(Box::new(move || !seen.load(Ordering::SeqCst)));
        told.write_all(b"half").unwrap();
        stopped.store(true, Ordering::SeqCst);
        assert!(told.write_all(b"more").is_err());
        assert!(told.keep().is_err());
        assert!(!files.job_dir(job).exists());

        let mut dropped = begin(always());
        dropped.write_all(b"whole").unwrap();
        drop(dropped.keep().unwrap());
        assert!(!files.job_dir(job).exists(), "nobody took it");

        let mut file = begin(always());
        file.write_all(b"ab").unwrap();
        file.write_all(b"c").unwrap();
        let kept = file.keep().unwrap();
        assert_eq!((kept.size, kept.sha256), (3, Sha256::digest(b"abc").into()));
        kept.leave();
        assert_eq!(fs::read(files.job_dir(job).join("products.csv")).unwrap(), b"abc");
        drop(begin(always()));
        assert_eq!(fs::read_dir(files.job_dir(job)).unwrap().count(), 1, "what is there already stays");
    }
}
