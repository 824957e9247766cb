//! The protocol's endpoints.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use meuse_app::App;
use meuse_app::access::Caller;
use meuse_core::bundle::Input;
use meuse_core::names::{ModelRef, Selector};
use meuse_core::schema::ColumnType;
use meuse_core::tensor::Tensor;
use serde_json::{Value, json};

use super::tensors::InferRequest;
use super::{binary, outputs};
use crate::body::Whole;
use crate::extract::{Path, parse};
use crate::failure::Failure;
use crate::request_id::RequestId;
use crate::state::ServerState;

/// `GET /v2`
pub(crate) async fn server_metadata() -> Json<Value> {
    Json(json!({ "name": "meuse", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"] }))
}

/// `GET /v2/health/live`
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`: no longer, once the server was asked to stop.
pub(crate) async fn ready(State(state): State<ServerState>) -> (StatusCode, Json<Value>) {
    let ready = !state.shutdown.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "live": true, "ready": ready })))
}

/// `GET /v2/models/{model}` and `GET /v2/models/{model}/versions/{version}`
pub(crate) async fn model_metadata(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, Failure> {
    let served = app.served(&caller, &target.reference()?).await?;
    let inputs = served.bundle.manifest.inputs.iter();
    let inputs: Vec<Value> = inputs.map(|input| described(&input.name, datatype(input))).collect();
    let outputs = outputs::declared(&served.bundle).into_iter();
    let outputs: Vec<Value> = outputs.map(|(name, datatype)| described(name, datatype)).collect();
    let versions: Vec<String> = served.versions.iter().map(u32::to_string).collect();
    Ok(Json(json!({
        "name": served.model, "versions": versions, "platform": "meuse", "inputs": inputs, "outputs": outputs,
    })))
}

fn described(name: &str, datatype: &str) -> Value {
    json!({ "name": name, "datatype": datatype, "shape": [-1] })
}

/// What a caller is told to send. Integers and floats of any width are taken for each other.
fn datatype(input: &Input) -> &'static str {
    match input.column_type {
        ColumnType::Integer => "INT64",
        ColumnType::Number => "FP64",
        ColumnType::Boolean => "BOOL",
        ColumnType::Text | ColumnType::Image | ColumnType::Boxes | ColumnType::Date | ColumnType::Timestamp => "BYTES",
    }
}

/// `GET /v2/models/{model}/ready` and `GET /v2/models/{model}/versions/{version}/ready`
pub(crate) async fn model_ready(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, Failure> {
    let served = app.served(&caller, &target.reference()?).await?;
    Ok(Json(json!({ "name": served.model, "ready": true })))
}

/// `POST /v2/models/{model}/infer` and `POST /v2/models/{model}/versions/{version}/infer`
pub(crate) async fn infer(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Arc<Caller>>,
    Extension(id): Extension<RequestId>,
    Path(target): Path<Target>,
    body: Whole,
) -> Result<Response, Failure> {
    let target = target.reference()?;
    let served = app.served(&caller, &target).await?;
    let (request, tensors) = read(body).await?;
    let chosen = outputs::choose(&request, &served.bundle)?;
    // A route may change between the two calls; the version that was asked for its outputs is the one that answers.
    let target = ModelRef { name: target.name, selector: Selector::Version(served.version) };
    let answer = app.predict_tensors(&caller, &target, tensors, id.as_str()).await?;
    Ok(outputs::encode(&chosen, answer, request.id))
}

async fn read(body: Whole) -> Result<(InferRequest, Vec<Tensor>), Failure> {
    body.weigh(binary::split(&body.bytes, &body.headers)?.0).await?;
    let read = move |body: &Whole| {
        let (json, binary) = binary::split(&body.bytes, &body.headers)?;
        let request: InferRequest = crate::json::parse(json)?;
        let tensors = request.tensors(binary)?;
        Ok((request, tensors))
    };
    Ok(crate::json::where_it_may(body.bytes.len(), move || read(&body)).await?)
}

/// The model and, perhaps, the version that a path names.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Target {
    model: String,
    #[serde(default)]
    version: Option<String>,
}

impl Target {
    fn reference(&self) -> Result<ModelRef, Failure> {
        let mut reference: ModelRef = parse("model", &self.model)?;
        if let Some(version) = &self.version {
            reference.selector = Selector::Version(crate::extract::version(version)?);
        }
        Ok(reference)
    }
}
