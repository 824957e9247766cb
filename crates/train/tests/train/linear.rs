//! Linear and logistic regression: scikit-learn's coefficients, and an answer for data that is hard on solvers.

use std::collections::BTreeMap;
use std::path::Path;

use meuse_core::bundle::Task;
use meuse_core::recipe::{
    ClassWeight, Linear, NumericEncode, NumericImpute, Plan, PlannedColumn, TextEncode, TextImpute, Treatment, Unknown,
};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Matrix, Values};
use meuse_prep::{Feature, FeatureKind};
use meuse_train::{Context, Error, Learnt, Model, Sample, Watch, linear};
use serde::Deserialize;

use crate::support::{Dice, Silent, Stopped, german_credit};

#[derive(Deserialize)]
struct Fixture {
    logistic: Vec<Case>,
    linear: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    l1: f64,
    l2: f64,
    #[serde(default)]
    balanced: bool,
    intercept: f64,
    coefficients: BTreeMap<String, f64>,
    objective: Option<f64>,
}

impl Case {
    fn parameters(&self) -> Linear {
        let class_weight = if self.balanced { ClassWeight::Balanced } else { ClassWeight::None };
        Linear { l1: self.l1, l2: self.l2, class_weight, ..Linear::default() }
    }
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sklearn-linear.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("written by its script")
}

/// Every column but `without`, as linear models see them: numbers standardised, texts one-hot.
fn credit(without: &[&str], y: Vec<f64>) -> Sample {
    let data = german_credit();
    let columns = data.table.columns.iter().filter(|column| !without.contains(&column.name.as_str()));
    let planned = columns.map(|column| {
        let is_text = matches!(column.values, Values::Text { .. });
        let (column_type, treatment) =
            if is_text { (ColumnType::Text, one_hot()) } else { (ColumnType::Number, scaled()) };
        PlannedColumn { name: column.name.clone(), column_type, treatment }
    });
    let fitted = meuse_prep::fit(&Plan { columns: planned.collect() }, &data.table, None).expect("fits");
    Sample { features: fitted.features(), x: fitted.matrix(&data.table).expect("transforms"), y }
}

fn scaled() -> Treatment {
    let (impute, encode) = (NumericImpute::Median, NumericEncode::Standardise);
    Treatment::Numeric { impute, fill: 0.0, encode, bins: 5, breaks: None }
}

fn one_hot() -> Treatment {
    let (impute, encode, unknown) = (TextImpute::Keep, TextEncode::OneHot, Unknown::Missing);
    Treatment::Text { impute, fill: String::new(), encode, unknown, bins: 5, groups: None, order: None }
}

fn is_bad() -> Vec<f64> {
    let data = german_credit();
    let Some(Values::Text { codes, dictionary }) = data.table.column("creditability") else { panic!("a text column") };
    codes.iter().map(|code| f64::from(dictionary[*code as usize] == "bad")).collect()
}

fn amounts() -> Vec<f64> {
    let data = german_credit();
    let Some(Values::Number(amounts)) = data.table.column("credit_amount") else { panic!("a column of numbers") };
    amounts.clone()
}

/// Only the features that the case has a coefficient for.
fn narrowed(sample: &Sample, case: &Case) -> Sample {
    let known = |index: &usize| case.coefficients.contains_key(&sample.features[*index].name);
    let kept: Vec<usize> = (0..sample.features.len()).filter(known).collect();
    let cells = (0..sample.x.rows).flat_map(|row| kept.iter().map(move |index| sample.x.row(row)[*index]));
    Sample {
        features: kept.iter().map(|index| sample.features[*index].clone()).collect(),
        x: Matrix { data: cells.collect(), rows: sample.x.rows, width: kept.len(), sparse: None },
        y: sample.y.clone(),
    }
}

fn learn_watched(
    task: Task,
    parameters: &Linear,
    sample: &Sample,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Learnt, Error> {
    let native = Path::new("");
    let context = Context { task, training: sample, validation: None, seed: 1, threads, native, watch };
    linear::learn(parameters, &context)
}

fn learn(task: Task, parameters: &Linear, sample: &Sample) -> Learnt {
    learn_watched(task, parameters, sample, 2, &Silent).unwrap_or_else(|error| panic!("{error}"))
}

fn model(learnt: &Learnt) -> &linear::LinearModel {
    let Model::Linear(model) = &learnt.model else { panic!("a linear model") };
    model
}

fn agrees(task: Task, case: &Case, sample: &Sample, scale: f64) {
    let sample = narrowed(sample, case);
    assert_eq!(sample.features.len(), case.coefficients.len(), "{}", case.name);
    let learnt = learn(task, &case.parameters(), &sample);
    assert!(learnt.notes[0].starts_with("converged"), "{}: {}", case.name, learnt.notes[0]);
    let coefficients = &learnt.explanation.coefficients;
    assert_eq!(coefficients[0].feature, "intercept");
    let mut largest = (coefficients[0].value - case.intercept).abs();
    for coefficient in &coefficients[1..] {
        largest = largest.max((coefficient.value - case.coefficients[&coefficient.feature]).abs());
    }
    assert!(largest <= 1e-4 * scale, "{}: coefficients differ by {largest}", case.name);
    if let Some(expected) = case.objective {
        let objective = objective(&case.parameters(), &learnt, &sample);
        assert!(objective <= expected + 1e-9, "{}: {objective} is worse than {expected}", case.name);
    }
}

/// Mean loss + (l1 · ‖w‖₁ + l2 / 2 · ‖w‖²) / rows, as core's recipe says it.
fn objective(parameters: &Linear, learnt: &Learnt, sample: &Sample) -> f64 {
    let model = model(learnt);
    let scores = model.raw_scores(&sample.x);
    let losses = scores.iter().zip(&sample.y).map(|(score, y)| (if *y > 0.5 { -score } else { *score }).exp().ln_1p());
    let rows = sample.y.len() as f64;
    let penalty = model.weights.iter().map(|w| parameters.l1 * w.abs() + parameters.l2 / 2.0 * w * w).sum::<f64>();
    losses.sum::<f64>() / rows + penalty / rows
}

#[test]
fn logistic_coefficients_agree_with_scikit_learn() {
    let sample = credit(&["creditability"], is_bad());
    for case in fixture().logistic {
        agrees(Task::Binary, &case, &sample, 1.0);
    }
}

#[test]
fn linear_coefficients_agree_with_scikit_learn() {
    let sample = credit(&["creditability", "credit_amount"], amounts());
    // Coefficients are in the hundreds and thousands: 1e-4 is meant of a part of that.
    for case in fixture().linear {
        agrees(Task::Regression, &case, &sample, 10.0);
    }
}

fn sample(columns: &[Vec<f64>], y: Vec<f64>) -> Sample {
    let features = (0..columns.len()).map(|index| Feature {
        name: format!("x{index}"),
        column: format!("x{index}"),
        kind: FeatureKind::Number,
    });
    let cells = (0..y.len()).flat_map(|row| columns.iter().map(move |column| column[row] as f32));
    let x = Matrix { data: cells.collect(), rows: y.len(), width: columns.len(), sparse: None };
    Sample { features: features.collect(), x, y }
}

/// Three columns of chance and a class that follows two of them, with noise.
fn noisy(rows: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut dice = Dice(7);
    let columns: Vec<Vec<f64>> = (0..3).map(|_| (0..rows).map(|_| dice.uniform() - 0.5).collect()).collect();
    let y = (0..rows).map(|row| f64::from(columns[0][row] - columns[1][row] + 1.5 * (dice.uniform() - 0.5) > 0.1));
    let y = y.collect();
    (columns, y)
}

fn plain() -> Linear {
    Linear { l1: 0.0, l2: 0.0, ..Linear::default() }
}

#[test]
fn columns_from_1e_minus_8_to_1e8_converge_to_the_same_scores() {
    let (columns, y) = noisy(400);
    let even = sample(&columns, y.clone());
    let scaled = |column: &Vec<f64>, scale: f64, shift: f64| column.iter().map(|x| scale * x + shift).collect();
    let uneven = [scaled(&columns[0], 1e-8, 0.0), scaled(&columns[1], 1e8, 3e8), scaled(&columns[2], 1.0, 10.0)];
    let uneven = sample(&uneven, y);
    let (first, second) = (learn(Task::Binary, &plain(), &even), learn(Task::Binary, &plain(), &uneven));
    assert!(second.notes[0].starts_with("converged"), "{}", second.notes[0]);
    let scores = model(&first).raw_scores(&even.x).into_iter().zip(model(&second).raw_scores(&uneven.x));
    for (a, b) in scores {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }
    let penalised = learn(Task::Binary, &Linear::default(), &uneven);
    assert!(penalised.notes[0].starts_with("converged"), "{}", penalised.notes[0]);
    assert!(model(&penalised).weights[0].abs() < 1.0, "a penalty of 1 forbids the weight of 1e8 that 1e-8 needs");
}

#[test]
fn perfectly_separable_classes_are_named_and_nothing_blows_up() {
    let x: Vec<f64> = (0..50).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(*x >= 25.0)).collect();
    let separable = sample(&[x], y);
    let learnt = learn(Task::Binary, &plain(), &separable);
    assert!(
        learnt.notes[0].starts_with("not converged: the classes are perfectly separable, use l2 > 0"),
        "{}",
        learnt.notes[0]
    );
    assert!(model(&learnt).raw_scores(&separable.x).iter().all(|score| score.is_finite()));
    let held = learn(Task::Binary, &Linear::default(), &separable);
    assert!(held.notes[0].starts_with("converged"), "{}", held.notes[0]);
    let sparse = learn(Task::Binary, &Linear { l1: 1.0, l2: 0.0, ..Linear::default() }, &separable);
    assert!(sparse.notes[0].starts_with("converged"), "{}", sparse.notes[0]);
}

#[test]
fn a_feature_that_settles_some_rows_alone_stays_finite() {
    let (mut columns, mut y) = noisy(200);
    columns[2] = (0..200).map(|row| f64::from(row % 10 == 0)).collect();
    y.iter_mut().step_by(10).for_each(|y| *y = 1.0);
    let sample = sample(&columns, y);
    let learnt = learn(Task::Binary, &plain(), &sample);
    assert!(model(&learnt).weights.iter().all(|weight| weight.is_finite()), "{:?}", learnt.model);
}

#[test]
fn columns_that_say_the_same_share_the_weight() {
    let (mut columns, y) = noisy(300);
    let alone = learn(Task::Binary, &plain(), &sample(&columns, y.clone()));
    columns.push(columns[0].clone());
    columns.push(vec![5.0; 300]);
    for parameters in [plain(), Linear { l1: 1e-9, l2: 0.0, ..Linear::default() }] {
        let twice = learn(Task::Binary, &parameters, &sample(&columns, y.clone()));
        assert!(twice.notes[0].starts_with("converged"), "{}", twice.notes[0]);
        let weights = &model(&twice).weights;
        assert!((weights[0] + weights[3] - model(&alone).weights[0]).abs() < 1e-4, "{weights:?}");
        assert_eq!(weights[4], 0.0, "a constant column says nothing");
    }
}

#[test]
fn a_large_l1_leaves_only_the_intercept() {
    let (columns, y) = noisy(300);
    let share = y.iter().sum::<f64>() / 300.0;
    let learnt = learn(Task::Binary, &Linear { l1: 1e4, ..Linear::default() }, &sample(&columns, y));
    let model = model(&learnt);
    assert_eq!(model.weights, [0.0; 3]);
    assert!((model.intercept - (share / (1.0 - share)).ln()).abs() < 1e-6);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (columns, y) = noisy(5000);
    let sample = sample(&columns, y);
    let [one, many] = [1, 5].map(|threads| {
        let learnt = learn_watched(Task::Binary, &Linear::default(), &sample, threads, &Silent).expect("learns");
        model(&learnt).clone()
    });
    assert_eq!(one, many);
}

#[test]
fn a_regression_of_large_numbers_converges() {
    let (columns, _) = noisy(300);
    for scale in [1e-8, 1.0, 1e8] {
        let y = (0..300).map(|row| scale * (3.0 + 2.0 * f64::from(columns[0][row] as f32))).collect();
        let learnt = learn(Task::Regression, &plain(), &sample(&columns, y));
        assert!(learnt.notes[0].starts_with("converged"), "{}", learnt.notes[0]);
        assert!((model(&learnt).weights[0] / scale - 2.0).abs() < 1e-6, "{:?}", learnt.model);
    }
}

#[test]
fn too_few_iterations_are_said() {
    let (columns, y) = noisy(300);
    let learnt = learn(Task::Binary, &Linear { max_iterations: 1, ..plain() }, &sample(&columns, y));
    assert!(learnt.notes[0].starts_with("not converged: max_iterations reached"), "{}", learnt.notes[0]);
}

#[test]
fn what_a_linear_model_cannot_take_is_named() {
    let (mut columns, y) = noisy(20);
    let refused = |columns: &[Vec<f64>], y: Vec<f64>| {
        let error = learn_watched(Task::Binary, &plain(), &sample(columns, y), 1, &Silent).expect_err("cannot learn");
        error.to_string()
    };
    assert!(refused(&columns, vec![1.0; 20]).contains("has one class only"));
    columns[1][3] = f64::NAN;
    assert!(refused(&columns, y.clone()).contains("`x1` is missing in training row 3"));
    columns[1][3] = f64::INFINITY;
    assert!(refused(&columns, y).contains("`x1` is infinite in training row 3"));
}

#[test]
fn learning_stops_when_it_is_told_to() {
    let (columns, y) = noisy(20);
    let stopped = learn_watched(Task::Binary, &plain(), &sample(&columns, y), 2, &Stopped);
    assert!(matches!(stopped, Err(Error::Cancelled)));
}
