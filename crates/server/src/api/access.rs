//! Projects, principals and keys.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use meuse_core::api::{CreatedKey, ErrorBody, Key, Me, NewKey, NewPrincipal, NewProject, Page, Principal, Project};

use super::{Answer, TheApp, Who, page};
use crate::extract::Path;
use crate::failure::Failure;
use crate::json::Json as Body;

/// Who is calling, in which project, with which role.
#[utoipa::path(get, path = "/api/v1/me", tag = "access", responses((status = 200, body = Me)))]
pub(crate) async fn me(State(app): TheApp, Extension(caller): Who) -> Json<Me> {
    Json(app.me(&caller))
}

/// The projects that the caller has a role in.
#[utoipa::path(get, path = "/api/v1/projects", tag = "access", responses((status = 200, body = Page<Project>)))]
pub(crate) async fn projects(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Project>> {
    Ok(page(app.projects(&caller)?))
}

/// Makes a project; the caller becomes its admin.
#[utoipa::path(
    post, path = "/api/v1/projects", tag = "access", request_body = NewProject,
    responses((status = 201, body = Project), (status = 409, body = ErrorBody))
)]
pub(crate) async fn create_project(
    State(app): TheApp,
    Extension(caller): Who,
    Body(new): Body<NewProject>,
) -> Result<(StatusCode, Json<Project>), Failure> {
    Ok((StatusCode::CREATED, Json(app.create_project(&caller, new).await?)))
}

/// The principals of the project.
#[utoipa::path(get, path = "/api/v1/principals", tag = "access", responses((status = 200, body = Page<Principal>)))]
pub(crate) async fn principals(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Principal>> {
    Ok(page(app.principals(&caller)?))
}

/// Makes a principal, or gives an existing one another role in the project.
#[utoipa::path(
    post, path = "/api/v1/principals", tag = "access", request_body = NewPrincipal,
    responses((status = 200, body = Principal), (status = 403, body = ErrorBody))
)]
pub(crate) async fn put_principal(
    State(app): TheApp,
    Extension(caller): Who,
    Body(new): Body<NewPrincipal>,
) -> Answer<Principal> {
    Ok(Json(app.put_principal(&caller, new).await?))
}

/// Takes a principal's role in the project away; what they may do elsewhere stays.
#[utoipa::path(
    delete, path = "/api/v1/principals/{name}", tag = "access",
    params(("name" = String, Path, description = "The principal's name")),
    responses(
        (status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody),
    )
)]
pub(crate) async fn remove_principal(
    State(app): TheApp,
    Extension(caller): Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    app.remove_principal(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The keys of the project, without what is secret about them.
#[utoipa::path(get, path = "/api/v1/keys", tag = "access", responses((status = 200, body = Page<Key>)))]
pub(crate) async fn keys(State(app): TheApp, Extension(caller): Who) -> Answer<Page<Key>> {
    Ok(page(app.keys(&caller)?))
}

/// Makes a key. The answer is the only place where it is shown.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "access", request_body = NewKey,
    responses((status = 201, body = CreatedKey), (status = 403, body = ErrorBody))
)]
pub(crate) async fn create_key(
    State(app): TheApp,
    Extension(caller): Who,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Failure> {
    Ok((StatusCode::CREATED, Json(app.create_key(&caller, new).await?)))
}

/// Revokes a key: from then on it is refused.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "access", params(("id" = String, Path, description = "The key's id")),
    responses((status = 204), (status = 404, body = ErrorBody))
)]
pub(crate) async fn revoke_key(
    State(app): TheApp,
    Extension(caller): Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    app.revoke_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
