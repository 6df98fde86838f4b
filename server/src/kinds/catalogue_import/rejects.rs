//! The file of rejected rows: the original columns, then line, column and reason, to be corrected and imported again.
//!
//! Runs on blocking threads. Cells that a spreadsheet would take for formulas begin with an apostrophe, which an import of this
//! file takes off again.
//! Invariant: the bytes that a checkpoint counts are on the disk before it is committed; what lies behind them is of a crash and
//! is cut off or written over with the same.

use crate::{
    files::make_folder,
    kinds::product_csv::{Columns, REJECT_COLUMNS, guard, unguard},
};
use domain::kinds::catalogue_import::Reject;
use serde_json::Value;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// A rejected row.
pub(super) struct Rejected {
    pub reject: Reject,
    /// Its cells as in the file.
    pub cells: Vec<String>,
}

/// The file, which there is only once there is a reject.
pub(super) struct RejectsFile {
    path: PathBuf,
    columns: Columns,
    bytes: u64,
}

impl RejectsFile {
    /// Goes on behind the bytes that the checkpoint counts.
    pub(super) fn open(path: PathBuf, columns: Columns, bytes: u64) -> io::Result<Self> {
        if bytes == 0 {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        } else {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            if file.metadata()?.len() < bytes {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the rejects file is shorter than it was"));
            }
            file.set_len(bytes)?;
            file.sync_all()?;
        }
        Ok(Self { path, columns, bytes })
    }

    /// How many bytes count.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes rows and waits until they are on the disk.
    pub(super) fn append(&mut self, rejected: &[Rejected]) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if self.bytes == 0 {
            let titles = self.columns.originals().map(|(_, title)| guard(title).into_owned());
            writer.write_record(titles.chain(REJECT_COLUMNS.map(str::to_owned)))?;
        }
        for Rejected { reject, cells } in rejected {
            // A row with too many or too few cells is cut or filled, so that the file has a shape.
            // One of a guarded file is guarded anew rather than twice: somebody may have added rows that are not.
            let bare = |cell| if self.columns.guarded() { unguard(cell) } else { cell };
            let cell = |index: usize| guard(bare(cells.get(index).map_or("", String::as_str))).into_owned();
            let cells = self.columns.originals().map(|(index, _)| cell(index));
            let column = reject.column.as_deref().unwrap_or_default();
            let told = [reject.line.to_string(), guard(column).into_owned(), guard(&reason(reject)).into_owned()];
            writer.write_record(cells.chain(told))?;
        }
        let text = writer.into_inner().map_err(|error| error.into_error())?;
        self.write(&text)
    }

    /// Writes at the position that the file should have, not at its end: an attempt that is dropped while it writes, and the one
    /// that follows it, write the same bytes to the same place.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let new = self.bytes == 0;
        if let Some(folder) = self.path.parent().filter(|_| new) {
            make_folder(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
        file.seek(SeekFrom::Start(self.bytes))?;
        file.write_all(text)?;
        self.bytes += text.len() as u64;
        file.sync_all()?;
        if let Some(folder) = self.path.parent().filter(|_| new) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// The code, and its figures for who reads the file.
fn reason(reject: &Reject) -> String {
    let figures: Vec<String> = reject
        .params
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    if figures.is_empty() { reject.code.clone() } else { format!("{}: {}", reject.code, figures.join(", ")) }
}
