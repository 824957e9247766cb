//! Archives of pictures: what decides which class a picture has, and what a bad list does to it.

use meuse_core::profile::{FileProblem, ImagesProfile};

use super::{Imported, import};

/// A picture that `crates/prep/tests/fixtures/make_images.py` drew.
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../prep/tests/fixtures/images/");
    std::fs::read(format!("{folder}{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names and contents.
type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A tar of these files; [`PICTURE`] and [`DAMAGED`] stand for the bytes of one.
fn archive(files: Files<'_>) -> Vec<u8> {
    let (drawing, damaged) = (fixture("drawing.png"), fixture("short.png"));
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let content = match *content {
            PICTURE => &drawing,
            DAMAGED => &damaged,
            other => other,
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).expect("appended");
    }
    builder.into_inner().expect("a tar")
}

const PICTURE: &[u8] = b"a picture";
const DAMAGED: &[u8] = b"a picture that is cut short";

fn images(imported: &Imported) -> &ImagesProfile {
    imported.profile.images.as_ref().expect("it holds pictures")
}

/// The label and the part of each picture, in the archive's order.
fn given(imported: &Imported) -> Vec<(String, String)> {
    let place = |wanted: &str| imported.schema.columns.iter().position(|column| column.name == wanted).expect(wanted);
    let (label, split) = (place("label"), place("split"));
    imported.cells().into_iter().map(|row| (row[label].clone(), row[split].clone())).collect()
}

fn labels(imported: &Imported) -> Vec<String> {
    given(imported).into_iter().map(|(label, _)| label).collect()
}

/// What is told of this file.
fn told(imported: &Imported, file: &str) -> String {
    let of_file = |problem: &&FileProblem| problem.file.starts_with(file);
    images(imported).problems.iter().find(of_file).map_or_else(String::new, |problem| problem.reason.clone())
}

#[test]
fn only_pictures_decide_which_folder_is_the_class() {
    let cases: [(&str, Files<'_>); 5] = [
        ("a text beside the set", &[("README.md", b"hello"), ("set/cat/1.png", PICTURE), ("set/dog/2.png", PICTURE)]),
        (
            "a text beside the folder of the classes",
            &[("set/README.md", b"hello"), ("set/images/cat/1.png", PICTURE), ("set/images/dog/1.png", PICTURE)],
        ),
        (
            "a list that is none",
            &[("about.csv", b"a,b\n1,2\n"), ("set/cat/1.png", PICTURE), ("set/dog/2.png", PICTURE)],
        ),
        (
            "what is a picture by its name only has no say",
            &[("set/cat/a/1.png", PICTURE), ("set/dog/b/2.png", PICTURE), ("readme.png", b"no picture at all")],
        ),
        ("one folder deep", &[("cat/1.png", PICTURE), ("dog/1.png", PICTURE)]),
    ];
    for (name, files) in cases {
        assert_eq!(labels(&import(archive(files))), ["cat", "dog"], "{name}");
    }
    let parts = import(archive(&[
        ("docs/licence.pdf", b"%PDF-1.7"),
        ("train/cat/1.png", PICTURE),
        ("test/dog/2.png", PICTURE),
    ]));
    let expected = [("cat", "training"), ("dog", "test")].map(|(label, part)| (label.to_owned(), part.to_owned()));
    assert_eq!(given(&parts), expected);
    let damaged = import(archive(&[("set/cat/a/1.png", PICTURE), ("set/dog/b/2.png", DAMAGED)]));
    assert_eq!(labels(&damaged), ["cat"], "a damaged picture lies where pictures lie");
}

/// Two pictures, and this list.
fn with_list(name: &str, list: &[u8]) -> Vec<u8> {
    archive(&[("set/cat/1.png", PICTURE), (name, list), ("set/dog/2.png", PICTURE)])
}

#[test]
fn a_manifest_in_gb18030_is_read() {
    let manifest = "文件,file,label\n一,1.png,猫\n二,2.png,狗\n";
    let (gbk, _, _) = encoding_rs::GB18030.encode(manifest);
    let imported = import(with_list("set/labels.csv", &gbk));
    assert_eq!(labels(&imported), ["猫", "狗"]);
    assert_eq!(images(&imported).left_out, 0);
    assert!(!imported.warnings().contains("cannot be read"), "{}", imported.warnings());
}

#[test]
fn a_list_that_cannot_be_read_is_told_and_ends_no_import() {
    let cut = "file,label\n1.png,小猫\n2.png,小狗\n".as_bytes();
    let cases: [(&str, &[u8], &str); 6] = [
        ("labels.csv", &cut[..cut.len() - 2], "it ends in the middle of a character of UTF-8"),
        (
            "boxes.json",
            b"{\"images\": [{\"id\": \"000001\", \"file_name\": \"1.png\"}], \"categories\": []}",
            "none of its images can be read: boxes.json, images[0]: its `id` cannot be read",
        ),
        ("labels.csv", b"file,label\n1.png,caf\xe9 \n2.png,th\xe9 \n", "it is not UTF-8 (byte 21)"),
        ("labels.csv", b"\xff\xfef\0i\0l\0e\0", "UTF-16"),
        ("labels.tsv", b"f\0i\0l\0e\0", "it holds NUL bytes"),
        ("boxes.json", b"{\"images\": [{\"id\": 1,", "it is no JSON, or is cut short"),
    ];
    for (name, list, reason) in cases {
        let imported = import(with_list(name, list));
        assert_eq!(labels(&imported), ["cat", "dog"], "{name}");
        let told = told(&imported, name);
        assert!(told.contains(reason), "{name}: {told}");
        assert!(told.ends_with("; labels and parts come from folders instead"), "{name}: {told}");
        let warnings = imported.warnings();
        let warned = format!("labels and parts come from folders, because `{name}` cannot be read: ");
        assert!(warnings.starts_with(&warned), "{name}: {warnings}");
    }
    // Another list says what the pictures show: then it is no more than a file that is left out.
    let imported = import(archive(&[
        ("a.csv", b"\xff\xff\xff"),
        ("labels.csv", b"file,label\n1.png,x\n2.png,y\n"),
        ("set/cat/1.png", PICTURE),
        ("set/dog/2.png", PICTURE),
    ]));
    assert_eq!(labels(&imported), ["x", "y"]);
    assert!(told(&imported, "a.csv").ends_with(": save it as UTF-8"));
    assert!(imported.warnings().contains("pictures that only `a.csv` names are left out"), "{}", imported.warnings());
}

#[test]
fn captions_beside_boxes_take_nothing_away() {
    let images = r#""images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}]"#;
    let boxes = format!(
        r#"{{{images}, "categories": [{{"id": 3, "name": "disc"}}],
            "annotations": [{{"image_id": 1, "category_id": 3, "bbox": [20, 13, 20, 20]}}]}}"#
    );
    let captions = format!(r#"{{{images}, "annotations": [{{"image_id": 1, "id": 7, "caption": "a disc"}}]}}"#);
    // Manifests that say nothing of a picture leave it as it is, too.
    let imported = import(archive(&[
        ("annotations/a_instances.json", boxes.as_bytes()),
        ("annotations/captions.json", captions.as_bytes()),
        ("annotations/parts.csv", b"file,split\n1.png,train\n2.png,test\n"),
        ("images/1.png", PICTURE),
        ("images/2.png", PICTURE),
    ]));
    assert_eq!(self::images(&imported).boxes, 1);
    assert!(told(&imported, "annotations/captions.json").contains("no COCO annotations"));
    let expected = [("disc", "training"), ("null", "test")].map(|(label, part)| (label.to_owned(), part.to_owned()));
    assert_eq!(given(&imported), expected);
}

#[test]
fn one_bad_annotation_spoils_no_other() {
    let coco = br#"{"images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}],
        "categories": [{"id": 3, "name": "disc"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": []}, {"image_id": 9, "category_id": 3, "bbox": [0, 0, 1, 1]},
            {"image_id": 2, "category_id": 3, "bbox": [20, 13, 20, 20]}]}"#;
    let imported = import(with_list("set/val.json", coco));
    assert_eq!((images(&imported).boxes, images(&imported).left_out), (1, 2));
    assert!(told(&imported, "set/val.json, annotations[0]").contains("`bbox`"), "{:?}", images(&imported).problems);
    assert!(told(&imported, "set/val.json, annotations[1]").contains("there is no image 9"));
}
