//! The whole server as one file: every record and blob of all projects as of one instant, and the server's secret. What
//! goes wrong after the first byte is told by the last entry, `failed.json` in place of `end.json`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meuse_core::api::ErrorBody;

use super::{TheApp, Who};
use crate::failure::Failure;

/// A backup of the whole server as a tar, for administrators of the project that the server began with.
#[utoipa::path(
    post, path = "/api/v1/backup", tag = "server",
    responses(
        (status = 200, body = String, content_type = "application/x-tar"),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn take(State(app): TheApp, Extension(caller): Who) -> Result<Response, Failure> {
    let backup = app.backup(&caller).await?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", backup.file));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(disposition.map(|value| (header::CONTENT_DISPOSITION, value)));
    Ok((headers, Body::from_stream(backup.stream)).into_response())
}
