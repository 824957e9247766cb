//! How many requests are answered at once. Connections are limited in `serve.rs`, bodies in `body.rs`, computing in
//! `app/src/serving/limits.rs`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use meuse_app::Error;

use crate::auth;
use crate::failure::Failure;
use crate::state::ServerState;

/// Lets a request in when there is a place for it. Health checks and pages need none: a full server is not a dead one;
/// signing in needs one. A place
/// is held until the answer's head is ready, so that a stream of events does not keep one.
pub(crate) async fn admit(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    if auth::is_open(&request) && request.method().is_safe() {
        return next.run(request).await;
    }
    let Ok(_place) = state.places.try_acquire() else {
        let message = format!("{} requests are being answered already", state.options.max_requests);
        return Failure::from(Error::Overloaded { message, retry_after: Duration::from_secs(1) }).into_response();
    };
    next.run(request).await
}
