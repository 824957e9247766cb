//! Lists that an archive holds beside its pictures and that say what these show: manifests and COCO's annotations.
//!
//! A list is no picture, so that nothing in it is fatal: what is wrong in it is told with its place, and the rest counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::gather::has_extension;
use super::labels::Given;
use super::{coco, manifest};
use crate::import::text;

/// So many faults of one kind are told one by one, the rest of them as a number: a list has millions of lines.
const TOLD: usize = 20;
/// The most characters that are told of one: what is wrong may be a value of megabytes.
const MOST_CHARACTERS: usize = 300;

/// What a list says.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// By the file's path in the archive.
    pub(super) files: HashMap<String, Given>,
    /// What is wrong in it.
    pub(super) faults: Faults,
}

/// Whether a file is a list by its name.
pub(super) fn is_named(name: &str) -> bool {
    ["csv", "tsv", "json"].iter().any(|kind| has_extension(name, kind))
}

/// Reads a list; nothing when the file says nothing of pictures. The error says why it cannot be read at all.
pub(super) fn read(name: &str, bytes: &[u8], finder: &Finder<'_>) -> Result<Option<Listed>, String> {
    let text = text::decoded(bytes)?;
    if has_extension(name, "json") { coco::read(name, &text, finder) } else { Ok(manifest::read(name, &text, finder)) }
}

/// What can be wrong with one line or entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It is not what stands in such a list.
    Unreadable,
    /// It names a file that is not there.
    NoFile,
    /// It belongs to a picture that the list does not name.
    NoImage,
    /// It is of a category that the list does not name.
    NoCategory,
    /// Its box has no area.
    NoArea,
    /// It says something else than an earlier one.
    Contradiction,
}

impl Fault {
    /// What is said of those that are only counted.
    fn of_more(self, more: u64) -> String {
        match self {
            Self::Unreadable => format!("{more} more entries cannot be read"),
            Self::NoFile => format!("{more} more entries name files that are not there"),
            Self::NoImage => format!("{more} more annotations are of images that are not listed"),
            Self::NoCategory => format!("{more} more annotations are of categories that are not listed"),
            Self::NoArea => format!("{more} more boxes have no area"),
            Self::Contradiction => format!("{more} more lines name a file again with another label or part"),
        }
    }
}

/// What is wrong in a list, by its kind.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Fault, OfOneKind>);

#[derive(Debug, Default)]
struct OfOneKind {
    /// The first: where, and why.
    told: Vec<(String, String)>,
    more: u64,
}

/// Adds what a later list says. Of a file that both name the later one counts, unless it says nothing of what is seen.
pub(super) fn merge(files: &mut HashMap<String, Given>, later: HashMap<String, Given>) {
    for (path, given) in later {
        let says_nothing = given.label.is_none() && given.boxes.is_empty();
        match files.get_mut(&path) {
            Some(earlier) if says_nothing => earlier.split = given.split.or(earlier.split.take()),
            Some(earlier) => *earlier = given,
            None => _ = files.insert(path, given),
        }
    }
}

impl Faults {
    /// Notes one. Its words are made only when they will be told.
    pub(super) fn add(&mut self, fault: Fault, place_and_reason: impl FnOnce() -> (String, String)) {
        let kind = self.0.entry(fault).or_default();
        if kind.told.len() < TOLD {
            let (place, reason) = place_and_reason();
            kind.told.push((shortened(place), shortened(reason)));
        } else {
            kind.more += 1;
        }
    }

    /// Where and why, and how many faults of the list `name` each of these stands for.
    pub(super) fn told(self, name: &str) -> impl Iterator<Item = (String, String, u64)> {
        self.0.into_iter().flat_map(move |(fault, OfOneKind { told, more })| {
            let rest = (more > 0).then(|| (name.to_owned(), fault.of_more(more), more));
            told.into_iter().map(|(place, reason)| (place, reason, 1)).chain(rest)
        })
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Finds the file that a list means: by its path from the list's own folder, from the root, or by its name alone when
/// only one has it.
pub(super) struct Finder<'a> {
    paths: BTreeSet<&'a str>,
    names: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(paths: impl Iterator<Item = &'a str>) -> Self {
        let mut finder = Self { paths: BTreeSet::new(), names: HashMap::new() };
        for path in paths {
            finder.paths.insert(path);
            let name = path.rsplit('/').next().unwrap_or(path);
            finder.names.entry(name).and_modify(|only| *only = None).or_insert(Some(path));
        }
        finder
    }

    pub(super) fn find(&self, list: &str, wanted: &str) -> Option<&'a str> {
        let wanted = wanted.trim().replace('\\', "/");
        let wanted = wanted.trim_start_matches("./");
        let beside =
            list.rsplit_once('/').map_or_else(|| wanted.to_owned(), |(folder, _)| format!("{folder}/{wanted}"));
        let exact = [beside.as_str(), wanted].into_iter().find_map(|path| self.paths.get(path).copied());
        exact.or_else(|| self.names.get(wanted.rsplit('/').next()?).copied().flatten())
    }
}
