//! What people send as a picture, by form and in base64: each file is answered as its plain twin is, or refused with the
//! field; and the memory of the server stays flat.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Server;
use crate::vision::{fixture, folder, form};

/// Twenty pixels by fourteen: as large as the fixtures, so that their pixels are compared as they are.
const RECIPE: &str = r#"dataset = "drawings"
task = "multiclass"
target = "label"
keep = ["image"]

[split]
method = "stratified"
validation = 0.0
test = 0.2

[preprocessing.columns.image]
encode = "image"

[preprocessing.columns.image.image]
width = 20
height = 14

[algorithm]
name = "network"
epochs = 2
layers = [
    { kind = "conv2d", filters = 4, kernel = 3, activation = "relu" },
    { kind = "flatten" },
    { kind = "dense", units = 3, activation = "softmax" },
]
"#;
/// How much more memory the server may have taken at its peak after everything, in MiB.
const MORE_MIB: u64 = 96;

/// A Windows bitmap of 24 bits of these pixels: red, green, blue, row after row from the top.
fn bitmap(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    let line = (3 * width).next_multiple_of(4);
    let size = 54 + line * height;
    let mut file = Vec::with_capacity(size);
    file.extend_from_slice(b"BM");
    for number in [size as u32, 0, 54, 40, width as u32, height as u32, (24 << 16) | 1, 0, 0, 2835, 2835, 0, 0] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    for y in (0..height).rev() {
        for x in 0..width {
            let [red, green, blue] = pixel(x, y);
            file.extend_from_slice(&[blue, green, red]);
        }
        file.resize(54 + line * (height - y), 0);
    }
    file
}

/// The bitmap of what Pillow reads of a fixture of 20 × 14 pixels.
fn plain(name: &str) -> Vec<u8> {
    plain_of(name, 20)
}

/// The same of a fixture that is so wide.
fn plain_of(name: &str, width: usize) -> Vec<u8> {
    let raw = fixture(name);
    let channels = raw.len() / (20 * 14);
    bitmap(width, 20 * 14 / width, |x, y| {
        let at = (width * y + x) * channels;
        if channels == 1 { [raw[at]; 3] } else { [raw[at], raw[at + 1], raw[at + 2]] }
    })
}

/// The answers to a file: sent in a form, and in base64.
fn both_ways(server: &Server, file: &[u8]) -> [(u16, Value); 2] {
    let body = format!("{{\"rows\":[{{\"image\":\"{}\"}}]}}", STANDARD.encode(file));
    let (status, text) = server.http("POST", "/api/v1/models/shapes/predict", Some(&server.key), body.as_bytes());
    [form(server, "shapes", &[("image", file)]), (status, serde_json::from_str(&text).expect("JSON"))]
}

/// The probabilities of the classes, in their order; the same both ways.
fn probabilities(server: &Server, name: &str, file: &[u8]) -> Vec<f64> {
    let [by_form, by_text] = both_ways(server, file).map(|(status, said)| {
        assert_eq!(status, 200, "{name}: {said}");
        let classes = said["predictions"][0]["classes"].as_array().expect("all classes").clone();
        let mut classes: Vec<(String, f64)> = classes
            .iter()
            .map(|class| (class["label"].to_string(), class["probability"].as_f64().expect("a number")))
            .collect();
        classes.sort_by(|a, b| a.0.cmp(&b.0));
        classes.into_iter().map(|(_, probability)| probability).collect::<Vec<f64>>()
    });
    assert_eq!(by_form, by_text, "{name}");
    by_form
}

/// The file is answered as its twin; by about as much differently as its format loses.
fn as_its_twin(server: &Server, name: &str, twin: &[u8], loss: f64) {
    let (found, expected) = (probabilities(server, name, &fixture(name)), probabilities(server, "its twin", twin));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= loss, "{name}: {found} instead of {expected}");
    }
}

/// The file is refused, both ways, with its field and these words.
fn is_refused(server: &Server, what: &str, file: &[u8], words: &str) {
    for (status, said) in both_ways(server, file) {
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((status, &said["error"]["field"]), (400, &json!("rows[0].image")), "{what}: {said}");
        assert!(message.contains(words), "{what}: `{words}` is not in {message}");
    }
}

fn peak_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") / 1024
}

fn as_text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn what_people_send_as_a_picture_is_answered_as_its_plain_twin_or_refused() {
    let mut server = Server::start();
    server.run(&["data", "import", "drawings", as_text(&folder(&server))]);
    server.run(&["train", as_text(&server.file("shapes.toml", RECIPE)), "--model", "shapes", "--follow"]);
    server.run(&["models", "deploy", "shapes:1", "--reason", "to be asked"]);
    probabilities(&server, "a first one", &plain("turned-1.raw"));
    let before = peak_mib(&server);
    what_is_odd_is_answered(&server);
    what_is_no_picture_is_refused(&server);
    what_is_large_is_refused_before_it_is_read(&server);
    let after = peak_mib(&server);
    assert!(after < before + MORE_MIB, "the server had {before} MiB and then {after} MiB");
    // With room for the body, the picture's own limit speaks.
    server.stop();
    server.environment.push(("MEUSE_SERVER__MAX_BODY_MIB", "80".into()));
    server.environment.push(("MEUSE_SERVER__BODIES_MEMORY_MIB", "2048".into()));
    server.restart();
    is_refused(&server, "50 MB", &fifty_megabytes(), "32 MiB are the most for one picture");
}

fn what_is_odd_is_answered(server: &Server) {
    // Of four channels of ink, of sixteen bits, of one channel: the first two lose what JPEG loses.
    as_its_twin(server, "cmyk.jpg", &plain("read-cmyk.raw"), 0.02);
    as_its_twin(server, "grey.jpg", &plain("read-grey-jpg.raw"), 0.02);
    as_its_twin(server, "sixteen.png", &plain("sixteen.raw"), 0.0);
    for name in ["moving.gif", "moving.png", "moving.webp"] {
        as_its_twin(server, name, &plain(&format!("{}.raw", name.replace('.', "-"))), 0.0);
    }
    // Turned in each of eight ways by the header, four of which make what was lying stand.
    for way in 1..=8 {
        let twin = plain_of(&format!("turned-{way}.raw"), if way < 5 { 20 } else { 14 });
        as_its_twin(server, &format!("turned-{way}.png"), &twin, 0.0);
    }
    // A line of one pixel is what the same line is when it is wider.
    let shade = |y: usize| [(7 * y) as u8, 255 - (7 * y) as u8, 90];
    let line = probabilities(server, "a line", &bitmap(1, 14, |_, y| shade(y)));
    assert_eq!(line, probabilities(server, "a wide line", &bitmap(20, 14, |_, y| shade(y))));
    probabilities(server, "a line of 37 pixels", &fixture("line.png"));
    // Nine megabytes of one colour are one colour.
    let large = probabilities(server, "a large one", &bitmap(1700, 1800, |_, _| [200, 30, 60]));
    assert_eq!(large, probabilities(server, "a small one", &bitmap(20, 14, |_, _| [200, 30, 60])));
}

fn what_is_no_picture_is_refused(server: &Server) {
    let short = fixture("turned-1.png");
    for (what, file, words) in [
        ("a letter", b"Dear reader".to_vec(), "no picture"),
        ("nothing", Vec::new(), "the file is empty"),
        ("a document", b"%PDF-1.7 and so on".to_vec(), "the file is a PDF document"),
        ("a picture cut short", short[..short.len() / 2].to_vec(), "damaged or cut short"),
        ("a photograph cut short", fixture("short.jpg"), "damaged or cut short"),
        ("a header and no more", short[..20].to_vec(), "does not say how large it is"),
        ("100,000 × 100,000", fixture("huge.png"), "100000 × 100000"),
        ("the same as JPEG", fixture("huge.jpg"), "at most"),
    ] {
        is_refused(server, what, &file, words);
    }
}

fn fifty_megabytes() -> Vec<u8> {
    bitmap(4000, 4167, |x, y| [x as u8, y as u8, 7])
}

fn what_is_large_is_refused_before_it_is_read(server: &Server) {
    for (status, said) in both_ways(server, &fifty_megabytes()) {
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, 413, "{said}");
        assert!(message.contains("larger than the limit of 16777216 bytes: send less at once"), "{said}");
    }
}
