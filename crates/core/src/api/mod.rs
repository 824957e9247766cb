//! The words of our own API, as JSON carries them: shared by the server that writes them and the command line that
//! reads them. The services of `app` answer in these words too.

mod access;
mod compute;
mod data;
mod models;
mod overview;
mod predict;

pub use access::*;
pub use compute::*;
pub use data::*;
pub use models::*;
pub use overview::*;
pub use predict::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Pass it as `after` to get the entries that follow; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// The kind, in snake case: `not_found`, `already_exists`, `invalid`, `too_large`, `conflict`, `unauthenticated`,
    /// `forbidden`, `overloaded`, `deadline_exceeded`, `unavailable`, `unsupported`, `internal`.
    pub kind: String,
    /// What was wrong with this input.
    pub message: String,
    /// The field of the request that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request's id, as in the header `x-request-id` and the server's log.
    pub request_id: String,
}
