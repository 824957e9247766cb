//! The walk of pictures: a folder, the recipe that `recipe init` writes, a network, and an answer to an uploaded file;
//! then the files that are none.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Server, checkout};

const SIDE: usize = 16;
const CLASSES: [&str; 3] = ["across", "disc", "upright"];

/// A picture as a Windows bitmap of 24 bits: bars across, bars upright or a disc, in a place and shade of its own.
pub(crate) fn drawing(class: &str, number: usize) -> Vec<u8> {
    let (shift, shade) = (number % 4, 90 + (number * 37 % 120) as u8);
    let inside = |x: usize, y: usize| match class {
        "across" => (y + shift) % 6 < 2,
        "upright" => (x + shift) % 6 < 2,
        _ => x.abs_diff(6 + shift).pow(2) + y.abs_diff(9 - shift).pow(2) < 20,
    };
    let size = 54 + 3 * SIDE * SIDE;
    let mut file = b"BM".to_vec();
    for number in [size as u32, 0, 54, 40, SIDE as u32, SIDE as u32, (24 << 16) | 1, 0, 0, 2835, 2835, 0, 0] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for y in (0..SIDE).rev() {
        for x in 0..SIDE {
            let value = if inside(x, y) { [shade, shade / 2, 255 - shade] } else { [230, 225, 220] };
            file.extend_from_slice(&value);
        }
    }
    file
}

pub(crate) fn folder(server: &Server) -> PathBuf {
    let folder = server.path("drawings");
    for class in CLASSES {
        std::fs::create_dir_all(folder.join(class)).expect("made");
        for number in 0..40 {
            std::fs::write(folder.join(format!("{class}/{number:02}.bmp")), drawing(class, number)).expect("written");
        }
    }
    folder
}

/// A form with files, as `curl -F` sends it.
pub(crate) fn form(server: &Server, model: &str, files: &[(&str, &[u8])]) -> (u16, Value) {
    let mut body = Vec::new();
    for (field, content) in files {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"p.bmp\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let path = format!("{}/api/v1/models/{model}/predict", server.url);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let request = agent.post(path).header("authorization", format!("Bearer {}", server.key));
    let answer = request.header("content-type", "multipart/form-data; boundary=edge").send(&body[..]);
    let mut answer = answer.expect("the server answers");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON"))
}

#[test]
fn from_a_folder_of_pictures_to_an_answered_upload() {
    let server = Server::start();
    server.run(&["data", "import", "drawings", folder(&server).to_str().expect("UTF-8")]);
    let recipe = trained(&server);
    the_evaluation_knows_every_class(&server);
    server.run(&["models", "deploy", "shapes:1", "--reason", "the first one"]);
    an_upload_is_answered_alike_on_every_way(&server);
    what_is_no_picture_is_named(&server);
    a_recipe_that_does_not_fit_is_told(&server, &recipe);
}

/// The recipe that `recipe init` writes, with more epochs and an augmentation.
fn trained(server: &Server) -> String {
    let path = server.path("drawings.toml");
    let path = path.to_str().expect("UTF-8");
    server.run(&["recipe", "init", "--dataset", "drawings", "--target", "label", "--out", path]);
    let text = std::fs::read_to_string(path).expect("it was written");
    assert!(text.contains("task = \"multiclass\"") && text.contains("units = 3, activation = \"softmax\""), "{text}");
    let text = text.replace("epochs = 5", "epochs = 12").replace("batch_size = 64", "batch_size = 16");
    let augmentation =
        "[preprocessing.columns.image.augmentation]\nwidth_shift = 0.1\nbrightness = 0.1\nmix_up = 0.1\n";
    let text = text.replace("[algorithm]\n", &format!("{augmentation}\n[algorithm]\n"));
    std::fs::write(path, &text).expect("written");
    let table = server.run(&["recipe", "check", path]);
    assert!(table.contains("conv2d_1") && table.contains("32 × 14 × 14"), "{table}");
    server.run(&["train", path, "--model", "shapes", "--follow"]);
    text
}

fn the_evaluation_knows_every_class(server: &Server) {
    let version = server.json(&["models", "show", "shapes:1"]);
    assert_eq!(version["manifest"]["labels"], json!(CLASSES));
    assert_eq!(version["manifest"]["inputs"][0]["type"], "image");
    let evaluation = &version["evaluation"];
    let accuracy = evaluation["metrics"]["accuracy"]["value"].as_f64().expect("an accuracy");
    assert!(accuracy > 0.9, "{accuracy}");
    assert_eq!(evaluation["classes"]["labels"], json!(CLASSES));
    let counts = evaluation["classes"]["confusion"].as_array().expect("rows");
    let sum = |row: &Value| row.as_array().expect("a row").iter().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(counts.iter().map(sum).collect::<Vec<_>>(), [8, 8, 8], "a stratified fifth of each class is tested");
    let right: u64 = (0..3).filter_map(|class| counts[class][class].as_u64()).sum();
    assert!((right as f64 / 24.0 - accuracy).abs() < 1e-9);
    let mistakes = evaluation["mistakes"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(mistakes, 24 - right);
    let shown = server.run(&["models", "show", "shapes:1"]);
    assert!(shown.contains("most often taken for") && shown.contains("upright"), "{shown}");
}

fn an_upload_is_answered_alike_on_every_way(server: &Server) {
    let files: Vec<PathBuf> =
        CLASSES.iter().map(|class| server.file(&format!("{class}.bmp"), drawing(class, 50))).collect();
    let paths: Vec<&str> = files.iter().map(|file| file.to_str().expect("UTF-8")).collect();
    let by_command = server.json(&[&["predict", "shapes", "--image"], &paths[..]].concat());
    for (class, prediction) in CLASSES.iter().zip(by_command["predictions"].as_array().expect("a list")) {
        assert_eq!(prediction["label"], *class);
        let classes = prediction["classes"].as_array().expect("all classes");
        assert_eq!(classes[0], json!({ "label": class, "probability": prediction["probability"] }));
        let sum: f64 = classes.iter().filter_map(|class| class["probability"].as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
    let drawings: Vec<Vec<u8>> = CLASSES.iter().map(|class| drawing(class, 50)).collect();
    let parts: Vec<(&str, &[u8])> = drawings.iter().map(|file| ("image", file.as_slice())).collect();
    let (status, by_form) = form(server, "shapes", &parts);
    assert_eq!((status, &by_form["predictions"]), (200, &by_command["predictions"]));
    let encoded: Vec<String> = drawings.iter().map(|file| STANDARD.encode(file)).collect();
    let tensor = json!({ "name": "image", "datatype": "BYTES", "shape": [3, 1], "data": encoded });
    let body = json!({ "inputs": [tensor] }).to_string();
    let (status, said) = server.http("POST", "/v2/models/shapes/infer", Some(&server.key), body.as_bytes());
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let outputs = said["outputs"].as_array().expect("tensors");
    let labels = outputs.iter().find(|output| output["name"] == "label").expect("the labels");
    assert_eq!((status, &labels["data"]), (200, &json!(CLASSES)));
}

fn what_is_no_picture_is_named(server: &Server) {
    let (status, said) = form(server, "shapes", &[("image", b"Dear reader")]);
    assert_eq!((status, &said["error"]["field"]), (400, &json!("rows[0].image")), "{said}");
    let ask = |value: &str| {
        let body = format!("{{\"rows\":[{{\"image\":{value}}}]}}");
        let (status, said) = server.http("POST", "/api/v1/models/shapes/predict", Some(&server.key), body.as_bytes());
        assert_eq!(status, 400, "{said}");
        said
    };
    assert!(ask("\"not base64!\"").contains("this is not base64"));
    assert!(ask("7").contains("7 is not a picture"));
    assert!(ask("null").contains("rows[0].image"));
    let cut = fixture("short.png");
    let (status, said) = form(server, "shapes", &[("image", &cut)]);
    assert_eq!((status, &said["error"]["field"]), (400, &json!("rows[0].image")), "{said}");
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = checkout().join("crates/prep/tests/fixtures/images").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn a_recipe_that_does_not_fit_is_told(server: &Server, text: &str) {
    let check = |text: String| {
        let path = server.file("wrong.toml", text);
        let said = server.command(&["recipe", "check", path.to_str().expect("UTF-8")]).output().expect("meuse runs");
        assert!(!said.status.success());
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let said = check(text.replace("units = 3,", "units = 4,"));
    assert!(said.contains("end with a dense layer of units = 3"), "{said}");
    let mixed = text.replace("keep = [\"image\"]", "keep = [\"image\", \"format\"]");
    let said = check(
        mixed.replace("[algorithm]\n", "[preprocessing.columns.format]\nencode = \"embedding\"\n\n[algorithm]\n"),
    );
    assert!(said.contains("only numbers can be mixed"), "{said}");
    let said = check(text.replace("width_shift = 0.1", "width_shift = 1.5"));
    assert!(said.contains("preprocessing.columns.image.augmentation.width_shift"), "{said}");
    let (head, _) = text.split_once("[preprocessing.columns.image.image]").expect("the size is there");
    let (_, tail) = text.split_once("[algorithm]").expect("an algorithm");
    let said = check(format!("{head}[algorithm]{tail}"));
    assert!(said.contains("says nothing of the size"), "{said}");
    let said = check(format!("{head}[algorithm]\nname = \"lightgbm\"\n"));
    assert!(said.contains("cannot learn from pictures"), "{said}");
}
