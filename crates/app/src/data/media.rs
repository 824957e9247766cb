//! The pictures of a dataset version: some of them by class, and the bytes of one, as a file or as a thumbnail.

use std::sync::Arc;

use bytes::Bytes;
use meuse_core::api::{PictureItem, PicturePage};
use meuse_core::media::{self, Head, Names, Record};
use meuse_core::names::DatasetRef;
use meuse_prep::image::{self, Sampling};
use meuse_store::Digest;
use meuse_store::records::datasets::{Media, VersionRow};

use crate::access::{Action, Caller};
use crate::{App, Error};

/// The most pictures of one page.
const MAX_PAGE: u32 = 200;
/// Sides that a thumbnail may have, in pixels.
const THUMBNAILS: std::ops::RangeInclusive<u32> = 16..=512;
/// The part to learn from, as imports name it.
const TRAINING_PART: &str = "training";
/// How many records are read at once while looking for a class.
const RECORDS_AT_ONCE: u32 = 8192;

/// The bytes of a picture.
pub struct Medium {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

impl App {
    /// Pictures of a version, from the `offset`-th on, at most `limit`; of one class where a label is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the version, or a class that is not there; [`Error::Invalid`] for a table.
    pub async fn pictures(
        &self,
        caller: &Caller,
        reference: &DatasetRef,
        label: Option<&str>,
        (offset, limit): (u32, u32),
    ) -> Result<PicturePage, Error> {
        caller.require(Action::ReadData)?;
        let version = self.find_version(caller, reference).await?;
        let list = self.list(&version).await?;
        let limit = limit.min(MAX_PAGE);
        let class = match label {
            None => None,
            Some(label) => Some(list.class(&version, label)?),
        };
        let mut page = PicturePage { total: 0, items: Vec::new() };
        if class.is_none() {
            page.total = u64::from(list.head.rows);
            let last = offset.saturating_add(limit).min(list.head.rows);
            for (row, record) in self.records(&list, offset, last).await? {
                page.items.push(self.item(&list, row, &record).await?);
            }
            return Ok(page);
        }
        for first in (0..list.head.rows).step_by(RECORDS_AT_ONCE as usize) {
            let last = first.saturating_add(RECORDS_AT_ONCE).min(list.head.rows);
            for (row, record) in self.records(&list, first, last).await? {
                if record.label != class {
                    continue;
                }
                if page.total >= u64::from(offset) && page.items.len() < limit as usize {
                    page.items.push(self.item(&list, row, &record).await?);
                }
                page.total += 1;
            }
        }
        Ok(page)
    }

    /// The first `count` rows of the training part, of one class where a label is given; of all pictures where the import
    /// knew of no such part.
    ///
    /// # Errors
    /// As [`App::pictures`]; [`Error::Invalid`] where the class has nothing to learn from.
    pub(super) async fn rows_to_learn_from(
        &self,
        caller: &Caller,
        reference: &DatasetRef,
        label: Option<&str>,
        count: u32,
    ) -> Result<Vec<u32>, Error> {
        caller.require(Action::ReadData)?;
        let version = self.find_version(caller, reference).await?;
        let list = self.list(&version).await?;
        let class = label.map(|label| list.class(&version, label)).transpose()?;
        let part = list.training_part();
        let mut rows = Vec::new();
        for first in (0..list.head.rows).step_by(RECORDS_AT_ONCE as usize) {
            let last = first.saturating_add(RECORDS_AT_ONCE).min(list.head.rows);
            let records = self.records(&list, first, last).await?;
            let wanted = records.iter().filter(|(_, record)| {
                (class.is_none() || record.label == class) && (part.is_none() || record.split == part)
            });
            rows.extend(wanted.map(|(row, _)| *row).take(count as usize - rows.len()));
            if rows.len() == count as usize {
                break;
            }
        }
        match label {
            Some(label) if rows.is_empty() => {
                let message = format!("`{label}` has no pictures in the training part");
                Err(Error::invalid("label", message, "choose another class"))
            }
            _ => Ok(rows),
        }
    }

    /// One picture of a version: its file as it came, or, as PNG, at most `thumbnail` pixels wide and high.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the version or row; [`Error::Invalid`] for a table, or a size that is not given.
    pub async fn picture(
        &self,
        caller: &Caller,
        reference: &DatasetRef,
        row: u32,
        thumbnail: Option<u32>,
    ) -> Result<Medium, Error> {
        caller.require(Action::ReadData)?;
        if thumbnail.is_some_and(|side| !THUMBNAILS.contains(&side)) {
            let (least, most) = (THUMBNAILS.start(), THUMBNAILS.end());
            let message = format!("a thumbnail has from {least} to {most} pixels");
            return Err(Error::invalid("thumbnail", message, "leave it out for the whole picture"));
        }
        let version = self.find_version(caller, reference).await?;
        let list = self.list(&version).await?;
        let last = row.saturating_add(1).min(list.head.rows);
        let record = self.records(&list, row, last).await?.pop().map(|(_, record)| record);
        let record = record.ok_or_else(|| {
            let hint = format!("rows go from 0 to {}", list.head.rows.saturating_sub(1));
            Error::not_found(format!("{}:{} has no row {row}", version.dataset, version.version), hint)
        })?;
        let pack = list.media.packs.get(record.pack as usize).ok_or_else(|| damaged(&version))?;
        let bytes = self.store.blobs.read_range(pack, record.offset, record.length as usize).await?;
        // The part is compared, since the whole pack was not.
        if Digest::of(&bytes).to_string() != hex::encode(record.sha256) {
            return Err(damaged(&version));
        }
        let Some(side) = thumbnail else {
            return Ok(Medium { content_type: record.format.media_type(), bytes });
        };
        let turn = Arc::clone(&self.thumbnails).acquire_owned().await;
        let turn = turn.map_err(|_| Error::Unavailable("the server is shutting down".into()))?;
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            thumbnail_of(&bytes, side as usize)
        });
        let made = made.await.map_err(|_| Error::Internal("making a thumbnail panicked".into()))?;
        let bytes = made.map_err(|error| Error::Internal(format!("a picture of {}: {error}", version.dataset)))?;
        Ok(Medium { content_type: "image/png", bytes: bytes.into() })
    }

    /// What is at the beginning of a version's list.
    async fn list(&self, version: &VersionRow) -> Result<OpenList, Error> {
        let Some(media) = version.contents.media.clone() else {
            let message = format!("{}:{} is a table, and holds no pictures", version.dataset, version.version);
            return Err(Error::invalid("dataset", message, "name a dataset that was imported from pictures"));
        };
        let blobs = &self.store.blobs;
        let head = blobs.read_range(&media.index, 0, media::HEAD_BYTES).await?;
        let head = Head::parse(&head).ok_or_else(|| damaged(version))?;
        let (at, length) = head.names();
        let names = blobs.read_range(&media.index, at, length as usize).await?;
        let names = serde_json::from_slice(&names).map_err(|_| damaged(version))?;
        Ok(OpenList { media, head, names })
    }

    /// The records of the rows from `first` to before `last`.
    async fn records(&self, list: &OpenList, first: u32, last: u32) -> Result<Vec<(u32, Record)>, Error> {
        if first >= last {
            return Ok(Vec::new());
        }
        let length = (last - first) as usize * media::RECORD_BYTES;
        let bytes = self.store.blobs.read_range(&list.media.index, list.head.place(first), length).await?;
        let records = bytes.chunks_exact(media::RECORD_BYTES).map(Record::parse);
        let read = (first..last).zip(records).map(|(row, record)| Some((row, record?))).collect::<Option<_>>();
        read.ok_or_else(|| Error::Internal("a list of pictures is damaged".into()))
    }

    async fn item(&self, list: &OpenList, row: u32, record: &Record) -> Result<PictureItem, Error> {
        let name = |names: &[String], number: Option<u32>| names.get(number? as usize).cloned();
        let boxes = match self.text(list, record.boxes()).await? {
            text if text.is_empty() => Vec::new(),
            text => {
                serde_json::from_slice(&text).map_err(|_| Error::Internal("a list of pictures is damaged".into()))?
            }
        };
        Ok(PictureItem {
            row,
            path: String::from_utf8_lossy(&self.text(list, record.path()).await?).into_owned(),
            label: name(&list.names.labels, record.label),
            split: name(&list.names.splits, record.split),
            width: record.width,
            height: record.height,
            duplicate_of: record.duplicate_of,
            boxes,
        })
    }

    async fn text(&self, list: &OpenList, (at, length): (u64, u32)) -> Result<Bytes, Error> {
        Ok(self.store.blobs.read_range(&list.media.index, at, length as usize).await?)
    }
}

/// The list of a version's pictures, as far as it was read.
struct OpenList {
    media: Media,
    head: Head,
    names: Names,
}

impl OpenList {
    /// The number of the part to learn from, where there is one.
    fn training_part(&self) -> Option<u32> {
        let parts = &self.names.splits;
        parts.iter().position(|part| part == TRAINING_PART).map(|number| number as u32)
    }

    /// The number of a class.
    fn class(&self, version: &VersionRow, label: &str) -> Result<u32, Error> {
        if let Ok(number) = self.names.labels.binary_search_by(|known| known.as_str().cmp(label)) {
            return Ok(number as u32);
        }
        let message = format!("{}:{} has no class `{label}`", version.dataset, version.version);
        let hint = meuse_core::suggest::hint(label, self.names.labels.iter().map(String::as_str));
        Err(Error::not_found(message, hint))
    }
}

fn damaged(version: &VersionRow) -> Error {
    let name = format!("{}:{}", version.dataset, version.version);
    Error::Internal(format!("the pictures of {name} are damaged: restore them from a backup"))
}

/// The whole picture within a square of this side, never larger than it is.
fn thumbnail_of(bytes: &[u8], side: usize) -> Result<Vec<u8>, image::Error> {
    let picture = image::decode(bytes, Some([255; 3]), &image::Limits::default())?.picture;
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= side {
        return picture.png();
    }
    let scaled = |length: usize| (length * side / longest).max(1);
    image::resize(&picture, scaled(width), scaled(height), Sampling::default()).png()
}
