//! Whole trainings: on the demo's data, and on tables that something is wrong with.

use meuse_core::bundle::{BundleKind, Task};
use meuse_core::table::Values;
use meuse_train::Error;

use crate::support::{Data, Dice, Files, Listener, data, failure, german_credit, run, trained};

fn german_recipe(split: &str, algorithm: &str) -> String {
    format!(
        "dataset = \"credit\"\ntask = \"binary\"\ntarget = \"creditability\"\npositive = \"bad\"\nseed = 42\n\
         [split]\n{split}\n[algorithm]\n{algorithm}\n"
    )
}

const STRATIFIED: &str = "method = \"stratified\"\nvalidation = 0.2\ntest = 0.2";
const NO_VALIDATION: &str = "method = \"stratified\"\nvalidation = 0.0\ntest = 0.3";
const LOGISTIC: &str = "name = \"logistic_regression\"";
const SCORECARD: &str = "name = \"scorecard\"";
const TREES: &str =
    "name = \"lightgbm\"\ncapacity = \"manual\"\nnum_iterations = 200\nnum_leaves = 7\nlearning_rate = 0.05";

fn area(files: &Files) -> f64 {
    files.evaluation.metrics["roc_auc"].value.expect("both classes are in the test part")
}

fn check_german_credit(split: &str, algorithm: &str, source: &str) -> Files {
    let files = trained(&german_recipe(split, algorithm), &german_credit());
    let evaluation = &files.evaluation;
    assert!(area(&files) > 0.7, "{algorithm}: AUC {}", area(&files));
    let headline = &evaluation.metrics["roc_auc"];
    assert!(headline.low < headline.value && headline.value < headline.high);
    let validation = evaluation.validation.as_ref().expect("figures to choose by");
    assert_eq!(validation.source, source);
    assert!(validation.metrics["roc_auc"].value.expect("two classes") > 0.7);
    assert!(evaluation.training["roc_auc"].value.expect("two classes") > 0.7);
    assert_eq!(evaluation.rows.values().sum::<u64>(), 1000);
    assert_eq!((evaluation.metric.as_str(), evaluation.larger_is_better), ("roc_auc", true));
    let confusion = evaluation.confusion.expect("a binary task");
    let counted =
        confusion.true_positive + confusion.false_positive + confusion.true_negative + confusion.false_negative;
    assert_eq!(counted, evaluation.rows["test"]);
    files
}

#[test]
fn a_logistic_regression_learns_german_credit() {
    let files = check_german_credit(STRATIFIED, LOGISTIC, "validation part");
    assert_eq!(files.explanation.coefficients[0].feature, "intercept");
    assert_eq!(files.explanation.coefficients.len() as u32, files.manifest.features + 1);
    check_german_credit(NO_VALIDATION, LOGISTIC, "cross-validation inside the training part");
}

#[test]
fn a_scorecard_learns_german_credit() {
    let files = check_german_credit(STRATIFIED, SCORECARD, "validation part");
    let card = files.explanation.scorecard.as_ref().expect("a points table");
    assert_eq!(card.columns.len(), files.manifest.inputs.len());
    assert!(!files.manifest.left_out.is_empty(), "weak columns are left out, and said");
    check_german_credit(NO_VALIDATION, SCORECARD, "cross-validation inside the training part");
}

#[test]
fn lightgbm_learns_german_credit() {
    let files = check_german_credit(STRATIFIED, TREES, "validation part");
    assert!(!files.explanation.gains.is_empty());
    assert!(files.manifest.lineage.software.iter().any(|line| line == "LightGBM 4.7.0"));
    check_german_credit(NO_VALIDATION, TREES, "cross-validation inside the training part");
}

#[test]
fn lightgbm_of_automatic_capacity_learns_german_credit() {
    check_german_credit(STRATIFIED, "name = \"lightgbm\"", "validation part");
    check_german_credit(NO_VALIDATION, "name = \"lightgbm\"", "cross-validation inside the training part");
}

#[test]
fn a_bundle_says_where_it_came_from() {
    let recipe = german_recipe(STRATIFIED, LOGISTIC);
    let manifest = trained(&recipe, &german_credit()).manifest;
    assert_eq!((manifest.schema_version, manifest.kind, manifest.task), (1, BundleKind::Onnx, Task::Binary));
    assert_eq!((manifest.algorithm.as_str(), manifest.target.as_str()), ("logistic_regression", "creditability"));
    assert_eq!(manifest.labels, Some(vec!["good".into(), "bad".into()]));
    assert_eq!(manifest.threshold, Some(0.5));
    assert_eq!(manifest.inputs.len(), 20);
    let lineage = manifest.lineage;
    assert_eq!((lineage.dataset.name.as_str(), lineage.seed, lineage.operator.as_str()), ("small", 42, "tester"));
    assert_eq!((lineage.recipe, lineage.recipe_sha256.len()), (recipe, 64));
    assert!(lineage.started_at < lineage.finished_at);
    assert!(lineage.software.iter().any(|line| line.starts_with("ONNX Runtime ")));
    assert!(lineage.hardware.contains("2 threads"), "{}", lineage.hardware);
}

#[test]
fn the_same_recipe_gives_the_same_bytes_and_the_stages_are_told_in_order() {
    for algorithm in [LOGISTIC, SCORECARD, TREES] {
        let listener = Listener::default();
        let first = run(&german_recipe(STRATIFIED, algorithm), &german_credit(), &listener).expect("it trains");
        let second = trained(&german_recipe(STRATIFIED, algorithm), &german_credit());
        assert_eq!(first.prep, second.prep, "{algorithm}");
        assert_eq!(first.onnx, second.onnx, "{algorithm}");
        assert_eq!(first.evaluation, second.evaluation, "{algorithm}");
        assert_eq!(first.explanation, second.explanation, "{algorithm}");
        let stages = listener.stages.into_inner().expect("no thread panicked");
        assert_eq!(stages[..2], ["split", "fit preprocessing"]);
        assert_eq!(stages[stages.len() - 3..], ["evaluate", "parity check", "write"]);
        assert!(stages.len() > 5, "the learner tells what it does: {stages:?}");
    }
}

#[test]
fn a_training_stops_at_every_stage_and_leaves_no_bundle() {
    for stage in ["split", "fit preprocessing", "fit", "cross-validate", "evaluate", "parity check"] {
        let listener = Listener { stop_at: Some(stage), ..Listener::default() };
        let answer = run(&german_recipe(NO_VALIDATION, LOGISTIC), &german_credit(), &listener);
        assert!(matches!(answer, Err(Error::Cancelled)), "{stage}: {:?}", answer.err());
        let stages = listener.stages.into_inner().expect("no thread panicked");
        assert!(!stages.iter().any(|heard| heard == "write"), "{stage}: {stages:?}");
    }
}

#[test]
fn a_class_of_one_training_row_trains_without_figures_to_choose_by() {
    let rows = 40;
    let part = |row: usize| Some(if row < 30 { "train" } else { "test" });
    let data = data(vec![
        ("x", Values::Number((0..rows).map(|row| row as f64).collect())),
        ("part", Values::text((0..rows).map(part))),
        ("target", Values::text((0..rows).map(|row| Some(if row == 3 || row > 35 { "yes" } else { "no" })))),
    ]);
    let recipe = "dataset = \"small\"\ntask = \"binary\"\ntarget = \"target\"\npositive = \"yes\"\n[split]\n\
                  method = \"column\"\ncolumn = \"part\"\n[algorithm]\nname = \"logistic_regression\"\n";
    let listener = Listener::default();
    let files = run(recipe, &data, &listener).expect("both classes are in both parts");
    assert_eq!(files.evaluation.validation, None);
    let lines = listener.lines.into_inner().expect("no thread panicked");
    assert!(lines.iter().any(|line| line.starts_with("no figures to choose by")), "{lines:?}");
    let warnings = files.evaluation.warnings;
    assert!(warnings.iter().any(|line| line.starts_with("no figures to choose by")), "{warnings:?}");
}

/// A table with a numeric target that follows `x`, and a category that matters.
fn line() -> Data {
    let mut dice = Dice(3);
    let rows: Vec<(f64, &str)> = (0..300).map(|_| (10.0 * dice.uniform(), dice.pick(&["a", "b", "c"]))).collect();
    let target = rows.iter().map(|(x, kind)| 3.0 * x + if *kind == "a" { 5.0 } else { 0.0 } + dice.uniform());
    data(vec![
        ("target", Values::Number(target.collect())),
        ("x", Values::Number(rows.iter().map(|(x, _)| *x).collect())),
        ("kind", Values::text(rows.iter().map(|(_, kind)| Some(*kind)))),
    ])
}

#[test]
fn a_regression_is_learnt_by_both_algorithms() {
    for algorithm in ["name = \"linear_regression\"", TREES, "name = \"lightgbm\""] {
        let recipe =
            format!("dataset = \"small\"\ntask = \"regression\"\ntarget = \"target\"\n[algorithm]\n{algorithm}\n");
        let files = trained(&recipe, &line());
        let figures = &files.evaluation.metrics;
        assert!(figures["r2"].value.expect("the target varies") > 0.9, "{algorithm}: {figures:?}");
        assert_eq!((files.manifest.labels, files.manifest.threshold), (None, None));
        assert!(files.evaluation.confusion.is_none() && files.evaluation.curves.is_none());
    }
}

#[test]
fn a_row_that_the_recipe_refuses_is_named() {
    let mut data = german_credit();
    let Values::Number(ages) = &mut data.table.columns[12].values else { panic!("ages are numbers") };
    ages[16] = f64::NAN;
    let recipe = german_recipe(STRATIFIED, LOGISTIC) + "[preprocessing.columns.age_in_years]\nimpute = \"refuse\"\n";
    let failure = failure(&recipe, &data);
    assert_eq!(failure.field, "age_in_years");
    assert!(failure.message.contains("row 17 of the dataset"), "{failure}");
}

#[test]
fn a_recipe_that_does_not_fit_is_refused_before_any_work() {
    let recipe = german_recipe(STRATIFIED, LOGISTIC).replace("creditability", "credibility");
    let failure = failure(&recipe, &german_credit());
    assert_eq!(failure.field, "target");
    assert!(failure.hint.contains("creditability"), "{failure}");
}
