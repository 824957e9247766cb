//! The audit trail.

use axum::extract::State;
use axum::{Extension, Json};
use meuse_core::api::{AuditEntry, AuditVerification, ErrorBody, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, TheApp, Who};
use crate::extract::Query;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entries {
    /// Entries after this number.
    #[serde(default)]
    after: i64,
    /// The most entries.
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_limit() -> u32 {
    100
}

/// What was done, by whom, when: in order.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(Entries),
    responses((status = 200, body = Page<AuditEntry>), (status = 403, body = ErrorBody))
)]
pub(crate) async fn entries(
    State(app): TheApp,
    Extension(caller): Who,
    Query(query): Query<Entries>,
) -> Answer<Page<AuditEntry>> {
    Ok(Json(app.audit_entries(&caller, query.after, query.limit).await?))
}

/// Whether the trail is whole: finds what was altered, removed, inserted, reordered or cut off.
#[utoipa::path(
    post, path = "/api/v1/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerification), (status = 403, body = ErrorBody))
)]
pub(crate) async fn verify(State(app): TheApp, Extension(caller): Who) -> Answer<AuditVerification> {
    Ok(Json(app.audit_verify(&caller).await?))
}
