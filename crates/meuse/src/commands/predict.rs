//! `meuse predict`: asks a model about rows.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meuse_core::api::{FoundBox, Model, ModelVersion, PredictRequest, PredictResponse, Prediction};
use meuse_core::names::{ModelRef, Selector};
use meuse_core::schema::ColumnType;
use serde_json::Value;
use ureq::http::Method;

use super::{Session, read_text};
use crate::client::segment;
use crate::output;

/// What is asked about.
pub(super) struct Asked<'a> {
    pub(super) rows: Option<&'a str>,
    pub(super) text: Option<&'a str>,
    pub(super) images: &'a [PathBuf],
}

pub(super) fn run(session: &Session, model: &str, asked: &Asked) -> anyhow::Result<()> {
    let rows = match (asked.rows, asked.text) {
        (Some(rows), _) => parse_rows(rows)?,
        (None, Some(text)) => {
            let cells = vec![given(text)?];
            rows_of(session, model, (ColumnType::Text, "text"), cells)?
        }
        (None, None) if asked.images.is_empty() => {
            bail!("there is nothing to ask about: give --rows, --text or --image")
        }
        (None, None) => {
            let encoded = |path: &PathBuf| {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                Ok(STANDARD.encode(bytes))
            };
            let cells = asked.images.iter().map(encoded).collect::<anyhow::Result<Vec<_>>>()?;
            rows_of(session, model, (ColumnType::Image, "picture"), cells)?
        }
    };
    let request = PredictRequest { rows };
    let response: PredictResponse = session.client.call(Method::POST, &path(model)?, &request)?;
    if session.json {
        return output::json(&response);
    }
    let numbered = || response.predictions.iter().enumerate();
    if response.predictions.iter().any(|prediction| prediction.boxes.is_some()) {
        let rows = numbered().flat_map(|(index, prediction)| boxes(index, prediction, asked.images));
        output::table(&["row", "found", "score", "left", "top", "width", "height"], &[2, 3, 4, 5, 6], rows.collect());
    } else {
        let rows = numbered().map(|(index, prediction)| row(index, prediction, asked.images));
        output::table(&["row", "answer", "probability", "points", "notes"], &[0, 2, 3], rows.collect());
    }
    let timings = response.timings_ms;
    output::line(&format!(
        "{}:{} answered in {:.3} ms (queue {:.3}, prep {:.3}, compute {:.3}, post {:.3}); request {}",
        response.model,
        response.version,
        timings.total,
        timings.queue,
        timings.prep,
        timings.compute,
        timings.post,
        response.request_id
    ));
    Ok(())
}

fn path(model: &str) -> anyhow::Result<String> {
    let reference: ModelRef = model.parse().with_context(|| format!("`{model}` is not a model"))?;
    Ok(match reference.selector {
        Selector::Version(version) => format!("/api/v1/models/{}/versions/{version}/predict", reference.name),
        Selector::Default | Selector::Alias(_) => format!("/api/v1/models/{}/predict", segment(model)),
    })
}

/// What stands in a file or on standard input, or the argument itself.
fn given(text: &str) -> anyhow::Result<String> {
    match text.strip_prefix('@') {
        Some(path) => read_text(Path::new(path)),
        None if text == "-" => read_text(Path::new("-")),
        None => Ok(text.to_owned()),
    }
}

/// The rows of a model that asks for one text or picture and nothing else.
fn rows_of(
    session: &Session,
    model: &str,
    (column_type, word): (ColumnType, &str),
    cells: Vec<String>,
) -> anyhow::Result<Vec<serde_json::Map<String, Value>>> {
    let reference: ModelRef = model.parse().with_context(|| format!("`{model}` is not a model"))?;
    let name = &reference.name;
    let version = match &reference.selector {
        Selector::Version(version) => *version,
        selector => {
            let known: Model = session.client.get(&format!("/api/v1/models/{name}"))?;
            let version = match selector {
                Selector::Alias(alias) => known.aliases.get(alias.as_str()).copied(),
                _ => known.route.map(|route| route.version),
            };
            version
                .with_context(|| format!("nothing answers as `{model}`: deploy a version, or name one as {name}:1"))?
        }
    };
    let version: ModelVersion = session.client.get(&format!("/api/v1/models/{name}/versions/{version}"))?;
    match version.manifest.inputs.as_slice() {
        [input] if input.column_type == column_type => {
            let row = |cell| [(input.name.clone(), Value::String(cell))].into_iter().collect();
            Ok(cells.into_iter().map(row).collect())
        }
        inputs => {
            let names = inputs.iter().map(|input| format!("`{}`", input.name)).collect::<Vec<_>>().join(", ");
            bail!("`{model}` does not take one {word}: its inputs are {names}; give them with --rows")
        }
    }
}

fn parse_rows(text: &str) -> anyhow::Result<Vec<serde_json::Map<String, Value>>> {
    let value = serde_json::from_str(&given(text)?).context("the rows are not JSON")?;
    let rows = match value {
        Value::Array(rows) => rows,
        Value::Object(mut object) if object.len() == 1 && object.get("rows").is_some_and(Value::is_array) => {
            match object.remove("rows") {
                Some(Value::Array(rows)) => rows,
                _ => Vec::new(),
            }
        }
        row @ Value::Object(_) => vec![row],
        _ => bail!("the rows are neither a list nor an object: write [{{\"column\": value, …}}, …]"),
    };
    let object = |(index, row)| match row {
        Value::Object(object) => Ok(object),
        other => bail!("rows[{index}] is `{other}`, not an object such as {{\"column\": value}}"),
    };
    rows.into_iter().enumerate().map(object).collect()
}

/// How many of several classes are shown.
const CLASSES_SHOWN: usize = 5;
/// How many numbers of a vector are shown.
const NUMBERS_SHOWN: usize = 4;

/// The file of a row, or its number.
fn name_of(index: usize, images: &[PathBuf]) -> String {
    let named = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    images.get(index).and_then(named).unwrap_or_else(|| index.to_string())
}

/// A line for each box that was found, or one that says that there is none.
fn boxes(index: usize, prediction: &Prediction, images: &[PathBuf]) -> Vec<Vec<String>> {
    let name = name_of(index, images);
    let found = prediction.boxes.as_deref().unwrap_or_default();
    if found.is_empty() {
        let nothing = std::iter::repeat_n(String::new(), 5);
        return vec![[name, "nothing".to_owned()].into_iter().chain(nothing).collect()];
    }
    let line = |found: &FoundBox| {
        let sides = found.area.iter().map(|side| format!("{side:.1}"));
        [name.clone(), found.label.clone(), format!("{:.4}", found.score)].into_iter().chain(sides).collect()
    };
    found.iter().map(line).collect()
}

fn row(index: usize, prediction: &Prediction, images: &[PathBuf]) -> Vec<String> {
    let name = name_of(index, images);
    let numbers = prediction.embedding.iter().take(NUMBERS_SHOWN).map(|one| format!("{one:.4}")).collect::<Vec<_>>();
    let vector = || format!("{} numbers: {}, … (--json has all)", prediction.embedding.len(), numbers.join(", "));
    let answer = prediction.label.clone().or_else(|| prediction.value.map(output::number));
    let answer = answer.or_else(|| (!prediction.embedding.is_empty()).then(vector));
    let others = prediction.classes.iter().skip(1).take(CLASSES_SHOWN - 1);
    let others = others.map(|class| format!("{} {:.4}", class.label, class.probability)).collect::<Vec<_>>().join(", ");
    let others = (!others.is_empty()).then(|| format!("then {others}"));
    let notes = prediction.notes.iter().map(|note| format!("{}: {}", note.field, note.message)).chain(others);
    vec![
        name,
        answer.unwrap_or_default(),
        prediction.probability.map_or_else(String::new, |probability| format!("{probability:.4}")),
        prediction.points.map_or_else(String::new, |points| points.to_string()),
        notes.collect::<Vec<_>>().join("\n"),
    ]
}
