//! A TOML or JSON document as a JSON value that remembers on which line each field stands.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::parse::Problem;

/// A document and the line of each path in it.
pub(super) struct Document {
    /// The document.
    pub(super) value: Value,
    lines: HashMap<String, usize>,
}

impl Document {
    /// Reads TOML, or JSON when the first character that is not white space is `{`.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        if text.trim_start().starts_with('{') { Self::read_json(text) } else { Self::read_toml(text) }
    }

    /// The line (from 1) of a path such as `algorithm.l2`, or of the nearest path above it. JSON has none.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once(['.', '['])?.0;
        }
    }

    fn read_json(text: &str) -> Result<Self, Problem> {
        let value = serde_json::from_str(text).map_err(|error| Problem {
            line: Some(error.line()),
            field: String::new(),
            message: format!("this is not JSON: {error}"),
            hint: String::new(),
        })?;
        Ok(Self { value, lines: HashMap::new() })
    }

    fn read_toml(text: &str) -> Result<Self, Problem> {
        let table = DeTable::parse(text).map_err(|error| Problem {
            line: error.span().map(|span| line_of(text, &span)),
            field: String::new(),
            message: format!("this is not TOML: {}", error.message()),
            hint: "strings need quotes, and a table starts with a line such as [split]".into(),
        })?;
        let mut reader = Reader { text, lines: HashMap::new() };
        let value = reader.table(table.get_ref(), "")?;
        Ok(Self { value, lines: reader.lines })
    }
}

/// Joins a path and a key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text[..span.start.min(text.len())].bytes().filter(|byte| *byte == b'\n').count() + 1
}

struct Reader<'t> {
    text: &'t str,
    lines: HashMap<String, usize>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Result<Value, Problem> {
        let mut object = Map::new();
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.lines.insert(path.clone(), line_of(self.text, &key.span()));
            object.insert(key.get_ref().to_string(), self.value(value.get_ref(), &path)?);
        }
        Ok(Value::Object(object))
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) -> Result<Value, Problem> {
        let number = |parsed: Option<Number>, text: &str| {
            parsed.map(Value::Number).ok_or_else(|| Problem {
                line: self.lines.get(path).copied(),
                field: path.to_owned(),
                message: format!("`{text}` is not a number that a recipe can hold"),
                hint: "write a finite number of at most 64 bits".into(),
            })
        };
        Ok(match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(integer) => {
                let parsed = i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::from);
                number(parsed, integer.as_str())?
            }
            DeValue::Float(float) => number(float.as_str().parse().ok().and_then(Number::from_f64), float.as_str())?,
            DeValue::Datetime(datetime) => Value::String(datetime.to_string()),
            DeValue::Table(table) => self.table(table, path)?,
            DeValue::Array(array) => {
                let mut items = Vec::new();
                for (index, item) in array.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.lines.insert(path.clone(), line_of(self.text, &item.span()));
                    items.push(self.value(item.get_ref(), &path)?);
                }
                Value::Array(items)
            }
        })
    }
}
