//! The file in batches: as many rows as the store takes in a few milliseconds.
//!
//! Runs on blocking threads. Invariant: what lies between two positions gives the same batch, however often it is read.

use super::rejects::Rejected;
use crate::{
    kinds::product_csv::{Columns, OpenError, Position, ProductCsv},
    store::CatalogueRow,
};
use domain::kinds::catalogue_import::Reject;
use std::{collections::HashMap, fs::File, io, path::Path};

/// Rows that the store applies in a few milliseconds.
const ROWS: u64 = 100;
/// Cells of a batch, in bytes, after which no further row is taken.
const BYTES: usize = 256 * 1024;

/// Rows between two positions.
pub(super) struct Batch {
    pub from: Position,
    pub to: Position,
    /// How many rows were read, the rejected ones included.
    pub read: u64,
    pub rows: Vec<CatalogueRow>,
    unreadable: Vec<Rejected>,
    /// The cells of rows without a title, by line: the store may reject them.
    untitled: HashMap<u64, Vec<String>>,
}

impl Batch {
    /// Whether the file had no row left.
    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }

    /// The rejected rows in file order, with those that the store did not take.
    pub(super) fn rejects(mut self, by_store: Vec<Reject>) -> Vec<Rejected> {
        let mut rejects = self.unreadable;
        for reject in by_store {
            // A reject of another line is an earlier batch's, which is settled.
            if let Some(cells) = self.untitled.remove(&reject.line) {
                rejects.push(Rejected { reject, cells });
            }
        }
        rejects.sort_by_key(|rejected| rejected.reject.line);
        rejects
    }
}

/// The uploaded file.
pub(super) struct Source {
    csv: ProductCsv<File>,
    size: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { csv: ProductCsv::open(file)?, size })
    }

    pub(super) fn columns(&self) -> &Columns {
        self.csv.columns()
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The next batch; an empty one at the end.
    pub(super) fn read(self) -> io::Result<(Self, Batch)> {
        self.read_while(|batch, bytes| batch.read < ROWS && bytes < BYTES)
    }

    /// The batch between two positions once more; goes on behind it.
    pub(super) fn reread(mut self, from: Position, to: Position) -> io::Result<(Self, Batch)> {
        self.csv.seek(from)?;
        self.read_while(|batch, _| batch.to.offset < to.offset)
    }

    fn read_while(mut self, go_on: impl Fn(&Batch, usize) -> bool) -> io::Result<(Self, Batch)> {
        let from = self.csv.position();
        let mut batch =
            Batch { from, to: from, read: 0, rows: Vec::new(), unreadable: Vec::new(), untitled: HashMap::new() };
        let mut bytes = 0;
        while go_on(&batch, bytes) {
            let Some(row) = self.csv.read()? else { break };
            bytes += row.size;
            batch.read += 1;
            match row.row {
                Ok(taken) => {
                    if taken.product.is_none() {
                        batch.untitled.insert(row.line, row.cells);
                    }
                    batch.rows.push(taken);
                }
                Err(reject) => batch.unreadable.push(Rejected { reject, cells: row.cells }),
            }
            batch.to = self.csv.position();
        }
        // Blank rows at the end belong to it.
        batch.to = self.csv.position();
        Ok((self, batch))
    }
}
