//! Jobs and their events.

use axum::body::Body as AxumBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use meuse_core::api::{ErrorBody, EventLine, Job, Page, TrainRequest};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who, page};
use crate::extract::{Path, Query};
use crate::failure::Failure;
use crate::json::Json as Body;
use crate::state::ServerState;

/// Starts a training.
#[utoipa::path(
    post, path = "/api/v1/jobs/train", tag = "jobs", request_body = TrainRequest,
    responses((status = 202, body = Job), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(crate) async fn train(
    State(app): TheApp,
    Extension(caller): Who,
    Body(request): Body<TrainRequest>,
) -> Result<(StatusCode, Json<Job>), Failure> {
    Ok((StatusCode::ACCEPTED, Json(app.train(&caller, request).await?)))
}

/// The newest jobs of the project, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", responses((status = 200, body = Page<Job>)))]
pub(crate) async fn jobs(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Job>> {
    Ok(page(app.jobs(&caller).await?))
}

/// One job.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Job), (status = 404, body = ErrorBody))
)]
pub(crate) async fn job(State(app): TheApp, Extension(caller): Who, Path(id): Path<String>) -> Answer<Job> {
    Ok(Json(app.job(&caller, &id).await?))
}

/// Asks a job to stop.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Job), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(crate) async fn cancel(State(app): TheApp, Extension(caller): Who, Path(id): Path<String>) -> Answer<Job> {
    Ok(Json(app.cancel_job(&caller, &id).await?))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    /// Events after this one, `ATTEMPT.NUMBER`.
    #[serde(default)]
    after: Option<String>,
    /// Whether the stream goes on until the job has ended.
    #[serde(default)]
    follow: bool,
}

/// What a job tells: one JSON object per line; the last line is the job as it ended.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job's id"), Events),
    responses(
        (status = 200, body = EventLine, content_type = "application/x-ndjson"),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(server): State<ServerState>,
    Extension(caller): Who,
    Path(id): Path<String>,
    Query(query): Query<Events>,
) -> Result<impl IntoResponse, Failure> {
    let after = query.after.as_deref().map(str::parse).transpose()?.unwrap_or_default();
    let lines = server.app.events(&caller, &id, after, query.follow).await?;
    // A server that stops ends the stream without a last line; the reader resumes with the next server.
    let lines = lines.take_until(server.shutdown.clone().cancelled_owned());
    // The answer has begun, so what goes wrong now can only be logged, and shown by breaking off.
    let lines = lines.inspect_err(|error| tracing::warn!(%error, "a stream of events broke off"));
    let lines = lines.map_ok(encoded);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], AxumBody::from_stream(lines)))
}

fn encoded(line: EventLine) -> Bytes {
    let mut text = serde_json::to_vec(&line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
