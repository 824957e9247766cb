//! Recipes: the schema, a first one, a check.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use meuse_core::api::{ErrorBody, RecipeCheck, RecipeInit, RecipeText};
use serde_json::Value;

use super::{Answer, TheApp, Who};
use crate::failure::Failure;
use crate::json::Json as Body;

/// The JSON Schema of recipes.
#[utoipa::path(get, path = "/api/v1/recipes/schema", tag = "recipes", responses((status = 200, body = Object)))]
pub(crate) async fn schema() -> Json<Value> {
    Json(meuse_core::recipe::json_schema())
}

/// A good first recipe for a dataset, with comments, as TOML.
#[utoipa::path(
    post, path = "/api/v1/recipes/init", tag = "recipes", request_body = RecipeInit,
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn init(
    State(app): TheApp,
    Extension(caller): Who,
    Body(request): Body<RecipeInit>,
) -> Result<impl IntoResponse, Failure> {
    let text = app.recipe_init(&caller, request).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// Whether a recipe can be trained, and if not, why.
#[utoipa::path(
    post, path = "/api/v1/recipes/check", tag = "recipes", request_body = RecipeText,
    responses((status = 200, body = RecipeCheck), (status = 400, body = ErrorBody))
)]
pub(crate) async fn check(
    State(app): TheApp,
    Extension(caller): Who,
    Body(request): Body<RecipeText>,
) -> Answer<RecipeCheck> {
    Ok(Json(app.recipe_check(&caller, &request.recipe).await?))
}
