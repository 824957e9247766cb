//! From text to [`Recipe`], with every problem named by line and field.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::Document;
use super::{Recipe, json_schema, validate};
use crate::bundle::Task;

/// One thing that is wrong with a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The line in the TOML text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field, as in `algorithm.l2`; empty when it is the whole document.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "`{}`: ", self.field)?;
        }
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// Everything that is wrong with a recipe; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problems(pub Vec<Problem>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A parsed recipe, and where its fields stand in the text, for problems that are found later.
pub struct Parsed {
    /// The recipe.
    pub recipe: Recipe,
    document: Document,
}

impl Parsed {
    /// A problem with this field, with its line.
    pub fn problem(&self, field: &str, message: String, hint: String) -> Problem {
        Problem { line: self.document.line(field), field: field.to_owned(), message, hint }
    }
}

/// What a text says, whether or not it is a recipe yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The text as a document; absent when it is neither TOML nor JSON.
    pub document: Option<serde_json::Value>,
    /// What keeps it from being a recipe.
    pub problems: Vec<Problem>,
}

/// Reads whatever a text says, and what is wrong with it.
pub fn read(text: &str) -> Reading {
    match Document::read(text) {
        Ok(document) => {
            let problems = parse(text).map_or_else(|problems| problems.0, |_| Vec::new());
            Reading { document: Some(document.value), problems }
        }
        Err(problem) => Reading { document: None, problems: vec![problem] },
    }
}

/// Which tasks have a target is more than the schema says.
fn target_is_missing(document: &Document) -> Option<Problem> {
    let recipe = document.value.as_object()?;
    let has_none = recipe.get("task").and_then(serde_json::Value::as_str) == Some(Task::Embedding.word());
    if has_none || recipe.contains_key("target") {
        return None;
    }
    let (message, hint) = ("the field `target` is missing".to_owned(), "add `target = …`".to_owned());
    Some(Problem { line: None, field: String::new(), message, hint })
}

/// Reads a recipe from TOML or JSON.
///
/// # Errors
/// All problems at once: what the JSON Schema does not allow, with line, field, what is allowed and the nearest name.
pub fn parse(text: &str) -> Result<Parsed, Problems> {
    let document = Document::read(text).map_err(|problem| Problems(vec![problem]))?;
    let mut problems = validate::validate(&document, &json_schema());
    problems.extend(target_is_missing(&document));
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    match Recipe::deserialize(&document.value) {
        Ok(recipe) => Ok(Parsed { recipe, document }),
        Err(error) => Err(Problems(vec![Problem {
            line: None,
            field: String::new(),
            message: error.to_string(),
            hint: "see `meuse recipe schema`".into(),
        }])),
    }
}
