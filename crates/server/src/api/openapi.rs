//! The OpenAPI document, made from the documentation at the handlers and committed as `api/openapi.json`.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{access, audit, backup, data, jobs, media, models, overview, predict, recipes, session};
use crate::{health, metrics};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Meuse",
        description = "Models as a service, on your own machines. Every call but the open ones needs an API key, or the \
                       console's session; the \
                       header `Meuse-Project` chooses a project other than the key's own. The Open Inference protocol \
                       under `/v2` is described by its own specification.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        health::healthz, metrics::page, document,
        session::session, session::sign_in, session::sign_out, access::me, access::projects, access::create_project, access::principals, access::put_principal, access::remove_principal,
        access::keys, access::create_key, access::revoke_key, audit::entries, audit::export, audit::verify, backup::take, overview::overview,
        data::datasets, data::dataset, data::versions, data::import, data::version, data::profile, data::preview, data::export,
        media::pictures, media::picture, media::augment,
        recipes::schema, recipes::init, recipes::check, recipes::read, recipes::edit,
        jobs::train, jobs::jobs, jobs::job, jobs::cancel, jobs::events,
        models::models, models::model, models::version, models::delete_model, models::delete_version,
        models::set_alias, models::remove_alias, models::routes, models::deploy, models::rollback, models::undeploy, models::compare,
        predict::predict, predict::predict_version, predict::neighbours,
    ),
    modifiers(&Bearer),
    security(("key" = [])),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = Http::new(HttpAuthScheme::Bearer);
        openapi.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document as it is committed: pretty JSON.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&Document::openapi()).unwrap_or_default();
    text.push('\n');
    text
}

/// This document. Needs no key.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server", security(()), responses((status = 200, body = Object))
)]
pub(crate) async fn document() -> impl IntoResponse {
    // It needs no key, so whoever asks for it often must not cost much.
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| text().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone())
}
