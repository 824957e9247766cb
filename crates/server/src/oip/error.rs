//! Errors as the Open Inference protocol writes them: `{"error": "…"}`.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;

/// The body. Status and headers are the failure's own.
pub(crate) fn body(failure: &Failure) -> Response {
    let hint = failure.error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Json(serde_json::json!({ "error": format!("{}{hint}", failure.message()) })).into_response()
}
