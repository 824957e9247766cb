//! Metrics, intervals and curves against scikit-learn's (fixtures/make_metrics.py) and against what they mean.

use meuse_core::evaluation::{Curves, Metric};
use meuse_train::Error;
use meuse_train::evaluate::{self, Metrics, Resampling};
use serde::Deserialize;

use crate::support::{Dice, Silent, Stopped};

#[derive(Deserialize)]
struct Fixture {
    binary: Vec<BinaryCase>,
    regression: Vec<RegressionCase>,
    multiclass: Vec<MulticlassCase>,
}

#[derive(Deserialize)]
struct MulticlassCase {
    y: Vec<u32>,
    p: Vec<Vec<f64>>,
    metrics: std::collections::BTreeMap<String, Option<f64>>,
    confusion: Vec<Vec<u64>>,
}

#[derive(Deserialize)]
struct BinaryCase {
    y: Vec<u8>,
    p: Vec<f64>,
    threshold: f64,
    metrics: std::collections::BTreeMap<String, Option<f64>>,
    confusion: Option<[u64; 4]>,
    calibration: Option<Vec<[f64; 2]>>,
}

#[derive(Deserialize)]
struct RegressionCase {
    y: Vec<f64>,
    p: Vec<f64>,
    metrics: std::collections::BTreeMap<String, Option<f64>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../fixtures/metrics.json")).expect("the fixture is JSON of this shape")
}

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0)
}

fn compare(ours: &Metrics, theirs: &std::collections::BTreeMap<String, Option<f64>>, case: &str) {
    assert!(ours.keys().eq(theirs.keys()), "{case}: the same metrics");
    for (name, theirs) in theirs {
        let Metric { value, undefined, .. } = &ours[name];
        match (value, theirs) {
            (Some(ours), Some(theirs)) => assert!(close(*ours, *theirs), "{case}: {name} {ours} ≠ {theirs}"),
            (None, None) => assert!(undefined.is_some(), "{case}: {name} says why it is undefined"),
            (ours, theirs) => panic!("{case}: {name} {ours:?} ≠ {theirs:?} ({undefined:?})"),
        }
    }
}

fn classes(y: &[u8]) -> Vec<bool> {
    y.iter().map(|y| *y == 1).collect()
}

#[test]
fn metrics_of_several_classes_agree_with_scikit_learn() {
    let cases = fixture().multiclass;
    assert!(cases.len() > 50, "{} cases", cases.len());
    for (index, case) in cases.iter().enumerate() {
        let classes = case.p[0].len();
        let labels: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
        let p = case.p.concat();
        let mut ours = evaluate::multiclass(&case.y, &p, classes);
        compare(&ours, &case.metrics, &format!("case {index}"));
        let told = evaluate::classes(&labels, &case.y, &p);
        assert_eq!(told.confusion, case.confusion, "case {index}");
        let support: u64 = told.figures.iter().map(|figure| figure.support).sum();
        assert_eq!(support, case.y.len() as u64, "case {index}");
        let resampling = Resampling { seed: 7, threads: 2, watch: &Silent };
        evaluate::multiclass_intervals((&case.y, &p), classes, &mut ours, &resampling).expect("not cancelled");
        let Metric { value, low, high, .. } = &ours["accuracy"];
        if let (Some(value), Some(low), Some(high)) = (value, low, high) {
            assert!((*low..=*high).contains(value), "case {index}: {low} ≤ {value} ≤ {high}");
        }
    }
}

#[test]
fn binary_metrics_agree_with_scikit_learn() {
    for (index, case) in fixture().binary.iter().enumerate() {
        let y = classes(&case.y);
        compare(&evaluate::binary(&y, &case.p, case.threshold), &case.metrics, &format!("binary case {index}"));
        let confusion = evaluate::confusion(&y, &case.p, case.threshold);
        let ours =
            [confusion.true_positive, confusion.false_positive, confusion.true_negative, confusion.false_negative];
        assert_eq!(ours, case.confusion.unwrap_or_default(), "binary case {index}: confusion");
    }
}

#[test]
fn regression_metrics_agree_with_scikit_learn() {
    for (index, case) in fixture().regression.iter().enumerate() {
        compare(&evaluate::regression(&case.y, &case.p), &case.metrics, &format!("regression case {index}"));
    }
}

#[test]
fn calibration_bins_agree_with_scikit_learn() {
    for (index, case) in fixture().binary.iter().enumerate() {
        let Some(theirs) = &case.calibration else { continue };
        let ours = evaluate::curves(&classes(&case.y), &case.p).calibration;
        assert_eq!(ours.len(), theirs.len(), "binary case {index}: bins");
        for (ours, [predicted, observed]) in ours.iter().zip(theirs) {
            assert!(close(ours.predicted, *predicted) && close(ours.observed, *observed), "binary case {index}");
        }
    }
}

#[test]
fn what_is_no_number_is_undefined_and_never_a_panic() {
    let nan = evaluate::binary(&[true, false], &[f64::NAN, 0.5], 0.5);
    assert!(nan.values().all(|metric| metric.value.is_none() && metric.undefined.is_some()));
    let beyond = evaluate::binary(&[true, false], &[1.5, -0.5], 0.5);
    assert!(beyond.values().all(|metric| metric.value.is_none()));
    assert_eq!(evaluate::curves(&[true, false], &[f64::NAN, 0.5]), Curves::default());
    let infinite = evaluate::regression(&[1.0, 2.0], &[f64::INFINITY, 2.0]);
    assert!(infinite.values().all(|metric| metric.value.is_none()));
    let huge = evaluate::regression(&[1e300, -1e300], &[-1e300, 1e300]);
    assert_eq!(huge["rmse"].value, None);
}

/// Probabilities that tell two classes apart a little, the same on every run.
fn drawn(rows: usize) -> (Vec<bool>, Vec<f64>) {
    let mut dice = Dice(7);
    let rows = (0..rows).map(|_| {
        let positive = dice.uniform() < 0.3;
        let centre = if positive { 0.4 } else { 0.2 };
        (positive, (centre + 0.6 * dice.uniform()).min(1.0))
    });
    rows.unzip()
}

#[test]
fn curves_are_thin_and_keep_ends_and_the_largest_distance() {
    let (y, p) = drawn(5000);
    let metrics = evaluate::binary(&y, &p, 0.5);
    let curves = evaluate::curves(&y, &p);
    for length in [curves.roc.len(), curves.precision_recall.len(), curves.ks.len()] {
        assert!((100..=200).contains(&length), "{length} points");
    }
    let (first, last) = (curves.roc[0], curves.roc[curves.roc.len() - 1]);
    assert_eq!((first.threshold, first.false_positive_rate, first.true_positive_rate), (None, 0.0, 0.0));
    assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
    let (first, last) = (curves.precision_recall[0], curves.precision_recall[curves.precision_recall.len() - 1]);
    assert_eq!((first.recall, first.precision, last.recall), (0.0, 1.0, 1.0));
    let (first, last) = (curves.ks[0], curves.ks[curves.ks.len() - 1]);
    assert_eq!((first.negatives_below, first.positives_below), (0.0, 0.0));
    assert_eq!((last.negatives_below, last.positives_below), (1.0, 1.0));
    let widest =
        curves.ks.iter().map(|point| (point.negatives_below - point.positives_below).abs()).fold(0.0, f64::max);
    assert!(close(widest, metrics["ks"].value.expect("two classes")));
    let area: f64 = curves
        .roc
        .windows(2)
        .map(|pair| {
            let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
            width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
        })
        .sum();
    assert!((area - metrics["roc_auc"].value.expect("two classes")).abs() < 2e-3, "thinning keeps the shape: {area}");
    assert_eq!(curves.calibration.iter().map(|bin| bin.count).sum::<u64>(), 5000);
}

#[test]
fn curves_of_one_class_are_empty_where_they_need_two() {
    let curves = evaluate::curves(&[false, false], &[0.2, 0.4]);
    assert!(curves.roc.is_empty() && curves.ks.is_empty() && curves.precision_recall.is_empty());
    assert_eq!(curves.calibration.len(), 2);
    assert!(!evaluate::curves(&[true, true], &[0.2, 0.4]).precision_recall.is_empty());
}

fn resampling(threads: usize) -> Resampling<'static> {
    Resampling { seed: 42, threads, watch: &Silent }
}

fn with_intervals(y: &[bool], p: &[f64], threads: usize) -> Metrics {
    let mut metrics = evaluate::binary(y, p, 0.5);
    let bootstrap = evaluate::binary_intervals((y, p), 0.5, &mut metrics, &resampling(threads)).expect("not cancelled");
    assert_eq!((bootstrap.seed, bootstrap.resamples), (42, 1000));
    metrics
}

#[test]
fn an_interval_holds_its_value_and_is_the_same_on_any_number_of_threads() {
    let (y, p) = drawn(1000);
    let metrics = with_intervals(&y, &p, 1);
    assert_eq!(metrics, with_intervals(&y, &p, 3));
    for (name, metric) in &metrics {
        let (value, low, high) = (metric.value, metric.low, metric.high);
        // KS is biased upwards in a resample, so its value may stand at the lower end.
        assert!(low <= value && value <= high && low < high, "{name}: {metric:?}");
    }
    let width = |metric: &Metric| metric.high.expect("defined") - metric.low.expect("defined");
    // The standard error of a share: √(a · (1 − a) / rows); the interval is ±1.96 of it.
    let accuracy = metrics["accuracy"].value.expect("defined");
    let expected = 2.0 * 1.96 * (accuracy * (1.0 - accuracy) / 1000.0).sqrt();
    assert!((width(&metrics["accuracy"]) / expected - 1.0).abs() < 0.1);
    let narrower = with_intervals(&drawn(4000).0, &drawn(4000).1, 2);
    assert!(width(&narrower["roc_auc"]) < 0.7 * width(&metrics["roc_auc"]));
}

#[test]
fn intervals_of_a_regression_hold_their_values() {
    let (_, truth) = drawn(500);
    let predicted: Vec<f64> = truth.iter().zip(drawn(501).1.iter().skip(1)).map(|(a, b)| 0.9 * a + 0.1 * b).collect();
    let mut metrics = evaluate::regression(&truth, &predicted);
    evaluate::regression_intervals(&truth, &predicted, &mut metrics, &resampling(2)).expect("not cancelled");
    for (name, metric) in &metrics {
        assert!(metric.low < metric.value && metric.value < metric.high, "{name}: {metric:?}");
    }
}

#[test]
fn an_undefined_metric_has_no_interval() {
    let mut metrics = evaluate::binary(&[true, true], &[0.5, 0.6], 0.5);
    evaluate::binary_intervals((&[true, true], &[0.5, 0.6]), 0.5, &mut metrics, &resampling(1)).expect("not cancelled");
    assert_eq!(metrics["roc_auc"].low, None);
    assert!(metrics["brier"].low.is_some());
    let mut empty = evaluate::binary(&[], &[], 0.5);
    evaluate::binary_intervals((&[], &[]), 0.5, &mut empty, &resampling(1)).expect("not cancelled");
    assert!(empty.values().all(|metric| metric.value.is_none() && metric.low.is_none()));
}

#[test]
fn a_bootstrap_can_be_cancelled() {
    let (y, p) = drawn(1000);
    let mut metrics = evaluate::binary(&y, &p, 0.5);
    let stopped = Resampling { seed: 42, threads: 2, watch: &Stopped };
    let answer = evaluate::binary_intervals((&y, &p), 0.5, &mut metrics, &stopped);
    assert!(matches!(answer, Err(Error::Cancelled)));
}
