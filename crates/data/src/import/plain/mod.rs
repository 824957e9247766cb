//! The fast road of a plain CSV file into Parquet: blocks of whole records, each lexed, typed and encoded by one thread.
//!
//! Plain is what nearly every file is: UTF-8, one ASCII delimiter, double quotes, one kind of line end, as many cells in
//! each record as in the header, and each cell written in the usual way of its column's type. At the first thing that is
//! not, the road ends, and DuckDB, which knows every other way to write a file, starts from the beginning: it is the
//! judge of what a file means, and the one whose refusals are explained. So nothing here reports an error in a file, and
//! where both roads can go they give the same cells, which a test checks.
//!
//! Blocks are divided by bytes and not by threads, so the same file gives the same Parquet on any machine.

mod attempt;
mod blocks;
mod cells;
mod columns;
mod parquet_file;
mod sample;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};

use meuse_core::schema::ColumnType;
use parquet::arrow::arrow_writer::ArrowColumnChunk;

use self::blocks::{Block, Blocks};
use self::cells::{LineEnd, Rows};
use self::columns::Column;
use self::parquet_file::{Encoder, ParquetFile};
use super::source::Csv;
use crate::{Error, Watch};

pub(super) use self::attempt::attempt;
pub(crate) use self::parquet_file::is_by_us;
pub(super) use self::sample::sample;

const STAGE: &str = "write table";

/// What is to be done.
pub(super) struct Job<'a> {
    pub(super) csv: &'a Csv,
    pub(super) types: &'a [ColumnType],
    /// Texts that mean a missing cell, besides the empty one.
    pub(super) missing: &'a [String],
    pub(super) threads: usize,
    /// The Parquet file to write.
    pub(super) out: &'a Path,
    pub(super) watch: &'a dyn Watch,
}

/// Why a block could not be made into a row group.
enum Stop {
    /// It is not plain.
    NotPlain,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Encoded = (Vec<ArrowColumnChunk>, Rows);

impl Job<'_> {
    /// Writes the Parquet file and says how many rows it has; `None` when the file is not plain, and then what was
    /// written is of no use.
    pub(super) fn write(&self) -> Result<Option<usize>, Error> {
        if !is_plain_dialect(self.csv) {
            return Ok(None);
        }
        match self.run() {
            Ok(rows) => Ok(Some(rows)),
            Err(Stop::NotPlain) => Ok(None),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn run(&self) -> Result<usize, Stop> {
        let delimiter = self.csv.dialect.delimiter as u8;
        let mut blocks = Blocks::open(&self.csv.path, self.csv.begins_at, self.csv.has_header)?;
        let Some(first) = blocks.next().ok_or(Stop::NotPlain)?? else { return Ok(0) };
        let text = std::str::from_utf8(&first.bytes).map_err(|_| Stop::NotPlain)?;
        let hardly_repeat = attempt::hardly_repeat(text, delimiter, self.missing, self.types.len());
        let mut file = ParquetFile::create(self.out, &self.csv.names, self.types, &hardly_repeat)?;
        let encoder = file.encoder();
        let threads = self.threads.max(1);
        // One block waits for each thread while it works, so that none waits for the disk.
        let (to_workers, blocks_to_do) = mpsc::sync_channel::<Block>(threads);
        let blocks_to_do = Mutex::new(blocks_to_do);
        let (to_writer, encoded) = mpsc::channel::<(usize, Result<Encoded, Stop>)>();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (blocks_to_do, to_writer, encoder) = (&blocks_to_do, to_writer.clone(), &encoder);
                let reading = Reading { types: self.types, missing: self.missing, delimiter };
                scope.spawn(move || {
                    loop {
                        let block = blocks_to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(block) = block else { return };
                        let result = reading.encode(encoder, &block);
                        if to_writer.send((block.number, result)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(to_writer);
            let result = self.gather(first, &mut blocks, to_workers, &encoded, &mut file);
            // Whatever the workers still send has nowhere to go, which ends them.
            drop(encoded);
            result
        })
        .and_then(|rows| Ok(file.close().map(|()| rows)?))
    }

    /// Hands out blocks and writes what comes back in the order of the file.
    fn gather(
        &self,
        first: Block,
        blocks: &mut Blocks,
        to_workers: mpsc::SyncSender<Block>,
        encoded: &mpsc::Receiver<(usize, Result<Encoded, Stop>)>,
        file: &mut ParquetFile,
    ) -> Result<usize, Stop> {
        let mut to_workers = Some(to_workers);
        let mut early: BTreeMap<usize, Encoded> = BTreeMap::new();
        let (mut handed_out, mut written, mut rows) = (0, 0, 0);
        let mut first = Some(first);
        let mut line_end: Option<LineEnd> = None;
        // So many blocks are under way at most; the memory of an import depends on it.
        let most = 2 * self.threads.max(1);
        loop {
            while handed_out - written < most
                && let Some(workers) = &to_workers
            {
                let block = match first.take() {
                    Some(first) => Some(first),
                    None => blocks.next().ok_or(Stop::NotPlain)??,
                };
                match block {
                    Some(block) => {
                        handed_out += 1;
                        workers.send(block).map_err(|_| Stop::NotPlain)?;
                    }
                    None => to_workers = None,
                }
            }
            if handed_out == written {
                return Ok(rows);
            }
            let Ok((number, result)) = encoded.recv() else { return Err(Stop::NotPlain) };
            early.insert(number, result?);
            while let Some((chunks, found)) = early.remove(&written) {
                // A file that mixes line ends is DuckDB's to judge.
                if found.line_end.is_some() && line_end.is_some() && found.line_end != line_end {
                    return Err(Stop::NotPlain);
                }
                line_end = line_end.or(found.line_end);
                if found.count > 0 {
                    file.append(chunks)?;
                }
                rows += found.count;
                written += 1;
                self.watch.progress(STAGE, blocks.bytes_of(written), blocks.total());
            }
        }
    }
}

fn is_plain_dialect(csv: &Csv) -> bool {
    let dialect = &csv.dialect;
    csv.skip == 0
        && dialect.delimiter.is_ascii()
        && !matches!(dialect.delimiter, '"' | '\r' | '\n')
        && dialect.quote == '"'
        && dialect.escape == '"'
}

/// What a worker needs to know of the file.
struct Reading<'a> {
    types: &'a [ColumnType],
    missing: &'a [String],
    delimiter: u8,
}

/// Bytes of a record, at least: how much room a block's columns are given at first.
const SHORT_RECORD: usize = 64;

impl Reading<'_> {
    fn encode(&self, encoder: &Encoder, block: &Block) -> Result<Encoded, Stop> {
        let text = std::str::from_utf8(&block.bytes).map_err(|_| Stop::NotPlain)?;
        if block.bytes.contains(&0) {
            return Err(Stop::NotPlain);
        }
        let room = (block.bytes.len() / SHORT_RECORD).min(1 << 16);
        let mut columns: Vec<Column> = self.types.iter().map(|of| Column::new(*of, room)).collect();
        let rows = cells::read(text, self.delimiter, self.missing, &mut columns, usize::MAX).ok_or(Stop::NotPlain)?;
        Ok((encoder.encode(block.number, columns)?, rows))
    }
}
