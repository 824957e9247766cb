//! Checks a document against the recipe's own JSON Schema: the part of draft 2020-12 that our types produce.

use serde_json::{Map, Value};

use super::document::{Document, join};
use super::parse::Problem;
use crate::suggest;

/// All places where the document is not what the schema allows.
pub(super) fn validate(document: &Document, schema: &Value) -> Vec<Problem> {
    let mut validator = Validator { document, root: schema, problems: Vec::new(), count: 0 };
    validator.value(&document.value, schema, "");
    validator.finish()
}

/// The most problems that are told.
const MOST_PROBLEMS: usize = 100;

struct Validator<'a> {
    document: &'a Document,
    root: &'a Value,
    problems: Vec<Problem>,
    count: usize,
}

impl<'a> Validator<'a> {
    fn report(&mut self, path: &str, message: String, hint: String) {
        self.count += 1;
        if self.count > MOST_PROBLEMS {
            return;
        }
        self.problems.push(Problem { line: self.document.line(path), field: path.to_owned(), message, hint });
    }

    fn finish(mut self) -> Vec<Problem> {
        if let Some(more @ 1..) = self.count.checked_sub(MOST_PROBLEMS) {
            let message = format!("and {more} more problems");
            self.problems.push(Problem { line: None, field: String::new(), message, hint: String::new() });
        }
        self.problems
    }

    /// The schema that a `$ref` points to, or the schema itself.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn value(&mut self, value: &Value, schema: &'a Value, path: &str) {
        let resolved = self.resolve(schema);
        let branches = resolved.get("oneOf").or_else(|| resolved.get("anyOf")).and_then(Value::as_array);
        if let Some(branches) = branches {
            self.branch(value, resolved, branches, path);
            return;
        }
        if let Some(allowed) = resolved.get("enum").and_then(Value::as_array) {
            let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            self.word(value, &words, path);
            return;
        }
        if !self.has_type(value, resolved, path) {
            return;
        }
        match value {
            Value::Object(object) => self.object(object, resolved, path),
            Value::Array(items) => self.items(items, resolved, path),
            Value::Number(_) => self.range(value, resolved, path),
            _ => {}
        }
    }

    /// A choice: words, a table chosen by its tag, or one of several types.
    fn branch(&mut self, value: &Value, schema: &'a Value, branches: &'a [Value], path: &str) {
        let branches: Vec<&Value> = branches.iter().map(|branch| self.resolve(branch)).collect();
        if branches.iter().all(|branch| branch.get("const").is_some() || branch.get("enum").is_some()) {
            let words = branches.iter().flat_map(|branch| words_of(branch)).collect::<Vec<_>>();
            self.word(value, &words, path);
        } else if let Some(tag) = tag_of(&branches) {
            self.tagged(value, schema, &branches, tag, path);
        } else if let Some(branch) = branches.iter().find(|branch| type_matches(value, branch)) {
            self.value(value, branch, path);
        } else {
            let types = branches.iter().filter_map(|branch| branch.get("type").and_then(Value::as_str));
            let types = types.filter(|word| *word != "null").map(article).collect::<Vec<_>>().join(" or ");
            self.report(path, format!("{} is not {types}", shown(value)), format!("write {types}"));
        }
    }

    fn word(&mut self, value: &Value, words: &[&str], path: &str) {
        match value.as_str() {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let allowed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
                let near = suggest::nearest(text, words.iter().copied());
                let hint = near.map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
                self.report(path, format!("`{text}` is not allowed here"), format!("allowed: {allowed}{hint}"));
            }
            None => {
                let allowed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
                self.report(path, format!("{} is not a text", shown(value)), format!("allowed: {allowed}"));
            }
        }
    }

    /// A table whose field `tag` says which branch it is of.
    fn tagged(&mut self, value: &Value, schema: &'a Value, branches: &[&'a Value], tag: &str, path: &str) {
        let Value::Object(object) = value else {
            self.report(path, format!("{} is not a table", shown(value)), format!("write [{path}]"));
            return;
        };
        let words: Vec<&str> = branches.iter().filter_map(|branch| constant(branch, tag)).collect();
        let Some(chosen) = object.get(tag) else {
            let allowed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            self.report(path, format!("the field `{tag}` is missing"), format!("`{tag}` is one of {allowed}"));
            return;
        };
        let branch = branches.iter().find(|branch| constant(branch, tag) == chosen.as_str());
        let Some(branch) = branch else {
            self.word(chosen, &words, &join(path, tag));
            return;
        };
        // A branch is its own fields and those of the struct that it refers to; a field of either is known.
        let mut merged = Map::new();
        for part in [schema, branch, self.resolve_inner(branch)] {
            for (name, property) in properties(part) {
                merged.insert(name.clone(), property.clone());
            }
        }
        self.unknown_fields(object, merged.keys().map(String::as_str), path);
        // Each part once: a branch that refers to nothing is its own inner part, and would be told of twice.
        let inner = Some(self.resolve_inner(branch)).filter(|inner| !std::ptr::eq(*inner, *branch));
        for part in std::iter::once(*branch).chain(inner) {
            for (name, property) in properties(part) {
                if let Some(field) = object.get(name).filter(|_| name != tag) {
                    self.value(field, property, &join(path, name));
                }
            }
            self.required(object, part, path);
        }
    }

    fn resolve_inner(&self, branch: &'a Value) -> &'a Value {
        self.resolve(branch)
    }

    fn object(&mut self, object: &Map<String, Value>, schema: &'a Value, path: &str) {
        let known = properties(schema);
        let open = schema.get("additionalProperties");
        if open == Some(&Value::Bool(false)) {
            self.unknown_fields(object, known.iter().map(|(name, _)| name.as_str()), path);
        }
        for (name, value) in object {
            let property = known.iter().find(|(known, _)| *known == name).map(|(_, property)| *property);
            let schema = property.or_else(|| open.filter(|open| open.is_object()));
            if let Some(schema) = schema {
                self.value(value, schema, &join(path, name));
            }
        }
        self.required(object, schema, path);
    }

    fn unknown_fields<'k>(
        &mut self,
        object: &Map<String, Value>,
        known: impl Iterator<Item = &'k str> + Clone,
        path: &str,
    ) {
        for name in object.keys().filter(|name| !known.clone().any(|known| known == name.as_str())) {
            let hint = suggest::hint(name, known.clone());
            self.report(&join(path, name), format!("there is no field `{name}` here"), hint);
        }
    }

    fn required(&mut self, object: &Map<String, Value>, schema: &Value, path: &str) {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in names.filter(|name| !object.contains_key(*name)) {
            self.report(path, format!("the field `{}` is missing", join(path, name)), format!("add `{name} = …`"));
        }
    }

    fn items(&mut self, items: &[Value], schema: &'a Value, path: &str) {
        let Some(item) = schema.get("items") else { return };
        for (index, value) in items.iter().enumerate() {
            self.value(value, item, &format!("{path}[{index}]"));
        }
    }

    fn has_type(&mut self, value: &Value, schema: &Value, path: &str) -> bool {
        if type_matches(value, schema) {
            return true;
        }
        let words = types_of(schema);
        let expected = words.iter().filter(|word| **word != "null").map(|word| article(word)).collect::<Vec<_>>();
        let expected = expected.join(" or ");
        self.report(path, format!("{} is not {expected}", shown(value)), format!("write {expected}"));
        false
    }

    fn range(&mut self, value: &Value, schema: &Value, path: &str) {
        let Some(number) = value.as_f64() else { return };
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let (low, high) = (bound("minimum"), bound("maximum"));
        if low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high) {
            return;
        }
        let allowed = match (low, high) {
            (Some(low), Some(high)) => format!("from {low} to {high}"),
            (Some(low), None) => format!("{low} or more"),
            (_, high) => format!("{} or less", high.unwrap_or_default()),
        };
        self.report(path, format!("{value} is out of range"), format!("allowed: {allowed}"));
    }
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).map(|object| object.iter().collect()).unwrap_or_default()
}

fn words_of(branch: &Value) -> Vec<&str> {
    let list = branch.get("enum").and_then(Value::as_array).into_iter().flatten();
    branch.get("const").into_iter().chain(list).filter_map(Value::as_str).collect()
}

fn constant<'s>(branch: &'s Value, tag: &str) -> Option<&'s str> {
    branch.get("properties")?.get(tag)?.get("const")?.as_str()
}

/// The field that tells the branches apart, when every branch states it as a constant.
fn tag_of(branches: &[&Value]) -> Option<&'static str> {
    ["kind", "name", "method"].into_iter().find(|tag| branches.iter().all(|branch| constant(branch, tag).is_some()))
}

fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word.as_str()],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn type_matches(value: &Value, schema: &Value) -> bool {
    let types = types_of(schema);
    let is = |word: &str| match word {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    types.is_empty() || types.into_iter().any(is)
}

fn article(word: &str) -> String {
    match word {
        "string" => "a text in quotes".into(),
        "boolean" => "true or false".into(),
        "integer" => "a whole number".into(),
        "number" => "a number".into(),
        "array" => "a list".into(),
        "object" => "a table".into(),
        other => other.to_owned(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
        other => format!("`{other}`"),
    }
}
