//! A project at one glance.

use axum::extract::State;
use axum::{Extension, Json};
use meuse_core::api::Overview;

use super::{Answer, TheApp, Who};

/// What serves now, what runs now, what needs attention.
#[utoipa::path(get, path = "/api/v1/overview", tag = "server", responses((status = 200, body = Overview)))]
pub(crate) async fn overview(State(app): TheApp, Extension(caller): Who) -> Answer<Overview> {
    Ok(Json(app.overview(&caller).await?))
}
