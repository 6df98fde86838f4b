//! Product files in Shopify's format: a CSV becomes rows of the catalogue and rejects, one at a time; products become rows of cells.
//!
//! Read by `catalogue_import`, laid out (`layout`) for `catalogue_export`, on a blocking thread. Knows neither jobs nor the store's tables.
//! Reads UTF-8 with or without a byte order mark, CRLF or LF, quoted line ends; unknown columns are ignored. A file that ends
//! inside a quoted cell gives what came before, and its last row as a reject (`truncated-row`).
//! Invariant: memory is bounded, whatever the file holds, and a [`Position`] between two rows is a place to resume.

mod cells;
mod columns;
mod layout;
mod records;
mod row;
#[cfg(test)]
mod tests;

pub use cells::{guard, unguard};
pub use columns::{Columns, GUARD_MARK, REJECT_COLUMNS, Refusal};
pub use layout::{Cell, Layout};
pub use records::{FIELD_LIMIT, Position};

use crate::store::CatalogueRow;
use domain::kinds::catalogue_import::Reject;
use records::{Record, Records};
use std::io::{self, Read, Seek};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not a product file.
    #[error("not a product file: {}", .0.code)]
    Refused(Refusal),
    /// The disk says no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A row of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRow {
    /// The line that it starts on, from 1.
    pub line: u64,
    /// What it says, or why it is not taken.
    pub row: Result<CatalogueRow, Reject>,
    /// Its cells as in the file, for rows that may end up in the rejects file: rejects, and rows without a title.
    pub cells: Vec<String>,
    /// Roughly the memory that it takes.
    pub size: usize,
}

/// A product file being read.
pub struct ProductCsv<R: Read> {
    records: Records<R>,
    columns: Columns,
}

impl<R: Read + Seek> ProductCsv<R> {
    /// Looks at what the file is and reads its header.
    pub fn open(input: R) -> Result<Self, OpenError> {
        let mut records = Records::new(input)?;
        if let Some(what) = looks_like(records.peek()?) {
            return Err(OpenError::Refused(Refusal::new("not-a-product-csv", &[("looks_like", what)])));
        }
        let columns = loop {
            match records.read()? {
                None => return Err(OpenError::Refused(Refusal::new("empty-file", &[]))),
                Some(record) if record.flaw.is_none() && is_blank(&record) => {}
                Some(record) => break Columns::read(&record).map_err(OpenError::Refused)?,
            }
        };
        Ok(Self { records, columns })
    }

    /// What its columns are.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Where the next row is read from.
    pub fn position(&self) -> Position {
        self.records.position()
    }

    /// Goes on from a position that [`Self::position`] gave.
    pub fn seek(&mut self, position: Position) -> io::Result<()> {
        self.records.seek(position)
    }

    /// The next row; rows of nothing but blank cells are none.
    pub fn read(&mut self) -> io::Result<Option<ReadRow>> {
        while let Some(record) = self.records.read()? {
            if let Some(row) = row::read(&self.columns, &record) {
                let keep = row.as_ref().map_or(true, |row| row.product.is_none());
                let text = |cell| String::from_utf8_lossy(cell).into_owned();
                let cells = if keep { record.cells().map(text).collect() } else { Vec::new() };
                let size = record.cells().map(<[u8]>::len).sum();
                return Ok(Some(ReadRow { line: record.line, row, cells, size }));
            }
        }
        Ok(None)
    }
}

fn is_blank(record: &Record<'_>) -> bool {
    record.cells().all(|cell| cell.trim_ascii().is_empty())
}

/// What a file is if it is surely no CSV, from its first bytes.
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 9] = [
        (b"\x89PNG", "image"),
        (b"\xff\xd8\xff", "image"),
        (b"GIF8", "image"),
        (b"PK\x03\x04", "zip-or-spreadsheet"),
        (b"\xd0\xcf\x11\xe0", "old-spreadsheet"),
        (b"\x1f\x8b", "gzip"),
        (b"%PDF", "pdf"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ];
    let first = bytes.trim_ascii_start().first();
    SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|&(_, what)| what).or_else(|| match first
    {
        Some(b'<') => Some("html-or-xml"),
        Some(b'{' | b'[') => Some("json"),
        // Of the header: further down a cell may hold anything, and what the catalogue took once must come back.
        _ if bytes.iter().take_while(|&&byte| byte != b'\n').any(|&byte| byte == 0) => Some("binary"),
        _ => None,
    })
}
