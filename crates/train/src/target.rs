//! The column to predict: which rows have it, and which class each row is of.

use std::borrow::Cow;
use std::collections::HashMap;

use meuse_core::bundle::Task;
use meuse_core::recipe::Recipe;
use meuse_core::schema::{ColumnType, Schema};
use meuse_core::table::{MISSING, Table, Values, number_text};

use crate::Error;
use crate::boxes::Boxes;

/// The target of every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The number to predict, or the place of the class among `labels`; NaN where the cell is missing.
    pub y: Vec<f64>,
    /// For a binary task, the two labels: negative, positive; for several classes all, ascending.
    pub labels: Option<Vec<String>>,
    /// Whether the task is one of several classes, though there may be two.
    pub several: bool,
    /// For a detection, the boxes of every row; then no row has a class of its own, and all of `y` is 0.
    pub boxes: Option<Boxes>,
}

impl Target {
    /// Reads the target.
    ///
    /// # Errors
    /// [`Error::Input`] when it is not there, has no values, one class, more than two, or not the positive one, or
    /// when a number to predict is infinite.
    pub fn read(recipe: &Recipe, schema: &Schema, table: &Table) -> Result<Self, Error> {
        if recipe.task == Task::Embedding {
            // Every row is known, and none is of a class.
            return Ok(Self { y: vec![0.0; table.rows], labels: None, several: false, boxes: None });
        }
        let name = &recipe.target;
        let missing = || Error::input("target", format!("the table has no column `{name}`"), "name another column");
        let values = table.column(name).ok_or_else(missing)?;
        match recipe.task {
            Task::Regression | Task::Embedding => numbers(name, values),
            Task::Detection => Boxes::read(name, values, table).map(Self::of_boxes),
            Task::Binary | Task::Multiclass => {
                let column_type = schema.column(name).map_or(ColumnType::Text, |column| column.column_type);
                classes(recipe, &Coded::of(values, column_type))
            }
        }
    }

    /// How many numbers a model answers for a row; of a detection, for a cell of it, sides of boxes apart.
    pub fn outputs(&self) -> usize {
        match &self.boxes {
            Some(boxes) => boxes.labels.len(),
            None => self.labels.as_ref().filter(|_| self.several).map_or(1, Vec::len),
        }
    }

    fn of_boxes(boxes: Boxes) -> Self {
        Self { y: vec![0.0; boxes.rows.len()], labels: None, several: false, boxes: Some(boxes) }
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

/// The cells of a column as classes and parts are named: a code per row, or [`MISSING`], and the text of each code.
pub(crate) struct Coded<'a> {
    pub(crate) codes: Cow<'a, [u32]>,
    pub(crate) texts: Cow<'a, [String]>,
}

impl<'a> Coded<'a> {
    pub(crate) fn of(values: &'a Values, column_type: ColumnType) -> Self {
        match values {
            Values::Text { codes, dictionary } => Self { codes: codes.into(), texts: dictionary.into() },
            Values::Pictures(pictures) => {
                Self { codes: vec![MISSING; pictures.numbers.len()].into(), texts: [][..].into() }
            }
            Values::Number(numbers) => {
                let mut known: HashMap<u64, u32> = HashMap::new();
                let mut texts = Vec::new();
                let code = |number: &f64| {
                    *known.entry(number.to_bits()).or_insert_with(|| match number_text(*number, column_type) {
                        Some(text) => {
                            texts.push(text);
                            texts.len() as u32 - 1
                        }
                        None => MISSING,
                    })
                };
                let codes: Vec<u32> = numbers.iter().map(code).collect();
                Self { codes: codes.into(), texts: texts.into() }
            }
        }
    }

    /// The texts that occur, ascending, each once: a text may have two codes (0 and -0), a code no row.
    fn present(&self) -> Vec<&str> {
        let mut occurs = vec![false; self.texts.len()];
        self.codes.iter().filter(|code| **code != MISSING).for_each(|code| occurs[*code as usize] = true);
        let mut present: Vec<&str> =
            self.texts.iter().zip(occurs).filter(|(_, occurs)| *occurs).map(|(text, _)| text.as_str()).collect();
        present.sort_unstable();
        present.dedup();
        present
    }

    /// What `of_text` says of each row's text; NaN where it is missing.
    fn each(&self, of_text: impl Fn(&str) -> f64) -> Vec<f64> {
        let values: Vec<f64> = self.texts.iter().map(|text| of_text(text)).collect();
        self.codes.iter().map(|code| values.get(*code as usize).copied().unwrap_or(f64::NAN)).collect()
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
    Ok(Target { y: numbers.clone(), labels: None, several: false, boxes: None })
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

fn classes(recipe: &Recipe, cells: &Coded) -> Result<Target, Error> {
    let name = &recipe.target;
    let classes = cells.present();
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
            let class = |text: &str| number.get(text).map_or(f64::NAN, |number| *number as f64);
            return Ok(Target { y: cells.each(class), labels: Some(labels), several: true, boxes: None });
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
    let labels = Some(vec![(*negative).to_owned(), positive.to_owned()]);
    let y = cells.each(|text| f64::from(u8::from(text == positive)));
    Ok(Target { y, labels, several: false, boxes: None })
}
