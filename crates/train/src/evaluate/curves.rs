//! ROC, precision-recall, calibration and KS curves as data, thinned to what a chart can show.

use std::collections::BTreeSet;

use meuse_core::evaluation::{CalibrationPoint, Curves, KsPoint, PrecisionRecallPoint, RocPoint};

use super::binary::descending;

/// The most points of a curve.
const MOST_POINTS: usize = 200;
/// Steps whose both ends are kept, however crowded the rest.
const LARGEST_STEPS: usize = 50;
/// Bins of the calibration curve.
const CALIBRATION_BINS: usize = 10;

/// The curves of a binary task; those that need a class which is not there are empty.
///
/// # Panics
/// When the slices differ in length: both were made from one set of rows.
pub fn curves(positive: &[bool], probability: &[f64]) -> Curves {
    assert_eq!(positive.len(), probability.len(), "one probability per row");
    if positive.is_empty() || probability.iter().any(|p| p.is_nan()) {
        return Curves::default();
    }
    let levels = levels(positive, probability);
    let calibration = calibration(positive, probability);
    let last = levels[levels.len() - 1];
    let precision_recall = if last.positives > 0 { precision_recall(&levels) } else { Vec::new() };
    if last.positives == 0 || last.negatives == 0 {
        return Curves { calibration, precision_recall, ..Curves::default() };
    }
    Curves { roc: roc(&levels), ks: ks(&levels), precision_recall, calibration }
}

/// Rows at or above a probability.
#[derive(Clone, Copy)]
struct Level {
    probability: f64,
    positives: u64,
    negatives: u64,
}

/// One level per distinct probability, highest first.
fn levels(positive: &[bool], probability: &[f64]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    let mut counts = (0, 0);
    for row in descending(probability) {
        let (positive, probability) = (positive[row as usize], probability[row as usize]);
        if positive {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
        let level = Level { probability, positives: counts.0, negatives: counts.1 };
        match levels.last_mut() {
            Some(last) if last.probability == probability => *last = level,
            _ => levels.push(level),
        }
    }
    levels
}

fn shares(levels: &[Level]) -> impl Iterator<Item = (f64, f64)> {
    let last = levels[levels.len() - 1];
    let (positives, negatives) = (last.positives as f64, last.negatives as f64);
    levels.iter().map(move |level| (level.negatives as f64 / negatives, level.positives as f64 / positives))
}

fn roc(levels: &[Level]) -> Vec<RocPoint> {
    let origin = RocPoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    let others = levels.iter().zip(shares(levels)).map(|(level, (negatives, positives))| RocPoint {
        threshold: Some(level.probability),
        false_positive_rate: negatives,
        true_positive_rate: positives,
    });
    let points: Vec<RocPoint> = std::iter::once(origin).chain(others).collect();
    thin(&points, |point| (point.false_positive_rate, point.true_positive_rate), None)
}

/// From recall 0, where precision is 1 by convention, to recall 1.
fn precision_recall(levels: &[Level]) -> Vec<PrecisionRecallPoint> {
    let positives = levels[levels.len() - 1].positives as f64;
    let start = PrecisionRecallPoint { threshold: None, precision: 1.0, recall: 0.0 };
    let others = levels.iter().map(|level| PrecisionRecallPoint {
        threshold: Some(level.probability),
        precision: level.positives as f64 / (level.positives + level.negatives) as f64,
        recall: level.positives as f64 / positives,
    });
    // Past the first level that reaches every positive, recall stays at 1: scikit-learn keeps those points as well.
    let points: Vec<PrecisionRecallPoint> = std::iter::once(start).chain(others).collect();
    thin(&points, |point| (point.recall, point.precision), None)
}

/// From below the smallest probability to just above the largest.
fn ks(levels: &[Level]) -> Vec<KsPoint> {
    let above = levels[0].probability.next_up();
    let thresholds = std::iter::once(above).chain(levels.iter().map(|level| level.probability));
    let at_or_above = std::iter::once((0.0, 0.0)).chain(shares(levels));
    let mut points: Vec<KsPoint> = thresholds
        .zip(at_or_above)
        .map(|(threshold, (negatives, positives))| KsPoint {
            threshold,
            negatives_below: 1.0 - negatives,
            positives_below: 1.0 - positives,
        })
        .collect();
    points.reverse();
    let distance = |point: &KsPoint| (point.negatives_below - point.positives_below).abs();
    let widest = (0..points.len()).max_by(|a, b| distance(&points[*a]).total_cmp(&distance(&points[*b])));
    thin(&points, |point| (point.threshold, point.negatives_below - point.positives_below), widest)
}

/// Bins between the deciles of the probability, as in scikit-learn's `calibration_curve(strategy="quantile")`: a bin
/// holds its upper edge, and equal probabilities share a bin.
fn calibration(positive: &[bool], probability: &[f64]) -> Vec<CalibrationPoint> {
    let order = descending(probability);
    let ascending: Vec<u32> = order.into_iter().rev().collect();
    let sorted = |position: usize| probability[ascending[position] as usize];
    let edges: Vec<f64> = (1..CALIBRATION_BINS)
        .map(|decile| {
            let position = decile as f64 / CALIBRATION_BINS as f64 * (ascending.len() - 1) as f64;
            let (below, part) = (position.floor() as usize, position.fract());
            let above = (below + 1).min(ascending.len() - 1);
            sorted(below) + part * (sorted(above) - sorted(below))
        })
        .collect();
    let mut sums = [(0.0, 0_u64, 0_u64); CALIBRATION_BINS];
    for row in ascending {
        let (positive, probability) = (positive[row as usize], probability[row as usize]);
        let bin = &mut sums[edges.partition_point(|edge| *edge < probability)];
        *bin = (bin.0 + probability, bin.1 + u64::from(positive), bin.2 + 1);
    }
    let bins = sums.into_iter().filter(|(_, _, count)| *count > 0);
    bins.map(|(predicted, positives, count)| CalibrationPoint {
        predicted: predicted / count as f64,
        observed: positives as f64 / count as f64,
        count,
    })
    .collect()
}

/// At most [`MOST_POINTS`] of the points: the ends, both ends of the largest steps, `kept`, and the rest evenly along
/// the curve's length.
fn thin<P: Copy>(points: &[P], place: impl Fn(&P) -> (f64, f64), kept: Option<usize>) -> Vec<P> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let steps: Vec<f64> = points
        .windows(2)
        .map(|pair| {
            let (from, to) = (place(&pair[0]), place(&pair[1]));
            (to.0 - from.0).hypot(to.1 - from.1)
        })
        .collect();
    let mut chosen = BTreeSet::from([0, points.len() - 1]);
    chosen.extend(kept);
    let mut largest: Vec<usize> = (0..steps.len()).collect();
    largest.select_nth_unstable_by(LARGEST_STEPS, |a, b| steps[*b].total_cmp(&steps[*a]).then(a.cmp(b)));
    chosen.extend(largest.iter().take(LARGEST_STEPS).flat_map(|step| [*step, step + 1]));
    let budget = MOST_POINTS - chosen.len();
    let total: f64 = steps.iter().sum();
    let mut walked = 0.0;
    let mut passed = 0;
    for (index, step) in steps.iter().enumerate() {
        walked += step;
        let due = (walked / total * budget as f64) as usize;
        if due > passed {
            passed = due;
            chosen.insert(index + 1);
        }
    }
    chosen.into_iter().map(|index| points[index]).collect()
}
