//! The walk of texts: from a file of Chinese reviews to an answered call, with the recipe that `recipe init` writes.

use serde_json::{Value, json};

use crate::support::{Server, checkout};

/// Real reviews, of which scikit-learn's fixture holds a few, each line twice for one of them.
fn reviews(server: &Server) -> std::path::PathBuf {
    let path = checkout().join("crates/train/tests/fixtures/sklearn-text.json");
    let fixture: Value = serde_json::from_slice(&std::fs::read(path).expect("committed")).expect("JSON");
    let list = |name: &str| fixture[name].as_array().expect("a list").clone();
    let lines = list("texts").into_iter().zip(list("labels"));
    let rows: Vec<String> = lines.map(|(text, label)| format!("{text},{}", label.as_str().expect("a text"))).collect();
    let csv = format!("review,label\n{}\n{}\n{}\n", rows.join("\n"), rows[3], rows[5].replace(",pos", ",neg"));
    server.file("reviews.csv", csv)
}

#[test]
fn from_a_file_of_texts_to_an_answered_call() {
    let server = Server::start();
    let file = reviews(&server);
    server.run(&["data", "import", "reviews", file.to_str().expect("UTF-8")]);
    the_profile_knows_texts(&server);

    let recipe = server.path("reviews.toml");
    let recipe = recipe.to_str().expect("UTF-8");
    server.run(&["recipe", "init", "--dataset", "reviews", "--target", "label", "--positive", "pos", "--out", recipe]);
    let text = std::fs::read_to_string(recipe).expect("it was written");
    assert!(text.contains("name = \"logistic_regression\"") && text.contains("encode = \"tfidf\""), "{text}");
    assert!(text.contains("tokens = \"characters\"") && text.contains("drop_duplicates = true"), "{text}");
    server.run(&["recipe", "check", recipe]);
    let told = server.run(&["train", recipe, "--model", "mood", "--follow"]);
    assert!(told.contains("mood:1"), "{told}");
    server.run(&["models", "deploy", "mood:1", "--reason", "the first one"]);

    let version = server.json(&["models", "show", "mood:1"]);
    let notes = version["manifest"]["notes"].to_string();
    assert!(
        notes.contains("1 row left out: `review` repeats") && notes.contains("2 rows left out: `label` contra"),
        "{notes}"
    );
    assert!(version["manifest"]["features"].as_u64().is_some_and(|features| features > 500));
    assert_eq!(version["manifest"]["inputs"][0]["type"], "text");

    let praise = "酒店很好，服务热情，房间干净，下次还会来";
    let answer = server.json(&["predict", "mood", "--text", praise]);
    let prediction = &answer["predictions"][0];
    assert!(prediction["probability"].as_f64().is_some_and(|p| p > 0.0 && p < 1.0), "{answer}");
    let rows = json!([{"review": praise}, {"review": null}, {"review": "☃"}]).to_string();
    let same = server.json(&["predict", "mood:1", "--rows", &rows]);
    assert_eq!(same["predictions"][0]["probability"], prediction["probability"]);
    assert_eq!(same["predictions"][1]["notes"][0]["kind"], "missing");
    assert_eq!(same["predictions"][2]["notes"][0]["kind"], "unknown_text");
    assert_eq!(same["predictions"][1]["probability"], same["predictions"][2]["probability"]);

    let misread = server.file("misread.toml", text.replace("tokens = \"characters\"", "tokens = \"charakters\""));
    let refused = server.fails(&["train", misread.to_str().expect("UTF-8"), "--model", "mood"]);
    assert!(
        refused.contains("preprocessing.columns.review.tfidf.tokens") && refused.contains("did you mean `characters`?"),
        "{refused}"
    );
    let strangers = server.fails(&["predict", "mood", "--rows", "[{\"text\": \"x\"}]"]);
    assert!(strangers.contains("rows[0].review"), "{strangers}");
}

fn the_profile_knows_texts(server: &Server) {
    let column = server.json(&["data", "profile", "reviews", "--column", "review"]);
    let text = &column["text"];
    assert_eq!(text["duplicates"], 2, "{column}");
    assert_eq!(text["contradictions"], json!([{"column": "label", "texts": 1, "rows": 2}]));
    assert_eq!(text["scripts"][0]["name"], "Han");
    let first = &text["languages"]["found"][0];
    assert_eq!((&first["code"], &first["name"]), (&json!("cmn"), &json!("Chinese")), "{text}");
    assert!(text["words"][2]["value"].as_f64().is_some_and(|median| median > 6.0), "{text}");
    assert_eq!(text["frequent_words"].as_array().map(Vec::len), Some(20));
    let told = server.run(&["data", "profile", "reviews"]);
    assert!(
        told.contains("long texts (Han") && told.contains("`label` contradicts itself: 1 texts of `review`"),
        "{told}"
    );
    assert!(!told.contains("looks like an identifier"), "{told}");
}
