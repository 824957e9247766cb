//! Predictions as output tensors: one element per row, and for an embedding a row of them.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meuse_app::Error;
use meuse_app::serving::Loaded;
use meuse_core::api::{FoundBox, PredictResponse, Prediction};
use meuse_core::bundle::Task;
use meuse_core::suggest;
use meuse_core::tensor::{Tensor, TensorData};
use serde_json::{Value, json};

use super::binary::{JSON_LENGTH, to_bytes};
use super::tensors::InferRequest;

/// The outputs of a model: names and datatypes.
pub(super) fn declared(bundle: &Loaded) -> Vec<(&'static str, &'static str)> {
    let mut outputs = match bundle.manifest.task {
        Task::Binary | Task::Multiclass => vec![("probability", "FP64"), ("label", "BYTES")],
        Task::Regression => vec![("value", "FP64")],
        Task::Detection => vec![("boxes", "BYTES")],
        Task::Embedding => vec![("embedding", "FP32")],
    };
    if bundle.scorecard.is_some() {
        outputs.push(("points", "INT64"));
    }
    outputs.push(("notes", "BYTES"));
    outputs
}

fn tensor(name: &str, predictions: Vec<Prediction>) -> Tensor {
    let rows = predictions.len();
    let cells = predictions.into_iter();
    let data = match name {
        "probability" => TensorData::F64(cells.map(|row| row.probability.unwrap_or(f64::NAN)).collect()),
        "embedding" => {
            let cells: Vec<f32> = cells.flat_map(|row| row.embedding).collect();
            let shape = vec![rows, cells.len() / rows.max(1)];
            return Tensor { name: name.to_owned(), shape, data: TensorData::F32(cells) };
        }
        "value" => TensorData::F64(cells.map(|row| row.value.unwrap_or(f64::NAN)).collect()),
        "points" => TensorData::I64(cells.map(|row| row.points.unwrap_or_default()).collect()),
        "boxes" => TensorData::Text(cells.map(|row| row.boxes.as_ref().map(boxes)).collect()),
        "label" => TensorData::Text(cells.map(|row| row.label).collect()),
        _ => TensorData::Text(cells.map(|row| Some(notes(&row))).collect()),
    };
    Tensor { name: name.to_owned(), shape: vec![data.len()], data }
}

/// The boxes of a picture as JSON: a list of `{"label", "score", "box"}`.
fn boxes(boxes: &Vec<FoundBox>) -> String {
    serde_json::to_string(boxes).unwrap_or_default()
}

/// What was done about missing and unknown values, in one line; empty when there was none.
fn notes(row: &Prediction) -> String {
    let notes = row.notes.iter().map(|note| format!("{}: {}", note.field, note.message));
    notes.collect::<Vec<_>>().join("; ")
}

/// An output that will be sent.
pub(super) struct Chosen {
    name: &'static str,
    datatype: &'static str,
    is_binary: bool,
}

/// The outputs that a request wants: those it names, or all.
///
/// # Errors
/// [`Error::Invalid`] naming an output that the model does not have.
pub(super) fn choose(request: &InferRequest, bundle: &Loaded) -> Result<Vec<Chosen>, Error> {
    let declared = declared(bundle);
    let by_default = request.parameters.binary_data_output;
    if request.outputs.is_empty() {
        let chosen = |(name, datatype)| Chosen { name, datatype, is_binary: by_default };
        return Ok(declared.into_iter().map(chosen).collect());
    }
    let choose = |(index, wanted): (usize, &super::tensors::WantedOutput)| {
        let found = declared.iter().find(|(name, _)| *name == wanted.name);
        let (name, datatype) = *found.ok_or_else(|| {
            let hint = suggest::hint(&wanted.name, declared.iter().map(|(name, _)| *name));
            Error::invalid(format!("outputs[{index}]"), format!("the model has no output `{}`", wanted.name), hint)
        })?;
        if request.outputs[..index].iter().any(|earlier| earlier.name == wanted.name) {
            let reason = format!("`{name}` is wanted twice");
            return Err(Error::invalid(format!("outputs[{index}]"), reason, "name each output once"));
        }
        Ok(Chosen { name, datatype, is_binary: wanted.parameters.binary_data.unwrap_or(by_default) })
    };
    request.outputs.iter().enumerate().map(choose).collect()
}

/// The answer: JSON, and binary tensors after it where they were wanted.
pub(super) fn encode(chosen: &[Chosen], answer: PredictResponse, id: Option<String>) -> Response {
    let mut binary = Vec::new();
    let encode = |chosen: &Chosen| {
        let tensor = tensor(chosen.name, answer.predictions.clone());
        let mut output = json!({ "name": chosen.name, "datatype": chosen.datatype, "shape": tensor.shape });
        if chosen.is_binary {
            let bytes = to_bytes(&tensor.data);
            output["parameters"] = json!({ "binary_data_size": bytes.len() });
            binary.extend(bytes);
        } else {
            output["data"] = to_json(&tensor.data);
        }
        output
    };
    let outputs: Vec<Value> = chosen.iter().map(encode).collect();
    let mut head = json!({
        "model_name": answer.model,
        "model_version": answer.version.to_string(),
        "outputs": outputs,
    });
    if let Some(id) = id {
        head["id"] = Value::String(id);
    }
    if binary.is_empty() {
        return axum::Json(head).into_response();
    }
    let mut body = head.to_string().into_bytes();
    let length = HeaderValue::from(body.len());
    body.extend(binary);
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind), (JSON_LENGTH, length)], body).into_response()
}

fn to_json(data: &TensorData) -> Value {
    match data {
        TensorData::F32(cells) => json!(cells),
        TensorData::F64(cells) => json!(cells),
        TensorData::I64(cells) => json!(cells),
        TensorData::Bool(cells) => json!(cells),
        TensorData::Text(cells) => json!(cells),
    }
}
