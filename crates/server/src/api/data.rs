//! Datasets and their versions.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::{StreamExt, TryStreamExt};
use meuse_app::Error;
use meuse_app::data::ImportRequest;
use meuse_core::api::{Dataset, DatasetVersion, ErrorBody, ImportAnswer, Page, Preview};
use meuse_core::job::{FileFormat, ImportOptions};
use meuse_core::names::DatasetRef;
use meuse_core::profile::Profile;
use meuse_core::suggest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who, page};
use crate::body::{self, Limit};
use crate::extract::{Path, Query, parse};
use crate::failure::Failure;
use crate::state::ServerState;

/// The datasets of the project.
#[utoipa::path(get, path = "/api/v1/datasets", tag = "data", responses((status = 200, body = Page<Dataset>)))]
pub(crate) async fn datasets(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Dataset>> {
    Ok(page(app.datasets(&caller).await?))
}

/// One dataset with its newest version.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}", tag = "data",
    params(("dataset" = String, Path, description = "The dataset's name")),
    responses((status = 200, body = Dataset), (status = 404, body = ErrorBody))
)]
pub(crate) async fn dataset(State(app): TheApp, Extension(caller): Who, Path(name): Path<String>) -> Answer<Dataset> {
    Ok(Json(app.dataset(&caller, &parse("dataset", &name)?).await?))
}

/// Imports a file as a new version. The same bytes with the same options make no new one.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/versions", tag = "data",
    params(
        ("dataset" = String, Path, description = "The dataset's name; made when it is not there"),
        ("file" = Option<String>, Query, description = "The file's name"),
        ("format" = Option<FileFormat>, Query, description = "The format; sniffed when absent"),
        ("encoding" = Option<meuse_core::job::Encoding>, Query, description = "The encoding; sniffed when absent"),
        ("delimiter" = Option<String>, Query, description = "The character between cells; sniffed when absent"),
        ("missing" = Option<Vec<String>>, Query, description = "A text that means a missing cell; may come again"),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The file's bytes"),
    responses(
        (status = 200, body = ImportAnswer, description = "There is such a version already"),
        (status = 202, body = ImportAnswer, description = "A job makes the version"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
    )
)]
pub(crate) async fn import(
    State(server): State<ServerState>,
    Extension(caller): Who,
    Path(dataset): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<(StatusCode, Json<ImportAnswer>), Failure> {
    let dataset = parse("dataset", &dataset)?;
    let Upload { file, options } = Upload::read(query)?;
    let (parts, body) = request.into_parts();
    body::hold_upload(&parts.extensions).await?;
    let remedy = "split the file, or send Parquet instead of CSV";
    let limit = Limit::new(&server.options, server.app.config.max_upload_bytes, remedy);
    let chunks = body::open(&parts.headers, body, limit)?;
    let chunks = chunks.map_err(|failure| std::io::Error::new(kind_of(&failure), failure.error.to_string())).boxed();
    let request = ImportRequest { dataset, file, options, length: body::content_length(&parts.headers) };
    let answer = server.app.import(&caller, request, chunks).await?;
    let status = match answer {
        ImportAnswer::Started { .. } => StatusCode::ACCEPTED,
        ImportAnswer::Unchanged { .. } => StatusCode::OK,
    };
    Ok((status, Json(answer)))
}

/// What went wrong with an upload, in the words of a stream.
fn kind_of(failure: &Failure) -> std::io::ErrorKind {
    match failure.status {
        StatusCode::PAYLOAD_TOO_LARGE => std::io::ErrorKind::FileTooLarge,
        StatusCode::REQUEST_TIMEOUT => std::io::ErrorKind::TimedOut,
        _ => std::io::ErrorKind::Other,
    }
}

/// What the query of an import says.
struct Upload {
    file: String,
    options: ImportOptions,
}

impl Upload {
    fn read(query: Vec<(String, String)>) -> Result<Self, Error> {
        let mut upload = Self { file: String::new(), options: ImportOptions::default() };
        let options = &mut upload.options;
        for (field, value) in query {
            match field.as_str() {
                "file" => upload.file = value,
                "format" => options.format = Some(word(&field, value)?),
                "encoding" => options.encoding = Some(word(&field, value.to_lowercase())?),
                "delimiter" => options.delimiter = Some(character(&value)?),
                "missing" => options.missing.push(value),
                _ => {
                    let hint = suggest::hint(&field, ["file", "format", "encoding", "delimiter", "missing"]);
                    return Err(Error::invalid(field, "is not an option of an import", hint));
                }
            }
        }
        Ok(upload)
    }
}

fn word<T: serde::de::DeserializeOwned>(field: &str, value: String) -> Result<T, Error> {
    serde_json::from_value(value.into()).map_err(|error| Error::invalid(field, error.to_string(), ""))
}

fn character(value: &str) -> Result<char, Error> {
    let mut characters = value.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(Error::invalid(
            "delimiter",
            format!("\"{value}\" is not one character"),
            "send `delimiter=%3B` for `;`",
        )),
    }
}

/// All versions of a dataset, newest first.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/versions", tag = "data",
    params(("dataset" = String, Path, description = "The dataset's name")),
    responses((status = 200, body = Page<DatasetVersion>), (status = 404, body = ErrorBody))
)]
pub(crate) async fn versions(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
) -> Answer<Page<DatasetVersion>> {
    Ok(page(app.dataset_versions(&caller, &parse("dataset", &dataset)?).await?))
}

/// A version: its columns, its size, where it came from.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/version", tag = "data",
    params(("dataset" = String, Path, description = "`credit` for the newest version, `credit:1`, `credit@gold`")),
    responses((status = 200, body = DatasetVersion), (status = 404, body = ErrorBody))
)]
pub(crate) async fn version(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
) -> Answer<DatasetVersion> {
    Ok(Json(app.dataset_version(&caller, &reference(&dataset)?).await?))
}

fn reference(dataset: &str) -> Result<DatasetRef, Error> {
    parse("dataset", dataset)
}

/// What a version looks like in numbers.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/profile", tag = "data",
    params(("dataset" = String, Path, description = "`credit` for the newest version, `credit:1`, `credit@gold`")),
    responses((status = 200, body = Profile), (status = 404, body = ErrorBody))
)]
pub(crate) async fn profile(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
) -> Answer<Profile> {
    Ok(Json(app.profile(&caller, &reference(&dataset)?).await?))
}

/// The first rows of a version.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/preview", tag = "data",
    params(("dataset" = String, Path, description = "`credit` for the newest version, `credit:1`, `credit@gold`")),
    responses((status = 200, body = Preview), (status = 404, body = ErrorBody))
)]
pub(crate) async fn preview(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
) -> Answer<Preview> {
    Ok(Json(app.preview(&caller, &reference(&dataset)?).await?))
}

/// In which format.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// `csv` or `parquet`; default `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Option<FileFormat>,
}

/// A version as a file.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/export", tag = "data",
    params(
        ("dataset" = String, Path, description = "`credit` for the newest version, `credit:1`, `credit@gold`"),
        Export,
    ),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn export(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
    Query(query): Query<Export>,
) -> Result<Response, Failure> {
    let format = query.format.unwrap_or(FileFormat::Csv);
    let file = app.export(&caller, &reference(&dataset)?, format).await?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file.file));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.bytes));
    headers.extend(disposition.map(|value| (header::CONTENT_DISPOSITION, value)));
    Ok((headers, Body::from_stream(file.stream)).into_response())
}
