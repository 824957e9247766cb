//! Who is calling: by key or by the console's session, from memory. Everything is refused without one, except what
//! [`OPEN`] lists.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use meuse_app::Error;
use meuse_app::access::Caller;

use crate::cookie;
use crate::failure::Failure;
use crate::state::ServerState;

/// What may be asked without a key, as method and path of the route table. Beside it, what is no route at all is
/// answered alike for everyone: a page of the console, or that there is no such thing.
pub const OPEN: [(Method, &str); 7] = [
    (Method::GET, "/"),
    (Method::GET, "/assets/{*file}"),
    (Method::GET, "/healthz"),
    (Method::GET, "/api/v1/openapi.json"),
    (Method::POST, "/api/v1/session"),
    (Method::GET, "/v2/health/live"),
    (Method::GET, "/v2/health/ready"),
];

/// The header that chooses a project other than the key's own.
const PROJECT: &str = "meuse-project";
/// The header without which a session changes nothing: a page of another origin can send the cookie, but not this.
const CSRF: &str = "meuse-csrf";
const HOW: &str = "send `Authorization: Bearer mk_…`";

/// The caller's name in an answer's extensions, for the log.
#[derive(Debug, Clone)]
pub(crate) struct CallerName(pub(crate) String);

/// Finds the caller and hands them on in the request's extensions.
pub(crate) async fn require_key(State(state): State<ServerState>, mut request: Request, next: Next) -> Response {
    if is_open(&request) {
        return next.run(request).await;
    }
    let caller = match authenticate(&state, request.method(), request.headers()) {
        Ok(caller) => Arc::new(caller),
        Err(error) => return Failure::from(error).into_response(),
    };
    request.extensions_mut().insert(Arc::clone(&caller));
    let mut response = next.run(request).await;
    response.extensions_mut().insert(CallerName(caller.principal().to_owned()));
    response
}

/// Whether this may be asked without a key. A path that is no route is: its answer is the same for all.
pub(crate) fn is_open(request: &Request) -> bool {
    let Some(path) = request.extensions().get::<MatchedPath>() else { return true };
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    OPEN.iter().any(|(open_method, open_path)| open_method == method && *open_path == path.as_str())
}

fn authenticate(state: &ServerState, method: &Method, headers: &HeaderMap) -> Result<Caller, Error> {
    let project = headers.get(PROJECT).map(|value| value.to_str());
    let project = project.transpose().map_err(|_| {
        Error::invalid("Meuse-Project", "is not text", "send the project's name, as in `Meuse-Project: lending`")
    })?;
    let access = &state.app.access;
    let has_key = headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key");
    let token = cookie::token(headers).filter(|_| !has_key);
    let Some(token) = token else { return access.authenticate(key(headers)?, project) };
    let caller = access.resume(token, project)?;
    let csrf = headers.get(CSRF).and_then(|value| value.to_str().ok());
    if !method.is_safe() && !csrf.is_some_and(|text| access.is_csrf(&caller, text)) {
        return Err(Error::Forbidden(
            "a session changes nothing without its header `Meuse-CSRF`: `GET /api/v1/session` says its value".into(),
        ));
    }
    Ok(caller)
}

fn key(headers: &HeaderMap) -> Result<&str, Error> {
    let unreadable = || Error::Unauthenticated(format!("the key is not text: {HOW}"));
    if let Some(value) = headers.get("x-api-key") {
        return value.to_str().map(str::trim).map_err(|_| unreadable());
    }
    let value = headers.get(header::AUTHORIZATION);
    let value = value.ok_or_else(|| Error::Unauthenticated(format!("this needs an API key: {HOW}")))?;
    let value = value.to_str().map_err(|_| unreadable())?;
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Ok(key.trim()),
        _ => Err(Error::Unauthenticated(format!("the Authorization header does not carry a bearer key: {HOW}"))),
    }
}
