//! `catalogue-export`: streams the whole catalogue into a file.
//!
//! Run by the engine. Reads the next page of products while a blocking thread writes the one before. Knows no SQL and no columns.
//! There is no snapshot of the whole: a read transaction as long as an export would keep the WAL from being emptied while imports fill
//! it. Instead the walk goes by id up to the newest product there is at the start, so each product is in the file once and whole, and
//! the output says as of which revision it began, how many products were changed before they were read, and how many came too late.
//! Nothing is resumed: an attempt that broke off begins anew, with a fresher revision, and what it wrote is gone with it.
//! Invariants: memory is constant, whatever the catalogue's size; the file is there, durable and hashed, before the job has succeeded, and
//! in no other case.

mod csv_file;
mod table;
mod xlsx_file;

use super::product_csv::Layout;
use crate::{
    clock,
    engine::{
        context::{Context, JobError},
        registry::Kind,
    },
    store::{ExportPage, FileRow, MoreOf},
};
use async_trait::async_trait;
use domain::{
    Progress, Timestamp,
    kinds::catalogue_export::{Format, Input, NAME, Output, PACKING},
};
use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use table::{Table, WriteError, Written};

/// Products read at once; fewer when they are large.
const PAGE: usize = 500;
/// Rows whose further columns are looked at at once.
const SLICE: usize = 5000;
/// How often columns may come in the middle before it gives up for now.
const BEGINNINGS: u32 = 10;

/// The kind.
pub struct CatalogueExport;

#[async_trait]
impl Kind for CatalogueExport {
    type Input = Input;
    type Output = Output;

    const NAME: &'static str = NAME;

    async fn run(&self, ctx: &Context, input: Input) -> Result<Output, JobError> {
        for _ in 0..BEGINNINGS {
            match (Export { ctx, format: input.format }).run().await {
                Err(Ended::NewColumn) => {}
                Err(Ended::Job(error)) => return Err(error),
                Ok(output) => return Ok(output),
            }
        }
        Err(JobError::transient(
            "columns-changing",
            "imports bring in new columns faster than the catalogue is written",
        ))
    }
}

/// Why one run through the catalogue ended without a file.
enum Ended {
    /// A column came that the header lacks.
    NewColumn,
    /// The attempt is over.
    Job(JobError),
}

impl From<JobError> for Ended {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

/// One run through the catalogue.
struct Export<'c> {
    ctx: &'c Context,
    format: Format,
}

impl Export<'_> {
    async fn run(&self) -> Result<Output, Ended> {
        let ctx = self.ctx;
        let (began, as_of) = (ctx.extent(0).await?, clock::now());
        ctx.progress(Progress::of(0, began.products, "products")).await?;
        let layout = Layout::new(&self.titles(MoreOf::Products).await?, &self.titles(MoreOf::Variants).await?);
        let name = file_name(as_of, self.format);
        let abandoned = Abandoned::default();
        let (files, job, go_on) = (ctx.files().clone(), ctx.job_id(), abandoned.go_on(ctx));
        let (format, revision, title) = (self.format, began.revision, name.clone());
        let begun = blocking(move || {
            let file = files.begin_job_file(job, &title, go_on)?;
            Table::begin(format, file, layout, revision)
        });
        let mut table = self.judge(begun.await)?;
        let mut page = ctx.export_products(0, began.last, PAGE).await?;
        let mut done = 0;
        loop {
            let ExportPage { products, next } = page;
            done += products.len() as u64;
            let writing = blocking(move || table.write(&products));
            let reading = async {
                match next {
                    Some(after) => ctx.export_products(after, began.last, PAGE).await.map(Some),
                    None => Ok(None),
                }
            };
            let (written, read) = tokio::join!(writing, reading);
            table = self.judge(written)?;
            ctx.progress(Progress::of(done, began.products, "products")).await?;
            match read? {
                Some(following) => page = following,
                None => break,
            }
        }
        if format == Format::Xlsx {
            // Of a large catalogue this takes as long as the rows did.
            let note = Some(PACKING.to_owned());
            ctx.progress(Progress { note, ..Progress::of(done, began.products, "products") }).await?;
        }
        let Written { kept, rows, sheets, changed } = self.judge(blocking(move || table.end()).await)?;
        let added_meanwhile = ctx.extent(began.last).await?.products;
        let (size, sha256) = (kept.size, kept.sha256);
        ctx.add_file(FileRow {
            name: name.clone(),
            content_type: format.media_type().to_owned(),
            size,
            sha256: Some(sha256),
            is_result: true,
        });
        // From here on nothing can go wrong before the engine has the output.
        kept.leave();
        Ok(Output {
            format,
            name,
            size,
            sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            products: done,
            rows,
            sheets,
            revision,
            as_of,
            changed_meanwhile: changed,
            added_meanwhile,
        })
    }

    /// The titles that the catalogue has further values for.
    async fn titles(&self, of: MoreOf) -> Result<BTreeSet<String>, JobError> {
        let mut titles = BTreeSet::new();
        let mut next = Some(0);
        while let Some(after) = next {
            let slice = self.ctx.more_columns(of, after, SLICE).await?;
            titles.extend(slice.titles);
            next = slice.next;
        }
        Ok(titles)
    }

    /// What became of work on the file. Being told to stop shows as an error of the disk.
    fn judge<T>(&self, result: Result<Result<T, WriteError>, JobError>) -> Result<T, Ended> {
        if self.ctx.is_stopped() {
            return Err(JobError::Stopped.into());
        }
        result?.map_err(|error| match error {
            WriteError::NewColumn => Ended::NewColumn,
            WriteError::TooLong { ref handle, ref title, limit } => {
                JobError::permanent("cell-too-long", error.to_string())
                    .with("handle", handle.as_str())
                    .with("column", title.as_str())
                    .with("max", limit as u64)
                    .into()
            }
            WriteError::TooWide(limit) => {
                JobError::permanent("too-many-columns", error.to_string()).with("max", limit as u64).into()
            }
            WriteError::Io(error) => unwritable(&error).into(),
        })
    }
}

/// `products-2026-11-24.csv`, by the day in UTC.
fn file_name(as_of: Timestamp, format: Format) -> String {
    let (year, month, day) = as_of.date();
    format!("products-{year:04}-{month:02}-{day:02}.{}", format.as_str())
}

/// Tells the blocking threads that nobody waits for the file any more, when it is dropped.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    fn go_on(&self, ctx: &Context) -> Box<dyn Fn() -> bool + Send> {
        let (abandoned, stopped) = (Arc::clone(&self.0), ctx.stop_sign());
        Box::new(move || !abandoned.load(Ordering::Acquire) && !stopped())
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs what writes files where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
) -> Result<Result<T, WriteError>, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        // The workbook's own files are written without a way to answer an error.
        let said = error.try_into_panic().ok().map(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        });
        let said = said.unwrap_or_default();
        let full = said.contains("StorageFull") || said.contains("QuotaExceeded");
        if full { disk_full() } else { JobError::transient("export-unwritable", said) }
    })
}

fn unwritable(error: &io::Error) -> JobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => disk_full(),
        _ => JobError::transient("export-unwritable", error.to_string()),
    }
}

fn disk_full() -> JobError {
    JobError::transient("disk-full", "the server's disk is full")
}
