//! Whether the process is up, for those who restart it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The server is up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    status: &'static str,
    /// The version of Meuse.
    version: &'static str,
}

/// Whether the server is up. Needs no key.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
