//! `meuse predict`: asks a model about rows.

use std::path::Path;

use anyhow::{Context as _, bail};
use meuse_core::api::{PredictRequest, PredictResponse, Prediction};
use meuse_core::names::{ModelRef, Selector};
use serde_json::Value;
use ureq::http::Method;

use super::{Session, read_text};
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, model: &str, rows: &str) -> anyhow::Result<()> {
    let request = PredictRequest { rows: parse_rows(rows)? };
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

fn parse_rows(text: &str) -> anyhow::Result<Vec<serde_json::Map<String, Value>>> {
    let text = match text.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None if text == "-" => read_text(Path::new("-"))?,
        None => text.to_owned(),
    };
    let value = serde_json::from_str(&text).context("the rows are not JSON")?;
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
