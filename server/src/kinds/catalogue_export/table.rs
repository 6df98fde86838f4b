//! The file being written, of either sort.
//!
//! Runs on blocking threads; handed from page to page. What is refused here is refused for good, but for the disk's errors.

use super::{
    csv_file::CsvFile,
    xlsx_file::{ROWS_OF_SHEET, XlsxFile},
};
use crate::{
    files::{JobFile, Kept},
    kinds::product_csv::Layout,
    store::ExportedProduct,
};
use domain::kinds::catalogue_export::Format;
use std::{io, sync::Arc};

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// An import has brought in a column that the header lacks.
    #[error("a column came while the file was written")]
    NewColumn,
    /// A cell of an XLSX cannot hold it.
    #[error("`{title}` of `{handle}` has more than {limit} characters")]
    TooLong { handle: String, title: String, limit: usize },
    /// A sheet cannot hold so many columns.
    #[error("there are more than {0} columns")]
    TooWide(usize),
    /// The disk says no, or it was told to stop.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<csv::Error> for WriteError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Io(error),
            other => Self::Io(io::Error::other(format!("{other:?}"))),
        }
    }
}

/// A file being written.
pub(super) struct Table {
    sort: Sort,
    layout: Arc<Layout>,
    /// The catalogue's revision when it began.
    revision: u64,
    /// Products in it that are newer.
    changed: u64,
}

enum Sort {
    Csv(Box<CsvFile>),
    Xlsx(Box<XlsxFile>),
}

/// A file that is written.
pub(super) struct Written {
    pub(super) kept: Kept,
    pub(super) rows: u64,
    pub(super) sheets: u64,
    pub(super) changed: u64,
}

impl Table {
    /// Writes the header.
    pub(super) fn begin(format: Format, file: JobFile, layout: Layout, revision: u64) -> Result<Self, WriteError> {
        let (sort, layout) = match format {
            Format::Csv => (Sort::Csv(Box::new(CsvFile::begin(file, &layout)?)), layout),
            Format::Xlsx => {
                // Saved as CSV its apostrophes are their authors'.
                let layout = layout.unguarded();
                (Sort::Xlsx(Box::new(XlsxFile::begin(file, &layout, ROWS_OF_SHEET)?)), layout)
            }
        };
        Ok(Self { sort, layout: Arc::new(layout), revision, changed: 0 })
    }

    /// Writes a page of products.
    pub(super) fn write(mut self, products: &[ExportedProduct]) -> Result<Self, WriteError> {
        let layout = Arc::clone(&self.layout);
        for product in products {
            if !layout.covers(product) {
                return Err(WriteError::NewColumn);
            }
            self.changed += u64::from(product.revision > self.revision);
            match &mut self.sort {
                Sort::Csv(file) => file.write(&layout, product)?,
                Sort::Xlsx(file) => file.write(&layout, product)?,
            }
        }
        Ok(self)
    }

    /// Completes the file; it is durable then.
    pub(super) fn end(self) -> Result<Written, WriteError> {
        let (file, rows, sheets) = match self.sort {
            Sort::Csv(file) => file.end().map(|(file, rows)| (file, rows, 1))?,
            Sort::Xlsx(file) => file.end()?,
        };
        Ok(Written { kept: file.keep()?, rows, sheets, changed: self.changed })
    }
}
