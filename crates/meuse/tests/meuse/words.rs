//! The walk of word vectors: from texts to neighbours, an answered text, and a network that begins with them.

use std::fmt::Write as _;

use crate::support::Server;

/// Sentences of two subjects, whose words stand beside their own kind only.
fn import(server: &Server) {
    let subjects = [["ship", "sail", "wave", "harbour", "anchor"], ["oven", "flour", "butter", "spoon", "bowl"]];
    let mut csv = "text,mood\n".to_owned();
    for number in 0_usize..400 {
        let subject = subjects[number % 2];
        let word = |step: usize| subject[(number / 2 * 7 + step * step + number / 11) % 5];
        let _ = write!(csv, "the {} and a {} by the {} with", word(0), word(1), word(2));
        let _ =
            writeln!(csv, " {} or {} {number},{}", word(3), word(4), if number % 2 == 0 { "calm" } else { "hungry" });
    }
    let file = server.file("subjects.csv", csv);
    server.run(&["data", "import", "subjects", file.to_str().expect("UTF-8")]);
}

const RECIPE: &str = r#"
dataset = "subjects"
task = "embedding"
keep = ["text"]

[preprocessing.columns.text]
encode = "sequence"
sequence = { length = 12 }

[algorithm]
name = "skip_gram"
dimensions = 16
epochs = 20
subsample = 0.01
"#;

#[test]
fn words_are_asked_for_their_neighbours() {
    let server = Server::start();
    import(&server);
    let path = server.file("words.toml", RECIPE);
    let path = path.to_str().expect("UTF-8");
    server.run(&["recipe", "check", path]);
    let told = server.run(&["train", path, "--model", "words", "--follow"]);
    assert!(told.contains("words:1"), "{told}");
    let version = server.json(&["models", "show", "words:1"]);
    assert!(version["evaluation"]["metrics"]["loss"]["value"].as_f64().is_some_and(|loss| loss > 0.0), "{version}");
    assert_eq!(version["manifest"]["vectors"]["dimensions"], 16);
    assert!(server.run(&["models", "show", "words:1"]).contains("a vector of 16 each"));

    let undeployed = server.fails(&["models", "neighbours", "words", "ship"]);
    assert!(undeployed.contains("no version of model `words` is deployed"), "{undeployed}");
    server.run(&["models", "deploy", "words:1", "--reason", "the first one"]);
    let found = server.json(&["models", "neighbours", "words", "Ship", "--count", "4"]);
    let near: Vec<&str> =
        found["neighbours"].as_array().expect("a list").iter().filter_map(|one| one["word"].as_str()).collect();
    assert_eq!(near.len(), 4);
    for word in &near {
        assert!(["sail", "wave", "harbour", "anchor"].contains(word), "{near:?}");
    }
    let table = server.run(&["models", "neighbours", "words:1", "oven", "--plus", "flour", "--minus", "ship"]);
    assert!(table.contains("butter") && !table.contains("flour"), "{table}");

    let misspelt = server.fails(&["models", "neighbours", "words", "buttr"]);
    assert!(misspelt.contains("has no vector of `buttr`") && misspelt.contains("did you mean `butter`?"), "{misspelt}");
    let two = server.fails(&["models", "neighbours", "words", "flour, butter"]);
    assert!(two.contains("is 2 words to this model"), "{two}");
    let nothing = server.fails(&["models", "neighbours", "words", "ship", "--minus", "ship"]);
    assert!(nothing.contains("nothing is left"), "{nothing}");
    let many = server.fails(&["models", "neighbours", "words", "ship", "--count", "0"]);
    assert!(many.contains("0 is not from 1 to 1000"), "{many}");

    let answer = server.json(&["predict", "words", "--text", "Ship"]);
    let vector = answer["predictions"][0]["embedding"].as_array().expect("a vector").clone();
    assert_eq!(vector.len(), 16, "{answer}");
    let unknown = server.json(&["predict", "words", "--text", "quite unheard of"]);
    assert!(unknown["predictions"][0]["notes"].to_string().contains("no word of it was seen"), "{unknown}");
    assert_eq!(unknown["predictions"][0]["embedding"][0], 0.0, "{unknown}");
    let shown = server.run(&["predict", "words", "--text", "Ship"]);
    assert!(shown.contains("16 numbers: "), "{shown}");

    let key = server.key.clone();
    let body = r#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["Ship"]}]}"#;
    let (status, tensors) = server.http("POST", "/v2/models/words/infer", Some(&key), body.as_bytes());
    assert!(status == 200 && tensors.contains("\"shape\":[1,16]"), "{tensors}");

    a_network_begins_with_them(&server);

    let rare = server.file("rare.toml", RECIPE.replace("epochs = 20", "min_count = 9999"));
    let refused = server.fails(&["train", rare.to_str().expect("UTF-8"), "--model", "rare", "--follow"]);
    assert!(refused.contains("no word stands 9999 times"), "{refused}");
}

const NETWORK: &str = r#"
dataset = "subjects"
task = "binary"
target = "mood"
positive = "calm"

[split]
method = "stratified"
validation = 0.1
test = 0.2

[preprocessing.columns.text]
encode = "sequence"
sequence = { length = 12, vocabulary = 16 }

[algorithm]
name = "network"
epochs = 8
batch_size = 16
layers = [
    { kind = "embedding", size = 16, weights = "words:1", trainable = false },
    { kind = "global_average_pool" },
    { kind = "dense", units = 1, activation = "sigmoid" },
]

[algorithm.optimizer]
name = "adam"
learning_rate = 0.05
"#;

fn a_network_begins_with_them(server: &Server) {
    let path = server.file("network.toml", NETWORK);
    let path = path.to_str().expect("UTF-8");
    let table = server.run(&["recipe", "check", path]);
    assert!(table.contains("17 trained parameters"), "the vectors are frozen: {table}");
    server.run(&["train", path, "--model", "mood", "--follow"]);
    let version = server.json(&["models", "show", "mood:1"]);
    let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("an AUC");
    assert!(auc > 0.95, "{auc}");
    let notes = version["manifest"]["notes"].to_string();
    assert!(notes.contains("begins with vectors of words:1 for 15 of its 15 words, which training leaves"), "{notes}");
    let lineage = &version["manifest"]["lineage"]["started_from"][0];
    assert_eq!((lineage["model"].as_str(), lineage["version"].as_u64()), (Some("words"), Some(1)));
    assert_eq!(lineage["digest"], server.json(&["models", "show", "words:1"])["digest"]);
    server.run(&["models", "deploy", "mood:1", "--reason", "the first one"]);
    for (text, label) in [("the anchor and the sail", "calm"), ("butter in the bowl", "hungry")] {
        let answer = server.json(&["predict", "mood", "--text", text]);
        assert_eq!(answer["predictions"][0]["label"], label, "{text}: {answer}");
    }
    let no_vectors = server.fails(&["models", "neighbours", "mood", "ship"]);
    assert!(no_vectors.contains("`mood:1` does a binary task, and has no word vectors"), "{no_vectors}");

    let wrong = [
        ("size = 16", "size = 8", "the vectors of `words:1` have 16 numbers, and the layer has size = 8"),
        ("words:1", "mood:1", "`mood:1` does a binary task, and has no word vectors"),
        ("words:1", "nobody:1", "there is no model `nobody`"),
        ("words:1", "words:7", "has no version 7"),
        ("weights = \"words:1\", ", "", "is frozen without weights"),
    ];
    for (from, to, message) in wrong {
        let path = server.file("wrong.toml", NETWORK.replace(from, to));
        let said = server.fails(&["train", path.to_str().expect("UTF-8"), "--model", "wrong"]);
        assert!(said.contains(message) && said.contains("algorithm.layers[0]"), "{said}");
    }
}
