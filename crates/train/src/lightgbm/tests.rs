//! What is promised of the trees: ONNX Runtime answers as LightGBM, LightGBM answers as it does from Python, and a
//! constraint, a stop and a seed do what they say.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use meuse_core::bundle::Task;
use meuse_core::events::Level;
use meuse_core::recipe::{Capacity, ClassWeight, Lightgbm, Monotone};
use meuse_core::table::Matrix;
use meuse_engine::Session;
use meuse_prep::{Feature, FeatureKind};

use super::learn;
use crate::parity::{self, ParityReport};
use crate::random::Random;
use crate::{Context, Error, Learnt, Model, Sample, Watch};

/// Counts what it is told, and asks to stop when it has been asked so many times.
struct Witness {
    asked: AtomicU64,
    patience: u64,
    metrics: AtomicU64,
}

impl Witness {
    fn new() -> Self {
        Self { asked: AtomicU64::new(0), patience: u64::MAX, metrics: AtomicU64::new(0) }
    }
}

impl Watch for Witness {
    fn progress(&self, _stage: &str, _done: u64, _total: u64) {}
    fn metric(&self, _name: &str, _part: &str, _step: u64, _value: f64) {
        self.metrics.fetch_add(1, Ordering::Relaxed);
    }
    fn log(&self, _level: Level, _message: &str) {}
    fn cancelled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.patience
    }
}

fn native() -> PathBuf {
    std::env::var_os(meuse_core::native::VARIABLE)
        .map(PathBuf::from)
        .expect("MEUSE_NATIVE_DIR is set by .cargo/config.toml")
}

fn feature(name: &str, kind: FeatureKind) -> Feature {
    Feature { name: name.into(), column: name.into(), kind }
}

/// A number with missing cells, one without, a whole number with zeros, two columns of categories, a rising number.
fn features() -> Vec<Feature> {
    vec![
        feature("income", FeatureKind::Number),
        feature("age", FeatureKind::Number),
        feature("children", FeatureKind::Number),
        feature("housing", FeatureKind::Category { count: 4 }),
        feature("branch", FeatureKind::Category { count: 90 }),
        feature("debt", FeatureKind::Number),
    ]
}

fn uniform(random: &mut Random) -> f64 {
    random.below(1 << 30) as f64 / f64::from(1 << 30)
}

fn sample(task: Task, rows: usize, seed: u64) -> Sample {
    let mut random = Random::new(seed, 77);
    let mut data = Vec::new();
    let mut y = Vec::new();
    for _ in 0..rows {
        let [income, age, debt] = [(); 3].map(|()| uniform(&mut random) * 6.0 - 3.0);
        let children = random.below(5) as f64;
        let (housing, branch) = (random.below(4), random.below(90));
        let missing = |chance: f64, random: &mut Random| uniform(random) < chance;
        let signal = income.sin() + f64::from(u8::from(branch % 7 < 3)) - 0.4 * children
            + f64::from(u8::from(housing == 2))
            + 0.6 * debt;
        let noise = uniform(&mut random) * 2.0 - 1.0;
        y.push(match task {
            Task::Binary => f64::from(u8::from(signal + noise > 0.0)),
            Task::Multiclass | Task::Regression | Task::Detection | Task::Embedding => {
                1000.0 + 250.0 * (signal + noise)
            }
        });
        let cells = [income, age, children, housing as f64, branch as f64, debt];
        for (column, cell) in cells.into_iter().enumerate() {
            let gone = matches!(column, 0 | 3 | 4) && missing(0.1, &mut random);
            data.push(if gone { f32::NAN } else { cell as f32 });
        }
    }
    Sample { features: features(), x: Matrix { data, rows, width: 6, sparse: None }, y }
}

fn small() -> Lightgbm {
    Lightgbm {
        capacity: Capacity::Manual,
        num_iterations: Some(60),
        min_data_in_leaf: Some(5),
        learning_rate: Some(0.1),
        ..Lightgbm::default()
    }
}

/// Learns with one thread, so that tests that run beside each other cannot change the order of a sum.
fn train(recipe: &Lightgbm, task: Task, training: &Sample, validation: Option<&Sample>) -> Result<Learnt, Error> {
    let (witness, native) = (Witness::new(), native());
    learn(recipe, &Context { task, training, validation, seed: 7, threads: 1, native: &native, watch: &witness })
}

fn learnt(recipe: &Lightgbm, task: Task, training: &Sample) -> Learnt {
    train(recipe, task, training, None).expect("the training goes well")
}

fn session(learnt: &Learnt, task: Task) -> Session {
    meuse_engine::init(&native()).expect("ONNX Runtime is in the native folder");
    Session::open(&learnt.model.to_onnx(task).expect("an ONNX model"), 1).expect("ONNX Runtime opens it")
}

/// Rows of anything: values of any size, missing everywhere, categories that were never seen.
fn strange_rows(rows: usize) -> Matrix {
    let mut random = Random::new(5, 5);
    let anything = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-36, -1e-36, 1e-35, f32::MAX, f32::MIN];
    let cell = |random: &mut Random, column: usize| match (random.below(4), column) {
        (0, 3 | 4) => [f32::NAN, 90.0, 97.0, -1.0, 4.0, 11.0][random.below(6)],
        (0, _) => anything[random.below(anything.len())],
        (_, 3 | 4) => random.below(90) as f32,
        _ => (uniform(random) * 8.0 - 4.0) as f32,
    };
    let data = (0..rows * 6).map(|index| cell(&mut random, index % 6)).collect();
    Matrix { data, rows, width: 6, sparse: None }
}

fn compare(model: &Model, session: &Session, features: &[Feature], rows: &Matrix) -> Result<ParityReport, Error> {
    let mut check = parity::Check::new(model, session);
    if rows.rows > 0 {
        check.held_out(rows, &model.raw_scores(rows)?)?;
    }
    check.made_up(features)
}

#[test]
fn onnx_runtime_answers_as_lightgbm() {
    let sets = Lightgbm { num_leaves: Some(200), min_data_in_leaf: Some(2), ..small() };
    let stumps = Lightgbm { num_leaves: Some(2), ..small() };
    let constrained = Lightgbm { monotone_constraints: [("debt".to_owned(), Monotone::Increasing)].into(), ..small() };
    let weighted = Lightgbm { class_weight: ClassWeight::Balanced, bagging_fraction: Some(0.5), ..small() };
    let single = Lightgbm { num_iterations: Some(1), ..small() };
    for task in [Task::Binary, Task::Regression] {
        for recipe in [small(), sets.clone(), stumps.clone(), constrained.clone(), weighted.clone(), single.clone()] {
            let learnt = learnt(&recipe, task, &sample(task, 1500, 3));
            let session = session(&learnt, task);
            let report = compare(&learnt.model, &session, &features(), &strange_rows(3000))
                .unwrap_or_else(|error| panic!("{task:?} {recipe:?}: {error}"));
            assert!(report.made_up > 30, "thresholds are tried: {report}");
            let scale = if task == Task::Binary { 1.0 } else { 1000.0 };
            assert!(report.largest_difference < 1e-6 * scale, "{report}");
        }
    }
}

#[test]
fn a_model_that_found_nothing_to_split_is_a_constant() {
    let mut sample = sample(Task::Regression, 30, 3);
    sample.y = vec![4.25; 30];
    let learnt = learnt(&small(), Task::Regression, &sample);
    let session = session(&learnt, Task::Regression);
    compare(&learnt.model, &session, &features(), &strange_rows(50)).expect("both say the constant");
    assert_eq!(session.scores(&strange_rows(1)).expect("a score").raw, [4.25]);
    assert!(learnt.explanation.gains.is_empty());
}

#[test]
fn a_difference_is_named_with_feature_and_both_scores() {
    let one = learnt(&small(), Task::Binary, &sample(Task::Binary, 800, 1));
    let other = learnt(&small(), Task::Binary, &sample(Task::Binary, 800, 2));
    let none = Matrix { data: Vec::new(), rows: 0, width: 6, sparse: None };
    let error = compare(&one.model, &session(&other, Task::Binary), &features(), &none).expect_err("they differ");
    assert!(error.to_string().starts_with("parity check: feature `income` at "), "{error}");
    let error =
        compare(&one.model, &session(&other, Task::Binary), &features(), &strange_rows(9)).expect_err("they differ");
    assert!(error.to_string().contains("held-out row "), "{error}");
}

#[test]
fn a_monotone_constraint_holds() {
    let training = sample(Task::Binary, 1500, 3);
    for (direction, sign) in [(Monotone::Increasing, 1.0), (Monotone::Decreasing, -1.0)] {
        let recipe = Lightgbm { monotone_constraints: [("debt".to_owned(), direction)].into(), ..small() };
        let learnt = learnt(&recipe, Task::Binary, &training);
        for row in 0..50 {
            let mut rising = Matrix { data: training.x.row(row).repeat(100), rows: 100, width: 6, sparse: None };
            for step in 0..100 {
                rising.data[step * 6 + 5] = step as f32 / 10.0 - 5.0;
            }
            let scores = learnt.model.raw_scores(&rising).expect("scores");
            assert!(scores.windows(2).all(|pair| sign * (pair[1] - pair[0]) >= 0.0), "row {row} {direction:?}");
        }
    }
}

#[test]
fn a_constraint_on_a_text_is_refused_by_name() {
    let recipe = Lightgbm { monotone_constraints: [("housing".to_owned(), Monotone::Increasing)].into(), ..small() };
    let error = train(&recipe, Task::Binary, &sample(Task::Binary, 100, 3), None).expect_err("a text cannot rise");
    assert!(error.to_string().starts_with("algorithm.monotone_constraints.housing:"), "{error}");
}

#[test]
fn training_stops_when_the_validation_loss_does_and_keeps_the_best_round() {
    let (training, validation) = (sample(Task::Binary, 600, 3), sample(Task::Binary, 600, 4));
    let recipe = Lightgbm { num_iterations: Some(5000), early_stopping_round: Some(20), ..small() };
    let stopped = train(&recipe, Task::Binary, &training, Some(&validation)).expect("the training goes well");
    let crate::Model::Trees(trees) = &stopped.model else { panic!("trees") };
    let best = trees.trees().len();
    assert!(best > 5 && best < 1000, "{best} rounds");
    assert!(stopped.notes[0].starts_with(&format!("{best} rounds, the best of {}", best + 20)), "{:?}", stopped.notes);
    let shorter = Lightgbm { num_iterations: Some(best as u32), ..small() };
    let shorter = learnt(&shorter, Task::Binary, &training);
    let rows = strange_rows(200);
    assert_eq!(stopped.model.raw_scores(&rows).expect("scores"), shorter.model.raw_scores(&rows).expect("scores"));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let training = sample(Task::Binary, 300, 3);
    let random = Lightgbm { bagging_fraction: Some(0.5), feature_fraction: Some(0.5), ..small() };
    for recipe in [random, Lightgbm::default()] {
        let bytes = |learnt: Learnt| learnt.model.to_onnx(Task::Binary).expect("an ONNX model");
        let first = bytes(learnt(&recipe, Task::Binary, &training));
        assert!(first == bytes(learnt(&recipe, Task::Binary, &training)), "{recipe:?}");
    }
}

#[test]
fn balanced_classes_weigh_the_same() {
    let mut training = sample(Task::Binary, 2000, 3);
    let threshold: Vec<f64> =
        training.y.iter().enumerate().map(|(row, y)| if row % 5 == 0 { *y } else { 0.0 }).collect();
    training.y = threshold;
    let mean = |class_weight| {
        let recipe = Lightgbm { class_weight, num_iterations: Some(1), ..small() };
        let scores = learnt(&recipe, Task::Binary, &training).model.raw_scores(&training.x).expect("scores");
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    assert!(mean(ClassWeight::None) < -1.5, "log-odds of the rarer class");
    assert!(mean(ClassWeight::Balanced).abs() < 0.5, "log-odds of one half");
}

#[test]
fn python_s_lightgbm_gives_the_same_predictions() {
    let text = include_str!("../../tests/fixtures/lightgbm.json");
    let fixture: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().expect("a list").iter().map(|cell| cell.as_f64().unwrap_or(f64::NAN)).collect()
    };
    let rows: Vec<Vec<f64>> = fixture["x"].as_array().expect("rows").iter().map(numbers).collect();
    let data = rows.iter().flatten().map(|cell| *cell as f32).collect();
    let x = Matrix { data, rows: rows.len(), width: 5, sparse: None };
    let kind = |column| if column == 2 { FeatureKind::Category { count: 9 } } else { FeatureKind::Number };
    let features: Vec<Feature> = (0..5).map(|column| feature(&format!("x{column}"), kind(column))).collect();
    for case in fixture["cases"].as_array().expect("cases") {
        let (task, constraints) = match case["name"].as_str() {
            Some("binary") => (Task::Binary, [].into()),
            _ => (Task::Regression, [("x0".to_owned(), Monotone::Increasing)].into()),
        };
        let recipe = Lightgbm {
            capacity: Capacity::Manual,
            num_iterations: Some(fixture["rounds"].as_u64().expect("rounds") as u32),
            learning_rate: Some(0.1),
            num_leaves: Some(15),
            min_data_in_leaf: Some(5),
            feature_fraction: Some(0.8),
            bagging_fraction: Some(0.7),
            lambda_l2: Some(1.0),
            monotone_constraints: constraints,
            ..Lightgbm::default()
        };
        let training = Sample { features: features.clone(), x: x.clone(), y: numbers(&case["y"]) };
        let scores = learnt(&recipe, task, &training).model.raw_scores(&x).expect("scores");
        for (ours, theirs) in scores.iter().zip(numbers(&case["raw_scores"])) {
            assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{ours} and {theirs}");
        }
    }
}

#[test]
fn automatic_capacity_keeps_noise_small_and_scores_rows_that_it_has_not_seen() {
    let mut noise = sample(Task::Binary, 160, 3);
    noise.y = (0..160).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
    let automatic = learnt(&Lightgbm::default(), Task::Binary, &noise);
    let crate::Model::Trees(trees) = &automatic.model else { panic!("trees") };
    assert!(trees.trees().iter().all(|tree| tree.nodes.len() <= 7), "{:?}", automatic.notes);
    let unseen = automatic.out_of_fold.expect("there is no validation part, so folds were scored");
    assert_eq!(unseen.len(), 160);
    assert!(unseen.iter().all(|score| score.is_finite()));
    let validation = sample(Task::Binary, 100, 4);
    let chosen_by_others = train(&Lightgbm::default(), Task::Binary, &noise, Some(&validation)).expect("goes well");
    assert_eq!(chosen_by_others.out_of_fold, None);
}

#[test]
fn too_few_rows_or_positives_are_not_cross_validated_for_capacity() {
    let mut scarce = sample(Task::Binary, 200, 3);
    scarce.y = (0..200).map(|row| f64::from(u8::from(row < 14))).collect();
    let few = sample(Task::Regression, 99, 3);
    for (task, training, why) in [
        (Task::Binary, scarce, "14 rows of the rarer class are too few"),
        (Task::Regression, few, "99 rows are too few"),
    ] {
        let learnt = learnt(&Lightgbm::default(), task, &training);
        assert!(learnt.notes[0].contains(why), "{:?}", learnt.notes);
        assert!(learnt.out_of_fold.expect("scores").iter().all(|score| score.is_finite()));
    }
}

#[test]
fn what_boosting_knows_of_its_training_rows_is_what_the_model_predicts_of_them() {
    let stopping = Lightgbm { num_iterations: Some(400), early_stopping_round: Some(5), ..small() };
    for (recipe, task, is_known) in [
        (small(), Task::Binary, true),
        (small(), Task::Regression, true),
        (Lightgbm::default(), Task::Binary, true),
        (stopping, Task::Binary, false),
    ] {
        let training = sample(task, 600, 3);
        let validation = sample(task, 200, 4);
        let stops_early = recipe.early_stopping_round.is_some();
        let learnt = train(&recipe, task, &training, stops_early.then_some(&validation)).expect("goes well");
        let predicted = learnt.model.in_sample();
        assert_eq!(predicted.is_some(), is_known, "{:?}", learnt.notes);
        let Some(predicted) = predicted else { continue };
        let raw = learnt.model.raw_scores(&training.x).expect("scores");
        assert_eq!(predicted.len(), raw.len());
        for (known, raw) in predicted.iter().zip(raw) {
            let again = if task == Task::Binary { crate::evaluate::probability(raw) } else { raw };
            assert!((known - again).abs() <= 1e-12 * again.abs().max(1.0), "{known} and {again}");
        }
    }
}

#[test]
fn a_cancelled_training_ends_with_that_word() {
    let (training, native) = (sample(Task::Binary, 500, 3), native());
    for recipe in [small(), Lightgbm::default()] {
        let witness = Witness { patience: 3, ..Witness::new() };
        let context = Context {
            task: Task::Binary,
            training: &training,
            validation: None,
            seed: 1,
            threads: 1,
            native: &native,
            watch: &witness,
        };
        assert!(matches!(learn(&recipe, &context), Err(Error::Cancelled)));
    }
}

#[test]
fn a_missing_or_foreign_library_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = super::check(folder.path()).expect_err("the folder is empty").to_string();
    assert!(error.contains("lib_lightgbm.so: there is no such file; run `scripts/setup`"), "{error}");
    let library = folder.path().join(meuse_core::native::LIGHTGBM);
    std::fs::write(&library, [0x2a; 4096]).expect("a file");
    let error = super::check(folder.path()).expect_err("the file is no library").to_string();
    assert!(
        error.contains("lib_lightgbm.so: invalid ELF header; run `scripts/setup`") && !error.contains('\n'),
        "{error}"
    );
    std::fs::remove_file(&library).expect("removed");
    let other = native().join(meuse_core::native::ONNX_RUNTIME);
    std::os::unix::fs::symlink(std::path::absolute(other).expect("a path"), &library).expect("a link");
    let error = super::check(folder.path()).expect_err("the file is another library").to_string();
    assert!(error.contains("so it is not LightGBM 4.7.0, which is needed"), "{error}");
}

#[test]
fn rounds_are_told() {
    let (training, validation) = (sample(Task::Binary, 300, 3), sample(Task::Binary, 100, 4));
    let (witness, native) = (Witness::new(), native());
    let context = Context {
        task: Task::Binary,
        training: &training,
        validation: Some(&validation),
        seed: 1,
        threads: 1,
        native: &native,
        watch: &witness,
    };
    learn(&small(), &context).expect("the training goes well");
    assert!(witness.metrics.load(Ordering::Relaxed) >= 2, "the first and the last round at least");
}
