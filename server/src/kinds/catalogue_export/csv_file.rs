//! The CSV: RFC 4180 with CRLF and without a byte order mark, cells guarded against being taken for formulas.
//!
//! Runs on blocking threads. Knows no columns but by their titles.

use super::table::WriteError;
use crate::{
    files::JobFile,
    kinds::product_csv::{Cell, Layout, guard},
    store::ExportedProduct,
};
use csv::{Terminator, Writer, WriterBuilder};
use std::io;

/// A CSV being written.
pub(super) struct CsvFile {
    out: Writer<JobFile>,
    rows: u64,
}

impl CsvFile {
    /// Writes the header.
    pub(super) fn begin(file: JobFile, layout: &Layout) -> Result<Self, WriteError> {
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file);
        layout.titles().try_for_each(|title| out.write_field(&*guard(title)))?;
        end_row(&mut out)?;
        Ok(Self { out, rows: 0 })
    }

    /// Writes the rows of a product.
    pub(super) fn write(&mut self, layout: &Layout, product: &ExportedProduct) -> Result<(), WriteError> {
        for index in 0..Layout::rows(product) {
            for cell in layout.row(product, index) {
                match cell {
                    Cell::Blank => self.out.write_field("")?,
                    Cell::Text(text) => self.out.write_field(&*guard(text))?,
                    Cell::Number(number) => self.out.write_field(&*number)?,
                    Cell::Amount(amount) => self.out.write_field(amount)?,
                }
            }
            end_row(&mut self.out)?;
            self.rows += 1;
        }
        Ok(())
    }

    /// The file, and how many rows are in it.
    pub(super) fn end(self) -> Result<(JobFile, u64), WriteError> {
        let rows = self.rows;
        let file = self.out.into_inner().map_err(|error| io::Error::from(error.error().kind()))?;
        Ok((file, rows))
    }
}

fn end_row(out: &mut Writer<JobFile>) -> csv::Result<()> {
    out.write_record(None::<&[u8]>)
}
