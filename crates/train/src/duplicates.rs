//! Rows that hold the same text, or the same picture byte for byte: left out where the recipe says so, and told where a
//! row that is measured is known from training.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use meuse_core::recipe::Recipe;
use meuse_core::table::{MISSING, Table, Values};

use crate::split::{Parts, counted};
use crate::target::Target;

/// The cells of a column that may repeat themselves: equal codes are equal contents.
struct Contents<'a> {
    codes: Cow<'a, [u32]>,
    are_pictures: bool,
}

impl<'a> Contents<'a> {
    fn of(table: &'a Table, name: &str) -> Option<Self> {
        match table.column(name)? {
            Values::Text { codes, .. } => Some(Self { codes: Cow::Borrowed(codes), are_pictures: false }),
            Values::Pictures(pictures) => Some(Self { codes: Cow::Owned(pictures.codes()), are_pictures: true }),
            Values::Number(_) => None,
        }
    }
}

/// The rows without those that repeat the text or picture of an earlier one, for each column whose rule drops
/// duplicates. Where classes contradict each other between equal contents, none of them is left. What was left out is
/// told in words.
pub(crate) fn leave_out(recipe: &Recipe, table: &Table, target: &Target, rows: Vec<u32>) -> (Vec<u32>, Vec<String>) {
    let mut rows = rows;
    let mut notes = Vec::new();
    for (name, rule) in &recipe.preprocessing.columns {
        let contents = Contents::of(table, name).filter(|_| rule.drop_duplicates == Some(true));
        let Some(Contents { codes, are_pictures }) = contents else { continue };
        let contradictory = match target.labels {
            Some(_) => contradictory(&codes, target, &rows),
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
            let rows = counted(repeated);
            notes.push(if are_pictures {
                format!("{rows} left out: `{name}` repeats the picture of an earlier row")
            } else {
                format!("{rows} left out: `{name}` repeats the text of an earlier row")
            });
        }
        if contradicting > 0 {
            let (rows, target, count) = (counted(contradicting), &recipe.target, contradictory.len());
            let same = format!("{rows} left out: `{target}` contradicts itself between rows of the same `{name}`");
            notes.push(if are_pictures {
                format!("{same} ({count} different pictures)")
            } else {
                format!("{same} ({count} different texts)")
            });
        }
    }
    (rows, notes)
}

/// A warning per column of long texts or pictures of which a part that is measured holds what was learnt.
pub(crate) fn straddling(recipe: &Recipe, table: &Table, parts: &Parts) -> Vec<String> {
    let mut notes = Vec::new();
    for name in recipe.read_columns() {
        let Some(Contents { codes, .. }) = Contents::of(table, name) else { continue };
        let learnt: HashSet<u32> = parts.training.iter().map(|row| codes[*row as usize]).collect();
        for (part, rows) in [("validation", &parts.validation), ("test", &parts.test)] {
            let known = |row: &&u32| codes[**row as usize] != MISSING && learnt.contains(&codes[**row as usize]);
            let count = rows.iter().filter(known).count();
            if count > 0 {
                notes.push(format!(
                    "{count} of {} in the {part} part repeat the `{name}` of a training row, so its figures are too \
                     good: add drop_duplicates = true under [preprocessing.columns.{name}]",
                    counted(rows.len())
                ));
            }
        }
    }
    notes
}

/// The contents whose rows are of more than one class.
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
