//! The records of a CSV file as RFC 4180 divides them, one byte at a time.
//!
//! DuckDB reads the data; this reads the header record, and is the magnifying glass when DuckDB refuses a file: DuckDB
//! counts records where a person counts lines, and cannot read a file that mixes line ends.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use crate::Error;

/// How cells are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    /// The character between cells.
    pub(super) delimiter: char,
    /// The character around cells that hold a delimiter, a quote or a line end.
    pub(super) quote: char,
    /// The character before a quote inside quotes; mostly the quote itself.
    pub(super) escape: char,
}

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// Part of a cell, or the beginning of a delimiter of several bytes.
    Cell,
    /// A quote around a cell, or an escape.
    Mark,
    /// The last byte of the delimiter.
    Delimiter,
    /// A line end: CR, LF, or the LF of CR LF.
    LineEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After the escape inside quotes; where it is the quote itself, the cell may have ended.
    Escaped,
}

struct Machine {
    delimiter: Vec<u8>,
    matched: usize,
    quote: u8,
    escape: u8,
    state: State,
    after_cr: bool,
}

impl Machine {
    fn new(dialect: &Dialect) -> Self {
        let delimiter = dialect.delimiter.to_string().into_bytes();
        let (quote, escape) = (dialect.quote as u8, dialect.escape as u8);
        Self { delimiter, matched: 0, quote, escape, state: State::CellStart, after_cr: false }
    }

    fn inside_quotes(&self) -> bool {
        self.state == State::Quoted
    }

    fn step(&mut self, byte: u8) -> Byte {
        let after_cr = std::mem::take(&mut self.after_cr);
        match self.state {
            State::Quoted if byte == self.escape => {
                self.state = State::Escaped;
                Byte::Mark
            }
            State::Quoted if byte == self.quote => {
                self.state = State::Plain;
                Byte::Mark
            }
            State::Quoted => Byte::Cell,
            State::Escaped if byte == self.quote || self.escape != self.quote => {
                self.state = State::Quoted;
                Byte::Cell
            }
            State::CellStart if byte == self.quote => {
                self.state = State::Quoted;
                Byte::Mark
            }
            _ => self.step_outside(byte, after_cr),
        }
    }

    fn step_outside(&mut self, byte: u8, after_cr: bool) -> Byte {
        if byte == b'\n' || byte == b'\r' {
            self.after_cr = byte == b'\r';
            self.state = State::CellStart;
            // The LF of CR LF ends no second line.
            return if byte == b'\n' && after_cr { Byte::Mark } else { Byte::LineEnd };
        }
        if byte == self.delimiter[self.matched] {
            self.matched += 1;
            if self.matched == self.delimiter.len() {
                self.matched = 0;
                self.state = State::CellStart;
                return Byte::Delimiter;
            }
            self.state = State::Plain;
            return Byte::Cell;
        }
        self.matched = 0;
        // Spaces before a quote are not part of the cell, for DuckDB either.
        if !(self.state == State::CellStart && byte == b' ') {
            self.state = State::Plain;
        }
        Byte::Cell
    }
}

/// The first record of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its cells.
    pub(super) cells: Vec<String>,
    /// The cells' first line, from 1: blank lines before are skipped.
    pub(super) line: u64,
}

/// Reads the first record that is not blank; `None` when there is none.
pub(super) fn header(path: &Path, dialect: &Dialect) -> Result<Option<Header>, Error> {
    let mut machine = Machine::new(dialect);
    let (mut cells, mut cell, mut line, mut first) = (Vec::new(), Vec::new(), 1, 1);
    let mut any = false;
    each_byte(path, |byte| {
        match machine.step(byte) {
            Byte::Cell => cell.push(byte),
            Byte::Mark => any |= machine.inside_quotes(),
            Byte::Delimiter => {
                cell.truncate(cell.len() + 1 - dialect.delimiter.len_utf8());
                cells.push(std::mem::take(&mut cell));
            }
            Byte::LineEnd if cells.is_empty() && cell.is_empty() && !any => {
                line += 1;
                first = line;
            }
            Byte::LineEnd => return false,
        }
        true
    })?;
    if cells.is_empty() && cell.is_empty() && !any {
        return Ok(None);
    }
    cells.push(cell);
    let cells = cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    Ok(Some(Header { cells, line: first }))
}

/// What is the matter with a file that DuckDB refuses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The record that begins on `line` has `cells` cells.
    Ragged { line: u64, cells: usize },
    /// A quote that opens on `line` never closes.
    OpenQuote { line: u64 },
    /// A closing quote on `line` is followed by neither a delimiter nor a line end.
    StrayQuote { line: u64 },
    /// Nothing but these: the longest record in bytes.
    Sound { longest_record: usize },
}

/// Looks through the whole file for the first record that has not `width` cells, or whose quotes do not close.
pub(super) fn examine(path: &Path, dialect: &Dialect, width: usize) -> Result<Finding, Error> {
    let mut examiner = Examiner::new(dialect, width);
    let mut finding = None;
    each_byte(path, |byte| {
        finding = examiner.take(byte);
        finding.is_none()
    })?;
    Ok(finding.unwrap_or_else(|| examiner.end()))
}

struct Examiner {
    machine: Machine,
    width: usize,
    /// The present line of the file, from 1.
    line: u64,
    /// The line of the last opening quote.
    quote_line: u64,
    /// Whether the last byte, spaces aside, was a closing quote.
    after_quote: bool,
    record: Record,
    longest_record: usize,
}

/// The record that is being read.
struct Record {
    line: u64,
    cells: usize,
    bytes: usize,
    blank: bool,
    last_cell_empty: bool,
}

impl Record {
    fn on(line: u64) -> Self {
        Self { line, cells: 1, bytes: 0, blank: true, last_cell_empty: true }
    }

    /// Blank lines, and one delimiter too many at the end of a line, are what DuckDB forgives.
    fn ragged(&self, width: usize) -> Option<Finding> {
        let forgiven = self.blank || (self.cells == width + 1 && self.last_cell_empty);
        let ragged = self.cells != width && !forgiven;
        ragged.then_some(Finding::Ragged { line: self.line, cells: self.cells })
    }
}

impl Examiner {
    fn new(dialect: &Dialect, width: usize) -> Self {
        let (machine, record) = (Machine::new(dialect), Record::on(1));
        Self { machine, width, line: 1, quote_line: 1, after_quote: false, record, longest_record: 0 }
    }

    fn take(&mut self, byte: u8) -> Option<Finding> {
        let was_inside = self.machine.inside_quotes();
        let kind = self.machine.step(byte);
        let is_inside = self.machine.inside_quotes();
        let after_quote = std::mem::take(&mut self.after_quote);
        self.record.bytes += 1;
        match kind {
            Byte::Cell if after_quote && !is_inside && byte != b' ' => {
                return Some(Finding::StrayQuote { line: self.line });
            }
            Byte::Cell => {
                self.after_quote = after_quote && byte == b' ';
                self.line += u64::from(byte == b'\n');
                self.record.blank = false;
                self.record.last_cell_empty = false;
            }
            Byte::Mark if byte == b'\n' => {}
            Byte::Mark => {
                self.after_quote = was_inside;
                self.quote_line = if is_inside && !was_inside { self.line } else { self.quote_line };
                self.record.blank = false;
                self.record.last_cell_empty = false;
            }
            Byte::Delimiter => {
                self.record.cells += 1;
                self.record.blank = false;
                self.record.last_cell_empty = true;
            }
            Byte::LineEnd => {
                self.line += 1;
                self.longest_record = self.longest_record.max(self.record.bytes);
                return std::mem::replace(&mut self.record, Record::on(self.line)).ragged(self.width);
            }
        }
        None
    }

    fn end(self) -> Finding {
        if self.machine.inside_quotes() {
            return Finding::OpenQuote { line: self.quote_line };
        }
        let longest_record = self.longest_record.max(self.record.bytes);
        self.record.ragged(self.width).unwrap_or(Finding::Sound { longest_record })
    }
}

/// Copies the file with LF as the only line end outside quotes.
pub(super) fn with_one_line_end(path: &Path, out: &Path, dialect: &Dialect) -> Result<(), Error> {
    let mut machine = Machine::new(dialect);
    let mut writer = BufWriter::new(File::create(out).map_err(Error::writing(out))?);
    let mut failed = None;
    each_byte(path, |byte| {
        let kind = machine.step(byte);
        let written = match kind {
            Byte::LineEnd => writer.write_all(b"\n"),
            Byte::Mark if byte == b'\n' => Ok(()),
            _ => writer.write_all(&[byte]),
        };
        failed = written.err();
        failed.is_none()
    })?;
    failed.map_or_else(|| writer.flush(), Err).map_err(Error::writing(out))
}

/// Gives each byte, less a byte order mark at the beginning, to `take` until that returns false.
fn each_byte(path: &Path, mut take: impl FnMut(u8) -> bool) -> Result<(), Error> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(Error::reading(path))?);
    let mark = reader.fill_buf().map_err(Error::reading(path))?.starts_with(&[0xEF, 0xBB, 0xBF]);
    reader.consume(if mark { 3 } else { 0 });
    loop {
        let chunk = reader.fill_buf().map_err(Error::reading(path))?;
        if chunk.is_empty() || !chunk.iter().all(|byte| take(*byte)) {
            return Ok(());
        }
        let read = chunk.len();
        reader.consume(read);
    }
}
