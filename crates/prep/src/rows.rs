//! JSON rows, as people have them, into a table, by a model's signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meuse_core::bundle::Input;
use meuse_core::schema::ColumnType;
use meuse_core::suggest;
use meuse_core::table::{Column, MISSING, Pictures, Table, Values};
use meuse_core::time::days_since_epoch;
use serde_json::{Map, Value};

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The row's index, from 0.
    pub row: usize,
    /// The column's name.
    pub field: String,
    /// What is wrong, as in `"abc" is not a number`.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl RowError {
    /// Where it is: `rows[3].age_in_years`.
    pub fn path(&self) -> String {
        format!("rows[{}].{}", self.row, self.field)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path(), self.reason)
    }
}

impl std::error::Error for RowError {}

/// A table with one column per input, in the order of `inputs`. A null is a missing cell. Columns named in `ignored` may
/// be there, and change nothing.
///
/// # Errors
/// The first cell that is not what the signature says, by row and then by input: a column that is absent, one that the
/// model does not know, a value of another type, or a null where the recipe refuses missing values.
pub fn table(inputs: &[Input], ignored: &[String], rows: &[Map<String, Value>]) -> Result<Table, RowError> {
    let mut builders: Vec<Builder> = inputs.iter().map(|input| Builder::new(input, rows.len())).collect();
    for (index, row) in rows.iter().enumerate() {
        for (input, builder) in inputs.iter().zip(&mut builders) {
            let Some(value) = row.get(&input.name) else { return Err(absent(inputs, row, index, &input.name)) };
            builder.push(value, input).map_err(|(reason, hint)| RowError {
                row: index,
                field: input.name.clone(),
                reason,
                hint,
            })?;
        }
        if row.len() > inputs.len()
            && let Some(unknown) = row.keys().find(|key| !is_known(inputs, ignored, key))
        {
            return Err(extra(inputs, unknown, index));
        }
    }
    let columns = inputs.iter().zip(builders);
    let columns = columns.map(|(input, builder)| Column { name: input.name.clone(), values: builder.finish() });
    Ok(Table { columns: columns.collect(), rows: rows.len() })
}

/// The error for a row that lacks an input; perhaps it is there under a name with a slip.
fn absent(inputs: &[Input], row: &Map<String, Value>, index: usize, field: &str) -> RowError {
    let strangers = row.keys().filter(|key| !inputs.iter().any(|input| input.name == **key));
    let hint = match suggest::nearest(field, strangers.map(String::as_str)) {
        Some(stranger) => format!("rename `{stranger}`, which is not an input"),
        None => "give it, with null when the value is missing".to_owned(),
    };
    RowError { row: index, field: field.to_owned(), reason: "missing column".into(), hint }
}

fn is_known(inputs: &[Input], ignored: &[String], key: &str) -> bool {
    inputs.iter().any(|input| input.name == key) || ignored.iter().any(|column| column == key)
}

/// The error for a row that has every input and a column that the dataset never had.
fn extra(inputs: &[Input], unknown: &str, index: usize) -> RowError {
    let hint = suggest::nearest(unknown, inputs.iter().map(|input| input.name.as_str()));
    let hint = hint.map_or_else(|| "remove it".to_owned(), |name| format!("remove it, or did you mean `{name}`?"));
    RowError { row: index, field: unknown.to_owned(), reason: "the model has no such input".into(), hint }
}

/// Past this many rows a hash table finds texts faster than a look at each known one.
const FEW_ROWS: usize = 16;

/// The cells of a column as they come.
enum Builder<'a> {
    Number(Vec<f64>),
    /// Kept as references until the end, when each distinct text is copied once.
    Text(Vec<Option<&'a str>>),
    /// Files of pictures.
    Pictures(Vec<Option<Vec<u8>>>),
}

impl<'a> Builder<'a> {
    fn new(input: &Input, rows: usize) -> Self {
        match input.column_type {
            ColumnType::Text => Self::Text(Vec::with_capacity(rows)),
            ColumnType::Image => Self::Pictures(Vec::with_capacity(rows)),
            _ => Self::Number(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, value: &'a Value, input: &Input) -> Result<(), (String, String)> {
        if value.is_null() && input.required {
            return Err(("is null, and the recipe refuses rows without it".into(), "give a value".into()));
        }
        match self {
            Self::Number(cells) => cells.push(number(value, input.column_type)?),
            Self::Text(cells) => cells.push(text(value)?),
            Self::Pictures(cells) => cells.push(picture(value)?),
        }
        Ok(())
    }

    fn finish(self) -> Values {
        match self {
            Self::Number(cells) => Values::Number(cells),
            Self::Text(cells) if cells.len() > FEW_ROWS => Values::text(cells),
            Self::Text(cells) => few_texts(&cells),
            Self::Pictures(cells) => Values::Pictures(Pictures::in_memory(cells)),
        }
    }
}

/// What [`Values::text`] makes, without a hash table.
fn few_texts(cells: &[Option<&str>]) -> Values {
    let mut dictionary: Vec<String> = Vec::with_capacity(cells.len());
    let mut codes = Vec::with_capacity(cells.len());
    for cell in cells {
        let Some(text) = cell else {
            codes.push(MISSING);
            continue;
        };
        let known = dictionary.iter().position(|known| known == text);
        codes.push(known.unwrap_or(dictionary.len()) as u32);
        if known.is_none() {
            dictionary.push((*text).to_owned());
        }
    }
    Values::Text { codes, dictionary }
}

fn number(value: &Value, column_type: ColumnType) -> Result<f64, (String, String)> {
    let wrong = |what: &str, hint: &str| (format!("{} is not {what}", shown(value)), hint.to_owned());
    if value.is_null() {
        return Ok(f64::NAN);
    }
    match column_type {
        ColumnType::Boolean => {
            value.as_bool().map(f64::from).ok_or_else(|| wrong("true or false", "write true or false, without quotes"))
        }
        ColumnType::Date => {
            let days = value.as_str().and_then(days_since_epoch);
            days.ok_or_else(|| wrong("a date", "write it as \"2026-11-23\""))
        }
        ColumnType::Timestamp => {
            let days = value.as_str().and_then(days_since_epoch);
            days.ok_or_else(|| wrong("a time", "write it as \"2026-11-23T18:30:00Z\""))
        }
        _ => {
            let hint = match value.as_str() {
                Some(text) if text.trim().parse::<f64>().is_ok() => "write it without quotes",
                _ => "write a number, or null when the value is missing",
            };
            value.as_f64().ok_or_else(|| wrong("a number", hint))
        }
    }
}

fn text(value: &Value) -> Result<Option<&str>, (String, String)> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Array(_) | Value::Object(_) => {
            Err((format!("{} is not a text", shown(value)), "write a text in quotes".into()))
        }
        other => Err((format!("{} is not a text", shown(other)), format!("write it in quotes: \"{}\"", brief(other)))),
    }
}

/// A file in base64, as it is or as a `data:` URL.
///
/// # Errors
/// What is wrong, and what to do.
pub fn base64_file(text: &str) -> Result<Vec<u8>, (String, String)> {
    let encoded = match text.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        Some((kind, encoded)) if kind.ends_with(";base64") => encoded,
        Some(_) => return Err(("the data URL is not in base64".into(), HOW_TO_SEND.into())),
        None => text,
    };
    let decoded = STANDARD.decode(encoded.trim());
    decoded.map_err(|error| (format!("this is not base64: {error}"), HOW_TO_SEND.into()))
}

const HOW_TO_SEND: &str = "write the file's bytes in base64, or send the file as multipart/form-data";

fn picture(value: &Value) -> Result<Option<Vec<u8>>, (String, String)> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => base64_file(text).map(Some),
        other => Err((format!("{} is not a picture", shown(other)), HOW_TO_SEND.into())),
    }
}

/// The longest piece of a caller's value that a message repeats.
const SHOWN: usize = 60;

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => brief(other),
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}
