//! The pictures of a dataset version.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meuse_core::api::{AugmentRequest, ErrorBody, PicturePage};
use meuse_core::names::{DatasetRef, Selector};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who};
use crate::extract::{Path, Query, parse};
use crate::failure::Failure;
use crate::json::Json as Body;

/// Which pictures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only those of this class.
    #[serde(default)]
    label: Option<String>,
    /// How many to leave out first; default 0.
    #[serde(default)]
    offset: u32,
    /// How many at most, up to 200; default 60.
    #[serde(default = "usual_page")]
    limit: u32,
}

fn usual_page() -> u32 {
    60
}

/// Pictures of a version, in the order of its rows.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/media", tag = "data",
    params(
        ("dataset" = String, Path, description = "`icons` for the newest version, `icons:1`"),
        Which,
    ),
    responses(
        (status = 200, body = PicturePage), (status = 400, body = ErrorBody, description = "It is a table"),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn pictures(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
    Query(which): Query<Which>,
) -> Answer<PicturePage> {
    let reference = parse("dataset", &dataset)?;
    Ok(Json(app.pictures(&caller, &reference, which.label.as_deref(), (which.offset, which.limit)).await?))
}

/// As what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct As {
    /// A PNG of at most this many pixels on a side, from 16 to 512; without it, the file as it came.
    #[serde(default)]
    thumbnail: Option<u32>,
}

/// The bytes of one picture.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/media/{row}", tag = "data",
    params(
        ("dataset" = String, Path, description = "`icons` for the newest version, `icons:1`"),
        ("row" = u32, Path, description = "The picture's row, from 0"),
        As,
    ),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn picture(
    State(app): TheApp,
    Extension(caller): Who,
    Path((dataset, row)): Path<(String, u32)>,
    Query(how): Query<As>,
) -> Result<Response, Failure> {
    let reference: DatasetRef = parse("dataset", &dataset)?;
    let medium = app.picture(&caller, &reference, row, how.thumbnail).await?;
    // A version never changes, so whoever names one may keep what it shows.
    let keep = match reference.selector {
        Selector::Version(_) => "private, max-age=86400, immutable",
        _ => "no-store",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(medium.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        // An uploaded file is shown as the picture that it was checked to be, and as nothing else.
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, medium.bytes).into_response())
}

/// What a model will see: a PNG grid, one row per picture of the training part, first as it is, then as chance changes it
/// in each epoch.
#[utoipa::path(
    post, path = "/api/v1/datasets/{dataset}/augment", tag = "data", request_body = AugmentRequest,
    params(("dataset" = String, Path, description = "`icons` for the newest version, `icons:1`")),
    responses(
        (status = 200, body = String, content_type = "image/png"),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn augment(
    State(app): TheApp,
    Extension(caller): Who,
    Path(dataset): Path<String>,
    Body(request): Body<AugmentRequest>,
) -> Result<Response, Failure> {
    let medium = app.augmented(&caller, &parse("dataset", &dataset)?, request).await?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(medium.content_type))];
    Ok((headers, medium.bytes).into_response())
}
