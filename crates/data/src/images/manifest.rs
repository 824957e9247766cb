//! Manifests: CSV with a line per picture, which names its file, its label and its part.

use super::labels::{Given, SPLIT_COLUMNS, part};
use super::lists::{Fault, Finder, Listed};

const FILE_COLUMNS: [&str; 6] = ["file", "filename", "file_name", "path", "image", "picture"];
const LABEL_COLUMNS: [&str; 4] = ["label", "class", "category", "target"];

/// Reads a manifest; nothing when the file has no column of file names, so is no manifest.
pub(super) fn read(name: &str, text: &str, finder: &Finder<'_>) -> Option<Listed> {
    let mut records = records(text).into_iter();
    let (_, header) = records.next()?;
    let column = |names: &[&str]| header.iter().position(|cell| names.contains(&cell.trim().to_lowercase().as_str()));
    let file = column(&FILE_COLUMNS)?;
    let (label, split) = (column(&LABEL_COLUMNS), column(&SPLIT_COLUMNS));
    let mut listed = Listed::default();
    for (line, record) in records {
        let cell = |index: Option<usize>| {
            index.and_then(|index| record.get(index)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        let Some(wanted) = cell(Some(file)) else { continue };
        let place = || format!("{name}, line {line}");
        let Some(path) = finder.find(name, wanted) else {
            listed.faults.add(Fault::NoFile, || (place(), format!("there is no file `{wanted}`")));
            continue;
        };
        let split = cell(split).map(|word| part(word).unwrap_or(word).to_owned());
        let given = Given { label: cell(label).map(str::to_owned), split, boxes: Vec::new() };
        if let Some(other) = listed.files.insert(path.to_owned(), given.clone())
            && other != given
        {
            let reason = || format!("`{wanted}` was named above with another label or part; this line holds");
            listed.faults.add(Fault::Contradiction, || (place(), reason()));
        }
    }
    Some(listed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_files_labels_and_parts() {
        let finder = Finder::new(["a/1.png", "a/2.png", "b/2.png"].into_iter());
        let text = "File;Class;Split\r\n1.png;\"a \"\"cat\"\"\";train\r\na/2.png;dog;fold7\n2.png;dog;\ngone.png;x;\n";
        let listed = read("m.csv", text, &finder).expect("a manifest");
        assert_eq!(listed.files["a/1.png"].label.as_deref(), Some("a \"cat\""));
        assert_eq!(listed.files["a/1.png"].split.as_deref(), Some("training"));
        assert_eq!(listed.files["a/2.png"].split.as_deref(), Some("fold7"));
        let places: Vec<String> = listed.faults.told("m.csv").map(|(place, ..)| place).collect();
        assert_eq!(places, ["m.csv, line 4", "m.csv, line 5"]);
        assert!(read("t.csv", "x,y\n1,2\n", &finder).is_none());
    }
}
