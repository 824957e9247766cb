//! The walk of texts in folders and of sentence embeddings: from a folder of `.txt` files to an answered call by one
//! ONNX graph, which needs the pretrained files no more.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::pictures::tar;
use crate::support::{Server, checkout};

const PRAISE: [&str; 8] =
    ["wonderful", "superb", "delightful", "brilliant", "moving", "charming", "excellent", "a joy to watch"];
const BLAME: [&str; 8] = ["awful", "dreadful", "boring", "stupid", "tedious", "terrible", "dull", "a complete mess"];
const THINGS: [&str; 4] = ["film", "story", "acting", "ending"];

/// Files by part and class, and some that are no texts.
fn letters(server: &Server) -> String {
    let folder = server.path("letters");
    let put = |name: String, content: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    };
    for (class, words) in [("pos", PRAISE), ("neg", BLAME)] {
        for (number, word) in words.iter().enumerate() {
            for thing in THINGS {
                let part = if number < 6 { "train" } else { "test" };
                put(format!("{part}/{class}/{number}-{thing}.txt"), format!("The {thing} was {word}.\n").as_bytes());
            }
        }
    }
    put("train/pos/latin.txt".into(), b"caf\xe9");
    put("train/neg/empty.txt".into(), b" \n");
    put("train/neg/notes.doc".into(), b"x");
    put("train/neg/binary.txt".into(), b"a\0b");
    put(".hidden".into(), b"x");
    folder.to_str().expect("UTF-8").to_owned()
}

const RECIPE: &str = "dataset = 'letters'\ntask = 'binary'\ntarget = 'label'\npositive = 'pos'\nmetric = 'accuracy'\n\
    drop = ['file']\n[split]\nmethod = 'column'\ncolumn = 'split'\n\
    [preprocessing.columns.text]\nencode = 'sentence'\nsentence = { pretrained = 'minilm', length = 32 }\n\
    [algorithm]\nname = 'logistic_regression'\nl2 = 0.1\n";

/// A recipe whose tokenizer Hugging Face's library meets with a panic.
fn broken(server: &Server, published: &Path) -> String {
    let tokenizer = fs::read(published.join("tokenizer.json")).expect("read");
    let mut tokenizer: Value = serde_json::from_slice(&tokenizer).expect("JSON");
    tokenizer["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
    let folder = server.path("home/pretrained/broken");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
    server.file("broken.toml", RECIPE.replace("minilm", "broken")).to_str().expect("UTF-8").to_owned()
}

#[test]
fn from_a_folder_of_texts_to_a_call_that_a_published_model_answers() {
    let mut server = Server::start();
    let folder = letters(&server);
    let version = server.json(&["data", "import", "letters", &folder]);
    assert_eq!(version["rows"], 64, "{version}");
    let columns = version["schema"]["columns"].as_array().expect("columns").clone();
    let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["text", "label", "file", "split"]);
    assert_eq!(columns[3]["categories"], json!(["test", "training"]));
    let warnings = server.json(&["data", "profile", "letters"])["warnings"].to_string();
    for (file, reason) in [
        ("train/pos/latin.txt", "it is not UTF-8 (byte 4)"),
        ("train/neg/empty.txt", "it is empty"),
        ("train/neg/notes.doc", "its name does not end in .txt"),
        ("train/neg/binary.txt", "it holds NUL bytes"),
    ] {
        assert!(warnings.contains(&format!("the file `{file}` was left out: {reason}")), "{warnings}");
    }

    let recipe = server.file("letters.toml", RECIPE);
    let recipe = recipe.to_str().expect("UTF-8");
    server.run(&["recipe", "check", recipe]);
    let absent = server.fails(&["train", recipe, "--model", "mood", "--follow"]);
    assert!(
        absent.contains("there is no file `minilm/tokenizer.json`") && absent.contains("compute.pretrained"),
        "{absent}"
    );
    let pretrained = server.path("home/pretrained");
    fs::create_dir_all(&pretrained).expect("made");
    let published = checkout().join("vendor/pretrained/lib/minilm");
    assert!(published.join("model.onnx").is_file(), "run scripts/setup --tests");
    let gave_up = server.fails(&["train", &broken(&server, &published), "--model", "mood", "--follow"]);
    let said = "`broken/tokenizer.json`: Hugging Face's library gave up on it: chunk size must be non-zero";
    assert!(gave_up.contains(said) && gave_up.contains("sentence.pretrained"), "{gave_up}");
    std::os::unix::fs::symlink(published, pretrained.join("minilm")).expect("linked");
    let told = server.run(&["train", recipe, "--model", "mood", "--follow"]);
    assert!(told.contains("mood:1"), "{told}");
    server.run(&["models", "deploy", "mood:1", "--reason", "the first one"]);
    fs::remove_dir_all(&pretrained).expect("removed");
    server.stop();
    server.restart();

    let shown = server.json(&["models", "show", "mood:1"]);
    let notes = shown["manifest"]["notes"].to_string();
    assert!(notes.contains("pretrained: minilm/model.onnx") && notes.contains("8199be6f"), "{notes}");
    let probability = |text: &str| -> f64 {
        let answer = server.json(&["predict", "mood", "--text", text]);
        answer["predictions"][0]["probability"].as_f64().unwrap_or_else(|| panic!("{answer}"))
    };
    // Words that no file holds.
    assert!(probability("What a fantastic, beautiful movie!") > 0.5);
    assert!(probability("The worst thing I have ever seen, horrible.") < 0.5);
    let rows =
        json!([{"text": "Lovely."}, {"text": null}, {"text": "很好 ".repeat(500)}, {"text": "Lovely."}]).to_string();
    let answers = server.json(&["predict", "mood", "--rows", &rows]);
    let predictions = answers["predictions"].as_array().expect("a list");
    assert_eq!(predictions[0]["probability"], predictions[3]["probability"]);
    assert_eq!(predictions[0]["probability"].as_f64(), Some(probability("Lovely.")));
    assert_eq!(predictions[1]["notes"][0]["kind"], "missing");
}

#[test]
fn archives_of_texts_are_read_and_hostile_ones_refused() {
    let server = Server::start();
    let import = |name: &str, bytes: Vec<u8>, more: &[&str]| -> Result<Value, String> {
        let path = server.file(name, bytes);
        let arguments = [&["data", "import", "notes", path.to_str().expect("UTF-8")], more].concat();
        let output = server.command(&[&["--json"], arguments.as_slice()].concat()).output().expect("it runs");
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).map_err(|error| error.to_string());
        }
        Err(crate::support::told(&output))
    };
    let good = tar(&[("a/1.txt", b"one"), ("b/2.txt", b"two"), ("b/3.TXT", b"three")]);
    let version = import("notes.tar", good.clone(), &[]).expect("imported");
    assert_eq!(version["rows"], 3);
    assert_eq!(version["schema"]["columns"].as_array().map(Vec::len), Some(3), "no folder says a part");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &good).expect("compressed");
    assert_eq!(import("notes.tgz", packed.finish().expect("gzip"), &[]).expect("imported")["rows"], 3);
    let chinese = tar(&[("好/1.txt", b"\xb7\xbf\xbc\xe4\xba\xdc\xd4\xe0")]);
    let listed = import("gb.tar", chinese.clone(), &[]).expect_err("no text in UTF-8");
    assert!(listed.contains("there is no text that can be read") && listed.contains("gb18030"), "{listed}");
    let read = import("gb.tar", chinese, &["--encoding", "gb18030"]).expect("imported");
    assert_eq!(read["rows"], 1);
    let climbing = import("climbing.tar", tar(&[("../a.txt", b"x")]), &[]).expect_err("refused");
    assert!(climbing.contains("../a.txt"), "{climbing}");
    let no_archive = import("plain.csv", b"a,b\n1,2\n".to_vec(), &["--format", "texts"]).expect_err("refused");
    assert!(no_archive.contains("no zip and no tar"), "{no_archive}");
}
