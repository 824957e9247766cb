//! Our own API under `/api/v1`, in the words of [`meuse_core::api`], documented at each handler for `openapi.json`.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod data;
pub(crate) mod error;
pub(crate) mod jobs;
pub(crate) mod media;
pub(crate) mod models;
pub(crate) mod openapi;
pub(crate) mod overview;
pub(crate) mod predict;
pub(crate) mod recipes;
pub(crate) mod session;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use meuse_app::App;
use meuse_app::access::Caller;

use crate::failure::Failure;

/// The product.
type TheApp = State<Arc<App>>;
/// Who is calling.
type Who = Extension<Arc<Caller>>;
/// What a handler answers.
type Answer<T> = Result<axum::Json<T>, Failure>;

/// A list that fits on one page.
fn page<T>(items: Vec<T>) -> axum::Json<meuse_core::api::Page<T>> {
    axum::Json(meuse_core::api::Page { items, next: None })
}
