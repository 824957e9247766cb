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
    (rule, min_count): (&Sequence, u32),
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let (words, most) = WordIndex::of(rule, min_count, long_texts_of(column, refuse_missing, values, rows)?);
    if words.size() < 2 && most > 0 {
        let reason =
            format!("no word stands {min_count} times in the training part: the most frequent one does {most} times");
        let hint = format!("lower it to {most} or less, or give more rows");
        return Err(Error::NoTerms { field: "algorithm.min_count".into(), reason, hint });
    }
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
