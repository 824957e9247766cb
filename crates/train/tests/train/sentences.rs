//! Sentences become the vectors of a published model, and what is learnt from them answers from one ONNX graph.

use std::path::Path;

use meuse_core::events::Failure;
use meuse_core::table::{Matrix, Values};
use meuse_engine::Session;
use meuse_prep::text::{Side, Tokenizer};
use meuse_prep::{Fitted, NO_TOKEN};
use meuse_train::onnx::Encoder;
use serde::Deserialize;

use crate::support::{Data, Dice, Listener, Silent, data, failure, native, pretrained, run, run_spec, spec, trained};

#[derive(Deserialize)]
struct Fixture {
    length: u32,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

fn minilm(file: &str) -> Vec<u8> {
    let path = pretrained().join("minilm").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup --tests", path.display()))
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sentences.json");
    let fixture: Fixture = serde_json::from_slice(&std::fs::read(path).expect("committed")).expect("as written");
    meuse_engine::init(&native()).expect("ONNX Runtime");
    let encoder = Encoder::read(minilm("model.onnx")).expect("a model");
    assert_eq!(encoder.width(), 384);
    let json = String::from_utf8(minilm("tokenizer.json")).expect("UTF-8");
    let tokenizer = Tokenizer::new(json, fixture.length, Side::Back).expect("a tokenizer");
    let width = fixture.length as usize;
    let session = Session::open(&encoder.vectors(width).expect("composed"), 1).expect("a model of a bundle");
    assert_eq!((session.width(), session.outputs()), (width, 384));
    let mut matrix = Matrix::zeros(fixture.texts.len(), width);
    matrix.data.fill(NO_TOKEN);
    for (row, text) in fixture.texts.iter().enumerate() {
        for (place, id) in tokenizer.ids(text).expect("read").into_iter().enumerate() {
            matrix.data[row * width + place] = id as f32;
        }
    }
    let vectors = session.scores(&matrix).expect("it answers").raw;
    for ((text, expected), vector) in fixture.texts.iter().zip(&fixture.vectors).zip(vectors.chunks_exact(384)) {
        let furthest = expected.iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest < 1e-4, "{text:?}: {furthest}");
        let length: f32 = vector.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    // A tokenizer without special tokens makes none of an empty text.
    matrix.data.fill(NO_TOKEN);
    let nothing = session.scores(&matrix).expect("it answers").raw;
    assert!(nothing.iter().all(|number| number.is_finite()));
}

const RECIPE: &str = "dataset = 'reviews'\ntask = 'binary'\ntarget = 'label'\npositive = 'pos'\nmetric = 'accuracy'\n\
    [split]\nmethod = 'stratified'\n[preprocessing.columns.text]\nencode = 'sentence'\n\
    [preprocessing.columns.text.sentence]\npretrained = 'minilm'\nlength = 32\n\
    [algorithm]\nname = 'logistic_regression'\nl2 = 0.1\n";

/// Short reviews whose words of praise and blame seldom repeat, with a number and a text of a few terms beside them.
fn reviews() -> Data {
    const PRAISE: [&str; 12] = [
        "wonderful",
        "superb",
        "delightful",
        "brilliant",
        "moving",
        "charming",
        "excellent",
        "gripping",
        "lovely",
        "masterly",
        "touching",
        "a joy to watch",
    ];
    const BLAME: [&str; 12] = [
        "awful",
        "dreadful",
        "boring",
        "stupid",
        "a waste of time",
        "tedious",
        "terrible",
        "clumsy",
        "dull",
        "a complete mess",
        "unbearable",
        "lifeless",
    ];
    const THINGS: [&str; 6] = ["film", "story", "acting", "ending", "dialogue", "music"];
    let mut dice = Dice(3);
    let (mut texts, mut labels, mut notes, mut stars) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..96 {
        let good = row % 2 == 0;
        let word = if good { PRAISE[row / 2 % 12] } else { BLAME[row / 2 % 12] };
        texts.push(Some(format!("The {} was {word}.", dice.pick(&THINGS))).filter(|_| row != 7));
        labels.push(Some(if good { "pos" } else { "neg" }));
        notes.push(Some(dice.pick(&["seen at home alone", "seen at the cinema", "seen with friends at home"])));
        stars.push((dice.uniform() * 5.0).floor());
    }
    let texts = Values::text(texts.iter().map(Option::as_deref));
    let columns = vec![
        ("text", texts),
        ("note", Values::text(notes)),
        ("stars", Values::Number(stars)),
        ("label", Values::text(labels)),
    ];
    let mut data = data(columns);
    data.schema.columns[0].categories = None;
    data
}

fn accuracy_of(bundle: &crate::support::Files) -> f64 {
    bundle.evaluation.metrics["accuracy"].value.expect("a number")
}

#[test]
fn a_bundle_of_sentences_answers_as_its_trainer() {
    let reviews = reviews();
    let recipe = RECIPE.replace("[split]", "drop = ['note']\n[split]");
    let listener = Listener::default();
    let bundle = run(&recipe, &reviews, &listener).expect("it trains");
    assert!(listener.stages.lock().expect("unharmed").iter().any(|stage| stage == "read sentences"));
    assert!(accuracy_of(&bundle) > 0.9, "{}", accuracy_of(&bundle));
    let notes = bundle.manifest.notes.join("\n");
    for part in [
        "pretrained: minilm/model.onnx, 22928619 bytes, SHA-256 8199be6f",
        "minilm/tokenizer.json",
        "the ONNX model answers",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    let names: Vec<&str> = bundle.explanation.coefficients.iter().map(|one| one.feature.as_str()).collect();
    assert_eq!(names, ["intercept", "stars"], "a vector's numbers mean nothing by themselves");
    let input = bundle.manifest.inputs.iter().find(|input| input.name == "text").expect("an input");
    assert_eq!((input.missing.as_str(), input.unknown.as_str()), ("it counts as an empty text", "any text is read"));

    let fitted: Fitted = serde_json::from_slice(&bundle.prep).expect("prep.json");
    assert_eq!((fitted.width(), bundle.manifest.features), (33, 33), "a number, then ids");
    let matrix = fitted.matrix(&reviews.table).expect("nothing is refused");
    let session = Session::open(&bundle.onnx, 2).expect("a model");
    let together = session.scores(&matrix).expect("it answers");
    let reversed: Vec<u32> = (0..96).rev().collect();
    let backwards = session.scores(&matrix.take(&reversed)).expect("it answers");
    for row in 0..96 {
        let alone = session.scores(&matrix.take(&[row as u32])).expect("it answers");
        assert_eq!(alone.raw[0], together.raw[row], "a row's score does not depend on its neighbours");
        assert_eq!(alone.raw[0], backwards.raw[95 - row]);
    }
    let again = trained(&recipe, &reviews);
    assert!(again.prep == bundle.prep && again.onnx == bundle.onnx, "the same bytes");
}

#[test]
fn vectors_terms_and_numbers_are_learnt_together() {
    let reviews = reviews();
    let terms = "[preprocessing.columns.note]\nencode = 'tfidf'\n[algorithm]";
    let both = trained(&RECIPE.replace("[algorithm]", terms), &reviews);
    assert!(accuracy_of(&both) > 0.9, "{}", accuracy_of(&both));
    let fitted: Fitted = serde_json::from_slice(&both.prep).expect("prep.json");
    assert!(fitted.terms() > 5 && fitted.width() == 33, "{} {}", fitted.terms(), fitted.width());
    let session = Session::open(&both.onnx, 1).expect("a model");
    let matrix = fitted.matrix(&reviews.table).expect("nothing is refused");
    let together = session.scores(&matrix).expect("it answers").raw;
    assert_eq!(session.scores(&matrix.take(&[5])).expect("it answers").raw, together[5..6]);

    let number = RECIPE
        .replace(
            "task = 'binary'\ntarget = 'label'\npositive = 'pos'\nmetric = 'accuracy'",
            "task = 'regression'\ntarget = 'stars'\ndrop = ['label']",
        )
        .replace("stratified", "random")
        .replace("logistic_regression", "linear_regression");
    let regression = trained(&number, &reviews);
    assert!(regression.evaluation.metrics.contains_key("rmse"));
}

#[test]
fn folds_choose_where_there_is_no_validation_part() {
    let recipe = RECIPE.replace("'stratified'", "'stratified'\nvalidation = 0.0\ntest = 0.25");
    let bundle = run(&recipe, &reviews(), &Silent).expect("it trains");
    let validation = bundle.evaluation.validation.expect("figures to choose by");
    assert!(validation.source.contains("cross-validation"), "{}", validation.source);
    assert!(validation.metrics["accuracy"].value.expect("a number") > 0.9);
}

#[test]
fn what_cannot_be_read_is_named_with_its_file() {
    let reviews = reviews();
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, file: &str, bytes: &[u8]| {
        std::fs::create_dir_all(folder.path().join(name)).expect("made");
        std::fs::write(folder.path().join(name).join(file), bytes).expect("written");
    };
    let of = |name: &str| -> Failure {
        let recipe = RECIPE.replace("'minilm'", &format!("'{name}'"));
        let mut spec = spec(&recipe, &reviews);
        spec.pretrained = folder.path().to_owned();
        let error = run_spec(&spec, &reviews, &Silent).err().expect("it cannot be trained");
        error.failure().unwrap_or_else(|| panic!("{error} is the input's fault"))
    };
    let check = |name: &str, message: &str| {
        let failure = of(name);
        assert_eq!(failure.field, "preprocessing.columns.text.sentence.pretrained", "{failure:?}");
        assert!(failure.message.contains(message), "{failure:?}");
        assert!(!failure.hint.is_empty());
    };
    check("absent", "there is no file `absent/tokenizer.json`");
    check("../minilm", "`../minilm` is no name of a folder");
    let (tokenizer, model) = (minilm("tokenizer.json"), minilm("model.onnx"));
    put("half", "tokenizer.json", &tokenizer[..10_000]);
    check("half", "`half/tokenizer.json`: EOF");
    put("half", "tokenizer.json", &tokenizer);
    check("half", "there is no file `half/model.onnx`");
    put("half", "model.onnx", &model[..1_000_000]);
    check("half", "`half/model.onnx`: it is no ONNX model, or was cut short");
    put("other", "tokenizer.json", &tokenizer);
    let linear = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/linear.onnx");
    put("other", "model.onnx", &std::fs::read(linear).expect("committed"));
    check("other", "it has an input `features`");
    let own = Encoder::read(model).expect("a model").vectors(32).expect("composed");
    put("own", "tokenizer.json", &tokenizer);
    put("own", "model.onnx", &own);
    check("own", "it is a bundle's model already");
}

#[test]
fn a_recipe_that_asks_for_too_much_is_told_so() {
    let reviews = reviews();
    let trees = failure(&RECIPE.replace("name = 'logistic_regression'\nl2 = 0.1", "name = 'lightgbm'"), &reviews);
    assert_eq!(trees.field, "algorithm.name");
    assert!(trees.message.contains("cannot learn from the vectors of texts"), "{trees:?}");
    let second = "[preprocessing.columns.note]\nencode = 'sentence'\nsentence = { pretrained = 'minilm' }\n[algorithm]";
    let two = failure(&RECIPE.replace("[algorithm]", second), &reviews);
    assert_eq!(two.field, "preprocessing.columns.text.encode");
    assert!(two.message.contains("one column becomes a vector already"), "{two:?}");
    let without = RECIPE.replace("[preprocessing.columns.text.sentence]\npretrained = 'minilm'\nlength = 32\n", "");
    let without = failure(&without, &reviews);
    assert_eq!(without.field, "preprocessing.columns.text.sentence");
}
