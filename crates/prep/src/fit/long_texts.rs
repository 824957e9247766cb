//! Fits a column of long texts: which terms there are, and how frequent they are.

use meuse_core::recipe::{PlannedColumn, Tfidf};
use meuse_core::table::Values;

use super::{long_texts_of, missing_long_text};
use crate::Error;
use crate::fitted::Step;
use crate::text::{FittedTfidf, TfidfError};

/// `rows` are those to learn from; a missing text counts as an empty one, or is refused.
pub(super) fn fit(
    column: &PlannedColumn,
    refuse_missing: bool,
    rule: &Tfidf,
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let texts = long_texts_of(column, refuse_missing, values, rows)?;
    let tfidf = FittedTfidf::fit(rule, texts).map_err(|error| nothing(column, rule, &error))?;
    Ok(Step::LongText { missing: missing_long_text(refuse_missing), tfidf: Box::new(tfidf) })
}

fn nothing(column: &PlannedColumn, rule: &Tfidf, error: &TfidfError) -> Error {
    let (field, reason, hint) = match error {
        TfidfError::NoTokens => (
            "tokens",
            format!("no text of the training part holds a token of `{}`", rule.tokens.word()),
            "check that the column holds texts, or use tokens = \"characters\"".to_owned(),
        ),
        TfidfError::NoTerms { texts, most } if *most < rule.min_df => (
            "min_df",
            format!("no term is in {} of the {texts} training texts: the most frequent one is in {most}", rule.min_df),
            format!("lower it to {most} or less, or give more rows"),
        ),
        TfidfError::NoTerms { texts, .. } => (
            "max_df",
            format!(
                "of the terms in {} or more of the {texts} training texts, all are in more than {} of them",
                rule.min_df, rule.max_df
            ),
            "raise it: 1.0 keeps all".to_owned(),
        ),
    };
    Error::NoTerms { field: format!("preprocessing.columns.{}.tfidf.{field}", column.name), reason, hint }
}
