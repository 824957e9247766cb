//! The walk of a detection: pictures with COCO's annotations, the recipe that `recipe init` writes, a detector, and the
//! boxes of an uploaded picture, alike on every way; then what does not fit.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Server, checkout};

const WIDTH: usize = 64;
const HEIGHT: usize = 48;
const CLASSES: [&str; 2] = ["disc", "square"];
const PICTURES: usize = 90;

/// A thing in a picture: class, left, top, side.
type Thing = (usize, usize, usize, usize);

/// Chance that is the same everywhere.
struct Dice(u32);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % most
    }
}

/// One or two things that do not touch.
fn things(dice: &mut Dice) -> Vec<Thing> {
    let half = |dice: &mut Dice, left: usize| {
        let side = 14 + dice.below(9);
        (dice.below(2), left + dice.below(32 - side), dice.below(HEIGHT - side), side)
    };
    let first = dice.below(2);
    let mut things = vec![half(dice, 32 * first)];
    if dice.below(2) == 0 {
        things.push(half(dice, 32 * (1 - first)));
    }
    things
}

/// A Windows bitmap of 24 bits with red squares and blue discs on a ground that is never the same.
fn drawing(things: &[Thing], dice: &mut Dice) -> Vec<u8> {
    let size = 54 + 3 * WIDTH * HEIGHT;
    let mut file = b"BM".to_vec();
    for number in [size as u32, 0, 54, 40, WIDTH as u32, HEIGHT as u32, (24 << 16) | 1, 0, 0, 2835, 2835, 0, 0] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for y in (0..HEIGHT).rev() {
        for x in 0..WIDTH {
            let inside = |(class, left, top, side): &&Thing| {
                let (dx, dy) = (x.wrapping_sub(*left), y.wrapping_sub(*top));
                if dx >= *side || dy >= *side {
                    return false;
                }
                let round = (2 * dx + 1).abs_diff(*side).pow(2) + (2 * dy + 1).abs_diff(*side).pow(2);
                *class == 1 || round <= side * side
            };
            let ground = [150 + dice.below(90) as u8, 150 + dice.below(90) as u8, 150 + dice.below(90) as u8];
            let value = things.iter().find(inside).map_or(ground, |(class, ..)| [[220, 60, 20], [20, 40, 210]][*class]);
            file.extend_from_slice(&value);
        }
    }
    file
}

/// Pictures and their annotations; the first one has a box that is not in it, and one that is half in it.
fn folder(server: &Server) -> PathBuf {
    let folder = server.path("things");
    std::fs::create_dir_all(folder.join("images")).expect("made");
    let mut dice = Dice(20_261_128);
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for number in 0..PICTURES {
        let things = if number % 15 == 7 { Vec::new() } else { things(&mut dice) };
        let name = format!("images/{number:02}.bmp");
        std::fs::write(folder.join(&name), drawing(&things, &mut dice)).expect("written");
        images.push(json!({ "id": number, "file_name": name, "width": WIDTH, "height": HEIGHT }));
        for (class, left, top, side) in things {
            annotations.push(
                json!({ "image_id": number, "category_id": class + 1, "bbox": [left, top, side, side], "iscrowd": 0 }),
            );
        }
    }
    for outside in [json!([70, 2, 9, 9]), json!([60, 40, 20, 20])] {
        annotations.push(json!({ "image_id": 0, "category_id": 1, "bbox": outside, "iscrowd": 1 }));
    }
    let categories = [json!({ "id": 1, "name": CLASSES[0] }), json!({ "id": 2, "name": CLASSES[1] })];
    let coco = json!({ "images": images, "annotations": annotations, "categories": categories });
    std::fs::write(folder.join("annotations.json"), coco.to_string()).expect("written");
    folder
}

const LAYERS: &str = r#"layers = [
  { kind = "conv2d", filters = 16, kernel = 3, stride = 2, padding = "same", bias = false },
  { kind = "batch_norm" },
  { kind = "activation", function = "relu" },
  { kind = "conv2d", filters = 24, kernel = 3, stride = 2, padding = "same", bias = false },
  { kind = "batch_norm" },
  { kind = "activation", function = "relu" },
  { kind = "conv2d", filters = 24, kernel = 3, padding = "same", bias = false },
  { kind = "batch_norm" },
  { kind = "activation", function = "relu" },
]
"#;

#[test]
fn from_pictures_with_boxes_to_the_boxes_of_an_upload() {
    let server = Server::start();
    server.run(&["data", "import", "things", folder(&server).to_str().expect("UTF-8")]);
    let recipe = trained(&server);
    the_evaluation_knows_every_class(&server);
    server.run(&["models", "deploy", "finder:1", "--reason", "the first one"]);
    boxes_are_where_the_things_are(&server);
    what_does_not_fit_is_told(&server, &recipe);
    pictures_without_boxes_are_refused(&server);
}

/// The recipe that `recipe init` writes, with a smaller network.
fn trained(server: &Server) -> String {
    let path = server.path("things.toml");
    let path = path.to_str().expect("UTF-8");
    server.run(&["recipe", "init", "--dataset", "things", "--target", "boxes", "--out", path]);
    let text = std::fs::read_to_string(path).expect("it was written");
    assert!(text.contains("task = \"detection\"") && text.contains("score_threshold = 0.3"), "{text}");
    let table = server.run(&["recipe", "check", path]);
    assert!(table.contains("detector.classes") && table.contains("6 × 16 × 16"), "{table}");
    let (head, rest) = text.split_once("layers = [").expect("layers");
    let (_, tail) = rest.split_once("\n]\n").expect("their end");
    let text = format!("{head}{LAYERS}{tail}")
        .replace("epochs = 30", "epochs = 25")
        .replace("learning_rate = 0.002", "learning_rate = 0.01")
        .replace("width = 64", "width = 48")
        .replace("height = 64", "height = 48")
        .replace("width_shift = 0.1\n", "");
    std::fs::write(path, &text).expect("written");
    server.run(&["train", path, "--model", "finder", "--follow"]);
    text
}

fn the_evaluation_knows_every_class(server: &Server) {
    let version = server.json(&["models", "show", "finder:1"]);
    let manifest = &version["manifest"];
    assert_eq!((&manifest["task"], &manifest["labels"]), (&json!("detection"), &json!(CLASSES)));
    let detector = &manifest["detector"];
    assert_eq!((&detector["rows"], &detector["columns"]), (&json!(12), &json!(12)));
    let notes = manifest["notes"].to_string();
    assert!(notes.contains("no part of them is inside their picture: 1 (rows 1)"), "{notes}");
    assert!(notes.contains("boxes cut at the edge of their picture: 1 (rows 1)"), "{notes}");
    assert!(notes.contains("6 rows without a box"), "{notes}");
    assert!(notes.contains("answers as its trainer does on"), "{notes}");
    let evaluation = &version["evaluation"];
    assert_eq!(evaluation["metric"], "map_50_95");
    let metric = |name: &str| evaluation["metrics"][name]["value"].as_f64().expect("a figure");
    assert!(metric("map_50") > 0.9 && metric("map_50_95") > 0.4, "{}", evaluation["metrics"]);
    let figures = evaluation["detection"]["figures"].as_array().expect("classes");
    let labels: Vec<&str> = figures.iter().filter_map(|class| class["label"].as_str()).collect();
    assert_eq!(labels, CLASSES);
    let mean = figures.iter().filter_map(|class| class["ap_50"].as_f64()).sum::<f64>() / 2.0;
    assert!((mean - metric("map_50")).abs() < 1e-9);
    let shown = server.run(&["models", "show", "finder:1"]);
    assert!(shown.contains("AP@0.5:0.95") && shown.contains("square"), "{shown}");
}

fn boxes_are_where_the_things_are(server: &Server) {
    let mut dice = Dice(7);
    let there: Vec<Vec<Thing>> = vec![vec![(1, 8, 10, 18)], vec![(0, 36, 20, 20), (1, 4, 4, 16)], Vec::new()];
    let drawings: Vec<Vec<u8>> = there.iter().map(|things| drawing(things, &mut dice)).collect();
    let files: Vec<PathBuf> =
        drawings.iter().enumerate().map(|(at, file)| server.file(&format!("{at}.bmp"), file)).collect();
    let paths: Vec<&str> = files.iter().map(|file| file.to_str().expect("UTF-8")).collect();
    let by_command = server.json(&[&["predict", "finder", "--image"], &paths[..]].concat());
    for (things, prediction) in there.iter().zip(by_command["predictions"].as_array().expect("a list")) {
        let boxes = prediction["boxes"].as_array().expect("boxes, if none");
        assert_eq!(boxes.len(), things.len(), "{prediction}");
        for (class, left, top, side) in things {
            let found = boxes.iter().find(|found| found["label"] == CLASSES[*class]).expect("it is found");
            let wanted = [left, top, side, side].map(|number| *number as f64);
            let area: Vec<f64> = found["box"].as_array().expect("sides").iter().filter_map(Value::as_f64).collect();
            let off = area.iter().zip(wanted).map(|(is, wanted)| (is - wanted).abs()).fold(0.0, f64::max);
            assert!(off < 6.0, "{area:?} is not {wanted:?}");
            assert!(found["score"].as_f64().is_some_and(|score| (0.3..=1.0).contains(&score)));
        }
    }
    let shown = server.run(&[&["predict", "finder", "--image"], &paths[..]].concat());
    let says_nothing = |line: &str| line.split_whitespace().eq(["2.bmp", "nothing"]);
    assert!(shown.contains("square") && shown.lines().any(says_nothing), "{shown}");
    let encoded: Vec<String> = drawings.iter().map(|file| STANDARD.encode(file)).collect();
    let tensor = json!({ "name": "image", "datatype": "BYTES", "shape": [3, 1], "data": encoded });
    let body = json!({ "inputs": [tensor] }).to_string();
    let (status, said) = server.http("POST", "/v2/models/finder/infer", Some(&server.key), body.as_bytes());
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let output = said["outputs"].as_array().expect("tensors").iter().find(|output| output["name"] == "boxes");
    let first = output.and_then(|output| output["data"][0].as_str()).expect("boxes as JSON");
    let first: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!((status, &first), (200, &by_command["predictions"][0]["boxes"]));
    a_picture_turned_by_its_header_is_answered_as_it_is_seen(server);
}

/// The boxes of a picture are told in pixels of what a person sees: this one is stored on its side.
fn a_picture_turned_by_its_header_is_answered_as_it_is_seen(server: &Server) {
    let turned = checkout().join("crates/prep/tests/fixtures/images/turned.jpg");
    let answer = server.json(&["predict", "finder", "--image", turned.to_str().expect("UTF-8")]);
    assert!(answer["predictions"][0]["boxes"].is_array(), "{answer}");
}

fn what_does_not_fit_is_told(server: &Server, text: &str) {
    let check = |text: String| {
        let path = server.file("wrong.toml", text);
        let said = server.command(&["recipe", "check", path.to_str().expect("UTF-8")]).output().expect("meuse runs");
        assert!(!said.status.success());
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let cases = [
        ("target = \"boxes\"", "target = \"label\"", "use target = \"boxes\""),
        ("task = \"detection\"", "task = \"multiclass\"", "use task = \"detection\""),
        ("method = \"random\"", "method = \"stratified\"", "one class for each row, and a picture has boxes"),
        ("horizontal_flip = true", "rotation = 10", "a turned box is no upright one any more"),
        ("horizontal_flip = true", "fill = \"reflect\"", "things would be seen twice"),
        ("height = 48\n", "height = 48\nmode = \"crop_to_aspect_ratio\"\n", "use `stretch` or `pad_to_aspect_ratio`"),
        ("keep = [\"image\"]", "keep = [\"image\", \"width\"]", "write keep = [\"image\"]"),
        ("\n]\n", "\n  { kind = \"flatten\" },\n]\n", "end with a convolution"),
        ("score_threshold = 0.3", "score_threshold = 3.0", "allowed: from 0.01 to 1"),
        ("batch_size = 16\n", "batch_size = 16\nclass_weight = \"balanced\"\n", "boxes are not weighed by class"),
    ];
    for (from, to, expected) in cases {
        assert!(text.contains(from), "{from} is in {text}");
        let said = check(text.replacen(from, to, 1));
        assert!(said.contains(expected), "{to}: {said}");
    }
}

fn pictures_without_boxes_are_refused(server: &Server) {
    let bare = server.path("bare");
    std::fs::create_dir_all(&bare).expect("made");
    let mut dice = Dice(3);
    for number in 0..4 {
        std::fs::write(bare.join(format!("{number}.bmp")), drawing(&[], &mut dice)).expect("written");
    }
    server.run(&["data", "import", "bare", bare.to_str().expect("UTF-8")]);
    let recipe = std::fs::read_to_string(server.path("things.toml")).expect("it is there");
    let named = recipe.lines().find(|line| line.starts_with("dataset = ")).expect("a dataset");
    let path = server.file("bare.toml", recipe.replace(named, "dataset = \"bare\""));
    let said = server.command(&["recipe", "check", path.to_str().expect("UTF-8")]).output().expect("meuse runs");
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("no picture of this dataset has a box") && said.contains("COCO's annotations"), "{said}");
}
