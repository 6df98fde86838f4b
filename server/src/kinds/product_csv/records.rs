//! Records of a CSV file (RFC 4180), read with bounded memory whatever the file holds.
//!
//! Parses with `csv-core`, the state machine of the `csv` crate, since `csv::Reader` keeps a record of any size in memory and
//! does not tell that a file ended inside a quoted field. Knows nothing of products.
//! Invariant: a record's start and end do not depend on where reading began, so a position is a place to resume.

use csv_core::{ReadRecordResult, Reader};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Largest cell, in bytes.
pub const FIELD_LIMIT: usize = 1024 * 1024;
/// Largest record, in bytes of cells.
const RECORD_LIMIT: usize = 4 * FIELD_LIMIT;
/// Most cells of a record.
const CELLS_LIMIT: usize = 10_000;
const BUFFER: usize = 64 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A place between two records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Bytes before it.
    pub offset: u64,
    /// The line that it is on, from 1.
    pub line: u64,
}

impl Position {
    /// Counts lines however they end: LF, CRLF or CR.
    fn pass(&mut self, bytes: &[u8], after_cr: &mut bool) {
        self.offset += bytes.len() as u64;
        for &byte in bytes {
            self.line += u64::from(byte == b'\r' || (byte == b'\n' && !*after_cr));
            *after_cr = byte == b'\r';
        }
    }
}

/// What is wrong with a record as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The file ends inside a quoted cell.
    Truncated,
    /// This cell, from 0, is larger than [`FIELD_LIMIT`].
    FieldTooLarge(usize),
    /// Its cells together are larger than a record may be.
    TooLarge,
}

/// A record; with a flaw, those of its cells that came before it.
#[derive(Debug)]
pub struct Record<'a> {
    /// The line that it starts on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
    text: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// How many cells it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Its cells, unquoted.
    pub fn cells(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (text, ends) = (self.text, self.ends);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(move |(start, &end)| text.get(start..end).unwrap_or_default())
    }
}

/// A file as a sequence of records.
pub struct Records<R: Read> {
    input: BufReader<R>,
    parser: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    position: Position,
    /// The last byte was a CR: an LF now is of the same line end.
    after_cr: bool,
}

impl<R: Read + Seek> Records<R> {
    /// Begins at the first record; a byte order mark is passed over.
    pub fn new(input: R) -> io::Result<Self> {
        let mut records = Self {
            input: BufReader::with_capacity(BUFFER, input),
            parser: fresh_parser(),
            text: vec![0; BUFFER],
            ends: vec![0; 64],
            position: Position { offset: 0, line: 1 },
            after_cr: false,
        };
        if records.input.fill_buf()?.starts_with(BOM) {
            records.input.consume(BOM.len());
            records.position.offset = BOM.len() as u64;
        }
        Ok(records)
    }

    /// The bytes that come next, without taking them.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    /// Where the next record is read from.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes on from a position that [`Self::position`] gave.
    pub fn seek(&mut self, position: Position) -> io::Result<()> {
        self.input.seek(SeekFrom::Start(position.offset))?;
        self.parser = fresh_parser();
        self.position = position;
        self.after_cr = false;
        Ok(())
    }

    /// The next record; empty lines are none.
    pub fn read(&mut self) -> io::Result<Option<Record<'_>>> {
        if !self.skip_empty_lines()? {
            return Ok(None);
        }
        let line = self.position.line;
        let mut cells = Filled::default();
        let complete = self.fill(&mut cells)?;
        self.finish_line_end()?;
        let text = self.text.get(..cells.text).unwrap_or_default();
        let ends = self.ends.get(..cells.ends).unwrap_or_default();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let large = starts.zip(ends).position(|(start, end)| end - start > FIELD_LIMIT);
        let flaw = match (complete, cells.overflow, large) {
            (false, _, _) => Some(Flaw::Truncated),
            (true, _, Some(cell)) => Some(Flaw::FieldTooLarge(cell)),
            (true, Some(flaw), None) => Some(flaw),
            (true, None, None) => None,
        };
        Ok(Some(Record { line, flaw, text, ends }))
    }

    /// Reads to the end of a record; false if the file ends inside a quoted cell.
    fn fill(&mut self, cells: &mut Filled) -> io::Result<bool> {
        loop {
            let bytes = self.input.fill_buf()?;
            // At the file's end a line end closes any record, unless a quoted cell swallows it.
            let (bytes, at_end) = if bytes.is_empty() { (&b"\n"[..], true) } else { (bytes, false) };
            let text = self.text.get_mut(cells.text..).unwrap_or_default();
            let ends = self.ends.get_mut(cells.ends..).unwrap_or_default();
            let (result, taken, written, ended) = self.parser.read_record(bytes, text, ends);
            if !at_end {
                self.position.pass(bytes.get(..taken).unwrap_or_default(), &mut self.after_cr);
                self.input.consume(taken);
            }
            // After an overflow what comes is parsed, to find the record's end, but not kept.
            if cells.overflow.is_none() {
                cells.text += written;
                cells.ends += ended;
            }
            match result {
                ReadRecordResult::InputEmpty if at_end => return Ok(false),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() < RECORD_LIMIT => {
                    self.text.resize(self.text.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < CELLS_LIMIT => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => cells.drop_rest(&self.ends),
                ReadRecordResult::Record | ReadRecordResult::End => return Ok(true),
            }
        }
    }

    /// A record ends with its CR already; the LF behind it is taken too, so that no position lies between them.
    fn finish_line_end(&mut self) -> io::Result<()> {
        if self.after_cr && self.input.fill_buf()?.first() == Some(&b'\n') {
            self.position.pass(b"\n", &mut self.after_cr);
            self.input.consume(1);
        }
        self.after_cr = false;
        Ok(())
    }

    /// False at the file's end.
    fn skip_empty_lines(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.input.fill_buf()?;
            let empty = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if bytes.is_empty() {
                return Ok(false);
            }
            let more = empty < bytes.len();
            self.position.pass(bytes.get(..empty).unwrap_or_default(), &mut self.after_cr);
            self.input.consume(empty);
            if more {
                return Ok(true);
            }
        }
    }
}

/// How much of the buffers a record has filled.
#[derive(Default)]
struct Filled {
    text: usize,
    ends: usize,
    overflow: Option<Flaw>,
}

impl Filled {
    /// Keeps the complete cells, and makes room for what is only parsed by giving up some of the text.
    fn drop_rest(&mut self, ends: &[usize]) {
        if self.overflow.is_none() {
            let complete = self.ends.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
            let large = self.text - complete > FIELD_LIMIT;
            self.overflow = Some(if large { Flaw::FieldTooLarge(self.ends) } else { Flaw::TooLarge });
            self.ends = self.ends.min(ends.len() / 2);
            self.text = self.ends.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
            if self.text > RECORD_LIMIT / 2 {
                (self.text, self.ends) = (0, 0);
            }
        }
    }
}

/// A parser at the start of a record; it has read something, or it would take a byte order mark for one anywhere.
fn fresh_parser() -> Reader {
    let mut parser = Reader::new();
    parser.read_record(b"\n", &mut [0], &mut [0]);
    parser
}
