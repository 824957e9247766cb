//! The rows that a model told wrongly with the most confidence: what a person wants to look at first.

use meuse_core::evaluation::Mistake;
use meuse_core::table::{Table, Values};
use meuse_prep::Fitted;

/// The most that are kept.
const MOST: usize = 48;
/// The most characters of a text.
const LONGEST: usize = 300;

/// What was told of a row: its number in the table, its class, the class told and how probable that was said to be.
pub(crate) struct Told {
    pub(crate) row: u32,
    pub(crate) truth: usize,
    pub(crate) predicted: usize,
    pub(crate) probability: f64,
}

/// The most confident mistakes, most confident first; none where a row is numbers only, which say little to the eye.
pub(crate) fn most_confident(
    told: impl Iterator<Item = Told>,
    labels: &[String],
    fitted: &Fitted,
    table: &Table,
) -> Vec<Mistake> {
    if !fitted.shows() {
        return Vec::new();
    }
    let mut wrong: Vec<Told> = told.filter(|told| told.truth != told.predicted).collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.row.cmp(&b.row)));
    wrong.truncate(MOST);
    let reads_texts = fitted.columns.iter().find(|column| column.step.reads_long_texts());
    let texts = reads_texts.and_then(|column| table.column(&column.name));
    let mistake = |told: Told| Mistake {
        row: u64::from(told.row),
        truth: labels.get(told.truth).cloned().unwrap_or_default(),
        predicted: labels.get(told.predicted).cloned().unwrap_or_default(),
        probability: told.probability,
        text: texts.and_then(|values| beginning(values, told.row)),
    };
    wrong.into_iter().map(mistake).collect()
}

fn beginning(values: &Values, row: u32) -> Option<String> {
    let Values::Text { codes, dictionary } = values else { return None };
    let text = dictionary.get(codes[row as usize] as usize)?;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Some(short)
}
