//! Asking a model.

use axum::extract::State;
use axum::{Extension, Json};
use meuse_app::serving::Asked as AskedWords;
use meuse_core::api::{ErrorBody, Neighbours, PredictRequest, PredictResponse};
use meuse_core::names::{ModelRef, Selector};

use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who};
use crate::extract::{self, Path, Query, parse};
use crate::multipart::Asked;
use crate::request_id::RequestId;

/// Asks the version that the model's route names; `credit:3` and `credit@champion` work too.
///
/// Pictures are texts in base64, or come as `multipart/form-data`: a row for each file of the field that is named as the
/// input.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/predict", tag = "predict", request_body = PredictRequest,
    params(("model" = String, Path, description = "The model's name, perhaps with version or alias")),
    responses(
        (status = 200, body = PredictResponse), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    )
)]
pub(crate) async fn predict(
    State(app): TheApp,
    Extension(caller): Who,
    Extension(id): Extension<RequestId>,
    Path(model): Path<String>,
    Asked(rows): Asked,
) -> Answer<PredictResponse> {
    let target: ModelRef = parse("model", &model)?;
    Ok(Json(app.predict(&caller, &target, rows, id.as_str()).await?))
}

/// Asks this very version.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/predict", tag = "predict", request_body = PredictRequest,
    params(
        ("model" = String, Path, description = "The model's name"),
        ("version" = u32, Path, description = "The version's number"),
    ),
    responses(
        (status = 200, body = PredictResponse), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    )
)]
pub(crate) async fn predict_version(
    State(app): TheApp,
    Extension(caller): Who,
    Extension(id): Extension<RequestId>,
    Path((model, version)): Path<(String, String)>,
    Asked(rows): Asked,
) -> Answer<PredictResponse> {
    let target = ModelRef { name: parse("model", &model)?, selector: Selector::Version(extract::version(&version)?) };
    Ok(Json(app.predict(&caller, &target, rows, id.as_str()).await?))
}

/// Which word.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The word.
    word: String,
    /// Words that are added to it, separated by commas.
    #[serde(default)]
    plus: String,
    /// Words that are taken away from it, separated by commas: `word=king&minus=man&plus=woman`.
    #[serde(default)]
    minus: String,
    /// How many neighbours, at most 1000.
    #[serde(default = "default_count")]
    count: usize,
}

fn default_count() -> usize {
    10
}

/// The words nearest to a word, by the word vectors of an embedding; `words:3` and `words@champion` work too.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/neighbours", tag = "predict",
    params(("model" = String, Path, description = "The model's name, perhaps with version or alias"), Question),
    responses(
        (status = 200, body = Neighbours), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody),
    )
)]
pub(crate) async fn neighbours(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
    Query(question): Query<Question>,
) -> Answer<Neighbours> {
    let listed = |text: &str| text.split(',').filter(|word| !word.trim().is_empty()).map(str::to_owned).collect();
    let (plus, minus) = (listed(&question.plus), listed(&question.minus));
    let asked = AskedWords { word: question.word, plus, minus, count: question.count };
    Ok(Json(app.neighbours(&caller, &parse("model", &model)?, asked).await?))
}
