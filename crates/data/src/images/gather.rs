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
use super::archive::{Allowance, Archive};
use super::idx::{self, Idx};
use super::labels::{self, Given};
use super::lists::{self, Finder, Listed};
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
    /// How many things these are: one problem may stand for many lines of a list.
    pub(super) left_out: u64,
    /// What a person should know of all.
    pub(super) warnings: Vec<String>,
    /// Where the bytes are.
    pub(super) packs: Packs,
}

/// Gathers pictures.
pub(super) struct Gatherer<'a> {
    packs: PackWriter,
    allowance: Allowance,
    threads: usize,
    watch: &'a dyn Watch,
    rows: Vec<Row>,
    problems: Vec<FileProblem>,
    /// What problems stand for beside themselves.
    more: u64,
    warnings: Vec<String>,
}

/// So many lists that cannot be read are warned of.
const MOST_WARNINGS: usize = 3;

/// Where the bytes of a file that begins as a picture lie: the pack, their offset in it, and their length.
type Place = (u32, u64, u32);

/// A file that is to be looked at.
struct Work {
    number: usize,
    bytes: Vec<u8>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(packs: PackWriter, allowance: Allowance, threads: usize, watch: &'a dyn Watch) -> Self {
        let (rows, problems, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { packs, allowance, threads: threads.max(1), watch, rows, problems, more: 0, warnings }
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
            } else if lists::is_named(name) {
                lists.push(number);
            } else {
                pictures.push(number);
            }
        }
        self.all_idx(&mut archive, &names, &idx)?;
        let listed = self.listed(&mut archive, &names, &pictures, &lists)?;
        if let Some(listed) = &listed {
            let (named, others) = pictures.into_iter().partition(|number| listed.contains_key(&names[*number]));
            pictures = named;
            for number in others {
                self.problem(&names[number], "neither manifest nor annotations name it");
            }
        }
        self.look_at(&mut archive, &names, &pictures, listed)
    }

    /// What manifests and annotations say, by the path of each file that they name; nothing where there are none.
    fn listed(
        &mut self,
        archive: &mut Archive,
        names: &[String],
        pictures: &[usize],
        lists: &[usize],
    ) -> Result<Option<HashMap<String, Given>>, Error> {
        let finder = Finder::new(pictures.iter().map(|number| names[*number].as_str()));
        let mut files: Option<HashMap<String, Given>> = None;
        let mut unreadable = Vec::new();
        for number in lists {
            let name = &names[*number];
            let read = archive.read(*number, MAX_LIST)?.and_then(|bytes| lists::read(name, &bytes, &finder));
            match read {
                Err(reason) => unreadable.push((name, reason)),
                Ok(None) => {
                    self.problem(name, "it is no picture, no manifest with a column `file`, and no COCO annotations");
                }
                Ok(Some(Listed { files: named, faults })) => {
                    lists::merge(files.get_or_insert_default(), named);
                    for (place, reason, count) in faults.told(name) {
                        self.problem(place, reason);
                        self.more += count - 1;
                    }
                }
            }
        }
        let folders_decide = files.is_none() && !pictures.is_empty();
        for (name, reason) in unreadable.iter().take(if folders_decide { 1 } else { MOST_WARNINGS }) {
            self.warnings.push(if folders_decide {
                format!("labels and parts come from folders, because `{name}` cannot be read: {reason}")
            } else {
                format!("pictures that only `{name}` names are left out, because it cannot be read: {reason}")
            });
        }
        for (name, reason) in unreadable {
            // Whether it is a list at all, nobody knows. Where another one is, that one says what pictures show.
            let instead = if folders_decide { "; labels and parts come from folders instead" } else { "" };
            self.problem(name, format!("{reason}{instead}"));
        }
        Ok(files)
    }

    /// Looks at these files. What is not listed is known by folders.
    fn look_at(
        &mut self,
        archive: &mut Archive,
        names: &[String],
        pictures: &[usize],
        listed: Option<HashMap<String, Given>>,
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
        let names: Vec<&str> = pictures.iter().map(|number| names[*number].as_str()).collect();
        let mut given = listed.unwrap_or_else(|| by_folders(&names, &places));
        for ((name, place), seen) in names.into_iter().zip(places).zip(found) {
            match (place, seen) {
                (Ok(place), Some(Ok(seen))) => {
                    let given = given.remove(name).unwrap_or_default();
                    self.rows.push(Row::new(name.to_owned(), given, place, seen));
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
        places: &mut Vec<Result<Place, String>>,
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
                Some(labels) => Some(self.read_idx(archive, *labels, &names[*labels])?),
            };
            match (self.read_idx(archive, *number, name)?, labels) {
                (Ok(pictures), None) => self.idx(name, pictures, None)?,
                (Ok(pictures), Some(Ok(labels))) => self.idx(name, pictures, Some(labels))?,
                (Err(reason), _) => self.problem(name, reason),
                (_, Some(Err(reason))) => self.problem(wanted, reason),
            }
        }
        Ok(())
    }

    /// The bytes of an IDX file of an archive, unpacked.
    fn read_idx(&mut self, archive: &mut Archive, number: usize, name: &str) -> Result<Result<Vec<u8>, String>, Error> {
        match archive.read(number, MAX_IDX)? {
            Ok(bytes) => self.allowance.unpacked(name, bytes, MAX_IDX),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// An IDX file of pictures that was sent alone.
    pub(super) fn lone_idx(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        const NAME: &str = "pictures.idx3-ubyte";
        match self.allowance.unpacked(NAME, bytes, MAX_IDX)? {
            Ok(pictures) => self.idx(NAME, pictures, None),
            Err(reason) => {
                self.problem(NAME, reason);
                Ok(())
            }
        }
    }

    /// One IDX file of pictures, unpacked.
    fn idx(&mut self, name: &str, pictures: Vec<u8>, labels: Option<Vec<u8>>) -> Result<(), Error> {
        let (height, width, pixels) = match idx::parse(pictures) {
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
        let labels = match labels.map(idx::parse) {
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
        let left_out = self.problems.len() as u64 + self.more;
        let Self { packs, rows, problems, warnings, .. } = self;
        Ok(Gathered { rows, problems, left_out, warnings, packs: packs.finish()? })
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

/// What the folders say of these files, by their paths. Only files that begin as pictures have a say: a text beside the
/// folders of the classes would make the folder that all share the class of every picture.
fn by_folders(names: &[&str], places: &[Result<Place, String>]) -> HashMap<String, Given> {
    let begun = names.iter().zip(places).filter(|(_, place)| place.is_ok());
    let paths: Vec<&str> = begun.map(|(name, _)| *name).collect();
    paths.iter().map(|path| (*path).to_owned()).zip(labels::by_folders(&paths)).collect()
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
