//! The walk of texts as sequences: word ids, an LSTM, and an answer; and a table whose categories become vectors.

use std::fmt::Write as _;

use crate::support::{Server, checkout};

/// Sentences whose meaning is in the order of words: "good not bad" against "bad not good".
fn sentences(server: &Server) -> std::path::PathBuf {
    let (films, ends) = (["film", "book", "play", "song", "game"], ["today", "again", "indeed", "truly", "so far"]);
    let mut csv = "text,mood\n".to_owned();
    for number in 0..300 {
        let (film, end) = (films[number % 5], ends[number / 5 % 5]);
        let _ = writeln!(csv, "the {film} was good not bad {end} {},happy", number % 7);
        let _ = writeln!(csv, "the {film} was bad not good {end} {},sad", number % 7);
    }
    server.file("sentences.csv", csv)
}

const RECIPE: &str = r#"
dataset = "sentences"
task = "binary"
target = "mood"
positive = "happy"

[split]
method = "stratified"
validation = 0.1
test = 0.2

[preprocessing.columns.text]
encode = "sequence"
sequence = { vocabulary = 50, length = 10, token_drop = 0.05 }

[algorithm]
name = "network"
epochs = 6
batch_size = 16
layers = [
    { kind = "embedding", size = 8 },
    { kind = "lstm", units = 16 },
    { kind = "dense", units = 1, activation = "sigmoid" },
]

[algorithm.optimizer]
name = "adam"
learning_rate = 0.01
"#;

#[test]
fn the_order_of_words_is_learnt_and_answered() {
    let server = Server::start();
    server.run(&["data", "import", "sentences", sentences(&server).to_str().expect("UTF-8")]);
    let path = server.file("sentences.toml", RECIPE);
    server.run(&["train", path.to_str().expect("UTF-8"), "--model", "mood", "--follow"]);
    let version = server.json(&["models", "show", "mood:1"]);
    let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("an AUC");
    assert!(auc > 0.95, "{auc}");
    server.run(&["models", "deploy", "mood:1", "--reason", "the first one"]);
    for (text, label) in [("The film was good, not bad!", "happy"), ("the play was bad not good so far", "sad")] {
        let answer = server.json(&["predict", "mood", "--text", text]);
        assert_eq!(answer["predictions"][0]["label"], label, "{text}: {answer}");
    }
    let unknown = server.json(&["predict", "mood", "--text", "quite unheard of"]);
    let notes = unknown["predictions"][0]["notes"].to_string();
    assert!(notes.contains("no word of it was seen in training"), "{notes}");
    let (head, _) = RECIPE.split_once("[algorithm]").expect("an algorithm");
    let wrong = server.file("wrong.toml", format!("{head}[algorithm]\nname = \"lightgbm\"\n"));
    let said = server.command(&["recipe", "check", wrong.to_str().expect("UTF-8")]).output().expect("meuse runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("`lightgbm` cannot learn from sequences of words"), "{said}");
}

#[test]
fn categories_become_vectors_that_are_learnt() {
    let server = Server::start();
    server.import_credit();
    let path = checkout().join("examples/credit/network.toml");
    let path = path.to_str().expect("UTF-8");
    let table = server.run(&["recipe", "check", path]);
    assert!(table.contains("purpose_embedding") && table.contains("together"), "{table}");
    server.run(&["train", path, "--model", "vectors", "--follow"]);
    let version = server.json(&["models", "show", "vectors:1"]);
    let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("an AUC");
    assert!((0.7..0.9).contains(&auc), "{auc}");
    server.run(&["models", "deploy", "vectors:1", "--reason", "it is there"]);
    let rows = std::fs::read_to_string(checkout().join("examples/credit/applicants.json")).expect("the example");
    let answer = server.json(&["predict", "vectors", "--rows", &rows]);
    assert!(answer["predictions"][0]["probability"].as_f64().is_some_and(|p| p > 0.0 && p < 1.0), "{answer}");
}

#[test]
fn texts_of_several_classes_have_a_first_recipe_that_learns() {
    let server = Server::start();
    let (matters, ends) = (["loan", "card", "transfer"], ["today", "again", "please", "at once", "this week"]);
    let mut csv = "message,matter\n".to_owned();
    for number in 0..450 {
        let matter = matters[number % 3];
        let _ = writeln!(csv, "I write to you about my {matter} number {number} {},{matter}", ends[number % 5]);
    }
    server.run(&["data", "import", "messages", server.file("messages.csv", csv).to_str().expect("UTF-8")]);
    let path = server.path("first.toml");
    let path = path.to_str().expect("UTF-8");
    server.run(&["recipe", "init", "--dataset", "messages", "--target", "matter", "--out", path]);
    server.run(&["train", path, "--model", "desk", "--follow"]);
    let version = server.json(&["models", "show", "desk:1"]);
    let accuracy = version["evaluation"]["metrics"]["accuracy"]["value"].as_f64().expect("an accuracy");
    assert!(accuracy > 0.95, "{accuracy}");
    server.run(&["models", "deploy", "desk:1", "--reason", "the first one"]);
    let answer = server.json(&["predict", "desk", "--text", "what about the card I ordered"]);
    assert_eq!(answer["predictions"][0]["label"], "card", "{answer}");
}
