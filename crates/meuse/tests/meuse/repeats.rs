//! Pictures and texts that are there more than once: the import says how many, `recipe check` notes it, a training that
//! measures on what it has learnt says how much, and `drop_duplicates` ends it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::refusals::TEXTS;
use crate::support::{Server, told};
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

[preprocessing.columns.image.image]
width = 16
height = 16

[algorithm]
name = "network"
epochs = 1
layers = [{ kind = "flatten" }, { kind = "dense", units = 2, activation = "softmax" }]
"#;
const REMEDY: &str = "add drop_duplicates = true under [preprocessing.columns.image]";

/// Two classes of twelve drawings to learn from and of six to be tested on. Of the test part five stand in the training
/// part too, and one of them in another class.
fn shapes(server: &Server) -> std::path::PathBuf {
    let folder = server.path("shapes");
    let put = |part: &str, class: &str, name: usize, file: Vec<u8>| {
        let folder = folder.join(part).join(class);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join(format!("{name}.bmp")), file).expect("written");
    };
    for class in ["across", "disc"] {
        (0..12).for_each(|number| put("train", class, number, drawing(class, number)));
        (20..23).for_each(|number| put("test", class, number, drawing(class, number)));
    }
    for number in 0..2 {
        put("test", "across", 30 + number, drawing("across", number));
        put("test", "disc", 30 + number, drawing("disc", number));
    }
    put("test", "disc", 40, drawing("across", 5));
    put("test", "across", 40, drawing("across", 25));
    folder
}

fn train(server: &Server, recipe: &str, model: &str) -> Value {
    let path = server.file("recipe.toml", recipe);
    let path = path.to_str().expect("UTF-8");
    let output = server.command(&["train", path, "--model", model, "--follow"]).output().expect("meuse runs");
    assert!(output.status.success(), "{}", told(&output));
    let mut version = server.json(&["models", "show", &format!("{model}:1")]);
    version["told"] = format!("{}{}", String::from_utf8_lossy(&output.stdout), told(&output)).into();
    version
}

/// These recipes have no validation part.
const UNCHOSEN: &str = "no figures to choose by: a network is not trained anew for each fold; give the split a \
                        validation part";

fn check(server: &Server, recipe: &str) -> String {
    let path = server.file("recipe.toml", recipe);
    server.run(&["recipe", "check", path.to_str().expect("UTF-8")])
}

#[test]
fn a_picture_in_two_parts_is_told_with_the_number_and_left_out_when_asked() {
    let server = Server::start();
    let folder = shapes(&server);
    let imported = server.command(&["data", "import", "shapes", folder.to_str().expect("UTF-8")]).output();
    let imported = imported.expect("meuse runs");
    let said = format!("{}{}", String::from_utf8_lossy(&imported.stdout), told(&imported));
    assert!(imported.status.success() && said.contains("5 of 36 rows repeat an earlier `image`"), "{said}");
    let profile = server.run(&["data", "profile", "shapes"]);
    assert!(profile.contains("`image` repeats itself: 5 of 36 rows hold the picture of an earlier row"), "{profile}");

    let noted = check(&server, PICTURES);
    assert!(noted.contains("note: 5 of 36 rows repeat an earlier `image`") && noted.contains(REMEDY), "{noted}");
    let version = train(&server, PICTURES, "kept");
    let warning = format!(
        "5 of 12 rows in the test part repeat the `image` of a training row, so its figures are too good: {REMEDY}"
    );
    assert_eq!(version["evaluation"]["warnings"], json!([warning, UNCHOSEN]));
    assert!(version["manifest"]["notes"].as_array().is_some_and(|notes| notes.contains(&json!(warning))));
    let heard = version["told"].as_str().unwrap_or_default();
    assert!(heard.contains("5 of 12 rows in the test part repeat the `image`"), "{heard}");

    let dropped = PICTURES.replace(
        "[preprocessing.columns.image.image]",
        "[preprocessing.columns.image]\ndrop_duplicates = true\n\n[preprocessing.columns.image.image]",
    );
    assert!(!check(&server, &dropped).contains("note:"));
    let version = train(&server, &dropped, "dropped");
    assert_eq!(version["evaluation"]["warnings"], json!([UNCHOSEN]));
    // The test part stands first in the archive, so that its pictures are the ones that stay.
    assert_eq!(version["evaluation"]["rows"], json!({ "training": 19, "validation": 0, "test": 11 }));
    let notes = version["manifest"]["notes"].to_string();
    assert!(notes.contains("4 rows left out: `image` repeats the picture of an earlier row"), "{notes}");
    let same = "2 rows left out: `label` contradicts itself between rows of the same `image` (1 different pictures)";
    assert!(notes.contains(same), "{notes}");

    let path = server.path("first.toml");
    let path = path.to_str().expect("UTF-8");
    server.run(&["recipe", "init", "--dataset", "shapes", "--target", "label", "--out", path]);
    let first = std::fs::read_to_string(path).expect("it was written");
    assert!(first.contains("drop_duplicates = true         # 5 rows repeat the picture of an earlier one"), "{first}");
    server.run(&["recipe", "check", path]);
}

#[test]
fn a_text_in_two_parts_is_told_and_a_class_that_is_hardly_there_too() {
    let server = Server::start();
    let mut csv = "text,part,mood\n".to_owned();
    for number in 0..90 {
        let mood = if number % 45 == 7 { "sad" } else { "happy" };
        let _ = writeln!(csv, "this is the film number {number} of very many,train,{mood}");
    }
    for number in 0..20 {
        let _ =
            writeln!(csv, "this is the film number {} of very many,test,{}", 85 + number, ["sad", "happy"][number % 2]);
    }
    let file = server.file("films.csv", csv);
    let imported = server.command(&["data", "import", "films", file.to_str().expect("UTF-8")]).output();
    let imported = imported.expect("meuse runs");
    let said = format!("{}{}", String::from_utf8_lossy(&imported.stdout), told(&imported));
    assert!(said.contains("5 of 110 rows repeat an earlier `text`"), "{said}");
    let by_part = "method = \"column\"\ncolumn = \"part\"\ntraining = [\"train\"]\ntest = [\"test\"]";
    let recipe = &TEXTS
        .replace("dataset = \"notes\"", "dataset = \"films\"")
        .replace("method = \"stratified\"\nvalidation = 0.0\ntest = 0.25", by_part);
    assert!(recipe.contains("films") && recipe.contains(by_part), "{recipe}");
    assert!(check(&server, recipe).contains("note: 5 of 110 rows repeat an earlier `text`"));
    let version = train(&server, recipe, "films");
    let warnings = version["evaluation"]["warnings"].as_array().expect("warnings").clone();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0]
            .as_str()
            .is_some_and(|warning| warning.starts_with("5 of 20 rows in the test part repeat the `text`"))
    );
    let scarce = "`sad` has 2 of 90 training rows, and another class 88: it may never be told; add class_weight = \
                  \"balanced\" under [algorithm]";
    assert_eq!((&warnings[1], &warnings[2]), (&json!(scarce), &json!(UNCHOSEN)));
    let weighed = recipe.replace("epochs = 1", "epochs = 1\nclass_weight = \"balanced\"");
    let version = train(&server, &weighed, "weighed");
    assert_eq!(
        version["evaluation"]["warnings"].as_array().map(Vec::len),
        Some(2),
        "{}",
        version["evaluation"]["warnings"]
    );
}
