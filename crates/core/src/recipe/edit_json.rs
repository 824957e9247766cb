//! The JSON half of `edit.rs`: a document whose objects keep the order in which they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};

use super::parse::Problem;

/// Writes `document` with the keys of the text in the order of the text, new ones last.
pub(super) fn edit(text: &str, document: &Value) -> Result<String, Problem> {
    let unreadable = |error: serde_json::Error| Problem {
        line: Some(error.line()),
        field: String::new(),
        message: format!("this is not JSON: {error}"),
        hint: String::new(),
    };
    let old: Ordered = serde_json::from_str(text).map_err(unreadable)?;
    let mut edited = serde_json::to_string_pretty(&old.changed_to(document)).map_err(unreadable)?;
    if text.ends_with('\n') {
        edited.push('\n');
    }
    Ok(edited)
}

enum Ordered {
    Scalar(Value),
    Array(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

impl Ordered {
    fn changed_to(&self, new: &Value) -> Self {
        match (self, new) {
            (_, Value::Array(elements)) => {
                let old = if let Self::Array(old) = self { old.as_slice() } else { &[] };
                let changed = |(index, element)| old.get(index).unwrap_or(&NOTHING).changed_to(element);
                Self::Array(elements.iter().enumerate().map(changed).collect())
            }
            (_, Value::Object(object)) => {
                let old = if let Self::Object(old) = self { old.as_slice() } else { &[] };
                let kept = old.iter().filter_map(|(key, old)| Some((key.clone(), old.changed_to(object.get(key)?))));
                let is_new = |key: &String| old.iter().all(|(known, _)| known != key);
                let added = object.iter().filter(|(key, _)| is_new(key));
                let added = added.map(|(key, value)| (key.clone(), NOTHING.changed_to(value)));
                Self::Object(kept.chain(added).collect())
            }
            // 1.0 is not rewritten as 1.
            (Self::Scalar(old), new) if super::edit::same(old, new) => Self::Scalar(old.clone()),
            (_, scalar) => Self::Scalar(scalar.clone()),
        }
    }
}

const NOTHING: Ordered = Ordered::Scalar(Value::Null);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(value) => value.serialize(serializer),
            Self::Array(elements) => elements.serialize(serializer),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrderedVisitor)
    }
}

struct OrderedVisitor;

impl<'de> Visitor<'de> for OrderedVisitor {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(NOTHING)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(flag.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(Number::from_f64(number).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Ordered, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Ordered::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Ordered, A::Error> {
        let mut entries: Vec<(String, Ordered)> = Vec::new();
        while let Some((key, value)) = access.next_entry::<String, Ordered>()? {
            // Of a key that comes twice the last one counts, as everywhere.
            entries.retain(|(known, _)| *known != key);
            entries.push((key, value));
        }
        Ok(Ordered::Object(entries))
    }
}
