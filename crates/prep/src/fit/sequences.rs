//! Fits a column of sequences: which words there are, by how frequent they are.

use meuse_core::recipe::{PlannedColumn, Sequence};
use meuse_core::table::Values;

use super::{long_texts_of, missing_long_text};
use crate::Error;
use crate::fitted::Step;
use crate::text::WordIndex;

/// `rows` are those to learn from; a missing text counts as an empty one, or is refused.
pub(super) fn fit(
    column: &PlannedColumn,
    refuse_missing: bool,
    rule: &Sequence,
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let words = WordIndex::of(rule, long_texts_of(column, refuse_missing, values, rows)?);
    if words.size() < 2 {
        let field = format!("preprocessing.columns.{}.sequence.tokens", column.name);
        let reason = format!("no text of the training part holds a token of `{}`", rule.tokens.word());
        let hint = "check that the column holds texts, or use tokens = \"characters\"".to_owned();
        return Err(Error::NoTerms { field, reason, hint });
    }
    let missing = missing_long_text(refuse_missing);
    let Sequence { length, padding, truncating, .. } = *rule;
    Ok(Step::Sequence { missing, words: Box::new(words), length, padding, truncating })
}
