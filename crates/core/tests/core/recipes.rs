//! Each wrong recipe is told the line, the field, what is allowed, and the nearest known name.

use std::path::Path;

use meuse_core::profile::{ColumnProfile, Frequency, Profile};
use meuse_core::recipe::{Algorithm, Plan, Problems, Split, Treatment, parse};
use meuse_core::schema::{ColumnSchema, ColumnType, Schema};

pub(crate) const GOOD: &str = r#"dataset = "credit:1"
task = "binary"
target = "creditability"
positive = "bad"
drop = ["id"]
metric = "roc_auc"

[split]
method = "stratified"
validation = 0.2
test = 0.2

[preprocessing.columns.age]
encode = "quantile_bins"
bins = 4

[algorithm]
name = "logistic_regression"
l2 = 2.0
"#;

pub(crate) fn schema() -> Schema {
    let column = |name: &str, column_type, categories: Option<&[&str]>| ColumnSchema {
        name: name.into(),
        column_type,
        nullable: false,
        categories: categories.map(|list| list.iter().map(ToString::to_string).collect()),
    };
    Schema {
        columns: vec![
            column("id", ColumnType::Integer, None),
            column("age", ColumnType::Integer, None),
            column("amount", ColumnType::Number, None),
            column("housing", ColumnType::Text, Some(&["own", "rent"])),
            column("creditability", ColumnType::Text, Some(&["bad", "good"])),
        ],
    }
}

pub(crate) fn profile() -> Profile {
    let frequent = |list: &[(&str, u64)]| {
        list.iter().map(|(value, count)| Frequency { value: (*value).into(), count: *count }).collect::<Vec<_>>()
    };
    let column = |name: &str, distinct, list: &[(&str, u64)]| ColumnProfile {
        text: None,
        name: name.into(),
        column_type: schema().column(name).expect("a column of the schema").column_type,
        missing: 0,
        distinct,
        numeric: None,
        range: None,
        frequent: frequent(list),
    };
    Profile {
        rows: 100,
        columns: vec![
            column("id", 100, &[]),
            column("age", 40, &[]),
            column("amount", 90, &[]),
            column("housing", 2, &[("own", 60), ("rent", 40)]),
            column("creditability", 2, &[("good", 70), ("bad", 30)]),
        ],
        warnings: Vec::new(),
        images: None,
    }
}

fn plan(text: &str) -> Result<Plan, Problems> {
    parse(text)?.check(&schema(), Some(&profile()))
}

/// The recipe with one text replaced is refused with a sentence that begins like this, and nothing is told twice.
fn refused(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "the good recipe has no `{from}`");
    let message = plan(&GOOD.replace(from, to)).expect_err(to).to_string();
    assert!(message.starts_with(expected), "\n told: {message}\nwants: {expected}");
    let told: std::collections::BTreeSet<&str> = message.lines().collect();
    assert_eq!(told.len(), message.lines().count(), "told twice: {message}");
}

#[test]
fn every_recipe_that_is_shipped_is_one() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = |folder: &Path| std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("read").path());
    let files = entries(&examples).filter(|path| path.is_dir()).flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let mut read = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let text = std::fs::read_to_string(&file).expect("text");
        assert!(parse(&text).is_ok(), "{}: {:?}", file.display(), parse(&text).err());
        read += 1;
    }
    assert!(read > 15, "only {read} were found");
}

#[test]
fn a_good_recipe_is_read_as_it_was_meant() {
    let parsed = parse(GOOD).expect("the good recipe");
    assert!(matches!(parsed.recipe.split, Split::Stratified(_)));
    assert!(matches!(&parsed.recipe.algorithm, Algorithm::LogisticRegression(linear) if linear.l2 == 2.0));
    let plan = parsed.check(&schema(), Some(&profile())).expect("it fits the data");
    let names: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["age", "amount", "housing"]);
    assert!(matches!(plan.columns[0].treatment, Treatment::Numeric { bins: 4, .. }));
}

#[test]
fn json_is_a_recipe_too() {
    let json = serde_json::to_string(&parse(GOOD).expect("the good recipe").recipe).expect("a recipe is JSON");
    assert_eq!(parse(&json).expect("the same in JSON").recipe, parse(GOOD).expect("the good recipe").recipe);
}

#[test]
fn what_the_schema_does_not_allow_is_named_with_its_line() {
    refused("metric =", "metrik =", "line 6: `metrik`: there is no field `metrik` here (did you mean `metric`?)");
    refused("l2 = 2.0", "l3 = 2.0", "line 19: `algorithm.l3`: there is no field `l3` here (did you mean `l1`?)");
    refused("l2 = 2.0", "l2 = \"2\"", "line 19: `algorithm.l2`: `\"2\"` is not a number");
    refused("l2 = 2.0", "l2 = -1.0", "line 19: `algorithm.l2`: -1.0 is out of range (allowed: 0 or more");
    refused("l2 = 2.0", "l2 = nan", "line 19: `algorithm.l2`: `nan` is not a number that a recipe can hold");
    refused(
        "\"binary\"",
        "\"binery\"",
        "line 2: `task`: `binery` is not allowed here (allowed: `binary`, `multiclass`, `regression`, `detection`, \
         `embedding`; did you mean `binary`?)",
    );
    refused("logistic_regression", "logistic", "line 18: `algorithm.name`: `logistic` is not allowed here");
    refused("name = \"logistic_regression\"", "", "line 17: `algorithm`: the field `name` is missing");
    refused("target = \"creditability\"\n", "", "the field `target` is missing");
    refused("stratified", "stratify", "line 9: `split.method`: `stratify` is not allowed here");
    refused("validation = 0.2", "validation = 2", "line 10: `split.validation`: 2 is out of range");
    refused("quantile_bins", "quantiles", "line 14: `preprocessing.columns.age.encode`: `quantiles` is not allowed");
    refused("bins = 4", "bin = 4", "line 15: `preprocessing.columns.age.bin`: there is no field `bin` here");
    refused("[split]", "[split", "line 8: this is not TOML");
    refused("\"credit:1\"", "\"Credit\"", "`Credit` holds `C`");
}

#[test]
fn what_does_not_fit_the_data_is_named_with_its_line() {
    refused(
        "\"creditability\"",
        "\"creditabilty\"",
        "line 3: `target`: the dataset has no column `creditabilty` (did you mean `creditability`?)",
    );
    refused("[\"id\"]", "[\"idd\"]", "line 5: `drop[0]`: the dataset has no column `idd` (did you mean `id`?)");
    refused("columns.age", "columns.aeg", "line 13: `preprocessing.columns.aeg`: the dataset has no column `aeg`");
    refused("\"bad\"", "\"worse\"", "line 4: `positive`: `creditability` has no value `worse`");
    refused(
        "positive = \"bad\"\n",
        "",
        "`positive`: a binary task names its positive class (add positive = \"good\" or \"bad\")",
    );
    refused("\"roc_auc\"", "\"rmse\"", "line 6: `metric`: `rmse` is not a metric of this task");
    refused("\"creditability\"", "\"age\"", "line 3: `target`: `age` has 40 different values");
    refused("validation = 0.2", "validation = 0.8", "line 8: `split`: validation and test take 1 of the rows");
    refused(
        "logistic_regression",
        "linear_regression",
        "line 18: `algorithm.name`: `linear_regression` cannot do a binary",
    );
    refused("quantile_bins", "one_hot", "line 14: `preprocessing.columns.age.encode`: this is an encoding of text");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = GOOD.replace("metric =", "metrik =").replace("l2 =", "l9 =");
    let problems = parse(&text).err().expect("two slips").0;
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn a_target_of_one_class_is_refused() {
    let mut profile = profile();
    profile.columns[4].distinct = 1;
    let problems = parse(GOOD).expect("the good recipe").check(&schema(), Some(&profile)).expect_err("one class");
    assert!(problems.to_string().contains("has one class only"), "{problems}");
}

#[test]
fn a_scorecard_is_made_of_weights_of_evidence_only() {
    refused(
        "name = \"logistic_regression\"\nl2 = 2.0",
        "name = \"scorecard\"",
        "line 14: `preprocessing.columns.age.encode`: a scorecard is made of weights of evidence",
    );
}

#[test]
fn pieces_of_words_begin_with_no_vectors() {
    let text = r#"dataset = "credit:1"
task = "binary"
target = "creditability"
positive = "bad"
keep = ["housing"]
preprocessing.columns.housing = { encode = "sequence", sequence = { tokenizer = "minilm" } }

[algorithm]
name = "network"
layers = [
    { kind = "embedding", size = 8, weights = "words:1" },
    { kind = "global_average_pool" },
    { kind = "dense", units = 1, activation = "sigmoid" },
]
"#;
    let message = plan(text).expect_err("a problem").to_string();
    assert!(
        message.contains("`preprocessing.columns.housing.sequence.tokenizer`: a published tokenizer cuts"),
        "{message}"
    );
    let words = text.replace(r#"tokenizer = "minilm""#, "length = 10");
    plan(&words).expect("words have vectors");
}

#[test]
fn automatic_capacity_does_not_take_sizes() {
    refused(
        "name = \"logistic_regression\"\nl2 = 2.0",
        "name = \"lightgbm\"\nnum_leaves = 31",
        "line 19: `algorithm.num_leaves`: capacity = \"auto\" chooses this one",
    );
}

/// The schema that we publish is the one that is enforced. `MEUSE_BLESS=1` writes it instead of comparing.
#[test]
fn the_published_schema_is_the_one_that_is_enforced() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/recipe.schema.json");
    let schema = serde_json::to_string_pretty(&meuse_core::recipe::json_schema()).expect("a schema is JSON") + "\n";
    if std::env::var_os("MEUSE_BLESS").is_some() {
        std::fs::write(path, &schema).expect("the published schema can be written");
    }
    let published = std::fs::read_to_string(path).expect("docs/reference/recipe.schema.json");
    assert!(
        published == schema,
        "the schema has changed: run `MEUSE_BLESS=1 cargo test -p meuse-core`, and look at the diff"
    );
}

/// What is said about a text that is refused as a whole.
fn said_of(text: &str) -> String {
    parse(text).err().unwrap_or_else(|| panic!("it was read: {}", &text[..text.len().min(80)])).to_string()
}

#[test]
fn a_recipe_that_is_meant_to_hurt_is_refused_at_once() {
    let cases = [
        ("a name of very many parts", format!("{}a = 1", "a.".repeat(100_000)), "more than 64 parts"),
        ("a table of very many parts", format!("[{}a]", "a . ".repeat(100_000)), "more than 64 parts"),
        ("in a table in a line", format!("x = {{ {}a = 1 }}", "'a'.".repeat(100_000)), "more than 64 parts"),
        ("lists in lists", format!("x = {}", "[".repeat(400_000)), "TOML"),
        ("tables in tables", format!("x = {}", "{a=".repeat(100_000)), "TOML"),
        ("lists in lists as JSON", format!("{{\"x\":{}", "[".repeat(400_000)), "recursion limit"),
        ("more than half a megabyte", "#".repeat(600_000), "524288 are the most"),
        ("a very long name", format!("[{}]\na = 1", "n".repeat(400_000)), "more than 512 bytes"),
        ("a key twice as JSON", r#"{"dataset":"a","x":{"y":1,"y":2}}"#.to_owned(), "the key `y` comes twice"),
    ];
    for (what, text, expected) in cases {
        let message = said_of(&text);
        assert!(message.contains(expected), "{what}: {message}");
    }
}

#[test]
fn very_many_problems_are_summed_up() {
    let field = |index: usize| format!("k{index}=1\n");
    let fields: String = (0..40_000).map(field).collect();
    let message = said_of(&format!("{GOOD}\n{fields}"));
    assert!(message.lines().count() == 101 && message.ends_with("and 39900 more problems"), "{message}");
}
