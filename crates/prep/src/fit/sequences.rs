//! Fits a column of sequences: which words there are, by how frequent they are.

use meuse_core::recipe::{PlannedColumn, Sequence};
use meuse_core::table::{MISSING, Values};

use super::refused;
use crate::Error;
use crate::fitted::{MissingText, Step};
use crate::text::WordIndex;

/// `rows` are those to learn from; a missing text counts as an empty one, or is refused.
pub(super) fn fit(
    column: &PlannedColumn,
    refuse_missing: bool,
    rule: &Sequence,
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let Values::Text { codes, dictionary } = values else {
        return Err(Error::WrongType { column: column.name.clone(), found: "numbers", expected: "texts" });
    };
    if refuse_missing && let Some(row) = rows.iter().position(|row| codes[*row as usize] == MISSING) {
        return Err(refused(row, &column.name, "the text is missing, and the recipe refuses such rows".into()));
    }
    let text = |row: &u32| dictionary.get(codes[*row as usize] as usize).map_or("", String::as_str);
    let words = WordIndex::of(rule, rows.iter().map(text));
    if words.size() < 2 {
        let field = format!("preprocessing.columns.{}.sequence.tokens", column.name);
        let reason = format!("no text of the training part holds a token of `{}`", rule.tokens.word());
        let hint = "check that the column holds texts, or use tokens = \"characters\"".to_owned();
        return Err(Error::NoTerms { field, reason, hint });
    }
    let missing = if refuse_missing { MissingText::Refuse } else { MissingText::Keep };
    let Sequence { length, padding, truncating, .. } = *rule;
    Ok(Step::Sequence { missing, words: Box::new(words), length, padding, truncating })
}
