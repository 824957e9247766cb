//! `meuse predict`: asks a model about rows.

use std::path::Path;

use anyhow::{Context as _, bail};
use meuse_core::api::{Model, ModelVersion, PredictRequest, PredictResponse, Prediction};
use meuse_core::names::{ModelRef, Selector};
use meuse_core::schema::ColumnType;
use serde_json::Value;
use ureq::http::Method;

use super::{Session, read_text};
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, model: &str, rows: Option<&str>, text: Option<&str>) -> anyhow::Result<()> {
    let rows = match (rows, text) {
        (Some(rows), _) => parse_rows(rows)?,
        (None, Some(text)) => vec![row_of_text(session, model, given(text)?)?],
        (None, None) => bail!("there is nothing to ask about: give --rows or --text"),
    };
    let request = PredictRequest { rows };
    let response: PredictResponse = session.client.call(Method::POST, &path(model)?, &request)?;
    if session.json {
        return output::json(&response);
    }
    let rows = response.predictions.iter().enumerate().map(|(index, prediction)| row(index, prediction));
    output::table(&["row", "answer", "probability", "points", "notes"], &[0, 2, 3], rows.collect());
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

/// The row of a model that asks for a text and nothing else.
fn row_of_text(session: &Session, model: &str, text: String) -> anyhow::Result<serde_json::Map<String, Value>> {
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
        [input] if input.column_type == ColumnType::Text => {
            Ok([(input.name.clone(), Value::String(text))].into_iter().collect())
        }
        inputs => {
            let names = inputs.iter().map(|input| format!("`{}`", input.name)).collect::<Vec<_>>().join(", ");
            bail!("`{model}` does not take one text: its inputs are {names}; give them with --rows")
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

fn row(index: usize, prediction: &Prediction) -> Vec<String> {
    let answer = prediction.label.clone().or_else(|| prediction.value.map(output::number));
    let notes = prediction.notes.iter().map(|note| format!("{}: {}", note.field, note.message));
    vec![
        index.to_string(),
        answer.unwrap_or_default(),
        prediction.probability.map_or_else(String::new, |probability| format!("{probability:.4}")),
        prediction.points.map_or_else(String::new, |points| points.to_string()),
        notes.collect::<Vec<_>>().join("\n"),
    ]
}
