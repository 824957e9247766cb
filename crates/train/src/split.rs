//! Which rows are learnt from, chosen by, and reported on.
//!
//! The same rows, recipe and seed give the same parts on every machine. Rows keep the order of the table in each part.

use std::collections::HashMap;

use meuse_core::recipe::{Algorithm, ClassWeight, Recipe, Shares, Split, SplitColumn};
use meuse_core::schema::{ColumnType, Schema};
use meuse_core::table::Table;

use crate::Error;
use crate::duplicates;
use crate::random::Random;
use crate::target::{Coded, Target};

/// The stream of chance that splits are drawn from.
const SPLIT_STREAM: u64 = 1;
/// The stream of chance that folds are drawn from.
const FOLD_STREAM: u64 = 2;
/// A class that is rarer than another by this factor is told of.
const SCARCE: usize = 20;

/// Row numbers of each part, ascending; no row is in two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Rows to learn from; never empty.
    pub training: Vec<u32>,
    /// Rows to choose by; empty when choices are made by cross-validation.
    pub validation: Vec<u32>,
    /// Rows to report on; never empty.
    pub test: Vec<u32>,
    /// Rows that were left out, and why, in words.
    pub notes: Vec<String>,
    /// What makes figures look better or worse than they are, and what to do, in words.
    pub warnings: Vec<String>,
}

impl Parts {
    /// The parts by name, in the order training, validation, test.
    pub fn named(&self) -> [(&'static str, &[u32]); 3] {
        [("training", &self.training), ("validation", &self.validation), ("test", &self.test)]
    }
}

/// Divides the rows of a table as the recipe says. Rows without a target are left out, and duplicates where the recipe
/// drops them.
///
/// # Errors
/// [`Error::Input`] when the training or test part has no rows, or a part of a binary task lacks a class.
pub fn split(recipe: &Recipe, schema: &Schema, table: &Table, target: &Target) -> Result<Parts, Error> {
    let rows = target.known_rows();
    let mut notes = Vec::new();
    let without = table.rows - rows.len();
    if without > 0 {
        notes.push(format!("{} left out: `{}` is missing", counted(without), recipe.target));
    }
    let (rows, mut left_out) = duplicates::leave_out(recipe, table, target, rows);
    notes.append(&mut left_out);
    let mut parts = match &recipe.split {
        Split::Random(shares) => by_chance(*shares, vec![rows], recipe.seed),
        Split::Stratified(shares) => by_chance(*shares, by_class(target, rows), recipe.seed),
        Split::Column(column) => by_column(column, schema, table, &rows)?,
    };
    notes.append(&mut parts.notes);
    parts.notes = notes;
    parts.warnings = duplicates::straddling(recipe, table, &parts);
    parts.warnings.extend(scarce_class(recipe, target, &parts));
    check_rows(recipe, &parts)?;
    check_classes(target, &parts)?;
    check_boxes(target, &mut parts)?;
    Ok(parts)
}

/// Divides the training rows into `folds` groups of nearly equal size, for a binary task within each class. Gives the
/// fold of each row, in the order of `rows`.
pub(crate) fn folds(target: &Target, rows: &[u32], folds: usize, seed: u64) -> Vec<usize> {
    let positions: Vec<u32> = (0..rows.len() as u32).collect();
    let own = Target { y: target.take(rows), labels: target.labels.clone(), several: target.several, boxes: None };
    let groups = if target.labels.is_some() { by_class(&own, positions) } else { vec![positions] };
    let mut random = Random::new(seed, FOLD_STREAM);
    let mut fold_of = vec![0; rows.len()];
    let mut next = 0;
    for mut group in groups {
        random.shuffle(&mut group);
        for position in group {
            fold_of[position as usize] = next % folds;
            next += 1;
        }
    }
    fold_of
}

/// The rows of each class.
fn by_class(target: &Target, rows: Vec<u32>) -> Vec<Vec<u32>> {
    let mut groups = vec![Vec::new(); target.labels.as_ref().map_or(1, Vec::len)];
    for row in rows {
        groups[target.y[row as usize] as usize].push(row);
    }
    groups
}

fn by_chance(shares: Shares, groups: Vec<Vec<u32>>, seed: u64) -> Parts {
    let mut random = Random::new(seed, SPLIT_STREAM);
    let mut parts = Parts::default();
    for mut group in groups {
        let of = |share: f64| (share * group.len() as f64).round() as usize;
        let (test, validation) = (of(shares.test), of(shares.validation));
        random.shuffle(&mut group);
        let training = group.split_off((test + validation).min(group.len()));
        parts.validation.extend(group.split_off(test.min(group.len())));
        parts.test.extend(group);
        parts.training.extend(training);
    }
    for part in [&mut parts.training, &mut parts.validation, &mut parts.test] {
        part.sort_unstable();
    }
    parts
}

fn by_column(split: &SplitColumn, schema: &Schema, table: &Table, rows: &[u32]) -> Result<Parts, Error> {
    let name = &split.column;
    let missing = || Error::input("split.column", format!("the table has no column `{name}`"), "name another column");
    let column_type = schema.column(name).map_or(ColumnType::Text, |column| column.column_type);
    let cells = Coded::of(table.column(name).ok_or_else(missing)?, column_type);
    let lists = [("training", &split.training), ("validation", &split.validation), ("test", &split.test)];
    let mut part_of: HashMap<&str, usize> = HashMap::new();
    for (index, (part, list)) in lists.into_iter().enumerate() {
        for value in list {
            if let Some(other) = part_of.insert(value, index).filter(|other| *other != index) {
                let message = format!("`{value}` means the {} part and the {part} part", lists[other].0);
                return Err(Error::input(&format!("split.{part}"), message, "name it in one list"));
            }
        }
    }
    let mut parts = Parts::default();
    let mut others = 0;
    let part_of: Vec<Option<usize>> = cells.texts.iter().map(|text| part_of.get(text.as_str()).copied()).collect();
    for row in rows {
        match part_of.get(cells.codes[*row as usize] as usize).copied().flatten() {
            Some(0) => parts.training.push(*row),
            Some(1) => parts.validation.push(*row),
            Some(_) => parts.test.push(*row),
            None => others += 1,
        }
    }
    if others > 0 {
        parts.notes.push(format!("{} left out: `{name}` is missing or names no part", counted(others)));
    }
    Ok(parts)
}

fn check_rows(recipe: &Recipe, parts: &Parts) -> Result<(), Error> {
    let by_column = matches!(recipe.split, Split::Column(_));
    for (part, rows) in [("training", &parts.training), ("test", &parts.test)] {
        if rows.is_empty() {
            let hint = if by_column { "list a value that the column has" } else { "use more rows, or other shares" };
            let field = if by_column || part == "test" { format!("split.{part}") } else { "split".to_owned() };
            return Err(Error::input(&field, format!("the {part} part has no rows"), hint));
        }
    }
    Ok(())
}

/// A class that a part lacks can neither be learnt there nor be measured.
fn check_classes(target: &Target, parts: &Parts) -> Result<(), Error> {
    let Some(labels) = &target.labels else { return Ok(()) };
    // Of many classes a small part may lack one; it cannot be learnt where the training part lacks it.
    let named = parts.named();
    let parts = if target.several { &named[..1] } else { &named[..] };
    for (part, rows) in parts {
        for (class, label) in labels.iter().enumerate() {
            let present = rows.iter().any(|row| target.y[*row as usize] == class as f64);
            if !rows.is_empty() && !present {
                let message = format!("the {part} part ({}) has no row of the class `{label}`", counted(rows.len()));
                return Err(Error::input("split", message, "use method = \"stratified\", other shares, or more rows"));
            }
        }
    }
    Ok(())
}

/// A class of a network that weighs all rows alike, and of which there are so few that it may never be told.
fn scarce_class(recipe: &Recipe, target: &Target, parts: &Parts) -> Option<String> {
    let Algorithm::Network(network) = &recipe.algorithm else { return None };
    let labels = target.labels.as_ref().filter(|_| network.class_weight == ClassWeight::None)?;
    let mut counts = vec![0_usize; labels.len()];
    for row in &parts.training {
        counts[target.y[*row as usize] as usize] += 1;
    }
    let (scarcest, least) = counts.iter().copied().enumerate().min_by_key(|(_, count)| *count)?;
    let most = counts.iter().copied().max()?;
    (most >= SCARCE * least.max(1)).then(|| {
        format!(
            "`{}` has {} of {} training rows, and another class {most}: it may never be told; add class_weight = \
             \"balanced\" under [algorithm]",
            labels[scarcest],
            least,
            parts.training.len()
        )
    })
}

/// A class without a training box cannot be learnt; what was left out of the boxes is told.
fn check_boxes(target: &Target, parts: &mut Parts) -> Result<(), Error> {
    let Some(boxes) = &target.boxes else { return Ok(()) };
    let count = |rows: &[u32], class: usize| {
        rows.iter()
            .flat_map(|row| &boxes.rows[*row as usize])
            .filter(|one| one.class as usize == class && !one.crowd)
            .count()
    };
    for (class, label) in boxes.labels.iter().enumerate() {
        if count(&parts.training, class) == 0 {
            let message =
                format!("the training part ({}) has no box of the class `{label}`", counted(parts.training.len()));
            return Err(Error::input(
                "split",
                message,
                "use other shares, more pictures, or leave the class out of them",
            ));
        }
    }
    for (part, rows) in [("validation", &parts.validation), ("test", &parts.test)] {
        let missing: Vec<String> = (0..boxes.labels.len())
            .filter(|class| !rows.is_empty() && count(rows, *class) == 0)
            .map(|class| format!("`{}`", boxes.labels[class]))
            .collect();
        if !missing.is_empty() {
            parts
                .notes
                .push(format!("the {part} part has no box of {}, so they are not measured there", missing.join(", ")));
        }
    }
    parts.notes.extend(boxes.notes.iter().cloned());
    Ok(())
}

/// `1 row`, `12 rows`.
pub(crate) fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}
