//! Fits columns that a published tokenizer reads: nothing is learnt, only whether the column is one of texts is looked
//! at, and whether the network has room for all ids.

use meuse_core::recipe::{PlannedColumn, Sequence};
use meuse_core::table::Values;

use super::{long_texts_of, missing_long_text};
use crate::Error;
use crate::fitted::Step;
use crate::text::Tokenizer;

/// As ids that a network reads.
pub(super) fn sequence(
    column: &PlannedColumn,
    refuse_missing: bool,
    rule: &Sequence,
    tokenizer: Option<&Tokenizer>,
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let tokenizer = checked(column, refuse_missing, tokenizer, values, rows)?;
    if tokenizer.size() > rule.vocabulary {
        let name = rule.tokenizer.as_deref().unwrap_or_default();
        return Err(Error::NoTerms {
            field: format!("preprocessing.columns.{}.sequence.vocabulary", column.name),
            reason: format!(
                "the tokenizer `{name}` has {} ids, and vocabulary = {}",
                tokenizer.size(),
                rule.vocabulary
            ),
            hint: format!("write vocabulary = {}", tokenizer.size()),
        });
    }
    Ok(Step::Tokenized { missing: missing_long_text(refuse_missing), tokenizer, padding: rule.padding })
}

/// As ids of which a published model makes a vector.
pub(super) fn sentence(
    column: &PlannedColumn,
    refuse_missing: bool,
    tokenizer: Option<&Tokenizer>,
    values: &Values,
    rows: &[u32],
) -> Result<Step, Error> {
    let tokenizer = checked(column, refuse_missing, tokenizer, values, rows)?;
    Ok(Step::Sentence { missing: missing_long_text(refuse_missing), tokenizer })
}

fn checked(
    column: &PlannedColumn,
    refuse_missing: bool,
    tokenizer: Option<&Tokenizer>,
    values: &Values,
    rows: &[u32],
) -> Result<Box<Tokenizer>, Error> {
    // Asked for its errors: a column of numbers, a missing text that the recipe refuses.
    drop(long_texts_of(column, refuse_missing, values, rows)?);
    tokenizer.cloned().map(Box::new).ok_or_else(|| Error::NoTokenizer(column.name.clone()))
}
