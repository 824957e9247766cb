//! Datasets of pictures: a folder becomes a version with thumbnails, an export gives the bytes back, a backup carries
//! them, and hostile archives are refused with the name of the entry.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Server, checkout};

/// A picture that `crates/prep/tests/fixtures/make_images.py` drew.
fn fixture(name: &str) -> Vec<u8> {
    let path = checkout().join("crates/prep/tests/fixtures/images").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A tar of these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Written by hand, since the library refuses names that a hostile archive has.
        let field = &mut header.as_gnu_mut().expect("a GNU header").name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).expect("appended");
    }
    builder.into_inner().expect("a tar")
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).expect("begun");
        writer.write_all(content).expect("written");
    }
    writer.finish().expect("a zip").into_inner()
}

/// A zip of which the directory says something else of the last file. See APPNOTE.TXT, 4.3.12.
fn altered_zip(files: &[(&str, &[u8])], alter: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = zip(files);
    let last = bytes.windows(4).rposition(|mark| mark == b"PK\x01\x02").expect("a directory");
    alter(&mut bytes[last..]);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("a gzip file")
}

fn import(server: &Server, name: &str, path: &Path) -> Value {
    server.json(&["data", "import", name, path.to_str().expect("UTF-8")])
}

fn profile(server: &Server, name: &str) -> Value {
    server.json(&["data", "profile", name])["images"].clone()
}

/// What is asked of our own API, as JSON.
fn ask(server: &Server, path: &str) -> Value {
    let (status, body) = server.http("GET", path, Some(&server.key), b"");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Two classes, a duplicate, and three files that are no pictures.
fn folder(server: &Server) -> PathBuf {
    let folder = server.path("pets");
    for class in ["cat", "dog"] {
        std::fs::create_dir_all(folder.join(class)).expect("made");
    }
    let put = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).expect("written");
    put("cat/one.png", fixture("drawing.png"));
    put("cat/two.jpg", fixture("turned.jpg"));
    put("cat/again.png", fixture("drawing.png"));
    put("dog/three.webp", fixture("lossy.webp"));
    put("dog/grey.jpg", fixture("grey.jpg"));
    put("dog/short.png", fixture("short.png"));
    put("dog/huge.png", fixture("huge.png"));
    put("dog/letter.png", b"Dear reader".to_vec());
    folder
}

#[test]
fn a_folder_of_pictures_becomes_a_version_and_comes_back() {
    let server = Server::start();
    let version = import(&server, "pets", &folder(&server));
    assert_eq!(version["rows"], 5);
    let images = profile(&server, "pets");
    assert_eq!(images["classes"], json!([{"value": "cat", "count": 3}, {"value": "dog", "count": 2}]));
    assert_eq!(images["duplicates"], 1);
    let problems: Vec<(&str, &str)> = images["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| (problem["file"].as_str().expect("a file"), problem["reason"].as_str().expect("a reason")))
        .collect();
    assert_eq!(problems.len(), 3);
    for (file, reason) in
        [("dog/huge.png", "100000 × 100000"), ("dog/letter.png", "no picture"), ("dog/short.png", "cut short")]
    {
        assert!(problems.iter().any(|(name, why)| *name == file && why.contains(reason)), "{file}: {problems:?}");
    }

    let page = ask(&server, "/api/v1/datasets/pets/media?label=cat&limit=2&offset=1");
    assert_eq!(page["total"], 3);
    let shown: Vec<(&str, u64)> = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["path"].as_str().expect("a path"), item["row"].as_u64().expect("a row")))
        .collect();
    assert_eq!(shown, [("cat/one.png", 1), ("cat/two.jpg", 2)]);
    // Turned by its header: stored 20 × 14, seen 14 × 20.
    assert_eq!((&page["items"][1]["width"], &page["items"][1]["height"]), (&json!(14), &json!(20)));
    let item = &ask(&server, "/api/v1/datasets/pets/media?label=cat")["items"][1];
    assert_eq!(item["duplicate_of"], 0, "`again.png` comes first and has the same bytes");

    let file = server.bytes("/api/v1/datasets/pets:1/media/2");
    assert_eq!(file, fixture("turned.jpg"));
    let thumbnail = server.bytes("/api/v1/datasets/pets:1/media/1?thumbnail=16");
    assert!(thumbnail.starts_with(b"\x89PNG") && thumbnail[16..24] == [0, 0, 0, 16, 0, 0, 0, 12]);
    for (path, status) in [
        ("/api/v1/datasets/pets/media/5", 404),
        ("/api/v1/datasets/pets/media?label=cow", 404),
        ("/api/v1/datasets/pets/media/0?thumbnail=9000", 400),
        ("/api/v1/datasets/pets/media/one", 400),
    ] {
        assert_eq!(server.http("GET", path, Some(&server.key), b"").0, status, "{path}");
    }

    let grid = server.path("grid.png");
    let one_line = r#"{"rotation": 40, "width_shift": 0.2, "height_shift": 0.2, "shear": 0.2, "zoom": 0.2,
        "horizontal_flip": true, "fill": "nearest"}"#;
    let preview = |augmentation: &str| {
        let out = grid.to_str().expect("UTF-8");
        [
            "augment",
            "preview",
            "pets",
            "--label",
            "cat",
            "--pictures",
            "2",
            "--augmentation",
            augmentation,
            "--out",
            out,
        ]
        .map(str::to_owned)
    };
    let arguments = preview(one_line);
    server.run(&arguments.each_ref().map(String::as_str));
    let drawn = std::fs::read(&grid).expect("the grid");
    // Two rows of seven pictures of 128 pixels, with gaps of 4.
    assert_eq!(drawn[16..24], [[0, 0, 3, 160_u8], [0, 0, 1, 12]].concat());
    server.run(&arguments.each_ref().map(String::as_str));
    assert!(std::fs::read(&grid).expect("the grid") == drawn, "the same seed draws the same");
    let arguments = preview(r#"{"rotation": 400}"#);
    let message = server.fails(&arguments.each_ref().map(String::as_str));
    assert!(message.contains("augmentation.rotation") && message.contains("180"), "{message}");

    let out = server.path("back.tar");
    server.run(&["data", "export", "pets", "--format", "images", "--out", out.to_str().expect("UTF-8")]);
    let mut archive = tar::Archive::new(std::fs::File::open(&out).expect("the export"));
    let unpacked = server.path("unpacked");
    archive.unpack(&unpacked).expect("a tar");
    for name in ["cat/one.png", "cat/two.jpg", "dog/short.png", "dog/letter.png"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).expect(name);
        assert!(read(&unpacked) == read(&server.path("pets")), "{name}");
    }
    let again = import(&server, "pets", &server.path("pets"));
    assert_eq!(again["outcome"], "unchanged");
}

const GREY: &str = r#"
dataset = "parts"
task = "multiclass"
target = "label"
keep = ["image"]
seed = 7

[split]
method = "column"
column = "split"

[preprocessing.columns.image]
image = { width = 20, height = 10, colour = "grey", mode = "pad_to_aspect_ratio" }
augmentation = { crop_padding = 2, mix_up = 0.4 }

[algorithm]
name = "network"
layers = [{ kind = "flatten" }, { kind = "dense", units = 2, activation = "softmax" }]
"#;

#[test]
fn a_preview_draws_what_a_recipe_says_of_the_training_part() {
    let server = Server::start();
    let (drawing, turned, grey) = (fixture("drawing.png"), fixture("turned.jpg"), fixture("grey.jpg"));
    let files: [(&str, &[u8]); 4] = [
        ("test/cat/one.png", &drawing),
        ("test/dog/one.jpg", &grey),
        ("train/cat/two.jpg", &turned),
        ("train/cat/three.jpg", &grey),
    ];
    std::fs::write(server.path("parts.tar"), tar(&files)).expect("written");
    import(&server, "parts", &server.path("parts.tar"));
    let recipe = server.file("parts.toml", GREY).to_str().expect("UTF-8").to_owned();
    let grid = server.path("grid.png");
    let grid_file = grid.to_str().expect("UTF-8");
    let preview = ["augment", "preview", "--recipe", &recipe, "--epochs", "3", "--out", grid_file];
    server.run(&preview);
    let drawn = std::fs::read(&grid).expect("the grid");
    // As it is and three epochs, of 20 × 10 pixels that are drawn as squares of six; a row for each of the two pictures
    // of the training part, though there was room for four.
    let size =
        |drawn: &[u8]| [16, 20].map(|at| drawn[at..at + 4].iter().fold(0, |sum, byte| sum * 256 + u32::from(*byte)));
    assert_eq!(size(&drawn), [4 * (120 + 4) + 4, 2 * (60 + 4) + 4]);

    // The recipe says no more than these settings do.
    let by_hand = [
        "augment",
        "preview",
        "parts:1",
        "--epochs",
        "3",
        "--seed",
        "7",
        "--image",
        r#"{"width": 20, "height": 10, "colour": "grey", "mode": "pad_to_aspect_ratio"}"#,
        "--augmentation",
        r#"{"crop_padding": 2, "mix_up": 0.4}"#,
        "--out",
        grid_file,
    ];
    server.run(&by_hand);
    assert!(std::fs::read(&grid).expect("the grid") == drawn);

    // What is said beside the recipe goes before it.
    server.run(&[&preview[..], &["--augmentation", "{}"]].concat());
    let plain = std::fs::read(&grid).expect("the grid");
    assert!(size(&plain) == size(&drawn) && plain != drawn);

    let dogs = server.fails(&[&preview[..], &["--label", "dog"]].concat());
    assert!(dogs.contains("`dog` has no pictures in the training part"), "{dogs}");
    let large = server.file("large.toml", GREY.replace("width = 20", "width = 2000"));
    let refused = server.fails(&["augment", "preview", "--recipe", large.to_str().expect("UTF-8"), "--out", grid_file]);
    assert!(refused.contains("image.width") && refused.contains("1024"), "{refused}");
    let silent = GREY.replace("image = {", "# image = {").replace("augmentation =", "# augmentation =");
    let silent = server.file("silent.toml", silent);
    let refused =
        server.fails(&["augment", "preview", "--recipe", silent.to_str().expect("UTF-8"), "--out", grid_file]);
    assert!(refused.contains("[preprocessing.columns.image.image]"), "{refused}");
}

#[test]
fn every_kind_of_archive_gives_the_same_pictures() {
    let server = Server::start();
    let [drawing, cmyk, moving] = ["drawing.png", "cmyk.jpg", "moving.gif"].map(fixture);
    let files: [(&str, &[u8]); 3] =
        [("set/train/a/1.png", &drawing), ("set/train/b/2.jpg", &cmyk), ("set/test/a/3.gif", &moving)];
    let archives = [("z", zip(&files)), ("t", tar(&files)), ("g", gz(&tar(&files)))];
    for (name, bytes) in archives {
        import(&server, name, &server.file(name, bytes));
        let images = profile(&server, name);
        assert_eq!(images["classes"], json!([{"value": "a", "count": 2}, {"value": "b", "count": 1}]), "{name}");
        assert_eq!(
            images["splits"],
            json!([{"value": "training", "count": 2}, {"value": "test", "count": 1}]),
            "{name}"
        );
        for (row, content) in [&drawing, &cmyk, &moving].into_iter().enumerate() {
            assert!(server.bytes(&format!("/api/v1/datasets/{name}/media/{row}")) == *content, "{name} {row}");
        }
    }
}

#[test]
fn manifests_annotations_and_idx_say_what_pictures_show() {
    let server = Server::start();
    let (drawing, line) = (fixture("drawing.png"), fixture("line.png"));
    let manifest = b"file,label,split\n1.png,x,train\n2.png,y,test\n3.png,z,test\n";
    let listed = tar(&[("1.png", &drawing), ("2.png", &line), ("4.png", &drawing), ("labels.csv", manifest)]);
    import(&server, "listed", &server.file("listed.tar", listed));
    let images = profile(&server, "listed");
    assert_eq!(images["classes"], json!([{"value": "x", "count": 1}, {"value": "y", "count": 1}]));
    assert_eq!(images["left_out"], 2, "a line without a file, and a file without a line: {images}");

    let coco = br#"{"images": [{"id": 1, "file_name": "1.png"}], "categories": [{"id": 3, "name": "disc"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [20, 13, 20, 20]}]}"#;
    import(&server, "boxes", &server.file("boxes.tar", tar(&[("images/1.png", &drawing), ("val.json", coco)])));
    let item = &ask(&server, "/api/v1/datasets/boxes/media")["items"][0];
    assert_eq!(item["boxes"], json!([{"label": "disc", "box": [20.0, 13.0, 20.0, 20.0]}]));
    assert_eq!((&item["label"], &item["split"]), (&json!("disc"), &json!("validation")));

    let pictures = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3_u8] as &[u8], &[9; 6], &[200; 6]].concat();
    let digits = [0, 0, 8, 1, 0, 0, 0, 2, 7, 1_u8];
    let idx = zip(&[("t10k-images-idx3-ubyte.gz", &gz(&pictures)), ("t10k-labels-idx1-ubyte.gz", &gz(&digits))]);
    import(&server, "digits", &server.file("digits.zip", idx));
    let page = ask(&server, "/api/v1/datasets/digits/media");
    assert_eq!((&page["items"][0]["label"], &page["items"][1]["split"]), (&json!("7"), &json!("test")));
    assert_eq!((&page["items"][0]["width"], &page["items"][0]["height"]), (&json!(3), &json!(2)));
    // The pictures of a table are asked for in vain.
    let table = server.file("t.csv", "a,b\n1,2\n");
    server.run(&["data", "import", "table", table.to_str().expect("UTF-8")]);
    let (status, body) = server.http("GET", "/api/v1/datasets/table/media", Some(&server.key), b"");
    assert_eq!((status, body.contains("table")), (400, true), "{body}");
}

#[test]
fn hostile_archives_are_refused_with_the_name_of_the_entry() {
    let server = Server::start();
    let drawing = fixture("drawing.png");
    let good: (&str, &[u8]) = ("a/1.png", &drawing);
    let special = |name: &str, kind: tar::EntryType, target: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        if !target.is_empty() {
            header.set_link_name(target).expect("a target");
        }
        builder.append_data(&mut header, name, std::io::empty()).expect("appended");
        builder.into_inner().expect("a tar")
    };
    let two = [good, ("b/2.png", &drawing)];
    let mut cut = tar(&two);
    cut.truncate(512 + drawing.len().next_multiple_of(512) + 700);
    let zeros = vec![0; 66 << 20];
    let many = [&[0, 0, 8, 3, 0, 1, 8, 0, 0, 0, 0, 32, 0, 0, 0, 32_u8] as &[u8], &zeros].concat();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("climbs", tar(&[good, ("../../etc/evil.png", &drawing)]), &["../../etc/evil.png", "climbs"]),
        ("absolute", tar(&[good, ("/etc/evil.png", &drawing)]), &["/etc/evil.png", "absolute"]),
        ("climbing zip", zip(&[good, ("a/../../evil.png", &drawing)]), &["evil.png", "climbs"]),
        ("windows", zip(&[good, ("C:\\evil.png", &drawing)]), &["evil.png", "absolute"]),
        ("link", special("a/link.png", tar::EntryType::Symlink, "/etc/passwd"), &["a/link.png", "link"]),
        ("hard link", special("a/hard.png", tar::EntryType::Link, "a/1.png"), &["a/hard.png", "link"]),
        ("device", special("a/device", tar::EntryType::Char, ""), &["a/device", "device"]),
        ("pipe", special("a/pipe", tar::EntryType::Fifo, ""), &["a/pipe", "device"]),
        ("cut short", cut, &["b/2.png", "middle"]),
        ("gzip bomb", gz(&tar(&[("bomb.png", &zeros)])), &["bomb.png", "bomb"]),
        ("zip bomb", zip(&[("fill.png", &zeros)]), &["fill.png", "bomb"]),
        ("IDX bomb", gz(&many), &["pictures.idx3-ubyte", "bomb"]),
        (
            "IDX bomb among labels",
            zip(&[("a-images-idx3-ubyte.gz", &gz(&many[..2000])), ("a-labels-idx1-ubyte.gz", &gz(&many))]),
            &["a-labels-idx1-ubyte.gz", "bomb"],
        ),
        (
            "IDX bombs that are small one by one",
            tar(&[
                ("a-images-idx3-ubyte.gz", &gz(&zeros[..40 << 20])),
                ("b-images-idx3-ubyte.gz", &gz(&zeros[..40 << 20])),
            ]),
            &["b-images-idx3-ubyte.gz", "bomb"],
        ),
        ("linking zip", altered_zip(&two, |entry| entry[40..42].copy_from_slice(&[0xff, 0xa1])), &["b/2.png", "link"]),
        ("password", altered_zip(&two, |entry| entry[8] |= 1), &["b/2.png", "password"]),
        ("shared bytes", altered_zip(&two, |entry| entry[42..46].fill(0)), &["b/2.png", "shares bytes"]),
        (
            "more bytes than it says",
            altered_zip(&two[..1], |entry| entry[24] ^= 1),
            &["a/1.png", "it does not unpack to the"],
        ),
        ("nothing", tar(&[("a/readme.pdf", b"no picture")]), &["no picture"]),
        ("no zip", b"PK\x03\x04 and then nothing of a zip".to_vec(), &["damaged"]),
    ];
    for (name, bytes, texts) in cases {
        let path = server.file("hostile", bytes);
        let message = server.fails(&["data", "import", "hostile", path.to_str().expect("UTF-8")]);
        for text in texts {
            assert!(message.contains(text), "{name}: `{text}` is not in: {message}");
        }
    }
    assert_eq!(server.json(&["data", "list"])["items"], json!([]), "no dataset was made");
}
