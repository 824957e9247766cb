//! Recipes: the schema, a first one, reading, changing, a check.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use meuse_core::api::{ErrorBody, RecipeCheck, RecipeEdit, RecipeInit, RecipeReading, RecipeText};
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

/// What a recipe's text says, as a document, and what keeps it from being a recipe.
#[utoipa::path(
    post, path = "/api/v1/recipes/read", tag = "recipes", request_body = RecipeText,
    responses((status = 200, body = RecipeReading), (status = 400, body = ErrorBody))
)]
pub(crate) async fn read(
    State(app): TheApp,
    Extension(caller): Who,
    Body(request): Body<RecipeText>,
) -> Answer<RecipeReading> {
    Ok(Json(app.recipe_read(&caller, &request.recipe)?))
}

/// The recipe's text, changed no more than it takes to say the document: comments and order are kept.
#[utoipa::path(
    post, path = "/api/v1/recipes/edit", tag = "recipes", request_body = RecipeEdit,
    responses((status = 200, body = RecipeText), (status = 400, body = ErrorBody))
)]
pub(crate) async fn edit(
    State(app): TheApp,
    Extension(caller): Who,
    Body(request): Body<RecipeEdit>,
) -> Answer<RecipeText> {
    Ok(Json(app.recipe_edit(&caller, &request)?))
}
