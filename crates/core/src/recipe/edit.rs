//! A recipe's text, changed no more than it takes to say something else: what a form does to the text beside it.
//!
//! Comments, order and spelling of what stays the same stay the same. A comment right above something that is taken
//! away goes with it. JSON keeps its order too (`edit_json.rs`).

use serde_json::{Map, Value};
use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, TableLike};

use super::document::{Document, join};
use super::edit_json;
use super::parse::Problem;

/// Why a text was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// The text cannot be read as it stands.
    Unreadable(Problem),
    /// The format of the text has no words for what it should say.
    Unwritable(Problem),
}

/// Changes the text, TOML or JSON, so that it says `document`; in TOML, what is null in it is left out.
///
/// # Errors
/// [`EditError`].
pub fn edit(text: &str, document: &Map<String, Value>) -> Result<String, EditError> {
    let old = Document::read(text).map_err(EditError::Unreadable)?.value;
    let wanted = Value::Object(document.clone());
    if text.trim_start().starts_with('{') {
        return edit_json::edit(text, &wanted).map_err(EditError::Unreadable);
    }
    let mut toml: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        EditError::Unreadable(problem("", format!("this is not TOML: {}", error.message()), ""))
    })?;
    let empty = Map::new();
    edit_table(toml.as_table_mut(), old.as_object().unwrap_or(&empty), document, "").map_err(EditError::Unwritable)?;
    let edited = toml.to_string();
    // The form must never say one thing and the text another.
    match Document::read(&edited) {
        Ok(read) if same(&read.value, &wanted) => Ok(edited),
        _ => {
            Err(EditError::Unwritable(problem("", "this text cannot be changed to say that".into(), "change the text")))
        }
    }
}

fn problem(field: &str, message: String, hint: &str) -> Problem {
    Problem { line: None, field: field.to_owned(), message, hint: hint.to_owned() }
}

fn edit_table(
    table: &mut dyn TableLike,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    path: &str,
) -> Result<(), Problem> {
    for key in old.keys().filter(|key| new.get(*key).is_none_or(Value::is_null)) {
        remove(table, key);
    }
    for (key, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        let path = join(path, key);
        let is_edited = match (table.get_mut(key), old.get(key)) {
            (Some(item), Some(before)) if item.is_value() || before.is_object() && value.is_object() => {
                edit_item(item, before, value, &path)?;
                true
            }
            (Some(item), Some(before)) => same(before, value) || edit_tables(item, before, value, &path)?,
            _ => false,
        };
        if !is_edited {
            table.remove(key);
            table.insert(key, new_item(value, &path)?);
        }
    }
    Ok(())
}

/// Takes a key away. What stands above it, with an empty line between, is about more than this key and is kept.
fn remove(table: &mut dyn TableLike, key: &str) {
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let next = keys.iter().skip_while(|other| *other != key).nth(1);
    let above = table.key(key).and_then(|key| key.leaf_decor().prefix()?.as_str()).unwrap_or_default();
    let kept = above.rfind("\n\n").filter(|end| above[..*end].contains('#')).map(|end| above[..end + 2].to_owned());
    table.remove(key);
    let (Some(kept), Some(next)) = (kept, next) else { return };
    let joined = |decor: &Decor| format!("{kept}{}", decor.prefix().and_then(RawString::as_str).unwrap_or_default());
    match table.get_mut(next) {
        Some(Item::Table(next)) if !next.is_dotted() => {
            let prefix = joined(next.decor());
            next.decor_mut().set_prefix(prefix);
        }
        _ => {
            let Some(mut next) = table.key_mut(next) else { return };
            let prefix = joined(next.leaf_decor());
            next.leaf_decor_mut().set_prefix(prefix);
        }
    }
}

fn edit_item(item: &mut Item, before: &Value, after: &Value, path: &str) -> Result<(), Problem> {
    if same(before, after) {
        return Ok(());
    }
    match (&mut *item, before, after) {
        (Item::Table(table), Value::Object(before), Value::Object(after)) => edit_table(table, before, after, path)?,
        (Item::Value(value), before, after) => edit_value(value, before, after, path)?,
        _ => {}
    }
    keep_if_empty(item);
    Ok(())
}

/// Edits `[[steps]]` one by one, when there are as many as before; whether that was so.
fn edit_tables(item: &mut Item, before: &Value, after: &Value, path: &str) -> Result<bool, Problem> {
    let (Item::ArrayOfTables(tables), Value::Array(before), Value::Array(after)) = (item, before, after) else {
        return Ok(false);
    };
    if before.len() != after.len() || !after.iter().all(Value::is_object) {
        return Ok(false);
    }
    for (table, (before, after)) in tables.iter_mut().zip(before.iter().zip(after)) {
        if let (Value::Object(before), Value::Object(after)) = (before, after) {
            edit_table(table, before, after, path)?;
        }
    }
    Ok(true)
}

/// A table without a header of its own is written only for what is in it.
fn keep_if_empty(item: &mut Item) {
    if let Some(table) = item.as_table_mut().filter(|table| table.is_empty()) {
        table.set_implicit(false);
        table.set_dotted(false);
    }
}

fn edit_value(value: &mut toml_edit::Value, before: &Value, after: &Value, path: &str) -> Result<(), Problem> {
    if same(before, after) {
        return Ok(());
    }
    match (value, before, after) {
        (toml_edit::Value::InlineTable(table), Value::Object(before), Value::Object(after)) => {
            let end = last_suffix(table);
            edit_table(table, before, after, path)?;
            end_with(table, &end);
            Ok(())
        }
        (toml_edit::Value::Array(array), Value::Array(before), Value::Array(after)) => {
            edit_array(array, before, after, path)
        }
        (value, _, after) => {
            let decor = value.decor().clone();
            *value = new_value(after, path)?;
            *value.decor_mut() = decor;
            Ok(())
        }
    }
}

fn last_suffix(table: &InlineTable) -> String {
    let last = table.iter().last().and_then(|(_, value)| value.decor().suffix()?.as_str());
    last.unwrap_or_default().to_owned()
}

/// Moves the blank before the closing brace behind the value that is the last one now.
fn end_with(table: &mut InlineTable, end: &str) {
    if !end.trim().is_empty() || end.contains('\n') {
        return;
    }
    let last = table.len().saturating_sub(1);
    for (index, (_, value)) in table.iter_mut().enumerate() {
        let suffix = value.decor().suffix().and_then(RawString::as_str).unwrap_or_default();
        if suffix.trim().is_empty() && !suffix.contains('\n') {
            value.decor_mut().set_suffix(if index == last { end } else { "" });
        }
    }
}

/// Takes elements out when that is all, else changes them one by one, so that each keeps the comment beside it.
fn edit_array(array: &mut Array, before: &[Value], after: &[Value], path: &str) -> Result<(), Problem> {
    if let Some(gone) = only_removed(before, after) {
        gone.into_iter().rev().for_each(|index| remove_element(array, index));
        return Ok(());
    }
    while array.len() > after.len() {
        remove_element(array, array.len() - 1);
    }
    for (index, wanted) in after.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match (array.get_mut(index), before.get(index)) {
            (Some(value), Some(before)) => edit_value(value, before, wanted, &path)?,
            _ => push(array, new_value(wanted, &path)?),
        }
    }
    Ok(())
}

/// Takes an element out, with the comment behind it. A comment behind a comma stands in what follows the comma: before
/// the next element, or at the end of the array.
fn remove_element(array: &mut Array, index: usize) {
    let own = prefix(array.get(index));
    array.remove(index);
    let following = if index < array.len() { prefix(array.get(index)) } else { text(Some(array.trailing())) };
    let kept = match (own.find('\n'), following.find('\n')) {
        (Some(end), Some(start)) => format!("{}{}", &own[..end], &following[start..]),
        (None, Some(_)) => following,
        (_, None) => own,
    };
    match array.get_mut(index) {
        Some(next) => next.decor_mut().set_prefix(kept),
        None if kept.contains('\n') => array.set_trailing(kept),
        None => {}
    }
}

/// Adds an element on a line of its own where the others have one.
fn push(array: &mut Array, mut value: toml_edit::Value) {
    let (last, trailing) =
        (prefix(array.len().checked_sub(1).and_then(|last| array.get(last))), text(Some(array.trailing())));
    match (last.rfind('\n'), trailing.rfind('\n')) {
        (Some(indent), Some(end)) if array.trailing_comma() => {
            value.decor_mut().set_prefix(format!("{}{}", &trailing[..end], &last[indent..]));
            array.push_formatted(value);
            array.set_trailing(trailing[end..].to_owned());
        }
        _ => array.push(value),
    }
}

fn prefix(value: Option<&toml_edit::Value>) -> String {
    text(value.and_then(|value| value.decor().prefix()))
}

fn text(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

/// The positions of the elements that are gone, when nothing else has changed.
fn only_removed(before: &[Value], after: &[Value]) -> Option<Vec<usize>> {
    let mut wanted = after.iter().peekable();
    let mut gone = Vec::new();
    for (index, element) in before.iter().enumerate() {
        if wanted.next_if(|next| same(element, next)).is_none() {
            gone.push(index);
        }
    }
    wanted.peek().is_none().then_some(gone)
}

/// What stands in a table: a table of its own for an object.
fn new_item(value: &Value, path: &str) -> Result<Item, Problem> {
    let Value::Object(object) = value else { return Ok(Item::Value(new_value(value, path)?)) };
    let mut table = Table::new();
    let said = object.values().filter(|value| !value.is_null());
    // `[preprocessing]` says nothing when all there is stands in `[preprocessing.numeric]`.
    table.set_implicit(!object.is_empty() && said.clone().count() > 0 && said.clone().all(Value::is_object));
    table.decor_mut().set_prefix("\n");
    edit_table(&mut table, &Map::new(), object, path)?;
    Ok(Item::Table(table))
}

fn new_value(value: &Value, path: &str) -> Result<toml_edit::Value, Problem> {
    Ok(match value {
        Value::Null => {
            return Err(problem(path, "is null, for which TOML has no word".into(), "leave it out"));
        }
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(float)) if number.is_f64() => float.into(),
            _ => {
                let message = format!("{number} is larger than a whole number of a recipe can be");
                return Err(problem(path, message, "write a number of at most 63 bits"));
            }
        },
        Value::String(text) => text.into(),
        Value::Array(elements) => {
            let mut array = Array::new();
            for (index, element) in elements.iter().enumerate() {
                array.push(new_value(element, &format!("{path}[{index}]"))?);
            }
            array.into()
        }
        Value::Object(object) => {
            let mut table = InlineTable::new();
            edit_inline(&mut table, object, path)?;
            table.into()
        }
    })
}

fn edit_inline(table: &mut InlineTable, object: &Map<String, Value>, path: &str) -> Result<(), Problem> {
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        table.insert(key, new_value(value, &join(path, key))?);
    }
    Ok(())
}

/// Whether two documents say the same: 1 and 1.0 do, and what is null and what is left out.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64() && (one.is_f64() || other.is_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let said = |object: &Map<String, Value>| object.values().filter(|value| !value.is_null()).count();
            let in_other = |(key, value): (&String, &Value)| {
                value.is_null() || other.get(key).is_some_and(|other| same(value, other))
            };
            said(one) == said(other) && one.iter().all(in_other)
        }
        (one, other) => one == other,
    }
}
