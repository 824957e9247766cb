//! Rows that hold the same text: left out where the recipe says so, and told where a test row is known from training.

use std::collections::{HashMap, HashSet};

use meuse_core::recipe::{ColumnRule, Encode, Recipe};
use meuse_core::table::{MISSING, Table, Values};

use crate::split::{Parts, counted};
use crate::target::Target;

/// The rows without those that repeat the text of an earlier one, for each column whose rule drops duplicates. Where a
/// binary target contradicts itself between equal texts, none of them is left. What was left out is told in words.
pub(crate) fn leave_out(recipe: &Recipe, table: &Table, target: &Target, rows: Vec<u32>) -> (Vec<u32>, Vec<String>) {
    let mut rows = rows;
    let mut notes = Vec::new();
    for (name, rule) in &recipe.preprocessing.columns {
        let Some(codes) = texts_of(table, name).filter(|_| rule.drop_duplicates == Some(true)) else { continue };
        let contradictory = match target.labels {
            Some(_) => contradictory(codes, target, &rows),
            None => HashSet::new(),
        };
        let mut seen = HashSet::new();
        let (mut repeated, mut contradicting) = (0, 0);
        rows.retain(|row| {
            let code = codes[*row as usize];
            if code == MISSING {
                return true;
            }
            if contradictory.contains(&code) {
                contradicting += 1;
                return false;
            }
            let first = seen.insert(code);
            repeated += usize::from(!first);
            first
        });
        if repeated > 0 {
            notes.push(format!("{} left out: `{name}` repeats the text of an earlier row", counted(repeated)));
        }
        if contradicting > 0 {
            notes.push(format!(
                "{} left out: `{}` contradicts itself between rows of the same `{name}` ({} different texts)",
                counted(contradicting),
                recipe.target,
                contradictory.len()
            ));
        }
    }
    (rows, notes)
}

/// A warning per column of long texts of which a part that is measured holds texts that were learnt.
pub(crate) fn straddling(recipe: &Recipe, table: &Table, parts: &Parts) -> Vec<String> {
    let read = |rule: &ColumnRule| {
        matches!(rule.encode, Some(Encode::Tfidf | Encode::Sequence | Encode::Sentence))
            && rule.drop_duplicates != Some(true)
    };
    let mut notes = Vec::new();
    for (name, _) in
        recipe.preprocessing.columns.iter().filter(|(name, rule)| read(rule) && !recipe.drop.contains(name))
    {
        let Some(codes) = texts_of(table, name) else { continue };
        let learnt: HashSet<u32> = parts.training.iter().map(|row| codes[*row as usize]).collect();
        for (part, rows) in [("validation", &parts.validation), ("test", &parts.test)] {
            let known = |row: &&u32| codes[**row as usize] != MISSING && learnt.contains(&codes[**row as usize]);
            let count = rows.iter().filter(known).count();
            if count > 0 {
                notes.push(format!(
                    "{count} of {} in the {part} part repeat a `{name}` of the training part, so its figures are too \
                     good: add drop_duplicates = true under [preprocessing.columns.{name}]",
                    counted(rows.len())
                ));
            }
        }
    }
    notes
}

fn texts_of<'a>(table: &'a Table, name: &str) -> Option<&'a [u32]> {
    match table.column(name) {
        Some(Values::Text { codes, .. }) => Some(codes),
        _ => None,
    }
}

/// The texts whose rows are of both classes.
fn contradictory(codes: &[u32], target: &Target, rows: &[u32]) -> HashSet<u32> {
    let mut class_of: HashMap<u32, f64> = HashMap::new();
    let mut both = HashSet::new();
    for row in rows {
        let (code, class) = (codes[*row as usize], target.y[*row as usize]);
        if code != MISSING && *class_of.entry(code).or_insert(class) != class {
            both.insert(code);
        }
    }
    both
}
