//! Rows as a form with files (RFC 7578), as browsers and `curl -F` send pictures: a row for each file of a field.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use meuse_app::Error;
use meuse_core::suggest;
use serde_json::{Map, Value};

use crate::body::Whole;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::state::ServerState;

/// The most fields of a form.
const MOST_FIELDS: usize = 10_000;
/// How to send a form.
const HOW: &str = "send each file as a field named as the input, as in curl -F image=@picture.png";

/// The rows of a call: JSON `{"rows": […]}`, or a form.
pub(crate) struct Asked(pub(crate) Vec<Map<String, Value>>);

impl FromRequest<ServerState> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Failure> {
        let body = Whole::from_request(request, state).await?;
        if let Some(boundary) = boundary(&body.headers)? {
            return Ok(Self(form(body.bytes, boundary).await?));
        }
        body.weigh(&body.bytes).await?;
        let rows: Rows = json::read(body.bytes).await?;
        Ok(Self(rows.rows.into_iter().map(|row| row.0).collect()))
    }
}

/// A [`meuse_core::api::PredictRequest`] in whose rows no column comes twice.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    rows: Vec<Object>,
}

/// What separates the fields of a form; nothing where the body is none.
fn boundary(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Ok(None);
    }
    let boundary = multer::parse_boundary(kind);
    boundary.map(Some).map_err(|_| Error::invalid("Content-Type", "names no boundary of the form", HOW))
}

/// One field by name, with its values in the order in which they came.
type Field = (String, Vec<Value>);

async fn form(bytes: Bytes, boundary: String) -> Result<Vec<Map<String, Value>>, Error> {
    let refused = |error: multer::Error| Error::invalid("body", format!("is no whole form: {error}"), HOW);
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, std::io::Error>(bytes)]), boundary);
    let mut fields: Vec<Field> = Vec::new();
    let mut count = 0;
    while let Some(field) = form.next_field().await.map_err(refused)? {
        count += 1;
        if count > MOST_FIELDS {
            return Err(Error::TooLarge(format!("a form has at most {MOST_FIELDS} fields: send fewer files at once")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(Error::invalid("body", "has a field without a name", HOW));
        }
        let is_file = field.file_name().is_some();
        let content = field.bytes().await.map_err(refused)?;
        let value = if is_file { Value::String(STANDARD.encode(&content)) } else { scalar(&name, &content)? };
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    rows(&fields)
}

/// A number, `true`, `false`, `null` or a text in quotes as in JSON; anything else is a text as it stands.
fn scalar(name: &str, content: &[u8]) -> Result<Value, Error> {
    let text = std::str::from_utf8(content);
    let text = text.map_err(|_| Error::invalid(name, "is no UTF-8 text, and no file", HOW))?;
    let value = serde_json::from_str(text).ok().filter(|value: &Value| !value.is_array() && !value.is_object());
    Ok(value.unwrap_or_else(|| Value::String(text.to_owned())))
}

/// As many rows as the field with the most values has; a field with one value is the same in all of them.
fn rows(fields: &[Field]) -> Result<Vec<Map<String, Value>>, Error> {
    let count = fields.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    if let Some((name, values)) = fields.iter().find(|(_, values)| values.len() != 1 && values.len() != count) {
        let reason = format!("comes {} times, and another field {count} times", values.len());
        let names = suggest::hint("", fields.iter().map(|(name, _)| name.as_str()));
        return Err(Error::invalid(name, reason, format!("send each once per row, or once for all ({names})")));
    }
    let row = |index: usize| {
        let cell = |(name, values): &Field| (name.clone(), values[if values.len() == 1 { 0 } else { index }].clone());
        fields.iter().map(cell).collect()
    };
    Ok((0..count).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Map<String, Value>>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let body = Bytes::from(body.replace('\n', "\r\n"));
        runtime.block_on(form(body, "x".into())).map_err(|error| error.to_string())
    }

    fn part(name: &str, file: Option<&str>, content: &str) -> String {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        format!("--x\nContent-Disposition: form-data; name=\"{name}\"{file}\n\n{content}\n")
    }

    #[test]
    fn each_file_is_a_row_and_a_single_value_is_the_same_in_all() {
        let body = [
            part("image", Some("a.png"), "one"),
            part("image", Some("b.png"), "two"),
            part("age", None, "35"),
            part("word", None, "plain"),
            "--x--\n".to_owned(),
        ]
        .concat();
        let rows = read(&body).expect("a form");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["image"], Value::String(STANDARD.encode("two")));
        assert_eq!((&rows[0]["age"], &rows[1]["word"]), (&Value::from(35), &Value::from("plain")));
    }

    #[test]
    fn what_is_no_form_is_said() {
        let thrice = [part("a", None, "1"), part("a", None, "2"), part("b", None, "1"), part("b", None, "2")].concat();
        let cases = [
            (format!("{thrice}{}--x--\n", part("b", None, "3")), "a: comes 2 times, and another field 3 times"),
            (part("image", Some("a.png"), "cut"), "body: is no whole form"),
            ("nothing".to_owned(), "body: is no whole form"),
            ("--x\nContent-Disposition: form-data\n\n1\n--x--\n".to_owned(), "body: has a field without a name"),
        ];
        for (body, expected) in cases {
            let message = read(&body).expect_err(expected);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
