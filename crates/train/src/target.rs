//! The column to predict: which rows have it, and which class each row is of.

use std::collections::HashMap;

use meuse_core::bundle::Task;
use meuse_core::recipe::Recipe;
use meuse_core::schema::{ColumnType, Schema};
use meuse_core::table::{MISSING, Table, Values, number_text};

use crate::Error;

/// The target of every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The number to predict, or the place of the class among `labels`; NaN where the cell is missing.
    pub y: Vec<f64>,
    /// For a binary task, the two labels: negative, positive; for several classes all, ascending.
    pub labels: Option<Vec<String>>,
    /// Whether the task is one of several classes, though there may be two.
    pub several: bool,
}

impl Target {
    /// Reads the target.
    ///
    /// # Errors
    /// [`Error::Input`] when it is not there, has no values, one class, more than two, or not the positive one, or
    /// when a number to predict is infinite.
    pub fn read(recipe: &Recipe, schema: &Schema, table: &Table) -> Result<Self, Error> {
        let name = &recipe.target;
        let missing = || Error::input("target", format!("the table has no column `{name}`"), "name another column");
        let values = table.column(name).ok_or_else(missing)?;
        match recipe.task {
            Task::Regression => numbers(name, values),
            Task::Binary | Task::Multiclass => {
                let column_type = schema.column(name).map_or(ColumnType::Text, |column| column.column_type);
                classes(recipe, &texts(values, column_type))
            }
        }
    }

    /// How many numbers a model answers for a row.
    pub fn outputs(&self) -> usize {
        self.labels.as_ref().filter(|_| self.several).map_or(1, Vec::len)
    }

    /// The classes of the given rows, in that order; only of a task with classes.
    pub fn classes(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.y[*row as usize] as u32).collect()
    }

    /// The rows that have a target, ascending.
    pub fn known_rows(&self) -> Vec<u32> {
        (0..self.y.len() as u32).filter(|row| !self.y[*row as usize].is_nan()).collect()
    }

    /// The targets of the given rows, in that order.
    pub fn take(&self, rows: &[u32]) -> Vec<f64> {
        rows.iter().map(|row| self.y[*row as usize]).collect()
    }
}

/// The text of every cell of a column, as classes and parts are named; `None` is missing.
pub(crate) fn texts(values: &Values, column_type: ColumnType) -> Vec<Option<String>> {
    match values {
        Values::Number(numbers) => numbers.iter().map(|number| number_text(*number, column_type)).collect(),
        Values::Text { codes, dictionary } => {
            let text = |code: &u32| (*code != MISSING).then(|| dictionary[*code as usize].clone());
            codes.iter().map(text).collect()
        }
        Values::Pictures(pictures) => vec![None; pictures.numbers.len()],
    }
}

fn numbers(name: &str, values: &Values) -> Result<Target, Error> {
    let Values::Number(numbers) = values else {
        return Err(Error::input("target", format!("`{name}` holds texts, and a regression predicts a number"), ""));
    };
    if let Some(row) = numbers.iter().position(|number| number.is_infinite()) {
        let message = format!("`{name}` is infinite in row {}", row + 1);
        return Err(Error::input("target", message, "correct the cell, or leave it empty"));
    }
    if numbers.iter().all(|number| number.is_nan()) {
        return Err(Error::input("target", format!("`{name}` has no values"), "choose another target"));
    }
    Ok(Target { y: numbers.clone(), labels: None, several: false })
}

/// Numbers by size, other texts by their letters.
fn ascending(classes: &[&str]) -> Vec<String> {
    let mut labels: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
    let numbers: Option<Vec<f64>> = classes.iter().map(|class| class.parse().ok()).collect();
    if numbers.is_some_and(|numbers| numbers.iter().all(|number| number.is_finite())) {
        let number = |text: &String| text.parse::<f64>().unwrap_or_default();
        labels.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    labels
}

fn classes(recipe: &Recipe, cells: &[Option<String>]) -> Result<Target, Error> {
    let name = &recipe.target;
    let mut classes: Vec<&str> = cells.iter().flatten().map(String::as_str).collect();
    classes.sort_unstable();
    classes.dedup();
    let input = |message: String, hint: &str| Err(Error::input("target", message, hint));
    match classes.as_slice() {
        [] => return input(format!("`{name}` has no values"), "choose another target"),
        [class] => {
            let message = format!("`{name}` is `{class}` in every row, so there is nothing to tell apart");
            return input(message, "choose a column with two values");
        }
        several if recipe.task == Task::Multiclass => {
            let labels = ascending(several);
            let number: HashMap<&str, usize> =
                labels.iter().enumerate().map(|(at, label)| (label.as_str(), at)).collect();
            let class = |cell: &Option<String>| cell.as_ref().map_or(f64::NAN, |text| number[text.as_str()] as f64);
            return Ok(Target { y: cells.iter().map(class).collect(), labels: Some(labels), several: true });
        }
        [_, _] => {}
        more => {
            let message = format!("`{name}` has {} different values, and a binary task has two", more.len());
            return input(message, "choose another target, or task = \"multiclass\" or \"regression\"");
        }
    }
    let positive = recipe.positive.as_deref().unwrap_or_default();
    let Some(negative) = classes.iter().find(|class| **class != positive).filter(|_| classes.contains(&positive))
    else {
        let hint = format!("its values: `{}` or `{}`", classes[0], classes[1]);
        return Err(Error::input("positive", format!("`{name}` has no value `{positive}`"), hint));
    };
    let label = |cell: &Option<String>| cell.as_ref().map_or(f64::NAN, |text| f64::from(u8::from(text == positive)));
    let labels = Some(vec![(*negative).to_owned(), positive.to_owned()]);
    Ok(Target { y: cells.iter().map(label).collect(), labels, several: false })
}
