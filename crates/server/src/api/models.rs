//! Models, versions, aliases, routes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use meuse_core::api::{
    AliasRequest, Comparison, DeployRequest, ErrorBody, Model, ModelVersion, Page, RollbackRequest, Route,
    UndeployRequest,
};
use meuse_core::names::{ModelRef, Selector};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who, page};
use crate::extract::{self, Path, Query, parse};
use crate::failure::Failure;
use crate::json::Json as Body;

/// The models of the project.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", responses((status = 200, body = Page<Model>)))]
pub(crate) async fn models(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Model>> {
    Ok(page(app.models(&caller).await?))
}

/// One model: its versions, aliases and route.
#[utoipa::path(
    get, path = "/api/v1/models/{model}", tag = "models",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, body = Model), (status = 404, body = ErrorBody))
)]
pub(crate) async fn model(State(app): TheApp, Extension(caller): Who, Path(model): Path<String>) -> Answer<Model> {
    Ok(Json(app.model(&caller, &parse("model", &model)?).await?))
}

/// One version, whole: what it is, how good it is, what explains it.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/versions/{version}", tag = "models",
    params(
        ("model" = String, Path, description = "The model's name"),
        ("version" = u32, Path, description = "The version's number"),
    ),
    responses((status = 200, body = ModelVersion), (status = 404, body = ErrorBody))
)]
pub(crate) async fn version(
    State(app): TheApp,
    Extension(caller): Who,
    Path((model, version)): Path<(String, String)>,
) -> Answer<ModelVersion> {
    Ok(Json(app.model_version(&caller, &exactly(&model, &version)?).await?))
}

fn exactly(model: &str, version: &str) -> Result<ModelRef, Failure> {
    Ok(ModelRef { name: parse("model", model)?, selector: Selector::Version(extract::version(version)?) })
}

/// Deletes a model with all its versions; not while one is serving.
#[utoipa::path(
    delete, path = "/api/v1/models/{model}", tag = "models",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(crate) async fn delete_model(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
) -> Result<StatusCode, Failure> {
    app.delete_model(&caller, &parse("model", &model)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a version; not while it is serving.
#[utoipa::path(
    delete, path = "/api/v1/models/{model}/versions/{version}", tag = "models",
    params(
        ("model" = String, Path, description = "The model's name"),
        ("version" = u32, Path, description = "The version's number"),
    ),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(crate) async fn delete_version(
    State(app): TheApp,
    Extension(caller): Who,
    Path((model, version)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    app.delete_version(&caller, &parse("model", &model)?, extract::version(&version)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Points an alias to a version.
#[utoipa::path(
    put, path = "/api/v1/models/{model}/aliases/{alias}", tag = "models", request_body = AliasRequest,
    params(
        ("model" = String, Path, description = "The model's name"),
        ("alias" = String, Path, description = "The alias"),
    ),
    responses((status = 200, body = Model), (status = 404, body = ErrorBody))
)]
pub(crate) async fn set_alias(
    State(app): TheApp,
    Extension(caller): Who,
    Path((model, alias)): Path<(String, String)>,
    Body(request): Body<AliasRequest>,
) -> Answer<Model> {
    let (model, alias) = (parse("model", &model)?, parse("alias", &alias)?);
    app.set_alias(&caller, &model, &alias, request.version).await?;
    Ok(Json(app.model(&caller, &model).await?))
}

/// Removes an alias.
#[utoipa::path(
    delete, path = "/api/v1/models/{model}/aliases/{alias}", tag = "models",
    params(
        ("model" = String, Path, description = "The model's name"),
        ("alias" = String, Path, description = "The alias"),
    ),
    responses((status = 204), (status = 404, body = ErrorBody))
)]
pub(crate) async fn remove_alias(
    State(app): TheApp,
    Extension(caller): Who,
    Path((model, alias)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    app.remove_alias(&caller, &parse("model", &model)?, &parse("alias", &alias)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What answered calls from when on, oldest first.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/routes", tag = "models",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, body = Page<Route>), (status = 404, body = ErrorBody))
)]
pub(crate) async fn routes(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
) -> Answer<Page<Route>> {
    Ok(page(app.routes(&caller, &parse("model", &model)?).await?))
}

/// Lets a version answer the model's calls from now on. For the version that answers already, the answer is its route,
/// unchanged.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/deploy", tag = "models", request_body = DeployRequest,
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, body = Route), (status = 404, body = ErrorBody))
)]
pub(crate) async fn deploy(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
    Body(request): Body<DeployRequest>,
) -> Answer<Route> {
    Ok(Json(app.deploy(&caller, &parse("model", &model)?, request).await?))
}

/// Lets the version answer that answered before.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/rollback", tag = "models", request_body = RollbackRequest,
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, body = Route), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(crate) async fn rollback(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
    Body(request): Body<RollbackRequest>,
) -> Answer<Route> {
    Ok(Json(app.rollback(&caller, &parse("model", &model)?, request).await?))
}

/// Lets nothing answer the calls that name no version.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/undeploy", tag = "models", request_body = UndeployRequest,
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, body = Route), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(crate) async fn undeploy(
    State(app): TheApp,
    Extension(caller): Who,
    Path(model): Path<String>,
    Body(request): Body<UndeployRequest>,
) -> Answer<Route> {
    Ok(Json(app.undeploy(&caller, &parse("model", &model)?, request).await?))
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compare {
    /// The versions, separated by commas: `credit-scorecard:1,credit-trees:1`.
    versions: String,
}

/// Versions side by side.
#[utoipa::path(
    get, path = "/api/v1/compare", tag = "models", params(Compare),
    responses((status = 200, body = Comparison), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(crate) async fn compare(
    State(app): TheApp,
    Extension(caller): Who,
    Query(query): Query<Compare>,
) -> Answer<Comparison> {
    let versions = query.versions.split(',').map(|version| parse("versions", version));
    let versions = versions.collect::<Result<Vec<ModelRef>, _>>()?;
    Ok(Json(app.compare(&caller, &versions).await?))
}
