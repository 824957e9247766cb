//! JSON bodies: read whole, parsed with the position and the field of what is wrong. The content type is not asked for.

use std::fmt;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use meuse_app::Error;
use meuse_core::suggest;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::body::Whole;
use crate::failure::Failure;
use crate::state::ServerState;

/// Bodies from this size on are parsed on a thread that may compute: a megabyte takes about ten milliseconds.
pub(crate) const LARGE: usize = 64 << 10;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<ServerState> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Failure> {
        let body = Whole::from_request(request, state).await?;
        body.weigh(&body.bytes).await?;
        Ok(Self(read(body.bytes).await?))
    }
}

/// Parses a body, where its size allows it.
pub(crate) async fn read<T: DeserializeOwned + Send + 'static>(bytes: Bytes) -> Result<T, Error> {
    where_it_may(bytes.len(), move || parse(&bytes)).await
}

/// Reads a body of this size: here, or on a thread that may compute.
pub(crate) async fn where_it_may<T: Send + 'static>(
    size: usize,
    read: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if size < LARGE {
        return read();
    }
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| Error::Internal("reading a body panicked".into()))?
}

/// Parses JSON text.
///
/// # Errors
/// [`Error::Invalid`] with the field as path, and line and column in the reason.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(Error::invalid("body", "is empty", "send JSON"));
    }
    if let Ok(parsed) = serde_json::from_slice(text) {
        return Ok(parsed);
    }
    // Noting the path of each value takes as long as reading it, so it is done where there is something to say.
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut deserializer);
    let parsed = parsed.map_err(|error| wrong(text, &error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| wrong(text, ".", &error))?;
    Ok(parsed)
}

fn wrong(text: &[u8], path: &str, error: &serde_json::Error) -> Error {
    // A question mark stands for a key that had not been read when the error came.
    let path = path.trim_end_matches(['?', '.']);
    let field = if path.is_empty() { "body" } else { path };
    let whole = error.to_string();
    let message = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(message, _)| message);
    let position = format!("line {}, column {}", error.line(), error.column());
    if let Some(token) = not_a_number(text, error) {
        let hint = "write null, or leave the field out, for a missing value";
        return Error::invalid(field, format!("{token} is not JSON ({position})"), hint);
    }
    Error::invalid(field, format!("{message} ({position})"), hint(message))
}

/// Serde says ``unknown field `x`, expected one of `a`, `b` ``; the nearest of these is what was meant.
pub(crate) fn hint(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return String::new() };
    let typed = rest.split('`').next().unwrap_or_default();
    // After the typed name, every other piece between backticks is a known one.
    let known: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
    if known.is_empty() { String::new() } else { suggest::hint(typed, known) }
}

/// `NaN`, `Infinity` or `-Infinity` where the error stands: Python writes these, JSON has no words for them.
fn not_a_number(text: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line = text.split(|byte| *byte == b'\n').nth(error.line().checked_sub(1)?)?;
    let near = error.column().saturating_sub(2)..error.column() + 1;
    let tokens = ["-Infinity", "Infinity", "NaN"];
    let found = near.flat_map(|at| tokens.map(|token| (at, token)));
    found
        .into_iter()
        .find(|(at, token)| line.get(*at..).is_some_and(|rest| rest.starts_with(token.as_bytes())))
        .map(|(_, token)| token)
}

/// A JSON object in which no key comes twice. What comes twice would otherwise be decided by chance.
#[derive(Debug)]
pub(crate) struct Object(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(serde::de::Error::custom(format!("the key `{key}` comes twice")));
            }
            let value = access.next_value()?;
            map.insert(key, value);
        }
        Ok(Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Call {
        rows: Vec<Object>,
        #[serde(default)]
        explain: bool,
    }

    #[test]
    fn what_is_wrong_is_said_with_position_and_field() {
        let cases = [
            ("", "body: is empty"),
            ("{\n \"rows\": [,]}", "rows[0]: expected value (line 2, column 11)"),
            ("{\"rows\":[{\"age\":35]}", "rows[0]: expected `,` or `}` (line 1, column 19)"),
            ("{\"rows\":[{\"age\":NaN}]}", "rows[0].age: NaN is not JSON (line 1, column 17)"),
            ("{\"rows\":[{\"age\":-Infinity}]}", "rows[0].age: -Infinity is not JSON (line 1, column 18)"),
            ("{\"rows\":[{\"age\":Infinity}]}", "rows[0].age: Infinity is not JSON (line 1, column 17)"),
            ("{\"rows\":[{\"age\":1e999}]}", "rows[0].age: number out of range"),
            ("{\"rows\":[{\"age\":1,\"age\":2}]}", "rows[0]: the key `age` comes twice"),
            ("{\"rows\":[1]}", "rows[0]: invalid type: integer `1`, expected an object (line 1, column 10)"),
            ("{\"rows\":[],\"rows\":[]}", "body: duplicate field `rows` (line 1, column 17)"),
            ("{\"row\":[]}", "row: unknown field `row`, expected `rows` or `explain`"),
            ("{\"rows\":[]} x", "body: trailing characters (line 1, column 13)"),
            ("{\"rows\":[]", "body: EOF while parsing an object"),
            ("{}", "body: missing field `rows`"),
        ];
        for (text, expected) in cases {
            let message = parse::<Call>(text.as_bytes()).expect_err(text).to_string();
            assert!(message.starts_with(expected), "{text}\n   says {message}\nexpected {expected}");
        }
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_nearest() {
        let error = parse::<Call>(b"{\"row\":[]}").expect_err("`row` is not a field");
        assert_eq!(error.hint(), Some("did you mean `rows`?"));
    }

    #[test]
    fn a_byte_order_mark_is_no_error() {
        parse::<Call>("\u{feff}{\"rows\":[]}".as_bytes()).expect("valid after the mark");
    }
}
