//! The list of a dataset version's pictures, as servers and trainers read it: which bytes of which pack, and what they
//! show.
//!
//! Pictures lie in packs, files of many pictures one behind the other; the list (`media.index`) has one record of fixed
//! length for each, so that any of them is found without reading the rest. The same is in the version's Parquet, for
//! queries. No file is read here: a caller gives the bytes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The columns of the sizes of pictures, in a dataset of pictures.
pub const SIZES: [&str; 2] = ["width", "height"];
/// The file among an import's outputs that says which packs there are: a [`Packs`] as JSON.
pub const PACKS: &str = "media.json";
/// The file among an import's outputs that lists the pictures.
pub const INDEX: &str = "media.index";
/// Bytes before the first record.
pub const HEAD_BYTES: usize = 40;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 96;

const MAGIC: [u8; 8] = *b"MEUMEDIA";
const VERSION: u32 = 1;
const NONE: u32 = u32::MAX;

/// Where the packs of an import are, in the order in which records name them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packs(pub Vec<Pack>);

/// One pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pack {
    /// The imported file itself: a tar holds its files as they are.
    Source,
    /// A file among the outputs.
    File(String),
}

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PictureFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// Windows bitmap.
    Bmp,
    /// GIF.
    Gif,
}

impl PictureFormat {
    const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Webp, Self::Bmp, Self::Gif];

    /// Its name in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
        }
    }

    /// As a browser names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
        }
    }
}

/// One picture, as the list holds it. Labels, splits, paths and boxes stand in the list's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The number of its pack, from 0.
    pub pack: u32,
    /// Where it begins there.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u32,
    /// The number of its label among [`Names::labels`].
    pub label: Option<u32>,
    /// The number of its part among [`Names::splits`].
    pub split: Option<u32>,
    /// Width in pixels, as it is to be seen.
    pub width: u32,
    /// Height in pixels, as it is to be seen.
    pub height: u32,
    /// The row of an earlier picture of the same bytes.
    pub duplicate_of: Option<u32>,
    /// Its format.
    pub format: PictureFormat,
    /// How many channels the file has.
    pub channels: u8,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    path: (u64, u32),
    boxes: (u64, u32),
}

/// The texts that records name by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// All labels, ascending.
    pub labels: Vec<String>,
    /// All parts, ascending.
    pub splits: Vec<String>,
}

/// One box around a thing in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LabelledBox {
    /// What it is.
    pub label: String,
    /// Left, top, width, height, in pixels: COCO's `bbox`.
    #[serde(rename = "box")]
    pub area: [f64; 4],
    /// Whether it is around many of them at once, which counts for nobody: COCO's `iscrowd`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub crowd: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The beginning of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many records there are.
    pub rows: u32,
    names: (u64, u64),
}

impl Head {
    /// Reads the first [`HEAD_BYTES`] bytes; nothing when this is no list that this program knows.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let version = u32_at(bytes, 8)?;
        (bytes.get(..8)? == MAGIC && version == VERSION).then_some(())?;
        Some(Self { rows: u32_at(bytes, 12)?, names: (u64_at(bytes, 16)?, u64_at(bytes, 24)?) })
    }

    /// Where the record of a row begins.
    pub fn place(self, row: u32) -> u64 {
        HEAD_BYTES as u64 + u64::from(row) * RECORD_BYTES as u64
    }

    /// Where the JSON of the [`Names`] begins, and how long it is.
    pub fn names(self) -> (u64, u64) {
        self.names
    }
}

impl Record {
    /// Reads the [`RECORD_BYTES`] bytes of a record; nothing when they are damaged.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let optional = |at| u32_at(bytes, at).map(|number| Some(number).filter(|number| *number != NONE));
        Some(Self {
            offset: u64_at(bytes, 0)?,
            path: (u64_at(bytes, 8)?, u32_at(bytes, 24)?),
            boxes: (u64_at(bytes, 16)?, u32_at(bytes, 28)?),
            length: u32_at(bytes, 32)?,
            pack: u32_at(bytes, 36)?,
            label: optional(40)?,
            split: optional(44)?,
            width: u32_at(bytes, 48)?,
            height: u32_at(bytes, 52)?,
            duplicate_of: optional(56)?,
            format: *PictureFormat::ALL.get(usize::from(*bytes.get(60)?))?,
            channels: *bytes.get(61)?,
            sha256: bytes.get(64..96)?.try_into().ok()?,
        })
    }

    /// Where its path stands in the list, and how many bytes it has.
    pub fn path(&self) -> (u64, u32) {
        self.path
    }

    /// Where its boxes stand in the list, as JSON of a list of [`LabelledBox`], and how many bytes they have; 0: none.
    pub fn boxes(&self) -> (u64, u32) {
        self.boxes
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// What a new record is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord<'a> {
    /// See [`Record::pack`].
    pub pack: u32,
    /// See [`Record::offset`].
    pub offset: u64,
    /// See [`Record::length`].
    pub length: u32,
    /// See [`Record::label`].
    pub label: Option<u32>,
    /// See [`Record::split`].
    pub split: Option<u32>,
    /// See [`Record::width`].
    pub width: u32,
    /// See [`Record::height`].
    pub height: u32,
    /// See [`Record::duplicate_of`].
    pub duplicate_of: Option<u32>,
    /// See [`Record::format`].
    pub format: PictureFormat,
    /// See [`Record::channels`].
    pub channels: u8,
    /// See [`Record::sha256`].
    pub sha256: [u8; 32],
    /// Its path in the archive.
    pub path: &'a str,
    /// Its boxes as JSON; empty when it has none.
    pub boxes: &'a str,
}

/// Makes a list.
#[derive(Debug, Default)]
pub struct Writer {
    records: Vec<u8>,
    texts: Vec<u8>,
    /// Where in `records` positions in `texts` stand.
    rows: u32,
}

impl Writer {
    /// Adds a record.
    pub fn push(&mut self, new: &NewRecord<'_>) {
        let mut text = |text: &str| {
            let at = self.texts.len() as u64;
            self.texts.extend_from_slice(text.as_bytes());
            (at, text.len() as u32)
        };
        let (path, boxes) = (text(new.path), text(new.boxes));
        let record = &mut self.records;
        for number in [new.offset, path.0, boxes.0] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        let optional = |number: Option<u32>| number.unwrap_or(NONE);
        let numbers = [
            path.1,
            boxes.1,
            new.length,
            new.pack,
            optional(new.label),
            optional(new.split),
            new.width,
            new.height,
            optional(new.duplicate_of),
        ];
        for number in numbers {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(&[new.format as u8, new.channels, 0, 0]);
        record.extend_from_slice(&new.sha256);
        self.rows += 1;
    }

    /// The bytes of the list.
    pub fn finish(mut self, names: &Names) -> Vec<u8> {
        let texts_at = (HEAD_BYTES + self.records.len()) as u64;
        for record in self.records.chunks_exact_mut(RECORD_BYTES) {
            // Positions were counted from the first text.
            for at in [8, 16] {
                let moved = u64_at(record, at).unwrap_or(0) + texts_at;
                record[at..at + 8].copy_from_slice(&moved.to_le_bytes());
            }
        }
        let names = serde_json::to_vec(names).unwrap_or_default();
        let names_at = texts_at + self.texts.len() as u64;
        let mut list = Vec::with_capacity(names_at as usize + names.len());
        list.extend_from_slice(&MAGIC);
        list.extend_from_slice(&VERSION.to_le_bytes());
        list.extend_from_slice(&self.rows.to_le_bytes());
        list.extend_from_slice(&names_at.to_le_bytes());
        list.extend_from_slice(&(names.len() as u64).to_le_bytes());
        list.extend_from_slice(&[0; 8]);
        list.extend_from_slice(&self.records);
        list.extend_from_slice(&self.texts);
        list.extend_from_slice(&names);
        list
    }
}

/// A list that is in memory as a whole, as trainers read it.
#[derive(Debug, Clone)]
pub struct List {
    bytes: Vec<u8>,
    head: Head,
    names: Names,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        let damaged = || format!("{INDEX} is damaged, or of a newer release");
        let head = Head::parse(&bytes).ok_or_else(damaged)?;
        let names = text_in(&bytes, head.names.0, head.names.1).ok_or_else(damaged)?;
        let names = serde_json::from_str(names).map_err(|_| damaged())?;
        let list = Self { bytes, head, names };
        let whole = (0..list.head.rows).all(|row| list.record(row).is_some_and(|record| list.names_of(&record)));
        if whole { Ok(list) } else { Err(damaged()) }
    }

    /// How many pictures there are.
    pub fn rows(&self) -> u32 {
        self.head.rows
    }

    /// The labels and parts.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The record of a row.
    pub fn record(&self, row: u32) -> Option<Record> {
        let at = usize::try_from(self.head.place(row)).ok()?;
        (row < self.head.rows).then(|| self.bytes.get(at..at + RECORD_BYTES)).flatten().and_then(Record::parse)
    }

    /// Its path in the archive.
    pub fn path(&self, record: &Record) -> &str {
        text_in(&self.bytes, record.path.0, u64::from(record.path.1)).unwrap_or_default()
    }

    /// Its label.
    pub fn label(&self, record: &Record) -> Option<&str> {
        self.names.labels.get(record.label? as usize).map(String::as_str)
    }

    /// The part that it belongs to.
    pub fn split(&self, record: &Record) -> Option<&str> {
        self.names.splits.get(record.split? as usize).map(String::as_str)
    }

    /// The boxes in it.
    pub fn boxes(&self, record: &Record) -> Vec<LabelledBox> {
        let text = text_in(&self.bytes, record.boxes.0, u64::from(record.boxes.1)).unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }

    fn names_of(&self, record: &Record) -> bool {
        let known = |number: Option<u32>, names: &[String]| number.is_none_or(|number| (number as usize) < names.len());
        known(record.label, &self.names.labels) && known(record.split, &self.names.splits)
    }
}

fn text_in(bytes: &[u8], at: u64, length: u64) -> Option<&str> {
    let from = usize::try_from(at).ok()?;
    let to = from.checked_add(usize::try_from(length).ok()?)?;
    std::str::from_utf8(bytes.get(from..to)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(path: &'static str, label: Option<u32>) -> NewRecord<'static> {
        NewRecord {
            pack: 1,
            offset: 1 << 40,
            length: 7,
            label,
            split: None,
            width: 3,
            height: 4,
            duplicate_of: label,
            format: PictureFormat::Webp,
            channels: 4,
            sha256: [9; 32],
            path,
            boxes: r#"[{"label":"cat","box":[1,2,3,4.5]}]"#,
        }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let mut writer = Writer::default();
        writer.push(&new("a/ä.png", None));
        writer.push(&new("b.png", Some(0)));
        let names = Names { labels: vec!["cat".into()], splits: Vec::new() };
        let bytes = writer.finish(&names);
        let list = List::parse(bytes.clone()).expect("it is whole");
        let [first, second] = [0, 1].map(|row| list.record(row).expect("it is there"));
        assert_eq!((list.rows(), list.path(&first), list.path(&second)), (2, "a/ä.png", "b.png"));
        assert_eq!((list.label(&first), list.label(&second), second.duplicate_of), (None, Some("cat"), Some(0)));
        assert_eq!((first.offset, first.length, first.format), (1 << 40, 7, PictureFormat::Webp));
        assert_eq!(list.boxes(&first), [LabelledBox { label: "cat".into(), area: [1.0, 2.0, 3.0, 4.5], crowd: false }]);
        assert!(list.record(2).is_none());
        for length in 0..bytes.len() {
            assert!(List::parse(bytes[..length].to_vec()).is_err(), "cut to {length} bytes");
        }
    }
}
