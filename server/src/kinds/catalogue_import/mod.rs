//! `catalogue-import`: streams a product CSV from disk into the catalogue.
//!
//! Run by the engine. Reads a batch on a blocking thread while the one before is committed; each batch goes to the store with
//! its checkpoint and progress in one transaction. Knows no SQL, and no CSV beyond `product_csv`.
//! Invariants: memory is constant, whatever the file's size; each row is applied exactly once and each reject told exactly once,
//! however often an attempt is interrupted; what a stopped import has done stays.

mod batch;
mod rejects;

use crate::{
    engine::{
        context::{Context, JobError},
        registry::Kind,
    },
    store::{Advance, CatalogueBatch, CatalogueCounts, FileRow},
};
use async_trait::async_trait;
use batch::{Batch, Source};
use domain::{
    Progress, UploadId,
    kinds::catalogue_import::{Input, NAME, Output, REPORTED_REJECTS},
};
use rejects::{Rejected, RejectsFile};
use serde::{Deserialize, Serialize};
use std::io;

use super::product_csv::{OpenError, Position};

/// The name of the rejects file, in the job's folder and in the link.
const REJECTS: &str = "rejects.csv";

/// The kind.
pub struct CatalogueImport;

/// Where an import can resume. The rows from `from` to `to` are in the catalogue, but their rejects are not in the rejects file
/// yet, since the store tells some of them only once they are committed; everything before `from` is settled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Checkpoint {
    from: Position,
    to: Position,
    tally: Tally,
}

/// What is settled.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Tally {
    rows: u64,
    rejected: u64,
    /// Bytes of the rejects file that count; more is of a crash.
    rejects_bytes: u64,
}

#[async_trait]
impl Kind for CatalogueImport {
    type Input = Input;
    type Output = Output;

    const NAME: &'static str = NAME;

    fn uploads(input: &Input) -> Vec<UploadId> {
        vec![input.upload]
    }

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        let checkpoint = ctx.checkpoint::<Checkpoint>();
        let path = ctx.files().upload_path(input.upload);
        let source = blocking(move || Source::open(&path)).await?.map_err(cannot_open)?;
        let tally = checkpoint.map(|checkpoint| checkpoint.tally).unwrap_or_default();
        let path = ctx.files().job_dir(ctx.job_id()).join(REJECTS);
        let columns = source.columns().clone();
        let rejects = blocking(move || RejectsFile::open(path, columns, tally.rejects_bytes))
            .await?
            .map_err(|error| disk("rejects-unwritable", &error))?;
        let mut import =
            Import { ctx, size: source.size(), tally, counts: CatalogueCounts::default(), partials: Vec::new() };
        let result = import.run(source, rejects, checkpoint).await;
        let link = import.leave_rejects();
        result?;
        let CatalogueCounts { created, updated, unchanged, .. } = import.counts;
        let Tally { rows, rejected, .. } = import.tally;
        Ok(Output { created, updated, unchanged, rows, rejected, rejects: link })
    }
}

/// One attempt.
struct Import<'c> {
    ctx: &'c Context,
    size: u64,
    tally: Tally,
    counts: CatalogueCounts,
    /// Rejects that the next step reports.
    partials: Vec<String>,
}

impl Import<'_> {
    async fn run(
        &mut self,
        mut source: Source,
        mut rejects: RejectsFile,
        checkpoint: Option<Checkpoint>,
    ) -> Result<(), JobError> {
        if let Some(checkpoint) = checkpoint {
            let reread = blocking(move || source.reread(checkpoint.from, checkpoint.to)).await?;
            let (behind, batch) = reread.map_err(unreadable)?;
            source = behind;
            // The catalogue has these rows; an empty batch answers what it said about them.
            self.commit(CatalogueBatch::default(), None).await?;
            rejects = self.settle(batch, rejects).await?;
        } else {
            self.begin(&source).await?;
        }
        let mut reading = tokio::task::spawn_blocking(move || source.read());
        loop {
            let (source, mut batch) = joined(reading.await)?.map_err(unreadable)?;
            let rows = CatalogueBatch { rows: std::mem::take(&mut batch.rows) };
            let checkpoint = Checkpoint { from: batch.from, to: batch.to, tally: self.tally };
            if batch.is_empty() {
                return self.commit(rows, Some((checkpoint, 0))).await;
            }
            // The next batch is read while this one is committed.
            reading = tokio::task::spawn_blocking(move || source.read());
            self.commit(rows, Some((checkpoint, batch.read))).await?;
            rejects = self.settle(batch, rejects).await?;
        }
    }

    /// Says which columns of the file mean nothing here.
    async fn begin(&self, source: &Source) -> Result<(), JobError> {
        let ignored: Vec<&str> = source.columns().ignored().collect();
        if ignored.is_empty() {
            return Ok(());
        }
        let note = format!("ignored columns: {}", ignored.join(", "));
        self.ctx.progress(self.progress(0, Some(note))).await
    }

    fn progress(&self, done: u64, note: Option<String>) -> Progress {
        Progress { note, ..Progress::of(done, self.size, "bytes") }
    }

    /// Commits rows with the checkpoint behind them, and the rejects that are settled by now.
    async fn commit(&mut self, rows: CatalogueBatch, step: Option<(Checkpoint, u64)>) -> Result<(), JobError> {
        let mut advance = Advance { catalogue: Some(rows), ..Advance::default() };
        if let Some((checkpoint, read)) = step {
            let note = format!("{} rows", grouped(self.tally.rows + read));
            advance.progress = Some(self.progress(checkpoint.to.offset, Some(note)));
            advance.partials = std::mem::take(&mut self.partials);
            advance.checkpoint = Some(json(&checkpoint)?);
        }
        let advanced = self.ctx.advance(advance).await?;
        self.counts = advanced.catalogue.unwrap_or_default();
        Ok(())
    }

    /// Writes down the rejects of a committed batch: those that could not be read, and those that the store did not take.
    async fn settle(&mut self, batch: Batch, mut file: RejectsFile) -> Result<RejectsFile, JobError> {
        self.tally.rows += batch.read;
        let rejected = batch.rejects(std::mem::take(&mut self.counts.rejected));
        if rejected.is_empty() {
            return Ok(file);
        }
        for Rejected { reject, .. } in &rejected {
            if self.tally.rejected < REPORTED_REJECTS {
                self.partials.push(json(reject)?);
            }
            self.tally.rejected += 1;
        }
        let written = blocking(move || file.append(&rejected).map(|()| file)).await?;
        let file = written.map_err(|error| disk("rejects-unwritable", &error))?;
        self.tally.rejects_bytes = file.bytes();
        Ok(file)
    }

    /// Hands the rejects file over, if there is one; answers its link.
    fn leave_rejects(&self) -> Option<String> {
        if self.tally.rejects_bytes == 0 {
            return None;
        }
        let size = self.tally.rejects_bytes;
        self.ctx.add_file(FileRow {
            name: REJECTS.to_owned(),
            content_type: "text/csv; charset=utf-8".to_owned(),
            size,
            ..FileRow::default()
        });
        Some(format!("/api/v1/jobs/{}/files/{REJECTS}", self.ctx.job_id()))
    }
}

/// Runs what reads or writes files where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JobError> {
    joined(tokio::task::spawn_blocking(work).await)
}

/// A blocking task fails to end only by a panic, or when the runtime goes down.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, JobError> {
    result.map_err(|error| JobError::transient("handler-panicked", error.to_string()))
}

fn cannot_open(error: OpenError) -> JobError {
    match error {
        OpenError::Refused(refusal) => {
            let error = JobError::rejected(refusal.code, format!("the file is refused: {}", refusal.code));
            refusal.params.into_iter().fold(error, |error, (name, value)| error.with(name, value))
        }
        OpenError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            JobError::rejected("upload-missing", "the uploaded file is no longer there")
        }
        OpenError::Io(error) => unreadable(error),
    }
}

/// Reading the upload again may succeed.
fn unreadable(error: io::Error) -> JobError {
    disk("upload-unreadable", &error)
}

fn disk(code: &'static str, error: &io::Error) -> JobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            JobError::transient("disk-full", "the server's disk is full")
        }
        io::ErrorKind::InvalidData => JobError::permanent("rejects-damaged", error.to_string()),
        _ => JobError::transient(code, error.to_string()),
    }
}

fn json(value: &impl Serialize) -> Result<String, JobError> {
    serde_json::to_string(value).map_err(|error| JobError::permanent("unwritable-value", error.to_string()))
}

/// A figure with its thousands set apart.
fn grouped(figure: u64) -> String {
    let digits = figure.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
