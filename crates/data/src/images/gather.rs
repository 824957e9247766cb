//! Looks at every file of an archive: decodes it, as proof that it is a picture, and notes what it is.
//!
//! One thread reads, in the archive's order; others decode. Between them lie few files at a time, and of large pictures
//! one is decoded at once, so that memory stays bounded whatever the archive holds.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};

use meuse_core::media::{Packs, PictureFormat};
use meuse_core::profile::FileProblem;
use meuse_prep::image::{Limits, decode, header};
use sha2::{Digest, Sha256};

use super::MAX_IDX;
use super::archive::{self, Archive};
use super::idx::{self, Idx};
use super::labels::{self, Finder, Given, Listed};
use super::packs::PackWriter;
use super::table::{Looks, Row};
use crate::{Error, Watch};

/// A picture of more pixels than this is decoded alone.
const LARGE: u64 = 4_000_000;
/// The largest manifest or file of annotations, in bytes.
const MAX_LIST: u64 = 512 << 20;

/// What was found in an archive.
pub(super) struct Gathered {
    /// Every picture, in the archive's order.
    pub(super) rows: Vec<Row>,
    /// What is left out, and why.
    pub(super) problems: Vec<FileProblem>,
    /// Where the bytes are.
    pub(super) packs: Packs,
}

/// Gathers pictures.
pub(super) struct Gatherer<'a> {
    packs: PackWriter,
    threads: usize,
    watch: &'a dyn Watch,
    rows: Vec<Row>,
    problems: Vec<FileProblem>,
}

/// A file that is to be looked at.
struct Work {
    number: usize,
    bytes: Vec<u8>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(packs: PackWriter, threads: usize, watch: &'a dyn Watch) -> Self {
        Self { packs, threads: threads.max(1), watch, rows: Vec::new(), problems: Vec::new() }
    }

    fn problem(&mut self, file: impl Into<String>, reason: impl Into<String>) {
        self.problems.push(FileProblem { file: file.into(), reason: reason.into() });
    }

    /// All files of an archive.
    pub(super) fn archive(&mut self, mut archive: Archive) -> Result<(), Error> {
        let names: Vec<String> = archive.entries.iter().map(|entry| entry.name.clone()).collect();
        let mut seen = HashSet::new();
        let (mut pictures, mut lists, mut idx) = (Vec::new(), Vec::new(), Vec::new());
        for (number, name) in names.iter().enumerate() {
            if is_of_no_one(name) {
                continue;
            }
            if !seen.insert(name.as_str()) {
                self.problem(name, "the archive holds a file of this name already");
            } else if idx::is_named(name) {
                idx.push(number);
            } else if ["csv", "tsv", "json"].iter().any(|kind| has_extension(name, kind)) {
                lists.push(number);
            } else {
                pictures.push(number);
            }
        }
        self.all_idx(&mut archive, &names, &idx)?;
        let given = self.given(&mut archive, &names, &mut pictures, &lists)?;
        self.look_at(&mut archive, &names, &pictures, &given)
    }

    /// What is known of each picture: by manifests and annotations where there are any, else by folders.
    fn given(
        &mut self,
        archive: &mut Archive,
        names: &[String],
        pictures: &mut Vec<usize>,
        lists: &[usize],
    ) -> Result<Vec<Given>, Error> {
        let finder = Finder::new(pictures.iter().map(|number| names[*number].as_str()));
        let mut listed: Option<Listed> = None;
        for number in lists {
            let name = &names[*number];
            let bytes = match archive.read(*number, MAX_LIST)? {
                Ok(bytes) => bytes,
                Err(reason) => {
                    self.problem(name, reason);
                    continue;
                }
            };
            let read = if has_extension(name, "json") {
                labels::coco(name, &bytes, &finder)
            } else {
                labels::manifest(name, &bytes, &finder)?
            };
            match read {
                None => {
                    self.problem(name, "it is no picture, no manifest with a column `file`, and no COCO annotations");
                }
                Some(read) => {
                    let all = listed.get_or_insert_default();
                    all.files.extend(read.files);
                    all.problems.extend(read.problems);
                }
            }
        }
        let Some(mut listed) = listed else {
            let paths: Vec<&str> = pictures.iter().map(|number| names[*number].as_str()).collect();
            return Ok(labels::by_folders(&paths));
        };
        for (place, reason) in listed.problems {
            self.problem(place, reason);
        }
        let (mut kept, mut given) = (Vec::new(), Vec::new());
        for number in pictures.drain(..) {
            match listed.files.remove(&names[number]) {
                Some(found) => {
                    kept.push(number);
                    given.push(found);
                }
                None => self.problem(&names[number], "neither manifest nor annotations name it"),
            }
        }
        *pictures = kept;
        Ok(given)
    }

    fn look_at(
        &mut self,
        archive: &mut Archive,
        names: &[String],
        pictures: &[usize],
        given: &[Given],
    ) -> Result<(), Error> {
        let (send, receive) = mpsc::sync_channel::<Work>(self.threads);
        let (tell, told) = mpsc::channel();
        let (receive, alone) = (Mutex::new(receive), Mutex::new(()));
        let mut places = Vec::with_capacity(pictures.len());
        let mut found: Vec<Option<Result<Looks, String>>> = Vec::new();
        found.resize_with(pictures.len(), || None);
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                let (tell, receive, alone) = (tell.clone(), &receive, &alone);
                scope.spawn(move || look(receive, &tell, alone));
            }
            drop(tell);
            let read = self.read_all(archive, pictures, &send, &mut places);
            // The threads end when nothing more can come.
            drop(send);
            for (number, seen) in told {
                found[number] = Some(seen);
            }
            read
        })?;
        for (((number, given), place), seen) in pictures.iter().zip(given).zip(places).zip(found) {
            let name = &names[*number];
            match (place, seen) {
                (Ok((pack, offset, length)), Some(Ok(seen))) => {
                    self.rows.push(Row::new(name.clone(), given.clone(), (pack, offset, length), seen));
                }
                (Err(reason), _) | (_, Some(Err(reason))) => self.problem(name, reason),
                (Ok(_), None) => self.problem(name, "nobody looked at it"),
            }
        }
        Ok(())
    }

    /// Hands every file to the threads; notes where each lies.
    fn read_all(
        &mut self,
        archive: &mut Archive,
        pictures: &[usize],
        send: &SyncSender<Work>,
        places: &mut Vec<Result<(u32, u64, u32), String>>,
    ) -> Result<(), Error> {
        let total = pictures.len() as u64;
        for (number, entry) in pictures.iter().enumerate() {
            self.watch.progress("look at pictures", number as u64, total);
            let bytes = match archive.read(*entry, Limits::default().bytes)? {
                Ok(bytes) => bytes,
                Err(reason) => {
                    places.push(Err(reason));
                    continue;
                }
            };
            // What does not even begin as a picture takes no room in a pack.
            if let Err(error) = header(&bytes, &Limits::default()) {
                places.push(Err(error.to_string()));
                continue;
            }
            let length = bytes.len() as u32;
            let (pack, offset) = match archive.lies_at(*entry) {
                Some(offset) => (0, offset),
                None => self.packs.keep(&bytes)?,
            };
            places.push(Ok((pack, offset, length)));
            if send.send(Work { number, bytes }).is_err() {
                break;
            }
        }
        self.watch.progress("look at pictures", total, total);
        Ok(())
    }

    /// The IDX files of an archive, each with its labels.
    fn all_idx(&mut self, archive: &mut Archive, names: &[String], numbers: &[usize]) -> Result<(), Error> {
        let plain = |name: &str| name.strip_suffix(".gz").unwrap_or(name).to_owned();
        let by_name: HashMap<String, usize> = numbers.iter().map(|number| (plain(&names[*number]), *number)).collect();
        for number in numbers {
            let name = &names[*number];
            let Some(wanted) = idx::labels_of(name) else { continue };
            let labels = match by_name.get(&wanted) {
                None => None,
                Some(labels) => Some(archive.read(*labels, MAX_IDX)?),
            };
            match (archive.read(*number, MAX_IDX)?, labels) {
                (Ok(pictures), None) => self.idx(name, pictures, None)?,
                (Ok(pictures), Some(Ok(labels))) => self.idx(name, pictures, Some(labels))?,
                (Err(reason), _) => self.problem(name, reason),
                (_, Some(Err(reason))) => self.problem(wanted, reason),
            }
        }
        Ok(())
    }

    /// One IDX file of pictures.
    pub(super) fn idx(&mut self, name: &str, pictures: Vec<u8>, labels: Option<Vec<u8>>) -> Result<(), Error> {
        let parsed = |bytes| archive::unpacked(bytes, MAX_IDX).and_then(idx::parse);
        let (height, width, pixels) = match parsed(pictures) {
            Ok(Idx::Pictures { height, width, pixels }) => (height, width, pixels),
            Ok(Idx::Labels(_)) => {
                self.problem(name, "it holds labels, and is named as pictures");
                return Ok(());
            }
            Err(reason) => {
                self.problem(name, reason);
                return Ok(());
            }
        };
        let count = pixels.len() / (width * height);
        let labels = match labels.map(parsed) {
            None => Vec::new(),
            Some(Ok(Idx::Labels(labels))) if labels.len() == count => labels,
            Some(Ok(Idx::Labels(labels))) => {
                self.problem(name, format!("it holds {count} pictures, and its labels are {}", labels.len()));
                return Ok(());
            }
            Some(Ok(Idx::Pictures { .. })) => {
                self.problem(name, "its labels are pictures");
                return Ok(());
            }
            Some(Err(reason)) => {
                self.problem(name, format!("its labels cannot be read: {reason}"));
                return Ok(());
            }
        };
        let stem = name.strip_suffix(".gz").unwrap_or(name);
        let file = stem.rsplit('/').next().unwrap_or(stem);
        let split = file.split(|c: char| !c.is_alphanumeric()).find_map(labels::part).map(str::to_owned);
        for (number, pixels) in pixels.chunks_exact(width * height).enumerate() {
            self.watch.progress("write pictures", number as u64, count as u64);
            let path = format!("{stem}/{number:06}.png");
            let (png, brightness) = match idx::png(width, height, pixels) {
                Ok(made) => made,
                Err(reason) => {
                    self.problem(path, reason);
                    continue;
                }
            };
            let (pack, offset) = self.packs.keep(&png)?;
            let seen = Looks {
                width: width as u32,
                height: height as u32,
                channels: 1,
                format: PictureFormat::Png,
                brightness,
                sha256: Sha256::digest(&png).into(),
            };
            let label = labels.get(number).map(u8::to_string);
            let given = Given { label, split: split.clone(), boxes: Vec::new() };
            self.rows.push(Row::new(path, given, (pack, offset, png.len() as u32), seen));
        }
        self.watch.progress("write pictures", count as u64, count as u64);
        Ok(())
    }

    /// Everything, with duplicates named.
    pub(super) fn finish(mut self) -> Result<Gathered, Error> {
        let mut first: HashMap<[u8; 32], u32> = HashMap::new();
        for (number, row) in self.rows.iter_mut().enumerate() {
            let number = number as u32;
            let earlier = *first.entry(row.sha256).or_insert(number);
            row.duplicate_of = (earlier != number).then_some(earlier);
        }
        Ok(Gathered { rows: self.rows, problems: self.problems, packs: self.packs.finish()? })
    }
}

/// Files that systems leave in folders.
pub(crate) fn is_of_no_one(name: &str) -> bool {
    let is_hidden = |part: &str| part.starts_with('.') || part == "__MACOSX";
    let file = name.rsplit('/').next().unwrap_or(name);
    name.split('/').any(is_hidden) || ["Thumbs.db", "desktop.ini"].contains(&file)
}

pub(crate) fn has_extension(name: &str, wanted: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case(wanted))
}

/// Looks at files until none comes.
fn look(receive: &Mutex<Receiver<Work>>, tell: &Sender<(usize, Result<Looks, String>)>, alone: &Mutex<()>) {
    loop {
        let work = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { number, bytes }) = work else { return };
        if tell.send((number, see(&bytes, alone))).is_err() {
            return;
        }
    }
}

fn see(bytes: &[u8], alone: &Mutex<()>) -> Result<Looks, String> {
    let limits = Limits::default();
    let head = header(bytes, &limits).map_err(|error| error.to_string())?;
    let is_large = u64::from(head.width) * u64::from(head.height) > LARGE;
    let _turn = is_large.then(|| alone.lock().unwrap_or_else(PoisonError::into_inner));
    let decoded = decode(bytes, Some([255; 3]), &limits).map_err(|error| error.to_string())?;
    Ok(Looks {
        width: decoded.picture.width() as u32,
        height: decoded.picture.height() as u32,
        channels: decoded.channels,
        format: decoded.format,
        brightness: decoded.picture.brightness(),
        sha256: Sha256::digest(bytes).into(),
    })
}
