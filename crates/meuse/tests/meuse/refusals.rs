//! What a network cannot learn from, through the real programs: classes and labels that are not there, texts that say
//! nothing, more memory than there is, more numbers than one call may bring. Each is told with its field and a remedy.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::Server;
use crate::vision::drawing;

const PICTURES: &str = r#"dataset = "shapes"
task = "multiclass"
target = "label"
keep = ["image"]

[split]
method = "column"
column = "split"
training = ["training"]
test = ["test"]

[preprocessing.columns.image]
encode = "image"

[preprocessing.columns.image.image]
width = 16
height = 16

[algorithm]
name = "network"
epochs = 1
layers = [{ kind = "flatten" }, { kind = "dense", units = UNITS, activation = "softmax" }]
"#;

/// A recipe of a small network for texts.
pub(crate) const TEXTS: &str = r#"dataset = "notes"
task = "binary"
target = "mood"
positive = "happy"

[split]
method = "stratified"
validation = 0.0
test = 0.25

[preprocessing.columns.text]
encode = "sequence"
sequence = { vocabulary = 50, length = 8 }

[algorithm]
name = "network"
epochs = 1
layers = [
    { kind = "embedding", size = 2 },
    { kind = "global_average_pool" },
    { kind = "dense", units = 1, activation = "sigmoid" },
]
"#;

/// Imports files: paths in a folder, and what each is a drawing of.
fn import(server: &Server, files: &[(String, &str)]) {
    let folder = server.path("shapes");
    let _ = std::fs::remove_dir_all(&folder);
    for (number, (name, class)) in files.iter().enumerate() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("made");
        std::fs::write(path, drawing(class, number)).expect("written");
    }
    server.run(&["data", "import", "shapes", folder.to_str().expect("UTF-8")]);
}

/// What `meuse train --follow` says of a recipe that fails.
fn fails(server: &Server, recipe: &str) -> String {
    let path = server.file("recipe.toml", recipe);
    server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "never", "--follow"])
}

fn trains(server: &Server, recipe: &str, model: &str) -> Value {
    let path = server.file("recipe.toml", recipe);
    server.run(&["train", path.to_str().expect("UTF-8"), "--model", model, "--follow"]);
    server.json(&["models", "show", &format!("{model}:1")])
}

#[test]
fn classes_and_labels_that_are_not_there_are_told() {
    let server = Server::start();
    let of = |part: &str, class: &'static str, count: usize| -> Vec<(String, &'static str)> {
        (0..count).map(|number| (format!("{part}/{class}/{number}.bmp"), class)).collect()
    };
    import(&server, &[of("train", "across", 6), of("train", "disc", 6), of("test", "upright", 4)].concat());
    let said = fails(&server, &PICTURES.replace("UNITS", "3"));
    assert!(said.contains("the training part (12 rows) has no row of the class `upright`"), "{said}");

    // Pictures that lie in no class are left out, and it is said how many.
    let loose = vec![("loose-1.bmp".to_owned(), "disc"), ("loose-2.bmp".to_owned(), "disc")];
    let known = |class| (0..8).map(move |number| (format!("{class}/{number}.bmp"), class)).collect::<Vec<_>>();
    import(&server, &[known("across"), known("disc"), loose.clone()].concat());
    let (head, tail) = PICTURES.split_once("[split]").expect("a split");
    let (_, tail) = tail.split_once("[preprocessing").expect("preprocessing");
    let by_chance = format!("{head}[split]\nmethod = \"stratified\"\nvalidation = 0.0\n[preprocessing{tail}");
    let version = trains(&server, &by_chance.replace("UNITS", "2"), "shapes");
    let notes = version["manifest"]["notes"].to_string();
    assert!(notes.contains("2 rows left out: `label` is missing"), "{notes}");

    import(&server, &known("across"));
    let said = fails(&server, &by_chance.replace("UNITS", "2"));
    assert!(said.contains("target") && said.contains("one class only"), "{said}");
    import(&server, &loose);
    let said = fails(&server, &by_chance.replace("UNITS", "2"));
    assert!(said.contains("label"), "{said}");
    assert_eq!(server.json(&["models", "list"])["items"].as_array().map(Vec::len), Some(1));
}

fn notes(server: &Server, text: impl Fn(usize) -> String) {
    let mut csv = "text,mood\n".to_owned();
    for number in 0..48 {
        let _ = writeln!(csv, "{},{}", text(number), if number % 2 == 0 { "happy" } else { "sad" });
    }
    server.run(&["data", "import", "notes", server.file("notes.csv", csv).to_str().expect("UTF-8")]);
}

#[test]
fn texts_that_say_nothing_and_vocabularies_of_nothing_are_told() {
    let server = Server::start();
    notes(&server, |number| "!?".repeat(1 + number));
    let tfidf = TEXTS
        .replace("encode = \"sequence\"\nsequence = { vocabulary = 50, length = 8 }", "encode = \"tfidf\"")
        .split_once("[algorithm]")
        .map(|(head, _)| format!("{head}[algorithm]\nname = \"logistic_regression\"\n"))
        .expect("an algorithm");
    for (recipe, field) in [(TEXTS, "sequence.tokens"), (&tfidf, "tfidf.tokens")] {
        let said = fails(&server, recipe);
        assert!(said.contains("no text of the training part holds a token of"), "{said}");
        assert!(said.contains(&format!("preprocessing.columns.text.{field}")) && said.contains("characters"), "{said}");
    }
    for size in ["0", "1"] {
        let said = fails(&server, &TEXTS.replace("vocabulary = 50", &format!("vocabulary = {size}")));
        assert!(said.contains("preprocessing.columns.text.sequence.vocabulary"), "{said}");
    }
    // Among others an empty text is one of no words, in training and in a call.
    notes(&server, |number| if number % 5 == 0 { String::new() } else { format!("word{} again", number % 7) });
    trains(&server, TEXTS, "mood");
    server.run(&["models", "deploy", "mood:1", "--reason", "to be asked"]);
    let answer = server.json(&["predict", "mood", "--rows", r#"[{"text": ""}, {"text": null}, {"text": "word1"}]"#]);
    let predictions = answer["predictions"].as_array().expect("a list");
    assert_eq!(predictions[0]["probability"], predictions[1]["probability"], "{answer}");
    assert!(predictions[0]["notes"].to_string().contains("no word"), "{answer}");
}

/// A network of so many wide layers.
fn wide(units: u32, layers: usize) -> String {
    let more = format!("{{ kind = \"dense\", units = {units} }}, ").repeat(layers);
    TEXTS.replace("size = 2 },", &format!("size = {units} }}, {more}"))
}

#[test]
fn a_training_that_needs_more_memory_than_there_is_is_refused_with_both_numbers() {
    let mut server = Server::new();
    server.environment.push(("MEUSE_COMPUTE__MAX_MEMORY_MIB", "900".into()));
    server.restart();
    server.read_key();
    notes(&server, |number| format!("word{} again", number % 7));
    let path = server.file("large.toml", wide(6000, 2));
    let checked = server.command(&["recipe", "check", path.to_str().expect("UTF-8")]).output().expect("meuse runs");
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    for said in [fails(&server, &wide(6000, 2)), checked] {
        assert!(said.contains("`algorithm.batch_size`: its training takes about 1"), "{said}");
        assert!(said.contains(" MiB of memory, and one job may take 900 MiB"), "{said}");
        assert!(said.contains("use a smaller batch_size or fewer units, or raise `compute.max_memory_mib`"), "{said}");
    }
    assert_eq!(server.json(&["jobs", "list"])["items"].as_array().map(Vec::len), Some(1), "the import only");
    // Where one job may take more than the machine has free, the child knows better before it begins.
    server.stop();
    server.environment = vec![("MEUSE_COMPUTE__MAX_MEMORY_MIB", "100000000".into())];
    server.restart();
    let said = fails(&server, &wide(40_000, 16));
    assert!(said.contains("algorithm.batch_size: the training needs about 39"), "{said}");
    assert!(said.contains(" MiB of memory, and ") && said.contains(" MiB are free"), "{said}");
}

#[test]
fn a_call_that_becomes_more_numbers_than_one_may_is_refused_with_the_number_of_rows() {
    let server = Server::start();
    notes(&server, |number| format!("word{} again", number % 7));
    trains(&server, &TEXTS.replace("length = 8", "length = 4096"), "mood");
    server.run(&["models", "deploy", "mood:1", "--reason", "to be asked"]);
    let ask = |rows: usize| {
        let body = json!({ "rows": vec![json!({ "text": "word1" }); rows] }).to_string();
        let (status, said) = server.http("POST", "/api/v1/models/mood/predict", Some(&server.key), body.as_bytes());
        (status, said)
    };
    assert_eq!(ask(2).0, 200);
    // 2^25 numbers are 8,192 rows of 4,096.
    let (status, said) = ask(8193);
    assert_eq!(status, 413, "{said}");
    assert!(said.contains("8193 rows are more than the 8192 that one call may bring to this model"), "{said}");
    assert!(said.contains("sees 4096 numbers of each") && said.contains("split them over several calls"), "{said}");
}
