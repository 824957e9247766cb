//! Errors as our own API writes them: [`ErrorBody`] of `core`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use meuse_core::api::{ErrorBody, ErrorDetail};

use crate::failure::Failure;
use crate::request_id::RequestId;

/// The body. Status and headers are the failure's own.
pub(crate) fn body(failure: &Failure, id: &RequestId) -> Response {
    let error = &failure.error;
    let detail = ErrorDetail {
        kind: error.kind().to_owned(),
        message: failure.message(),
        field: failure.field(),
        hint: error.hint().map(str::to_owned),
        request_id: id.as_str().to_owned(),
    };
    Json(ErrorBody { error: detail }).into_response()
}
