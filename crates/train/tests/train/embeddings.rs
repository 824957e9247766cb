//! Word vectors: those of a straightforward reference, and a bundle of them.

use std::path::Path;

use meuse_core::recipe::SkipGram;
use meuse_core::table::Values;
use meuse_engine::{Session, constant};
use meuse_train::skip_gram::{Corpus, learn};
use serde::Deserialize;

use crate::support::{Data, Dice, Listener, Silent, Stopped, data, failure, native, run, spec, trained};

#[derive(Deserialize)]
struct Fixture {
    size: usize,
    texts: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    parameters: Parameters,
    vectors: Vec<f64>,
}

#[derive(Deserialize)]
struct Parameters {
    dimensions: u32,
    window: u32,
    negatives: u32,
    subsample: f64,
    epochs: u32,
    learning_rate: f64,
    seed: u64,
}

#[test]
fn vectors_are_those_of_a_straightforward_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/skip-gram.json");
    let fixture: Fixture =
        serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script");
    let corpus = Corpus::of_ids(fixture.texts.iter().map(Vec::as_slice));
    for Case { parameters: p, vectors } in &fixture.cases {
        let parameters = SkipGram {
            dimensions: p.dimensions,
            window: p.window,
            negatives: p.negatives,
            min_count: 1,
            subsample: p.subsample,
            epochs: p.epochs,
            learning_rate: p.learning_rate,
        };
        let learnt = learn(&parameters, fixture.size, &corpus, &[&corpus], p.seed, &Silent).expect("it learns");
        assert_eq!(learnt.vectors.len(), vectors.len());
        for (place, (own, reference)) in learnt.vectors.iter().zip(vectors).enumerate() {
            let difference = (f64::from(*own) - reference).abs();
            assert!(difference < 2e-5, "{parameters:?} at {place}: {own} instead of {reference}");
        }
    }
}

/// Texts about the sea and about the kitchen, whose words stand beside their own kind only.
fn two_subjects() -> Data {
    let subjects = [["ship", "sail", "wave", "harbour", "anchor"], ["oven", "flour", "butter", "spoon", "bowl"]];
    let mut dice = Dice(5);
    let texts: Vec<String> = (0..400)
        .map(|number| {
            let subject = subjects[number % 2];
            (0..12)
                .map(|_| if dice.uniform() < 0.3 { "the" } else { dice.pick(&subject) })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    data(vec![("text", Values::text(texts.iter().map(|text| Some(text.as_str()))))])
}

const RECIPE: &str = r#"
dataset = "small"
task = "embedding"
keep = ["text"]

[split]
method = "random"
validation = 0.2
test = 0.2

[preprocessing.columns.text]
sequence = { length = 8 }

[algorithm]
name = "skip_gram"
dimensions = 12
window = 4
subsample = 0.01
epochs = 10
"#;

#[test]
fn words_of_one_subject_end_beside_each_other_in_a_bundle_that_answers() {
    let data = two_subjects();
    let listener = Listener::default();
    let files = run(RECIPE, &data, &listener).unwrap_or_else(|error| panic!("{error}"));
    let (sides, vectors) = constant(&files.onnx, "vectors").expect("it holds them");
    assert_eq!(sides, [12, 12]);
    assert!(vectors[..12].iter().all(|value| *value == 0.0), "padding is no word");
    let prep: serde_json::Value = serde_json::from_slice(&files.prep).expect("JSON");
    let words = prep["columns"][0]["step"]["words"]["words"].as_array().expect("the words are there");
    let row = |word: &str| {
        let id = words.iter().position(|known| *known == word).expect("it is known") + 1;
        &vectors[id * 12..(id + 1) * 12]
    };
    let cosine = |a: &str, b: &str| {
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let (a, b) = (row(a), row(b));
        product(a, b) / (product(a, a) * product(b, b)).sqrt()
    };
    for (near, far) in [("sail", "butter"), ("anchor", "oven")] {
        assert!(cosine("ship", near) > cosine("ship", far) + 0.3, "{near} {far}");
    }
    let loss = |metrics: &std::collections::BTreeMap<String, meuse_core::evaluation::Metric>| {
        metrics["loss"].value.expect("there are pairs")
    };
    let evaluation = &files.evaluation;
    let chance = 6.0 * std::f64::consts::LN_2;
    assert!(loss(&evaluation.metrics) < 0.9 * chance, "{evaluation:?}");
    assert!((loss(&evaluation.metrics) - loss(&evaluation.training)).abs() < 0.2, "{evaluation:?}");
    assert!(evaluation.validation.as_ref().is_some_and(|part| loss(&part.metrics) > 0.0));
    assert_eq!(evaluation.metrics["coverage"].value, Some(1.0));
    let table = files.manifest.vectors.expect("it says which");
    assert_eq!((table.words, table.dimensions, files.manifest.target.as_str()), (11, 12, ""));
    let told = listener.lines.lock().expect("nobody panicked").join("\n");
    assert!(told.contains("160 held-out texts and 11 single words"), "{told}");

    meuse_engine::init(&native()).expect("the library is there");
    let session = Session::open(&files.onnx, 1).expect("a bundle's model");
    let two = meuse_core::table::Matrix {
        data: [[0.0; 6].as_slice(), &[1.0, 3.0], &[0.0; 8]].concat(),
        rows: 2,
        width: 8,
        sparse: None,
    };
    let answered = session.scores(&two).expect("it answers").raw;
    for (place, value) in answered[..12].iter().enumerate() {
        let mean = f32::midpoint(vectors[12 + place], vectors[36 + place]);
        assert!((value - mean).abs() < 1e-6, "{place}: {value} instead of {mean}");
    }
    assert!(answered[12..].iter().all(|value| *value == 0.0), "a text without known words is nowhere");
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads() {
    let data = two_subjects();
    let first = trained(RECIPE, &data);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut alone = spec(RECIPE, &data);
    alone.limits.threads = 1;
    meuse_train::train(&alone, &data.table, &Silent, folder.path()).expect("it learns");
    let second = std::fs::read(folder.path().join("model.onnx")).expect("it was written");
    assert!(first.onnx == second, "the vectors differ");
    let other = trained(&format!("seed = 7\n{RECIPE}"), &data);
    assert!(other.onnx != first.onnx, "another seed, the same vectors");
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let data = two_subjects();
    let cases = [
        ("epochs = 10", "min_count = 4000", "algorithm.min_count", "the most frequent one does"),
        (
            "task = \"embedding\"",
            "task = \"binary\"\ntarget = \"text\"\npositive = \"x\"",
            "",
            "`skip_gram` cannot do a binary task",
        ),
        ("keep = [\"text\"]", "target = \"text\"", "target", "an embedding predicts nothing"),
        ("method = \"random\"", "method = \"stratified\"", "split.method", "an embedding has none"),
        ("length = 8", "token_drop = 0.1", "preprocessing.columns.text.sequence.token_drop", "frequent words only"),
    ];
    for (from, to, field, message) in cases {
        let wrong = RECIPE.replace(from, to);
        assert_ne!(wrong, RECIPE);
        let failure = failure(&wrong, &data);
        let said = format!("{} {}", failure.field, failure.message);
        assert!(said.contains(field) && said.contains(message), "{said}");
    }
    let lonely = Values::text((0..100).map(|number| Some(if number % 2 == 0 { "alone" } else { "single" })));
    let failure = failure(RECIPE, &self::data(vec![("text", lonely)]));
    assert!(failure.message.contains("no word has a neighbour"), "{failure:?}");
    let cancelled = run(RECIPE, &data, &Stopped).err().expect("it was asked to stop");
    assert_eq!(cancelled.to_string(), "cancelled");
}
