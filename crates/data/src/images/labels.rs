//! What each picture shows, by the folders that it lies in, a manifest, or COCO's annotations.

use std::collections::{BTreeSet, HashMap};

use meuse_core::media::LabelledBox;
use serde::Deserialize;

use crate::Error;

/// What is known of a file before it is looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Given {
    /// What it shows.
    pub(crate) label: Option<String>,
    /// The part that it belongs to.
    pub(crate) split: Option<String>,
    /// The boxes in it.
    pub(super) boxes: Vec<LabelledBox>,
}

/// The part that a word means, in the words of recipes.
pub(super) fn part(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "train" | "training" => Some("training"),
        "val" | "valid" | "validation" | "dev" => Some("validation"),
        "test" | "testing" | "t10k" => Some("test"),
        _ => None,
    }
}

/// By folders: the first one says the class; a folder `train`, `validation` or `test` above says the part. Folders
/// that all files lie in say nothing, as the one that was packed.
pub(crate) fn by_folders(paths: &[&str]) -> Vec<Given> {
    let folders = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<Vec<String>> = paths.iter().map(|path| folders(path)).collect();
    for path in &mut all {
        path.pop();
    }
    while let Some(first) = all.first().and_then(|path| path.first().cloned()) {
        let shared = all.iter().all(|path| path.first() == Some(&first));
        let deeper = all.iter().any(|path| path.len() > 1);
        if !shared || !deeper || part(&first).is_some() {
            break;
        }
        for path in &mut all {
            path.remove(0);
        }
    }
    let splits = all.iter().all(|path| path.is_empty() || path.first().is_some_and(|first| part(first).is_some()));
    let given = |path: Vec<String>| {
        let mut path = path.into_iter();
        let split = if splits { path.next().and_then(|first| part(&first)).map(str::to_owned) } else { None };
        Given { label: path.next(), split, boxes: Vec::new() }
    };
    all.into_iter().map(given).collect()
}

/// What a manifest or COCO's annotations say.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// By the file's path in the archive.
    pub(super) files: HashMap<String, Given>,
    /// What is listed and wrong: where, and why.
    pub(super) problems: Vec<(String, String)>,
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

    fn find(&self, list: &str, wanted: &str) -> Option<&'a str> {
        let wanted = wanted.trim().replace('\\', "/");
        let wanted = wanted.trim_start_matches("./");
        let beside =
            list.rsplit_once('/').map_or_else(|| wanted.to_owned(), |(folder, _)| format!("{folder}/{wanted}"));
        let exact = [beside.as_str(), wanted].into_iter().find_map(|path| self.paths.get(path).copied());
        exact.or_else(|| self.names.get(wanted.rsplit('/').next()?).copied().flatten())
    }
}

const FILE_COLUMNS: [&str; 6] = ["file", "filename", "file_name", "path", "image", "picture"];
const LABEL_COLUMNS: [&str; 4] = ["label", "class", "category", "target"];
pub(crate) const SPLIT_COLUMNS: [&str; 4] = ["split", "part", "subset", "set"];

/// Reads a manifest; nothing when the file has no column of file names, so is no manifest.
pub(super) fn manifest(name: &str, bytes: &[u8], finder: &Finder<'_>) -> Result<Option<Listed>, Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::refused(name, "the manifest is not UTF-8", "save it as UTF-8"))?;
    let mut records = records(text.trim_start_matches('\u{feff}')).into_iter();
    let Some((_, header)) = records.next() else { return Ok(None) };
    let column = |names: &[&str]| header.iter().position(|cell| names.contains(&cell.trim().to_lowercase().as_str()));
    let Some(file) = column(&FILE_COLUMNS) else { return Ok(None) };
    let (label, split) = (column(&LABEL_COLUMNS), column(&SPLIT_COLUMNS));
    let mut listed = Listed::default();
    for (line, record) in records {
        let cell = |index: Option<usize>| {
            index.and_then(|index| record.get(index)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        let Some(wanted) = cell(Some(file)) else { continue };
        let Some(path) = finder.find(name, wanted) else {
            listed.problems.push((format!("{name}, line {line}"), format!("there is no file `{wanted}`")));
            continue;
        };
        let split = cell(split).map(|word| part(word).unwrap_or(word).to_owned());
        let given = Given { label: cell(label).map(str::to_owned), split, boxes: Vec::new() };
        if let Some(other) = listed.files.insert(path.to_owned(), given.clone())
            && other != given
        {
            let reason = format!("`{wanted}` was named above with another label or part; this line holds");
            listed.problems.push((format!("{name}, line {line}"), reason));
        }
    }
    Ok(Some(listed))
}

/// The records of CSV with their line numbers; the delimiter is the one that the header has most of.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let head = text.lines().next().unwrap_or_default();
    let delimiter = [',', ';', '\t'].into_iter().max_by_key(|c| (head.matches(*c).count(), *c == ',')).unwrap_or(',');
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut line, mut began) = (false, 1, 1);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            _ if quoted => cell.push(character),
            '\r' => {}
            '\n' => {
                record.push(std::mem::take(&mut cell));
                let record = std::mem::take(&mut record);
                if record.iter().any(|cell| !cell.is_empty()) {
                    records.push((began, record));
                }
                began = line;
            }
            _ if character == delimiter => record.push(std::mem::take(&mut cell)),
            _ => cell.push(character),
        }
    }
    record.push(cell);
    if record.iter().any(|cell| !cell.is_empty()) {
        records.push((began, record));
    }
    records
}

#[derive(Deserialize)]
struct Coco {
    images: Vec<CocoImage>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// Reads COCO's annotations; nothing when the file is other JSON. A picture whose boxes are all of one class has that
/// label.
pub(super) fn coco(name: &str, bytes: &[u8], finder: &Finder<'_>) -> Option<Listed> {
    let coco: Coco = serde_json::from_slice(bytes).ok()?;
    let categories: HashMap<u64, String> = coco.categories.into_iter().map(|c| (c.id, c.name)).collect();
    let split = name
        .rsplit('/')
        .next()
        .and_then(|file| file.split(|c: char| !c.is_alphabetic()).find_map(part).map(str::to_owned));
    let mut listed = Listed::default();
    let mut paths = HashMap::new();
    for image in coco.images {
        let Some(path) = finder.find(name, &image.file_name) else {
            listed.problems.push((name.to_owned(), format!("there is no file `{}`", image.file_name)));
            continue;
        };
        paths.insert(image.id, path);
        listed.files.insert(path.to_owned(), Given { split: split.clone(), ..Given::default() });
    }
    for annotation in coco.annotations {
        let Annotation { image_id, category_id, bbox, iscrowd } = annotation;
        let Some(given) = paths.get(&image_id).and_then(|path| listed.files.get_mut(*path)) else { continue };
        let Some(label) = categories.get(&category_id) else {
            listed
                .problems
                .push((name.to_owned(), format!("there is no category {category_id}, and image {image_id} has it")));
            continue;
        };
        if !bbox.iter().all(|number| number.is_finite()) || bbox[2] <= 0.0 || bbox[3] <= 0.0 {
            listed.problems.push((name.to_owned(), format!("a box of image {image_id} has no area: {bbox:?}")));
            continue;
        }
        given.boxes.push(LabelledBox { label: label.clone(), area: bbox, crowd: iscrowd != 0 });
    }
    for given in listed.files.values_mut() {
        let first = given.boxes.first().map(|first| first.label.clone());
        given.label = first.filter(|first| given.boxes.iter().all(|other| other.label == *first));
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> Vec<(Option<String>, Option<String>)> {
        by_folders(paths).into_iter().map(|given| (given.label, given.split)).collect()
    }

    #[allow(clippy::unnecessary_wraps)] // it stands beside `None` in what is expected
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_first_folder_is_the_class_and_what_all_share_says_nothing() {
        assert_eq!(folders(&["cat/1.png", "dog/a/2.png"]), [(some("cat"), None), (some("dog"), None)]);
        assert_eq!(folders(&["set/cat/1.png", "set/dog/2.png"]), [(some("cat"), None), (some("dog"), None)]);
        assert_eq!(folders(&["cat/1.png", "cat/2.png"]), [(some("cat"), None), (some("cat"), None)]);
        let parts = folders(&["set/train/cat/1.png", "set/val/cat/2.png", "set/test/3.png"]);
        assert_eq!(parts, [(some("cat"), some("training")), (some("cat"), some("validation")), (None, some("test"))]);
        assert_eq!(folders(&["1.png", "2.png"]), [(None, None), (None, None)]);
        assert_eq!(folders(&["train/cat/1.png"]), [(some("cat"), some("training"))]);
    }

    #[test]
    fn a_manifest_names_files_labels_and_parts() {
        let finder = Finder::new(["a/1.png", "a/2.png", "b/2.png"].into_iter());
        let text =
            "\u{feff}File;Class;Split\r\n1.png;\"a \"\"cat\"\"\";train\r\na/2.png;dog;fold7\n2.png;dog;\ngone.png;x;\n";
        let listed = manifest("m.csv", text.as_bytes(), &finder).expect("UTF-8").expect("a manifest");
        assert_eq!(listed.files["a/1.png"].label, some("a \"cat\""));
        assert_eq!(listed.files["a/1.png"].split, some("training"));
        assert_eq!(listed.files["a/2.png"].split, some("fold7"));
        let problems: Vec<&str> = listed.problems.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(problems, ["m.csv, line 4", "m.csv, line 5"]);
        assert!(manifest("t.csv", b"x,y\n1,2\n", &finder).expect("UTF-8").is_none());
    }

    #[test]
    fn cocos_boxes_are_kept() {
        let finder = Finder::new(["images/1.png", "images/2.png"].into_iter());
        let text = r#"{"images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}, {"id": 3, "file_name": "x"}],
            "annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 0}, {"image_id": 2, "category_id": 7,
            "bbox": [0, 0, 5, 5]}, {"image_id": 2, "category_id": 8, "bbox": [0, 0, 1, 1]}, {"image_id": 2, "category_id": 8,
            "bbox": [0, 0, 0, 1]}], "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}]}"#;
        let listed = coco("annotations/instances_train2017.json", text.as_bytes(), &finder).expect("COCO");
        let first = &listed.files["images/1.png"];
        assert_eq!((&first.label, &first.split), (&some("cat"), &some("training")));
        assert_eq!(first.boxes, [LabelledBox { label: "cat".into(), area: [1.0, 2.0, 3.0, 4.0], crowd: false }]);
        let second = &listed.files["images/2.png"];
        assert_eq!((&second.label, second.boxes.len(), listed.problems.len()), (&None, 2, 2));
        assert!(coco("x.json", b"{\"a\": 1}", &finder).is_none());
    }
}
