//! A TOML or JSON document as a JSON value that remembers on which line each field stands.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::parse::Problem;
use super::unique::Unique;

/// The longest text of a recipe, in bytes: ten thousand columns with a line each.
const LONGEST_TEXT: usize = 512 << 10;
/// The longest path, in bytes. Each field remembers its own.
const LONGEST_PATH: usize = 512;
/// The most parts of a key.
const MOST_PARTS: usize = 64;

/// A document and the line of each path in it.
pub(super) struct Document {
    /// The document.
    pub(super) value: Value,
    lines: HashMap<String, usize>,
}

impl Document {
    /// Reads TOML, or JSON when the first character that is not white space is `{`.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        if text.len() > LONGEST_TEXT {
            let message = format!("the recipe has {} bytes, and {LONGEST_TEXT} are the most", text.len());
            let hint = "say for all columns of a kind what is said for each".into();
            return Err(Problem { line: None, field: String::new(), message, hint });
        }
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
        let Unique(value) = serde_json::from_str(text).map_err(|error| Problem {
            line: Some(error.line()),
            field: String::new(),
            message: format!("this is not JSON: {error}"),
            hint: String::new(),
        })?;
        Ok(Self { value, lines: HashMap::new() })
    }

    fn read_toml(text: &str) -> Result<Self, Problem> {
        let lines = LineStarts::of(text);
        check_depth(text, &lines)?;
        let table = DeTable::parse(text).map_err(|error| Problem {
            line: error.span().map(|span| lines.line(span.start)),
            field: String::new(),
            message: format!("this is not TOML: {}", error.message()),
            hint: "strings need quotes, and a table starts with a line such as [split]".into(),
        })?;
        let mut reader = Reader { starts: lines, lines: HashMap::new() };
        let value = reader.table(table.get_ref(), "")?;
        Ok(Self { value, lines: reader.lines })
    }
}

/// Joins a path and a key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Where each line of a text begins.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    /// The line (from 1) of a byte.
    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }
}

/// Refuses keys of very many parts, as in `a.a.a.a = 1`: each part is a table in a table, and the parser descends.
fn check_depth(text: &str, lines: &LineStarts) -> Result<(), Problem> {
    let mut parts = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' => parts += 1,
            byte if byte.is_ascii_alphanumeric() || byte >= 0x80 || b"-_ \t\"'".contains(&byte) => {}
            _ => parts = 1,
        }
        if parts > MOST_PARTS {
            let message = format!("a name has more than {MOST_PARTS} parts");
            let hint = "a recipe needs four, as in preprocessing.columns.age.encode".into();
            return Err(Problem { line: Some(lines.line(at)), field: String::new(), message, hint });
        }
    }
    Ok(())
}

struct Reader {
    starts: LineStarts,
    lines: HashMap<String, usize>,
}

impl Reader {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Result<Value, Problem> {
        let mut object = Map::new();
        for (key, value) in table {
            let path = join(path, key.get_ref());
            let line = self.starts.line(key.span().start);
            if path.len() > LONGEST_PATH {
                let message = format!("a name and the names above it have more than {LONGEST_PATH} bytes");
                return Err(Problem { line: Some(line), field: String::new(), message, hint: "shorten it".into() });
            }
            self.lines.insert(path.clone(), line);
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
                    self.lines.insert(path.clone(), self.starts.line(item.span().start));
                    items.push(self.value(item.get_ref(), &path)?);
                }
                Value::Array(items)
            }
        })
    }
}
