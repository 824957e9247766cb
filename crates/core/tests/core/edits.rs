//! A recipe's text and the form beside it say the same, whoever wrote last; comments and order stay.

use meuse_core::recipe::{EditError, edit, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The ways in which people write the same things.
const TEXTS: [&str; 6] = [
    crate::recipes::GOOD,
    "# Loans of 2026, see the wiki.\n\n# the newest version\ndataset = \"credit\"  # or credit:1\ntarget='bad' # a literal\n\
     drop = [\n    \"id\",   # counts the rows\n    \"name\", # says who\n]\nseed = 0x2A\nthreshold = 5e-1\n\n\
     # How rows are divided.\n[split] # by chance\nmethod = \"random\"\ntest = 0.2 # a fifth\n\n[algorithm]\n\
     name = \"lightgbm\"\n# [algorithm.monotone_constraints]\n# age = \"increasing\"\n",
    "dataset = \"credit\"\nsplit = { method = \"random\", test = 0.2 } # inline\npreprocessing.numeric.impute = \"mean\" # dotted\n\
     preprocessing.numeric.encode = \"none\"\nalgorithm = { name = \"scorecard\", nested = { a = [1, [2, 3]], b = 1979-05-27 } }\n",
    "[preprocessing.columns.\"a.b\"]\nbins = 4 # few\n[preprocessing.columns.age]\nimpute = \"keep\"\n\
     [[steps]]\nname = \"one\" # first\n[[steps]]\nname = \"two\"\n",
    "",
    "{\n  \"target\": \"bad\",\n  \"dataset\": \"credit\",\n  \"split\": {\"test\": 0.2, \"method\": \"random\"},\n  \"drop\": [\"id\"]\n}\n",
];

fn document(text: &str) -> Map<String, Value> {
    match read(text).document {
        Some(Value::Object(document)) => document,
        other => panic!("{other:?}: {text}"),
    }
}

fn edited(text: &str, document: &Map<String, Value>) -> String {
    edit(text, document).unwrap_or_else(|error| panic!("{error:?}\n{text}\n{document:?}"))
}

/// The text after a change at one place.
fn changed(text: &str, pointer: &str, value: Value) -> String {
    let mut whole = Value::Object(document(text));
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = whole.pointer_mut(parent).expect(pointer).as_object_mut().expect(pointer);
    if value.is_null() {
        parent.remove(key)
    } else {
        parent.insert(key.into(), value)
    };
    edited(text, whole.as_object().expect("it still is one"))
}

#[test]
fn what_is_said_already_changes_nothing() {
    for text in &TEXTS[..5] {
        assert_eq!(&edited(text, &document(text)), text);
    }
    // A form gives 1.0 back as 1, and leaves out what is null.
    let text = "threshold = 1.0 # all\n";
    let form = json!({ "threshold": 1, "metric": null });
    assert_eq!(edited(text, form.as_object().expect("one")), text);
}

#[test]
fn one_change_is_one_change() {
    let text = TEXTS[1];
    let swaps = [
        ("/split/test", json!(0.3), "test = 0.2 # a fifth", "test = 0.3 # a fifth"),
        ("/target", json!("good"), "target='bad' # a literal", "target=\"good\" # a literal"),
        ("/seed", json!(7), "seed = 0x2A", "seed = 7"),
        (
            "/drop",
            json!(["name"]),
            "    \"id\",   # counts the rows\n    \"name\", # says who\n",
            "    \"name\", # says who\n",
        ),
        ("/drop", json!(["id", "name", "job"]), "\"name\", # says who\n]", "\"name\", # says who\n    \"job\",\n]"),
        (
            "/drop",
            json!(["id"]),
            "    \"id\",   # counts the rows\n    \"name\", # says who\n",
            "    \"id\",   # counts the rows\n",
        ),
        ("/split/validation", json!(0.1), "test = 0.2 # a fifth\n", "test = 0.2 # a fifth\nvalidation = 0.1\n"),
        ("/split/test", Value::Null, "test = 0.2 # a fifth\n", ""),
        ("/dataset", Value::Null, "# the newest version\ndataset = \"credit\"  # or credit:1\n", ""),
        ("/metric", json!("gini"), "threshold = 5e-1\n", "threshold = 5e-1\nmetric = \"gini\"\n"),
        (
            "/algorithm/capacity",
            json!({ "leaves": 31 }),
            "name = \"lightgbm\"\n",
            "name = \"lightgbm\"\n\n[algorithm.capacity]\nleaves = 31\n",
        ),
    ];
    for (pointer, value, before, after) in swaps {
        assert!(text.contains(before), "{before}");
        assert_eq!(changed(text, pointer, value.clone()), text.replace(before, after), "{pointer} = {value}");
    }
}

#[test]
fn a_table_that_is_new_gets_a_header_and_one_within_a_line_stays_there() {
    let numeric = json!({ "numeric": { "impute": "mean" } });
    let text = changed("dataset = \"credit\"\n", "/preprocessing", numeric);
    assert_eq!(text, "dataset = \"credit\"\n\n[preprocessing.numeric]\nimpute = \"mean\"\n");
    let text = changed("split = { method = \"random\" } # so\n", "/split/test", json!(0.2));
    assert_eq!(text, "split = { method = \"random\" , test = 0.2 } # so\n".replace(" ,", ","));
}

#[test]
fn json_keeps_its_order() {
    let text = changed(TEXTS[5], "/split/test", json!(0.3));
    let order = ["\"target\"", "\"dataset\"", "\"split\"", "\"test\": 0.3", "\"method\"", "\"drop\""];
    let found: Vec<_> = order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
    assert!(found.is_sorted(), "{text}");
}

#[test]
fn what_cannot_be_read_or_written_is_said() {
    let nothing = Map::new();
    assert!(matches!(edit("target = bad\n", &nothing), Err(EditError::Unreadable(problem)) if problem.line == Some(1)));
    assert!(matches!(edit("{\"a\": ", &nothing), Err(EditError::Unreadable(_))));
    for (value, field) in [(json!({ "seed": u64::MAX }), "seed"), (json!({ "drop": ["id", null] }), "drop[1]")] {
        let error = edit("", value.as_object().expect("one")).expect_err(field);
        assert!(matches!(&error, EditError::Unwritable(problem) if problem.field == field), "{error:?}");
    }
    let reading = read("target = \"x\"\nsplitt = 1\n");
    assert_eq!(reading.document, Some(json!({ "target": "x", "splitt": 1 })));
    assert!(reading.problems.iter().any(|problem| problem.line == Some(2)), "{:?}", reading.problems);
    assert_eq!(read("a = ").document, None);
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        prop_oneof![Just(1e-300), Just(1e300), Just(-0.5), Just(5e-324)].prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        "[\"'\\\\\n\t#=]{0,6}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Keys that the texts have, new ones, and ones that need quotes.
fn key() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["dataset", "target", "split", "method", "test", "drop", "algorithm", "name", "preprocessing", "numeric"];
    prop_oneof![4 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => "\\PC{0,5}", 1 => "[a-c]"]
}

proptest! {
    /// A form puts, replaces and removes at places of the document, the text follows, and reading gives the form back.
    #[test]
    fn reading_gives_back_what_was_written(
        which in 0..TEXTS.len(),
        changes in proptest::collection::vec((proptest::collection::vec(key(), 1..4), proptest::option::of(value())), 0..6),
    ) {
        let mut text = TEXTS[which].to_owned();
        let mut wanted = Value::Object(document(&text));
        for (path, value) in changes {
            put(&mut wanted, &path, value);
            text = edited(&text, wanted.as_object().expect("it stays an object"));
            let found = Value::Object(document(&text));
            prop_assert!(same(&found, &wanted), "{}\nsays {}\nnot {}", text, found, wanted);
        }
    }

    /// Whatever values change, no comment is lost or moved.
    #[test]
    fn comments_stay_beside_what_stays(which in 0..4_usize, values in proptest::collection::vec(scalar(), 40)) {
        let text = TEXTS[which];
        let mut wanted = Value::Object(document(text));
        let mut values = values.into_iter();
        replace_scalars(&mut wanted, &mut values);
        let edited = edited(text, wanted.as_object().expect("it stays an object"));
        let comments = |text: &str| -> Vec<String> {
            let after = |line: &str| line.rsplit_once("# ").map(|(_, comment)| comment.to_owned());
            text.lines().filter_map(after).filter(|comment| TEXTS[which].contains(&format!("# {comment}"))).collect()
        };
        prop_assert_eq!(comments(&edited), comments(text), "{}", edited);
    }
}

fn put(document: &mut Value, path: &[String], value: Option<Value>) {
    let Value::Object(object) = document else { return };
    match (path, value) {
        ([key], Some(value)) => drop(object.insert(key.clone(), value)),
        ([key], None) => drop(object.remove(key)),
        ([key, rest @ ..], value) => {
            if let Some(inner) = object.get_mut(key) {
                put(inner, rest, value);
            }
        }
        ([], _) => {}
    }
}

fn replace_scalars(document: &mut Value, values: &mut impl Iterator<Item = Value>) {
    match document {
        Value::Object(object) => object.values_mut().for_each(|value| replace_scalars(value, values)),
        Value::Array(elements) => elements.iter_mut().for_each(|value| replace_scalars(value, values)),
        scalar => *scalar = values.next().unwrap_or(Value::Bool(true)),
    }
}

/// JSON has one kind of number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}
