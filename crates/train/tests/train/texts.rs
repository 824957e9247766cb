//! Models of long texts: scikit-learn's weights, a bundle that answers, duplicates that are named.

use std::path::Path;

use meuse_core::bundle::Task;
use meuse_core::recipe::{
    ClassWeight, Linear, NumericEncode, NumericImpute, Plan, PlannedColumn, Tfidf, Tokens, Treatment,
};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Table, Values};
use meuse_engine::Session;
use meuse_prep::Fitted;
use meuse_train::{Context, Model, Sample, linear};
use serde::Deserialize;

use crate::support::{Data, Dice, Listener, Silent, data, failure, native, run, trained};

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    labels: Vec<String>,
    length: Vec<f64>,
    terms: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    task: Task,
    l2: f64,
    /// Whether the scaled length stands before the terms.
    dense: bool,
    balanced: bool,
    intercept: f64,
    coefficients: Vec<f64>,
    scores: Vec<f64>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sklearn-text.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script")
}

fn texts(cells: &[String]) -> Values {
    Values::text(cells.iter().map(|cell| Some(cell.as_str())))
}

#[test]
fn weights_of_terms_are_scikit_learns() {
    let Fixture { texts: cells, labels, length, terms, cases } = fixture();
    let table = Table::new(vec![
        Column { name: "length".into(), values: Values::Number(length.clone()) },
        Column { name: "text".into(), values: texts(&cells) },
    ]);
    let tfidf = Tfidf { tokens: Tokens::Characters, max_ngram: 2, min_df: 2, sublinear_tf: true, ..Tfidf::default() };
    let text = PlannedColumn {
        name: "text".into(),
        column_type: ColumnType::Text,
        treatment: Treatment::LongText { refuse_missing: false, tfidf },
    };
    let number = PlannedColumn {
        name: "length".into(),
        column_type: ColumnType::Number,
        treatment: Treatment::Numeric {
            impute: NumericImpute::Median,
            fill: 0.0,
            encode: NumericEncode::Standardise,
            bins: 5,
            breaks: None,
        },
    };
    for case in cases {
        let columns = if case.dense { vec![number.clone(), text.clone()] } else { vec![text.clone()] };
        let fitted = meuse_prep::fit(&Plan { columns }, &table, None).expect("fits");
        assert_eq!(fitted.terms(), terms, "{}", case.name);
        let y = match case.task {
            Task::Binary => labels.iter().map(|label| f64::from(u8::from(label == "pos"))).collect(),
            _ => length.clone(),
        };
        let sample = Sample { features: fitted.features(), x: fitted.matrix(&table).expect("transforms"), y };
        for threads in [1, 3] {
            let context = Context {
                task: case.task,
                training: &sample,
                validation: None,
                seed: 1,
                threads,
                native: &native(),
                watch: &Silent,
            };
            let class_weight = if case.balanced { ClassWeight::Balanced } else { ClassWeight::None };
            let parameters = Linear { l2: case.l2, class_weight, tolerance: 1e-10, ..Linear::default() };
            let learnt = linear::learn(&parameters, &context).expect("it can be learnt");
            assert!(learnt.notes[0].starts_with("converged"), "{}: {}", case.name, learnt.notes[0]);
            let Model::Linear(model) = &learnt.model else { panic!("a linear model") };
            let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
            assert!(near(model.intercept, case.intercept), "{}: {}", case.name, model.intercept);
            let weights = model.weights.iter().chain(&model.terms);
            for (index, (found, expected)) in weights.zip(&case.coefficients).enumerate() {
                assert!(near(*found, *expected), "{}: weight {index} is {found}, not {expected}", case.name);
            }
            for (found, expected) in model.raw_scores(&sample.x).iter().zip(&case.scores) {
                assert!(near(*found, *expected), "{}: {found} is not {expected}", case.name);
            }
        }
    }
}

const RECIPE: &str = "dataset = 'reviews'\ntask = 'binary'\ntarget = 'label'\npositive = 'pos'\nmetric = 'accuracy'\n\
    [split]\nmethod = 'stratified'\n[preprocessing.columns.text]\nencode = 'tfidf'\n\
    [preprocessing.columns.text.tfidf]\ntokens = 'characters'\nmax_ngram = 2\nmin_df = 2\n\
    [algorithm]\nname = 'logistic_regression'\nl2 = 0.1\n";

/// Reviews with a made-up number and a category beside the text; as an import would, the schema lists no categories of
/// the texts.
fn reviews() -> Data {
    let Fixture { texts: cells, labels, .. } = fixture();
    let mut dice = Dice(7);
    let stars = cells.iter().map(|_| (dice.uniform() * 5.0).floor()).collect();
    let shops: Vec<Option<&str>> = cells.iter().map(|_| Some(dice.pick(&["a", "b", "c"]))).collect();
    of_columns(cells, &labels, vec![("stars", Values::Number(stars)), ("shop", Values::text(shops))])
}

fn of_columns(cells: Vec<String>, labels: &[String], more: Vec<(&str, Values)>) -> Data {
    let mut columns = vec![("text", texts(&cells)), ("label", texts(labels))];
    columns.extend(more);
    let mut data = data(columns);
    data.schema.columns[0].categories = None;
    data
}

#[test]
fn a_bundle_of_texts_and_numbers_answers_as_its_trainer() {
    let reviews = reviews();
    let listener = Listener::default();
    let bundle = run(RECIPE, &reviews, &listener).expect("it trains");
    let manifest = &bundle.manifest;
    let fitted: Fitted = serde_json::from_slice(&bundle.prep).expect("prep.json");
    assert_eq!(manifest.features as usize, fitted.width() + fitted.terms());
    assert_eq!(fitted.width(), 4, "a number and three indicators");
    assert!(fitted.terms() > 500, "{}", fitted.terms());
    let parity = manifest.notes.iter().find(|note| note.contains("the ONNX model answers")).expect("it was checked");
    assert!(parity.contains("made-up rows"), "{parity}");
    let accuracy = bundle.evaluation.metrics["accuracy"].value.expect("a number");
    assert!(accuracy > 0.6, "{accuracy}");

    let names: Vec<&str> =
        bundle.explanation.coefficients.iter().map(|coefficient| coefficient.feature.as_str()).collect();
    assert_eq!(names[..2], ["intercept", "stars"], "dense features come first");
    let terms: Vec<_> =
        bundle.explanation.coefficients.iter().filter(|coefficient| coefficient.feature.starts_with("text=")).collect();
    assert_eq!(terms.len(), 200, "the strongest for and against, and no more");
    assert!(terms.windows(2).all(|pair| pair[0].value >= pair[1].value) && terms[0].value > 0.0);
    assert!(terms[199].value < 0.0);

    meuse_engine::init(&native()).expect("ONNX Runtime");
    let session = Session::open(&bundle.onnx, 1).expect("a model");
    let matrix = fitted.matrix(&reviews.table).expect("nothing is refused");
    let together = session.scores(&matrix).expect("it answers");
    for row in 0..20 {
        let alone = session.scores(&matrix.take(&[row])).expect("it answers");
        assert_eq!(alone.raw[0], together.raw[row as usize], "a row's score does not depend on its neighbours");
    }
    let without = meuse_core::table::Matrix { sparse: None, ..matrix };
    let error = session.scores(&without).expect_err("the model takes terms").to_string();
    assert!(error.contains("disagree on whether texts become terms"), "{error}");

    let again = trained(RECIPE, &reviews);
    assert!(again.prep == bundle.prep && again.onnx == bundle.onnx, "the same bytes");
}

#[test]
fn duplicates_are_left_out_or_told() {
    let mut cells: Vec<String> = fixture().texts[100..220].to_vec();
    let mut labels: Vec<String> = fixture().labels[100..220].to_vec();
    cells.extend_from_within(..50);
    labels.extend_from_within(..50);
    // Two texts that contradict themselves.
    for row in [118, 119] {
        cells.push(cells[row].clone());
        labels.push(if labels[row] == "pos" { "neg".into() } else { "pos".into() });
    }
    let repeated = of_columns(cells, &labels, Vec::new());
    let told = trained(RECIPE, &repeated).manifest.notes;
    let warning = told.iter().find(|note| note.contains("in the test part repeat the `text`")).expect("a warning");
    assert!(warning.contains("drop_duplicates = true under [preprocessing.columns.text]"), "{warning}");

    let recipe = RECIPE.replace("encode = 'tfidf'", "encode = 'tfidf'\ndrop_duplicates = true");
    let bundle = trained(&recipe, &repeated);
    let rows: u64 = bundle.evaluation.rows.values().sum();
    assert_eq!(rows, 118);
    let notes = bundle.manifest.notes.join("\n");
    assert!(notes.contains("50 rows left out: `text` repeats the text of an earlier row"), "{notes}");
    assert!(
        notes.contains("4 rows left out: `label` contradicts itself between rows of the same `text` (2 different"),
        "{notes}"
    );
    assert!(!notes.contains("repeat the `text` of a training row"), "{notes}");
}

#[test]
fn what_cannot_be_learnt_is_named() {
    let reviews = reviews();
    let rare = failure(&RECIPE.replace("min_df = 2", "min_df = 5000"), &reviews);
    assert_eq!(rare.field, "preprocessing.columns.text.tfidf.min_df");
    assert!(rare.message.contains("no term is in 5000 of the") && rare.hint.contains("lower it to"), "{rare:?}");
    let trees = failure(&RECIPE.replace("name = 'logistic_regression'\nl2 = 0.1", "name = 'lightgbm'"), &reviews);
    assert_eq!(trees.field, "algorithm.name");
    assert!(trees.hint.contains("use `logistic_regression`, or drop `text`"), "{trees:?}");
}
