//! Fits a column of numbers: a stand-in for missing cells, then standardisation, quantile bins or weight of evidence.
//!
//! Infinities count in bins; they do not count in a mean, a median, a deviation or a quantile.

use meuse_core::recipe::{NumericEncode, NumericImpute};
use meuse_core::table::Values;

use super::{NO_VALUES, ONE_BIN, ONE_VALUE, Outcome, classes, refused};
use crate::Error;
use crate::binning::{self, FINE_BINS, Trend};
use crate::fitted::{MissingNumber, NumberEncoding, Origin, Step, interval_labels};
use crate::transform::bin_of;
use crate::woe::{Count, weigh};

/// The recipe's rule for the column.
pub(super) struct Rule<'a> {
    pub(super) impute: NumericImpute,
    pub(super) fill: f64,
    pub(super) encode: NumericEncode,
    pub(super) bins: u32,
    pub(super) breaks: Option<&'a [f64]>,
}

pub(super) fn fit(name: &str, rule: &Rule<'_>, values: &Values, positive: Option<&[bool]>) -> Result<Outcome, Error> {
    let Values::Number(numbers) = values else {
        return Err(Error::WrongType { column: name.to_owned(), found: "texts", expected: "numbers" });
    };
    if numbers.iter().all(|number| number.is_nan()) {
        return Ok(Outcome::LeaveOut(NO_VALUES));
    }
    let Some(missing) = missing(name, rule, numbers)? else { return Ok(Outcome::LeaveOut("has no finite number")) };
    let imputed = imputed(numbers, &missing);
    let first = imputed[0];
    if imputed.iter().all(|number| *number == first || (number.is_nan() && first.is_nan())) {
        return Ok(Outcome::LeaveOut(ONE_VALUE));
    }
    let encoding = match rule.encode {
        NumericEncode::None => NumberEncoding::None,
        NumericEncode::Standardise => match standardise(&imputed) {
            Some(encoding) => encoding,
            None => return Ok(Outcome::LeaveOut("has values too close together to standardise")),
        },
        NumericEncode::QuantileBins => bins(rule, &imputed),
        NumericEncode::Woe => woe(rule, &imputed, classes(name, positive)?),
    };
    let one_bin = match &encoding {
        NumberEncoding::Bins { edges, missing_indicator } => edges.is_empty() && !missing_indicator,
        NumberEncoding::Woe { bins, .. } => bins.len() < 2,
        _ => false,
    };
    Ok(if one_bin { Outcome::LeaveOut(ONE_BIN) } else { Outcome::Step(Step::Numeric { missing, encoding }) })
}

/// What stands in for missing cells; `None` when that would be a figure of finite numbers and there are none.
fn missing(name: &str, rule: &Rule<'_>, numbers: &[f64]) -> Result<Option<MissingNumber>, Error> {
    let fill = |value: Option<f64>, origin| value.map(|value| MissingNumber::Fill { value, origin });
    Ok(match rule.impute {
        NumericImpute::Keep => Some(MissingNumber::Keep),
        NumericImpute::Refuse => match numbers.iter().position(|number| number.is_nan()) {
            Some(row) => {
                return Err(refused(row, name, "the value is missing, and the recipe refuses such rows".into()));
            }
            None => Some(MissingNumber::Refuse),
        },
        NumericImpute::Constant => fill(Some(rule.fill), Origin::Constant),
        NumericImpute::Mean => fill(moments(numbers).map(|moments| moments.mean), Origin::Mean),
        NumericImpute::Median => fill(quantile(&sorted_finite(numbers), 0.5), Origin::Median),
    })
}

fn imputed(numbers: &[f64], missing: &MissingNumber) -> Vec<f64> {
    match missing {
        MissingNumber::Fill { value, .. } => {
            numbers.iter().map(|number| if number.is_nan() { *value } else { *number }).collect()
        }
        MissingNumber::Keep | MissingNumber::Refuse => numbers.to_vec(),
    }
}

/// Mean, population standard deviation and range of finite numbers.
struct Moments {
    mean: f64,
    deviation: f64,
    low: f64,
    high: f64,
}

/// In two passes, divided by a power of two near the largest number, which loses nothing and cannot overflow.
fn moments(numbers: &[f64]) -> Option<Moments> {
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let count = finite().count();
    if count == 0 {
        return None;
    }
    let largest = finite().fold(0.0_f64, |largest, number| largest.max(number.abs()));
    let exponent = if largest > 0.0 { largest.log2().floor().clamp(-1000.0, 1000.0) } else { 0.0 };
    let scale = 2.0_f64.powi(exponent as i32);
    let mean = finite().map(|number| number / scale).sum::<f64>() / count as f64;
    let squares: f64 = finite().map(|number| (number / scale - mean).powi(2)).sum();
    Some(Moments {
        mean: mean * scale,
        deviation: (squares / count as f64).sqrt() * scale,
        low: finite().fold(f64::INFINITY, f64::min),
        high: finite().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn standardise(numbers: &[f64]) -> Option<NumberEncoding> {
    let Moments { mean, deviation, low, high } = moments(numbers)?;
    (deviation > 0.0 && deviation.is_finite()).then_some(NumberEncoding::Standardise { mean, deviation, low, high })
}

fn sorted_finite(numbers: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|number| number.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The quantile by linear interpolation (Hyndman and Fan's type 7).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * share;
    let (below, above) = (sorted[position.floor() as usize], sorted[(position.ceil() as usize).min(last)]);
    let fraction = position.fract();
    // Not below + fraction · (above − below): the difference may overflow.
    Some(if fraction == 0.0 || below == above { below } else { below * (1.0 - fraction) + above * fraction })
}

fn bins(rule: &Rule<'_>, numbers: &[f64]) -> NumberEncoding {
    let edges = match rule.breaks {
        Some(breaks) => breaks.to_vec(),
        None => quantile_edges(&sorted_finite(numbers), rule.bins),
    };
    NumberEncoding::Bins { edges, missing_indicator: numbers.iter().any(|number| number.is_nan()) }
}

/// Inner edges between `bins` quantiles, each once; one at or below the smallest number would begin an empty bin. Where
/// most rows hold the smallest number, the bin of all others begins with the next one.
fn quantile_edges(sorted: &[f64], bins: u32) -> Vec<f64> {
    let above = |edge: &f64| sorted.first().is_some_and(|smallest| edge > smallest);
    let edges = (1..bins).filter_map(|index| quantile(sorted, f64::from(index) / f64::from(bins)));
    let mut edges: Vec<f64> = edges.filter(above).collect();
    edges.dedup();
    if edges.is_empty() {
        edges.extend(sorted.iter().copied().find(above));
    }
    edges
}

fn woe(rule: &Rule<'_>, numbers: &[f64], positive: &[bool]) -> NumberEncoding {
    let edges = match rule.breaks {
        Some(breaks) => breaks.to_vec(),
        None => chosen_edges(numbers, positive, rule.bins),
    };
    let (counts, missing) = count(&edges, numbers, positive);
    let mut labelled: Vec<(String, Count)> = interval_labels(&edges).into_iter().zip(counts).collect();
    let missing_bin = (missing.rows > 0).then_some(labelled.len() as u32);
    if missing_bin.is_some() {
        labelled.push(("missing".to_owned(), missing));
    }
    let (bins, information_value) = weigh(labelled);
    NumberEncoding::Woe { edges, bins, missing_bin, information_value }
}

fn chosen_edges(numbers: &[f64], positive: &[bool], most: u32) -> Vec<f64> {
    let fine = fine_edges(&sorted_finite(numbers));
    let (counts, _) = count(&fine, numbers, positive);
    // A cut before fine bin i is at the edge that begins it.
    binning::merge(&counts, most, Trend::Monotone).into_iter().map(|cut| fine[cut - 1]).collect()
}

/// Edges of fine bins, all of them numbers of the column, so that a person recognises them.
fn fine_edges(sorted: &[f64]) -> Vec<f64> {
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    if distinct.len() > FINE_BINS {
        distinct = (0..FINE_BINS).map(|index| sorted[index * sorted.len() / FINE_BINS]).collect();
        distinct.dedup();
    }
    distinct.into_iter().skip_while(|edge| sorted.first() == Some(edge)).collect()
}

/// Rows and positives per bin, and of missing cells.
fn count(edges: &[f64], numbers: &[f64], positive: &[bool]) -> (Vec<Count>, Count) {
    let mut counts = vec![Count::default(); edges.len() + 1];
    let mut missing = Count::default();
    for (number, positive) in numbers.iter().zip(positive) {
        if number.is_nan() {
            missing.add(*positive);
        } else {
            counts[bin_of(edges, *number)].add(*positive);
        }
    }
    (counts, missing)
}
