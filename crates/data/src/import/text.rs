//! The bytes of a CSV file: which encoding they are in, whether they are text at all, and a UTF-8 copy where needed.
//!
//! DuckDB is given UTF-8 without surprises only; every message about encodings is written here. Says nothing about
//! cells.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, GB18030};
use meuse_core::events::Level;
use meuse_core::job::Encoding;

use crate::{Error, Watch};

const STAGE: &str = "check text";
/// The name of the copy that is made of a file that is not UTF-8.
pub(super) const COPY: &str = "utf8.csv";

const CHUNK: usize = 1 << 20;

/// A file that holds UTF-8 without NUL bytes.
#[derive(Debug)]
pub(super) struct Text {
    /// The file: the source itself, or a copy in UTF-8.
    pub(super) path: PathBuf,
    /// No line of the file is longer than this many bytes.
    pub(super) longest_line: usize,
}

/// Checks the source and makes a UTF-8 copy in `folder` where it is GB18030. Without a named encoding, a file that is
/// not UTF-8 is taken for GB18030 when it decodes as such and looks like Chinese text.
pub(super) fn prepare(source: &Path, named: Option<Encoding>, folder: &Path, watch: &dyn Watch) -> Result<Text, Error> {
    refuse_foreign(source)?;
    if named == Some(Encoding::Gb18030) {
        return transcode(source, folder, watch);
    }
    match scan(source, watch)? {
        Scan::Text(longest_line) => Ok(Text { path: source.to_owned(), longest_line }),
        Scan::Nul(offset) => Err(nul(source, offset)?),
        Scan::Cut(offset) => Err(not_utf8(source, offset, "; the file ends in the middle of a character")?),
        Scan::NotUtf8(offset) if named.is_some() => Err(not_utf8(source, offset, "")?),
        Scan::NotUtf8(offset) => {
            let guess = guess(&read(source, offset, CHUNK)?);
            if !is_chinese(guess) {
                return Err(not_utf8(source, offset, &format!("; it looks like {guess}"))?);
            }
            watch.log(Level::Info, "the file is not UTF-8; it is read as GB18030");
            transcode(source, folder, watch)
        }
    }
}

enum Scan {
    Text(usize),
    Nul(u64),
    NotUtf8(u64),
    /// It is UTF-8, and ends within a character.
    Cut(u64),
}

/// Reads the whole file once: is it UTF-8, is there a NUL, how long are its lines?
fn scan(source: &Path, watch: &dyn Watch) -> Result<Scan, Error> {
    let mut file = File::open(source).map_err(Error::reading(source))?;
    let total = file.metadata().map_err(Error::reading(source))?.len();
    let mut buffer = vec![0; CHUNK];
    // `buffer[..kept]` is the beginning of a character that the next chunk ends.
    let (mut kept, mut offset) = (0, 0);
    let mut lines = LineLengths::default();
    let mut is_ascii = true;
    loop {
        let count = file.read(&mut buffer[kept..]).map_err(Error::reading(source))?;
        let chunk = &buffer[..kept + count];
        if let Some(at) = position_of_nul(&chunk[kept..]) {
            return Ok(Scan::Nul(offset + (kept + at) as u64));
        }
        lines.add(&chunk[kept..]);
        let rest = match std::str::from_utf8(chunk) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() && count > 0 => chunk.len() - error.valid_up_to(),
            Err(error) => {
                let (place, is_cut) = (offset + error.valid_up_to() as u64, is_cut(error, is_ascii));
                return Ok(if is_cut { Scan::Cut(place) } else { Scan::NotUtf8(place) });
            }
        };
        if count == 0 {
            return Ok(Scan::Text(lines.longest()));
        }
        let end = chunk.len();
        is_ascii = is_ascii && chunk[..end - rest].is_ascii();
        offset += (end - rest) as u64;
        buffer.copy_within(end - rest..end, 0);
        kept = rest;
        watch.progress(STAGE, offset, total);
    }
}

fn position_of_nul(chunk: &[u8]) -> Option<usize> {
    // `contains` is the fast search of the standard library, and nearly always all that is needed.
    if chunk.contains(&0) { chunk.iter().position(|byte| *byte == 0) } else { None }
}

/// An upper bound of the longest line, at the price of two searches per chunk.
#[derive(Default)]
struct LineLengths {
    longest: usize,
    open: usize,
}

impl LineLengths {
    fn add(&mut self, chunk: &[u8]) {
        let first = chunk.iter().position(|byte| *byte == b'\n');
        let last = chunk.iter().rposition(|byte| *byte == b'\n');
        let (Some(first), Some(last)) = (first, last) else {
            self.open += chunk.len();
            return;
        };
        self.longest = self.longest.max(self.open + first).max(last - first);
        self.open = chunk.len() - last;
    }

    fn longest(&self) -> usize {
        self.longest.max(self.open)
    }
}

/// Files that begin like something else than text in UTF-8 or GB18030.
const FOREIGN: [(&[u8], &str, &str); 6] = [
    (&[0xFF, 0xFE], "UTF-16 or UTF-32", "save it as UTF-8 and import again"),
    (&[0xFE, 0xFF], "UTF-16", "save it as UTF-8 and import again"),
    (&[0, 0, 0xFE, 0xFF], "UTF-32", "save it as UTF-8 and import again"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "save the sheet as CSV and import that"),
    (&[0xD0, 0xCF, 0x11, 0xE0], "an old Excel workbook", "save the sheet as CSV and import that"),
    (&[0x1F, 0x8B], "compressed with gzip", "unpack it and import again"),
];

/// Whether a file that begins so is refused as no text.
pub(super) fn is_foreign(head: &[u8]) -> bool {
    FOREIGN.iter().any(|(mark, ..)| head.starts_with(mark))
}

fn refuse_foreign(source: &Path) -> Result<(), Error> {
    let head = read(source, 0, 4)?;
    match FOREIGN.iter().find(|(mark, ..)| head.starts_with(mark)) {
        Some((_, what, hint)) => Err(Error::refused("byte 0", format!("the file is {what}"), *hint)),
        None => Ok(()),
    }
}

fn read(source: &Path, from: u64, limit: usize) -> Result<Vec<u8>, Error> {
    let mut file = File::open(source).map_err(Error::reading(source))?;
    file.seek(SeekFrom::Start(from)).map_err(Error::reading(source))?;
    let mut bytes = Vec::new();
    file.take(limit as u64).read_to_end(&mut bytes).map_err(Error::reading(source))?;
    Ok(bytes)
}

/// What the text looks like, judged from the bytes that follow the first one that is not UTF-8. The hint `cn` settles
/// short texts in favour of Chinese, which is what our users' files are.
fn guess(bytes: &[u8]) -> &'static str {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(Some(b"cn"), Utf8Detection::Deny).name()
}

/// Whether what was guessed is read as GB18030, which holds the others.
fn is_chinese(guess: &str) -> bool {
    guess == "GBK" || guess == "gb18030"
}

/// Whether text is UTF-8 to its end, in which the beginning of a character stands: one or two bytes, of which no encoding
/// can be guessed. Where all before it is ASCII, it may be the last character of another encoding.
fn is_cut(error: std::str::Utf8Error, is_ascii_before: bool) -> bool {
    error.error_len().is_none() && !is_ascii_before
}

/// The text of a small file, without a byte-order mark; it is taken for GB18030 where [`prepare`] would. The error says
/// why it is no text.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        Err(error) if is_cut(error, bytes[..error.valid_up_to()].is_ascii()) => {
            return Err("it ends in the middle of a character of UTF-8".to_owned());
        }
        Err(error) => {
            let bad = &bytes[error.valid_up_to()..];
            let looks = FOREIGN.iter().find(|(mark, ..)| bytes.starts_with(mark)).map(|(_, what, _)| *what);
            let looks = looks.unwrap_or_else(|| guess(&bad[..bad.len().min(CHUNK)]));
            let chinese = is_chinese(looks).then(|| GB18030.decode_without_bom_handling_and_without_replacement(bytes));
            let place = error.valid_up_to() + 1;
            let refused = || format!("it is not UTF-8 (byte {place}) and looks like {looks}: save it as UTF-8");
            chinese.flatten().ok_or_else(refused)?
        }
    };
    if text.contains('\0') {
        return Err("it holds NUL bytes, as no text does".to_owned());
    }
    Ok(text)
}

/// Writes the source, which is GB18030, as UTF-8.
fn transcode(source: &Path, folder: &Path, watch: &dyn Watch) -> Result<Text, Error> {
    let path = folder.join(COPY);
    let mut file = File::open(source).map_err(Error::reading(source))?;
    let total = file.metadata().map_err(Error::reading(source))?.len();
    let mut out = BufWriter::with_capacity(CHUNK, File::create(&path).map_err(Error::writing(&path))?);
    let mut decoder = GB18030.new_decoder();
    let (mut input, mut text) = (vec![0; CHUNK], vec![0; 4 * CHUNK + 16]);
    let mut offset = 0;
    let mut lines = LineLengths::default();
    loop {
        let count = file.read(&mut input).map_err(Error::reading(source))?;
        if let Some(at) = position_of_nul(&input[..count]) {
            return Err(nul(source, offset + at as u64)?);
        }
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(&input[..count], &mut text, count == 0);
        match result {
            DecoderResult::InputEmpty => {}
            DecoderResult::Malformed(length, after) => {
                let bad = (offset + read as u64).saturating_sub(u64::from(length) + u64::from(after));
                return Err(not_gb18030(source, bad)?);
            }
            DecoderResult::OutputFull => {
                unreachable!("four bytes of UTF-8 are enough for each byte of GB18030")
            }
        }
        lines.add(&text[..written]);
        out.write_all(&text[..written]).map_err(Error::writing(&path))?;
        if count == 0 {
            out.flush().map_err(Error::writing(&path))?;
            return Ok(Text { path, longest_line: lines.longest() });
        }
        offset += count as u64;
        watch.progress(STAGE, offset, total);
    }
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(source: &Path, offset: u64) -> Result<u64, Error> {
    let file = File::open(source).map_err(Error::reading(source))?;
    let mut file = file.take(offset);
    let mut buffer = vec![0; CHUNK];
    let mut line = 1;
    loop {
        let count = file.read(&mut buffer).map_err(Error::reading(source))?;
        if count == 0 {
            return Ok(line);
        }
        line += buffer[..count].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    }
}

fn nul(source: &Path, offset: u64) -> Result<Error, Error> {
    let line = line_of(source, offset)?;
    let message = format!("a NUL byte at offset {offset}; text files have none");
    let hint = "remove it; if the file is UTF-16, save it as UTF-8; if it is Parquet, name it `.parquet`";
    Ok(Error::refused(format!("line {line}"), message, hint))
}

fn not_utf8(source: &Path, offset: u64, guess: &str) -> Result<Error, Error> {
    let line = line_of(source, offset)?;
    let message = format!("the byte at offset {offset} is not UTF-8{guess}");
    let hint = "if the file is GBK or GB18030, import with `--encoding gb18030`; otherwise save it as UTF-8";
    Ok(Error::refused(format!("line {line}"), message, hint))
}

fn not_gb18030(source: &Path, offset: u64) -> Result<Error, Error> {
    let line = line_of(source, offset)?;
    let message = format!("the byte at offset {offset} is not GB18030");
    Ok(Error::refused(format!("line {line}"), message, "import with `--encoding utf-8`, or save the file as UTF-8"))
}
