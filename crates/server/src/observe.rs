//! The outermost layer: request id, panics, errors in the protocol's own shape, one log line, the counters.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use meuse_app::Error;

use crate::auth::CallerName;
use crate::failure::Failure;
use crate::request_id::{self, RequestId};
use crate::state::ServerState;
use crate::{api, oip};

/// The route of a request that matched none, in logs and metrics.
const NO_ROUTE: &str = "(none)";

/// Lets the request through and reports on it. `duration_ms` ends with the answer's head: what a stream sends after it
/// takes as long as its reader likes.
pub(crate) async fn observe(State(state): State<ServerState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let speaks_oip = oip::owns(request.uri().path());
    request.extensions_mut().insert(id.clone());

    let _in_flight = state.metrics.enter();
    let mut response = without_panic(request, next).await;
    hold_answer(&state, &mut response);
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        log_unexpected(&failure.error, &id);
        response.headers_mut().extend(failure.headers());
        let written = if speaks_oip { oip::error::body(&failure) } else { api::error::body(&failure, &id) };
        let (parts, body) = written.into_parts();
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
    }
    response.headers_mut().insert(request_id::HEADER, id.header());

    let duration = started.elapsed();
    let status = response.status().as_u16();
    state.metrics.answered(&method, &route, status, duration);
    let caller = response.extensions().get::<CallerName>().map_or("-", |name| name.0.as_str());
    tracing::info!(
        request.id = id.as_str(),
        %method,
        route,
        status,
        duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3,
        caller,
        "request"
    );
    response
}

/// Holds the memory that a large whole answer takes until it is sent; streams are sent as they come. When those who
/// do not take their answers hold all of it, there is none for one more.
fn hold_answer(state: &ServerState, response: &mut Response) {
    let Some(bytes) = response.body().size_hint().exact() else { return };
    match state.memory.share(bytes as usize) {
        Ok(Some(share)) => {
            response.extensions_mut().insert(share);
        }
        Ok(None) => {}
        Err(error) => *response = Failure::from(error).into_response(),
    }
}

/// A panic costs one request, never the server.
async fn without_panic(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| Failure::from(Error::Internal("the handler panicked".into())).into_response())
}

/// The one place where a fault of ours, or of what we stand on, is logged.
fn log_unexpected(error: &Error, id: &RequestId) {
    match error {
        Error::Internal(message) => tracing::error!(request.id = id.as_str(), error = message, "internal error"),
        Error::Unavailable(message) => tracing::warn!(request.id = id.as_str(), error = message, "unavailable"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        async fn panics() -> &'static str {
            panic!("on purpose");
        }
        let router = Router::new().route("/", get(panics)).layer(from_fn(without_panic));
        let request = Request::new(Body::empty());
        let answer = router.oneshot(request).await.expect("a router always answers");
        assert_eq!(answer.status(), 500);
        assert!(answer.extensions().get::<Failure>().is_some_and(|failure| failure.error.kind() == "internal"));
    }
}
