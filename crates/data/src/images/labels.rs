//! What is known of a file before it is looked at, and what of it the folders say that it lies in. Where a list says it,
//! that is read in [`super::lists`].

use meuse_core::media::LabelledBox;

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

/// How a column is called that says the part.
pub(crate) const SPLIT_COLUMNS: [&str; 4] = ["split", "part", "subset", "set"];

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
}
