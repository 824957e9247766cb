//! Fits the steps of a plan on training rows.
//!
//! Every sum runs in the order of the rows and every list has a stated order, so that the same rows give the same
//! bytes. A column that tells nothing (no value, one value, one bin) is left out, and why is said.

mod long_texts;
mod numbers;
mod sequences;
mod texts;
mod tokenized;

use std::collections::BTreeMap;

use meuse_core::bundle::LeftOut;
use meuse_core::recipe::{Plan, PlannedColumn, Treatment};
use meuse_core::side_by_side;
use meuse_core::table::{MISSING, Table, Values};

use crate::Error;
use crate::fitted::{Fitted, FittedColumn, MissingText, Step};
use crate::image::Steps;
use crate::text::Tokenizer;

/// The published tokenizers that a recipe names, by the column that each is for: reading their files is not our business.
pub type Tokenizers = BTreeMap<String, Tokenizer>;

/// Fits the plan's columns on `table`, which holds training rows only. `positive` says which rows are of the positive
/// class; weight of evidence needs it.
///
/// # Errors
/// A column is missing, a cell is one that the recipe refuses, or no column is left.
pub fn fit(plan: &Plan, table: &Table, positive: Option<&[bool]>) -> Result<Fitted, Error> {
    let all: Vec<u32> = (0..table.rows as u32).collect();
    fit_on(plan, table, &all, positive, &Tokenizers::new(), 1)
}

/// [`fit`] on the given rows of a table, without a copy of them all: each of so many threads takes one column at a time.
/// Their number changes nothing in what is fitted.
///
/// # Errors
/// As [`fit`]; the row of a refused cell counts among `rows`.
pub fn fit_on(
    plan: &Plan,
    table: &Table,
    rows: &[u32],
    positive: Option<&[bool]>,
    tokenizers: &Tokenizers,
    threads: usize,
) -> Result<Fitted, Error> {
    if rows.is_empty() {
        return Err(Error::NoRows);
    }
    let mut fitted = Fitted::default();
    let outcomes = side_by_side(threads, plan.columns.len(), |column| {
        fit_column(&plan.columns[column], table, rows, positive, tokenizers)
    });
    for (column, outcome) in plan.columns.iter().zip(outcomes) {
        match outcome? {
            Outcome::Step(step) => {
                let name = column.name.clone();
                fitted.columns.push(FittedColumn { name, column_type: column.column_type, step });
            }
            Outcome::LeaveOut(reason) => {
                fitted.left_out.push(LeftOut { column: column.name.clone(), reason: reason.to_owned() });
            }
        }
    }
    if fitted.columns.is_empty() {
        let reasons = fitted.left_out.iter().map(|left| format!("`{}` {}", left.column, left.reason));
        return Err(Error::NothingLeft(reasons.collect::<Vec<_>>().join(", ")));
    }
    Ok(fitted)
}

/// What fitting a column comes to.
enum Outcome {
    Step(Step),
    LeaveOut(&'static str),
}

const NO_VALUES: &str = "has no values in the training part";
const ONE_VALUE: &str = "has one value only in the training part";
const ONE_BIN: &str = "has one bin only: no part of it tells more than another";

fn fit_column(
    column: &PlannedColumn,
    table: &Table,
    rows: &[u32],
    positive: Option<&[bool]>,
    tokenizers: &Tokenizers,
) -> Result<Outcome, Error> {
    let values = table.column(&column.name).ok_or_else(|| Error::MissingColumn(column.name.clone()))?;
    match &column.treatment {
        Treatment::LongText { refuse_missing, tfidf } => {
            long_texts::fit(column, *refuse_missing, tfidf, values, rows).map(Outcome::Step)
        }
        Treatment::Sequence { refuse_missing, sequence, .. } if sequence.tokenizer.is_some() => {
            let tokenizer = tokenizers.get(&column.name);
            tokenized::sequence(column, *refuse_missing, sequence, tokenizer, values, rows).map(Outcome::Step)
        }
        Treatment::Sentence { refuse_missing, .. } => {
            let tokenizer = tokenizers.get(&column.name);
            tokenized::sentence(column, *refuse_missing, tokenizer, values, rows).map(Outcome::Step)
        }
        Treatment::Sequence { refuse_missing, sequence, min_count } => {
            sequences::fit(column, *refuse_missing, (sequence, *min_count), values, rows).map(Outcome::Step)
        }
        Treatment::Picture { image, .. } => Ok(Outcome::Step(Step::Picture { steps: Box::new(Steps::of(image)) })),
        Treatment::Numeric { impute, fill, encode, bins, breaks } => {
            let rule =
                numbers::Rule { impute: *impute, fill: *fill, encode: *encode, bins: *bins, breaks: breaks.as_deref() };
            numbers::fit(&column.name, &rule, &values.take(rows), positive)
        }
        Treatment::Text { impute, fill, encode, unknown, bins, groups, order } => {
            let rule = texts::Rule {
                impute: *impute,
                fill,
                encode: *encode,
                unknown: *unknown,
                bins: *bins,
                groups: groups.as_deref(),
                order: order.as_deref(),
            };
            texts::fit(column, &rule, &values.take(rows), positive)
        }
    }
}

/// The classes of the rows, when both are there.
fn classes<'a>(column: &str, positive: Option<&'a [bool]>) -> Result<&'a [bool], Error> {
    let both = |rows: &&[bool]| rows.contains(&true) && rows.contains(&false);
    positive.filter(both).ok_or_else(|| Error::OneClass(column.to_owned()))
}

/// The texts of the rows of a column of long texts, without a copy; a missing one counts as an empty one, or is refused.
fn long_texts_of<'a>(
    column: &PlannedColumn,
    refuse_missing: bool,
    values: &'a Values,
    rows: &'a [u32],
) -> Result<impl Iterator<Item = &'a str> + use<'a>, Error> {
    let Values::Text { codes, dictionary } = values else {
        return Err(Error::WrongType { column: column.name.clone(), found: "numbers", expected: "texts" });
    };
    if refuse_missing && let Some(row) = rows.iter().position(|row| codes[*row as usize] == MISSING) {
        return Err(refused(row, &column.name, "the text is missing, and the recipe refuses such rows".into()));
    }
    Ok(rows.iter().map(|row| dictionary.get(codes[*row as usize] as usize).map_or("", String::as_str)))
}

/// What is done with a missing long text in serving.
fn missing_long_text(refuse: bool) -> MissingText {
    if refuse { MissingText::Refuse } else { MissingText::Keep }
}

fn refused(row: usize, column: &str, reason: String) -> Error {
    let hint = "give a value that training can learn from".to_owned();
    Error::Refused { row, column: column.to_owned(), reason, hint }
}
