//! The XLSX: texts are text whatever they look like, numbers are numbers unless a spreadsheet would round them, the header stays in sight.
//!
//! Runs on blocking threads. Rows go to unnamed files beside the result, a sheet each, and are packed at the end, so memory is constant.
//! Invariant: no cell is a formula, and none is cut: what a sheet cannot hold fails, since it would come back damaged.

use super::table::WriteError;
use crate::{
    files::JobFile,
    kinds::product_csv::{Cell, Layout},
    store::ExportedProduct,
};
use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// Rows of a sheet, the header's included (ECMA-376; so in Excel and LibreOffice).
pub(super) const ROWS_OF_SHEET: u32 = 1_048_576;
/// Columns of a sheet.
const COLUMNS_OF_SHEET: usize = 16_384;
/// Characters of a cell, in UTF-16 units.
const CELL_LIMIT: usize = 32_767;
/// Digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;
/// Bytes of a sheet's rows from which its place in the archive is made wide enough for more than 4 GB; readers then need ZIP64.
const LARGE: u64 = 2_000_000_000;
/// About what stands around a cell's text.
const AROUND_CELL: u64 = 60;

/// A workbook being written.
pub(super) struct XlsxFile {
    file: JobFile,
    book: Workbook,
    sheets: usize,
    rows_of_sheet: u32,
    /// The next row of the last sheet.
    row: u32,
    rows: u64,
    /// About how many bytes of rows the last sheet has.
    bytes: u64,
    large: bool,
    amount: Format,
    heading: Format,
}

impl XlsxFile {
    /// Begins the first sheet.
    pub(super) fn begin(file: JobFile, layout: &Layout, rows_of_sheet: u32) -> Result<Self, WriteError> {
        if layout.titles().count() > COLUMNS_OF_SHEET {
            return Err(WriteError::TooWide(COLUMNS_OF_SHEET));
        }
        let mut book = Workbook::new();
        book.set_tempdir(file.folder())?;
        let (amount, heading) = (Format::new().set_num_format("0.00####"), Format::new().set_bold());
        let (sheets, row, rows, bytes, large) = (0, 0, 0, 0, false);
        let mut begun = Self { file, book, sheets, rows_of_sheet, row, rows, bytes, large, amount, heading };
        begun.begin_sheet(layout)?;
        Ok(begun)
    }

    fn begin_sheet(&mut self, layout: &Layout) -> Result<(), WriteError> {
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        self.sheets += 1;
        sheet.set_name(if self.sheets == 1 { "Products".to_owned() } else { format!("Products {}", self.sheets) })?;
        sheet.set_freeze_panes(1, 0)?;
        for (column, title) in (0..).zip(layout.titles()) {
            sheet.set_column_width(column, if title == "Title" { 36 } else { 18 })?;
            sheet.write_string_with_format(0, column, title, &self.heading)?;
        }
        (self.row, self.bytes) = (1, 0);
        Ok(())
    }

    /// Writes the rows of a product, on one sheet if that can hold them.
    pub(super) fn write(&mut self, layout: &Layout, product: &ExportedProduct) -> Result<(), WriteError> {
        let rows = u32::try_from(Layout::rows(product)).unwrap_or(u32::MAX);
        if self.row > 1 && rows > self.rows_of_sheet - self.row {
            self.begin_sheet(layout)?;
        }
        for index in 0..Layout::rows(product) {
            if self.row >= self.rows_of_sheet {
                self.begin_sheet(layout)?;
            }
            self.write_row(layout, product, index)?;
        }
        Ok(())
    }

    fn write_row(&mut self, layout: &Layout, product: &ExportedProduct, index: usize) -> Result<(), WriteError> {
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (column, cell) in (0..).zip(layout.row(product, index)) {
            let text = match &cell {
                Cell::Blank => continue,
                Cell::Text(text) | Cell::Amount(text) => *text,
                Cell::Number(digits) => digits,
            };
            self.bytes += text.len() as u64 + AROUND_CELL;
            match number(&cell) {
                Some(number) if matches!(cell, Cell::Amount(_)) => {
                    sheet.write_number_with_format(self.row, column, number, &self.amount)?
                }
                Some(number) => sheet.write_number(self.row, column, number)?,
                // No character is shorter than a byte.
                None if text.len() > CELL_LIMIT && text.encode_utf16().count() > CELL_LIMIT => {
                    let title = layout.titles().nth(usize::from(column)).unwrap_or_default().to_owned();
                    return Err(WriteError::TooLong { handle: product.handle.clone(), title, limit: CELL_LIMIT });
                }
                None => sheet.write_string(self.row, column, text)?,
            };
        }
        self.large |= self.bytes > LARGE;
        (self.row, self.rows) = (self.row + 1, self.rows + 1);
        Ok(())
    }

    /// Packs the sheets; answers the file, and how many rows and sheets are in it.
    pub(super) fn end(mut self) -> Result<(JobFile, u64, u64), WriteError> {
        self.book.use_zip_large_file(self.large);
        self.book.save_to_writer(&mut self.file)?;
        Ok((self.file, self.rows, self.sheets as u64))
    }
}

/// The number of a cell, unless a spreadsheet would not keep all of its digits.
fn number(cell: &Cell<'_>) -> Option<f64> {
    let digits = match cell {
        Cell::Number(digits) => digits,
        Cell::Amount(digits) => *digits,
        Cell::Text(_) | Cell::Blank => return None,
    };
    let significant = digits.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    Some(digits).filter(|_| significant <= DIGITS).and_then(|digits| digits.parse().ok())
}

impl From<XlsxError> for WriteError {
    fn from(error: XlsxError) -> Self {
        match error {
            XlsxError::IoError(error) => Self::Io(error),
            XlsxError::ZipError(error) => Self::Io(error.into()),
            other => Self::Io(std::io::Error::other(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Files, store::ExportedImage};
    use calamine::{Reader as _, Xlsx, open_workbook};
    use std::collections::BTreeSet;

    #[test]
    fn what_one_sheet_cannot_hold_goes_on_in_the_next_and_a_product_stays_together() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let file =
            files.begin_job_file(domain::JobId::from_bytes([1; 16]), "products.xlsx", Box::new(|| true)).unwrap();
        let layout = Layout::new(&BTreeSet::new(), &BTreeSet::new()).unguarded();
        let mut book = XlsxFile::begin(file, &layout, 5).unwrap();
        // So many rows of each: the second would be split, the last one has to be.
        for (handle, rows) in [("a", 3), ("b", 2), ("c", 2), ("d", 6)] {
            let image = |n| ExportedImage { src: format!("https://x/{n}.jpg"), ..ExportedImage::default() };
            let images = (0..rows).map(image).collect();
            let product =
                ExportedProduct { handle: handle.into(), title: handle.into(), images, ..ExportedProduct::default() };
            book.write(&layout, &product).unwrap();
        }
        let (file, rows, sheets) = book.end().unwrap();
        assert_eq!((rows, sheets), (13, 4));
        file.keep().unwrap().leave();
        let path = files.job_dir(domain::JobId::from_bytes([1; 16])).join("products.xlsx");
        let mut read: Xlsx<_> = open_workbook(path).unwrap();
        let handles = read.worksheets().into_iter().map(|(name, range)| {
            let handles: String = range.rows().skip(1).map(|row| row[0].to_string()).collect();
            assert_eq!(range.rows().next().unwrap()[0].to_string(), "Handle", "each sheet has its header");
            (name, handles)
        });
        let expected = [("Products", "aaa"), ("Products 2", "bbcc"), ("Products 3", "dddd"), ("Products 4", "dd")];
        assert_eq!(handles.collect::<Vec<_>>(), expected.map(|(name, handles)| (name.to_owned(), handles.to_owned())));
    }

    #[test]
    fn a_number_that_would_be_rounded_stays_text() {
        for (digits, found) in [
            ("50.00", Some(50.0)),
            ("0.125", Some(0.125)),
            ("999999999.999999", Some(999_999_999.999_999)),
            ("999999999999.999999", None),
            ("0.00", Some(0.0)),
        ] {
            assert_eq!(number(&Cell::Amount(digits)), found, "{digits}");
        }
        assert_eq!(number(&Cell::Number("-12".into())), Some(-12.0));
        assert_eq!(number(&Cell::Number(i64::MIN.to_string().into())), None);
        assert_eq!(number(&Cell::Text("12")), None);
    }
}
