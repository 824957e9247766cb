//! The table of contents: every endpoint, and who answers it.
//!
//! What may be asked without a key is listed in [`crate::OPEN`]; everything else needs one.

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use meuse_app::Error;
use meuse_core::suggest;

use crate::api::{access, audit, backup, data, jobs, media, models, openapi, overview, predict, recipes, session};
use crate::failure::Failure;
use crate::oip::rest as oip;
use crate::state::ServerState;
use crate::{auth, console, health, limits, metrics, observe};

/// One endpoint.
struct Endpoint {
    method: Method,
    path: &'static str,
    handler: MethodRouter<ServerState>,
}

macro_rules! endpoints {
    ($($method:ident $path:literal => $handler:expr;)*) => {
        vec![$(Endpoint {
            method: Method::$method,
            path: $path,
            handler: on(MethodFilter::$method, $handler),
        }),*]
    };
}

#[rustfmt::skip]
fn table() -> Vec<Endpoint> {
    endpoints! {
        GET    "/"                                                  => console::page;
        GET    "/assets/{*file}"                                    => console::asset;

        GET    "/healthz"                                           => health::healthz;
        GET    "/metrics"                                           => metrics::page;
        GET    "/api/v1/openapi.json"                               => openapi::document;

        GET    "/api/v1/session"                                    => session::session;
        POST   "/api/v1/session"                                    => session::sign_in;
        DELETE "/api/v1/session"                                    => session::sign_out;
        GET    "/api/v1/me"                                         => access::me;
        GET    "/api/v1/projects"                                   => access::projects;
        POST   "/api/v1/projects"                                   => access::create_project;
        GET    "/api/v1/principals"                                 => access::principals;
        POST   "/api/v1/principals"                                 => access::put_principal;
        DELETE "/api/v1/principals/{name}"                          => access::remove_principal;
        GET    "/api/v1/keys"                                       => access::keys;
        POST   "/api/v1/keys"                                       => access::create_key;
        DELETE "/api/v1/keys/{id}"                                  => access::revoke_key;
        GET    "/api/v1/audit"                                      => audit::entries;
        GET    "/api/v1/audit/export"                               => audit::export;
        POST   "/api/v1/audit/verify"                               => audit::verify;

        GET    "/api/v1/overview"                                   => overview::overview;
        POST   "/api/v1/backup"                                     => backup::take;

        GET    "/api/v1/datasets"                                   => data::datasets;
        GET    "/api/v1/datasets/{dataset}"                         => data::dataset;
        GET    "/api/v1/datasets/{dataset}/versions"                => data::versions;
        POST   "/api/v1/datasets/{dataset}/versions"                => data::import;
        GET    "/api/v1/datasets/{dataset}/version"                 => data::version;
        GET    "/api/v1/datasets/{dataset}/profile"                 => data::profile;
        GET    "/api/v1/datasets/{dataset}/preview"                 => data::preview;
        GET    "/api/v1/datasets/{dataset}/export"                  => data::export;
        GET    "/api/v1/datasets/{dataset}/media"                   => media::pictures;
        GET    "/api/v1/datasets/{dataset}/media/{row}"             => media::picture;
        POST   "/api/v1/datasets/{dataset}/augment"                 => media::augment;

        GET    "/api/v1/recipes/schema"                             => recipes::schema;
        POST   "/api/v1/recipes/init"                               => recipes::init;
        POST   "/api/v1/recipes/check"                              => recipes::check;
        POST   "/api/v1/recipes/read"                               => recipes::read;
        POST   "/api/v1/recipes/edit"                               => recipes::edit;

        POST   "/api/v1/jobs/train"                                 => jobs::train;
        GET    "/api/v1/jobs"                                       => jobs::jobs;
        GET    "/api/v1/jobs/{id}"                                  => jobs::job;
        POST   "/api/v1/jobs/{id}/cancel"                           => jobs::cancel;
        GET    "/api/v1/jobs/{id}/events"                           => jobs::events;

        GET    "/api/v1/models"                                     => models::models;
        GET    "/api/v1/models/{model}"                             => models::model;
        DELETE "/api/v1/models/{model}"                             => models::delete_model;
        GET    "/api/v1/models/{model}/versions/{version}"          => models::version;
        DELETE "/api/v1/models/{model}/versions/{version}"          => models::delete_version;
        PUT    "/api/v1/models/{model}/aliases/{alias}"             => models::set_alias;
        DELETE "/api/v1/models/{model}/aliases/{alias}"             => models::remove_alias;
        GET    "/api/v1/models/{model}/routes"                      => models::routes;
        POST   "/api/v1/models/{model}/deploy"                      => models::deploy;
        POST   "/api/v1/models/{model}/rollback"                    => models::rollback;
        POST   "/api/v1/models/{model}/undeploy"                    => models::undeploy;
        GET    "/api/v1/compare"                                    => models::compare;

        POST   "/api/v1/models/{model}/predict"                     => predict::predict;
        POST   "/api/v1/models/{model}/versions/{version}/predict"  => predict::predict_version;
        GET    "/api/v1/models/{model}/neighbours"                  => predict::neighbours;

        GET    "/v2"                                                => oip::server_metadata;
        GET    "/v2/health/live"                                    => oip::live;
        GET    "/v2/health/ready"                                   => oip::ready;
        GET    "/v2/models/{model}"                                 => oip::model_metadata;
        GET    "/v2/models/{model}/ready"                           => oip::model_ready;
        POST   "/v2/models/{model}/infer"                           => oip::infer;
        GET    "/v2/models/{model}/versions/{version}"              => oip::model_metadata;
        GET    "/v2/models/{model}/versions/{version}/ready"        => oip::model_ready;
        POST   "/v2/models/{model}/versions/{version}/infer"        => oip::infer;
    }
}

/// Every endpoint's method and path.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    table().into_iter().map(|endpoint| (endpoint.method, endpoint.path)).collect()
}

/// All of it, behind the layers that every request passes: observed, let in, known.
pub(crate) fn router(state: ServerState) -> Router {
    let mut router = Router::new();
    for endpoint in table() {
        router = router.route(endpoint.path, endpoint.handler);
    }
    router
        .fallback(elsewhere)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(state.clone(), limits::share_fairly))
        .layer(from_fn_with_state(state.clone(), auth::require_key))
        .layer(from_fn_with_state(state.clone(), limits::admit))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

/// What is no route: a page of the console, when a browser asks for one outside the protocols.
async fn elsewhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if console::owns(&method, uri.path(), &headers) {
        return console::page(uri, headers).await;
    }
    no_route(&method, &uri).into_response()
}

fn no_route(method: &Method, uri: &Uri) -> Failure {
    let paths: Vec<&str> = table().iter().map(|endpoint| endpoint.path).collect();
    let nearest = suggest::nearest(uri.path(), paths).map(|path| format!("did you mean `{path}`?"));
    let hint = nearest.unwrap_or_else(|| "GET /api/v1/openapi.json lists what there is".to_owned());
    Error::not_found(format!("there is no {method} {}", uri.path()), hint).into()
}

async fn no_method(method: Method, uri: Uri) -> Failure {
    let message = format!("{} does not take {method}: the header Allow lists what it takes", uri.path());
    Failure::with_status(Error::Unsupported(message), StatusCode::METHOD_NOT_ALLOWED)
}
