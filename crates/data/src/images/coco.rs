//! COCO's annotations: boxes of pictures, and by them labels.

use std::collections::HashMap;

use meuse_core::media::LabelledBox;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::labels::{Given, part};
use super::lists::{Fault, Faults, Finder, Listed};

/// The most entries of one list; where each lies takes 16 bytes. COCO's own have under a million.
const MOST_ENTRIES: usize = 8_000_000;

/// The file as a whole. Its entries are read one by one, so that a bad one spoils no other. Captions and keypoints come in
/// files alike, but without categories, and are none.
#[derive(Deserialize)]
struct Coco<'a> {
    #[serde(borrow)]
    images: Entries<'a>,
    #[serde(borrow, default)]
    annotations: Entries<'a>,
    #[serde(borrow)]
    categories: Entries<'a>,
}

/// Where the entries of a list lie, up to [`MOST_ENTRIES`], and how many there are.
#[derive(Default)]
struct Entries<'a> {
    raw: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfList;

        impl<'de> Visitor<'de> for OfList {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut entries = Entries::default();
                while entries.raw.len() < MOST_ENTRIES
                    && let Some(raw) = list.next_element()?
                {
                    entries.raw.push(raw);
                }
                entries.count = entries.raw.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    entries.count += 1;
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_seq(OfList)
    }
}

#[derive(Deserialize)]
struct Image {
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

/// Reads COCO's annotations; nothing when the file is other JSON, or names no image. A picture whose boxes are all of one
/// class has that label. The error says why the file says nothing of any image: it is no JSON, or none of them can be read.
pub(super) fn read(name: &str, text: &str, finder: &Finder<'_>) -> Result<Option<Listed>, String> {
    let coco = match serde_json::from_str::<Coco<'_>>(text) {
        // A list in which lists stand would be read as one, too.
        Ok(_) if !text.trim_start().starts_with('{') => return Ok(None),
        Ok(coco) if coco.images.count == 0 => return Ok(None),
        Ok(coco) => coco,
        Err(error) if error.is_data() => return Ok(None),
        Err(error) => return Err(format!("it is no JSON, or is cut short: {error}")),
    };
    let most = [&coco.images, &coco.annotations, &coco.categories].map(|entries| entries.count).into_iter().max();
    if let Some(count) = most.filter(|count| *count > MOST_ENTRIES) {
        return Err(format!("it has a list of {count} entries, and {MOST_ENTRIES} are the most"));
    }
    let mut listed = Listed::default();
    let paths = images(name, &coco, finder, &mut listed);
    if paths.is_empty() {
        let first = listed.faults.told(name).next();
        let said = |(place, reason, _)| Err(format!("none of its images can be read: {place}: {reason}"));
        return first.map_or(Ok(None), said);
    }
    let categories = categories(name, &coco, &mut listed.faults);
    annotations(name, &coco, &paths, &categories, &mut listed);
    for given in listed.files.values_mut() {
        let first = given.boxes.first().map(|first| first.label.clone());
        given.label = first.filter(|first| given.boxes.iter().all(|other| other.label == *first));
    }
    Ok(Some(listed))
}

/// The path of each image's file, by the image's id; none where there is no such file, which is noted once.
fn images<'f>(name: &str, coco: &Coco<'_>, finder: &Finder<'f>, listed: &mut Listed) -> HashMap<u64, Option<&'f str>> {
    let split = name
        .rsplit('/')
        .next()
        .and_then(|file| file.split(|c: char| !c.is_alphabetic()).find_map(part).map(str::to_owned));
    let mut paths = HashMap::new();
    for (number, raw) in coco.images.raw.iter().enumerate() {
        let place = || format!("{name}, images[{number}]");
        let Some(Image { id, file_name }) = entry(raw, place, &mut listed.faults) else { continue };
        let path = finder.find(name, &file_name);
        paths.insert(id, path);
        match path {
            Some(path) => _ = listed.files.insert(path.to_owned(), Given { split: split.clone(), ..Given::default() }),
            None => listed.faults.add(Fault::NoFile, || (place(), format!("there is no file `{file_name}`"))),
        }
    }
    paths
}

/// The name of each category, by its id.
fn categories(name: &str, coco: &Coco<'_>, faults: &mut Faults) -> HashMap<u64, String> {
    let entries = coco.categories.raw.iter().enumerate();
    let read = entries.filter_map(|(number, raw)| entry(raw, || format!("{name}, categories[{number}]"), faults));
    read.map(|Category { id, name }| (id, name)).collect()
}

/// Gives each box to its picture.
fn annotations(
    name: &str,
    coco: &Coco<'_>,
    paths: &HashMap<u64, Option<&str>>,
    categories: &HashMap<u64, String>,
    listed: &mut Listed,
) {
    for (number, raw) in coco.annotations.raw.iter().enumerate() {
        let place = || format!("{name}, annotations[{number}]");
        let Some(Annotation { image_id, category_id, bbox, iscrowd }) = entry(raw, place, &mut listed.faults) else {
            continue;
        };
        let Some(path) = paths.get(&image_id) else {
            listed
                .faults
                .add(Fault::NoImage, || (place(), format!("there is no image {image_id} in the list `images`")));
            continue;
        };
        let Some(given) = path.and_then(|path| listed.files.get_mut(path)) else { continue };
        let Some(label) = categories.get(&category_id) else {
            let reason = || format!("there is no category {category_id}, and image {image_id} has it");
            listed.faults.add(Fault::NoCategory, || (place(), reason()));
            continue;
        };
        if !bbox.iter().all(|number| number.is_finite()) || bbox[2] <= 0.0 || bbox[3] <= 0.0 {
            let reason = || format!("a box of image {image_id} has no area: {bbox:?}");
            listed.faults.add(Fault::NoArea, || (place(), reason()));
            continue;
        }
        given.boxes.push(LabelledBox { label: label.clone(), area: bbox, crowd: iscrowd != 0 });
    }
}

/// An entry of one of the file's lists. One that cannot be read is noted with its field and the reason.
fn entry<'a, T: Deserialize<'a>>(raw: &'a RawValue, place: impl Fn() -> String, faults: &mut Faults) -> Option<T> {
    let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
    read.map_err(|error| faults.add(Fault::Unreadable, || (place(), unreadable(&error)))).ok()
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let field = error.path().to_string();
    let reason = error.inner().to_string();
    // Its line and column are those of the entry alone.
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    if field == "." {
        format!("the entry cannot be read: {reason}")
    } else {
        format!("its `{field}` cannot be read: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATEGORIES: &str = r#""categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}]"#;

    fn finder() -> Finder<'static> {
        Finder::new(["images/1.png", "images/2.png"].into_iter())
    }

    /// Two images, and these annotations of them.
    fn coco(annotations: &str) -> String {
        let images = r#""images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}]"#;
        format!(r#"{{{images}, "annotations": [{annotations}], {CATEGORIES}}}"#)
    }

    fn faults(listed: Listed) -> Vec<(String, String)> {
        listed.faults.told("c.json").map(|(place, reason, _)| (place, reason)).collect()
    }

    #[test]
    fn boxes_are_kept_and_a_picture_of_one_class_has_its_label() {
        let text = coco(
            r#"{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 0},
               {"image_id": 2, "category_id": 7, "bbox": [0, 0, 5, 5]}, {"image_id": 2, "category_id": 8, "bbox": [0, 0, 1, 1]}"#,
        );
        let listed = read("annotations/instances_train2017.json", &text, &finder()).expect("JSON").expect("COCO");
        let first = &listed.files["images/1.png"];
        assert_eq!((first.label.as_deref(), first.split.as_deref()), (Some("cat"), Some("training")));
        assert_eq!(first.boxes, [LabelledBox { label: "cat".into(), area: [1.0, 2.0, 3.0, 4.0], crowd: false }]);
        let second = &listed.files["images/2.png"];
        assert_eq!((second.label.as_deref(), second.boxes.len()), (None, 2));
        assert!(faults(listed).is_empty());
    }

    #[test]
    fn a_bad_entry_is_told_with_its_place_and_spoils_no_other() {
        let cases = [
            (r#"{"image_id": 1, "category_id": 7, "bbox": []}"#, "its `bbox` cannot be read: invalid length 0"),
            (r#"{"image_id": 1, "category_id": 7}"#, "the entry cannot be read: missing field `bbox`"),
            (r#"{"image_id": "1", "category_id": 7, "bbox": [0, 0, 1, 1]}"#, "its `image_id` cannot be read"),
            ("null", "the entry cannot be read"),
            (r#"{"image_id": 3, "category_id": 7, "bbox": [0, 0, 1, 1]}"#, "there is no image 3"),
            (r#"{"image_id": 1, "category_id": 9, "bbox": [0, 0, 1, 1]}"#, "there is no category 9"),
            (r#"{"image_id": 1, "category_id": 7, "bbox": [0, 0, 0, 1]}"#, "a box of image 1 has no area"),
        ];
        for (bad, reason) in cases {
            let text = coco(&format!(r#"{bad}, {{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}}"#));
            let listed = read("c.json", &text, &finder()).expect("JSON").expect("COCO");
            assert_eq!(listed.files["images/1.png"].boxes.len(), 1, "{bad}");
            let faults = faults(listed);
            assert_eq!((faults.len(), faults[0].0.as_str()), (1, "c.json, annotations[0]"), "{bad}: {faults:?}");
            assert!(faults[0].1.starts_with(reason), "{bad}: {faults:?}");
        }
        let text = format!(
            r#"{{"images": [{{"id": "one", "file_name": "1.png"}}, {{"id": 2, "file_name": "2.png"}}, {{"id": 3, "file_name": "x"}}],
               "annotations": [{{"image_id": 2, "category_id": 8, "bbox": [0, 0, 1, 1]}}, {{"image_id": 3, "category_id": 8, "bbox": [0, 0, 1, 1]}}], {}}}"#,
            CATEGORIES.replace("7,", "-7,")
        );
        let listed = read("c.json", &text, &finder()).expect("JSON").expect("COCO");
        assert_eq!(listed.files["images/2.png"].label.as_deref(), Some("dog"));
        let places: Vec<String> = faults(listed).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["c.json, images[0]", "c.json, categories[0]", "c.json, images[2]"]);
    }

    #[test]
    fn of_many_bad_entries_the_first_are_told_and_all_are_counted() {
        let strange = vec![r#"{"image_id": 99, "category_id": 7, "bbox": [0, 0, 1, 1]}"#; 1000].join(",");
        let listed = read("c.json", &coco(&strange), &finder()).expect("JSON").expect("COCO");
        let told: Vec<_> = listed.faults.told("c.json").collect();
        assert_eq!((told.len(), told.iter().map(|(.., count)| count).sum::<u64>()), (21, 1000));
        assert_eq!(told[20].1, "980 more annotations are of images that are not listed");
    }

    #[test]
    fn other_json_is_no_coco_and_what_is_cut_is_no_json() {
        let captions =
            r#"{"images": [{"id": 1, "file_name": "1.png"}], "annotations": [{"image_id": 1, "caption": "a cat"}]}"#;
        let lists = "[[1], [2], [3]]";
        let none = r#"{"images": [], "categories": []}"#;
        let others = [r#"{"a": 1}"#, r#"{"images": 3, "categories": []}"#, r#"{"images": ["1.png"]}"#, "[]", "7"];
        for other in others.into_iter().chain([captions, lists, none]) {
            assert!(read("x.json", other, &finder()).expect("JSON").is_none(), "{other}");
        }
        let whole = coco("");
        let reason = read("x.json", &whole[..whole.len() - 9], &finder()).expect_err("it is cut");
        assert!(reason.starts_with("it is no JSON, or is cut short"), "{reason}");
        for strange in [
            r#"{"images": ["1.png"], "categories": ["cat", "dog"]}"#,
            r#"{"images": [{"id": "000001", "file_name": "1.png"}], "annotations": [], "categories": []}"#,
        ] {
            let reason = read("x.json", strange, &finder()).expect_err("no image can be read");
            assert!(reason.starts_with("none of its images can be read: x.json, images[0]: "), "{reason}");
        }
    }
}
