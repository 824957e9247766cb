//! The protocols that Meuse speaks on its one port: our own API (`api/`) and Open Inference v2 (`oip/`).
//!
//! A handler reads, calls one function of `app`, answers. `routes.rs` is the table of contents. A request passes, from
//! the outside in: `serve` and `connections`, `observe` (id, log, errors), `limits`, `auth`, its handler.

mod api;
mod auth;
mod body;
mod connections;
mod console;
mod cookie;
mod csv;
mod extract;
mod failure;
mod health;
mod json;
mod limits;
mod memory;
mod metrics;
mod multipart;
mod observe;
mod oip;
mod options;
mod request_id;
mod routes;
mod sending;
mod serve;
mod state;

pub use api::openapi::text as openapi_text;
pub use auth::OPEN;
pub use options::ServeOptions;
pub use routes::endpoints;
pub use serve::serve;
