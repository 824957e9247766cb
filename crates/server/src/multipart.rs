//! Rows as a form with files (RFC 7578), as browsers and `curl -F` send pictures: a row for each file of a field.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use meuse_app::Error;
use serde_json::{Map, Value};

use crate::body::Whole;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::state::ServerState;

/// The most fields of a form.
const MOST_FIELDS: usize = 10_000;
/// How often a file is in memory: as it came, as text in base64, and decoded.
const COPIES: usize = 4;
/// About how many bytes an object and each of its values take beside their text.
const OBJECT: usize = 680;
/// How to send a form.
const HOW: &str = "send each file as a field named as the input, as in curl -F image=@picture.png";

/// The rows of a call: JSON `{"rows": […]}`, or a form.
pub(crate) struct Asked(pub(crate) Vec<Map<String, Value>>);

impl FromRequest<ServerState> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Failure> {
        let body = Whole::from_request(request, state).await?;
        if let Some(boundary) = boundary(&body.headers)? {
            let size = body.bytes.len();
            body.hold(COPIES * size).await?;
            let fields = read(body.bytes.clone(), boundary).await?;
            body.hold(COPIES * size + weight(&fields)).await?;
            return Ok(Self(rows(fields)?));
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
struct Field {
    name: String,
    is_file: bool,
    values: Vec<Value>,
}

/// Reads a form: here, or on a thread that may compute, since encoding a megabyte takes a millisecond.
async fn read(bytes: Bytes, boundary: String) -> Result<Vec<Field>, Error> {
    if bytes.len() < json::LARGE {
        return fields(bytes, boundary).await;
    }
    let runtime = tokio::runtime::Handle::current();
    let read = tokio::task::spawn_blocking(move || runtime.block_on(fields(bytes, boundary))).await;
    read.map_err(|_| Error::Internal("reading a form panicked".into()))?
}

async fn fields(bytes: Bytes, boundary: String) -> Result<Vec<Field>, Error> {
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
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) => {
                field.is_file |= is_file;
                field.values.push(value);
            }
            None => fields.push(Field { name, is_file, values: vec![value] }),
        }
    }
    Ok(fields)
}

/// About how many bytes the rows take beside the files; a value that is the same in all of them is there once for each.
fn weight(fields: &[Field]) -> usize {
    let count = fields.iter().map(|field| field.values.len()).max().unwrap_or(0);
    let text = |field: &Field| match field.values.as_slice() {
        [Value::String(text)] if !field.is_file => text.len(),
        _ => 0,
    };
    let row: usize = fields.iter().map(|field| OBJECT + field.name.len() + text(field)).sum();
    count.saturating_mul(row)
}

/// A number, `true`, `false`, `null` or a text in quotes as in JSON; anything else is a text as it stands.
fn scalar(name: &str, content: &[u8]) -> Result<Value, Error> {
    let text = std::str::from_utf8(content);
    let text = text.map_err(|_| Error::invalid(name, "is no UTF-8 text, and no file", HOW))?;
    let value = serde_json::from_str(text).ok().filter(|value: &Value| !value.is_array() && !value.is_object());
    Ok(value.unwrap_or_else(|| Value::String(text.to_owned())))
}

/// As many rows as the field with the most values has; a value that is no file and comes once is the same in all.
fn rows(fields: Vec<Field>) -> Result<Vec<Map<String, Value>>, Error> {
    let count = fields.iter().map(|field| field.values.len()).max().unwrap_or(0);
    let is_odd = |field: &&Field| field.values.len() != count && (field.is_file || field.values.len() != 1);
    if let Some(Field { name, values, .. }) = fields.iter().find(is_odd) {
        let times = if values.len() == 1 { "once".to_owned() } else { format!("{} times", values.len()) };
        let reason = format!("comes {times}, and another field {count} times");
        return Err(Error::invalid(name, reason, "send each once per row; what is no file may come once for all"));
    }
    let mut rows = vec![Map::new(); count];
    for Field { name, values, .. } in fields {
        match <[Value; 1]>::try_from(values) {
            Ok([value]) => rows.iter_mut().for_each(|row| drop(row.insert(name.clone(), value.clone()))),
            Err(values) => rows.iter_mut().zip(values).for_each(|(row, value)| drop(row.insert(name.clone(), value))),
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Result<Vec<Map<String, Value>>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let body = Bytes::from(body.replace('\n', "\r\n"));
        runtime.block_on(read(body, "x".into())).and_then(rows).map_err(|error| error.to_string())
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
        let rows = asked(&body).expect("a form");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["image"], Value::String(STANDARD.encode("two")));
        assert_eq!((&rows[0]["age"], &rows[1]["word"]), (&Value::from(35), &Value::from("plain")));
    }

    #[test]
    fn a_value_that_is_the_same_in_all_rows_weighs_as_often() {
        let field = |name: &str, values: Vec<Value>| Field { name: name.into(), is_file: false, values };
        let long = Value::String("x".repeat(1 << 20));
        let fields = [field("note", vec![long]), field("age", vec![Value::from(1); 5000])];
        assert!(weight(&fields) > 5000 << 20, "{}", weight(&fields));
    }

    #[test]
    fn what_is_no_form_is_said() {
        let thrice = [part("a", None, "1"), part("a", None, "2"), part("b", None, "1"), part("b", None, "2")].concat();
        let cases = [
            (format!("{thrice}{}--x--\n", part("b", None, "3")), "a: comes 2 times, and another field 3 times"),
            (
                [part("image", Some("a.png"), "1"), part("a", None, "1"), part("a", None, "2"), "--x--\n".into()]
                    .concat(),
                "image: comes once, and another field 2 times",
            ),
            (part("image", Some("a.png"), "cut"), "body: is no whole form"),
            ("nothing".to_owned(), "body: is no whole form"),
            ("--x\nContent-Disposition: form-data\n\n1\n--x--\n".to_owned(), "body: has a field without a name"),
        ];
        for (body, expected) in cases {
            let message = asked(&body).expect_err(expected);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
