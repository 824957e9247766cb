//! Signing in to the console and out of it: a key is exchanged for a cookie.
//!
//! Signing in needs no key in a header, so its body is small, and what is wrong with it is found without the database.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use futures::TryStreamExt;
use meuse_app::Error;
use meuse_core::api::{ErrorBody, NewSession, Session};

use super::{Answer, TheApp, Who};
use crate::body::{self, Limit};
use crate::cookie;
use crate::failure::Failure;
use crate::state::ServerState;

/// A key has 76 characters.
const MOST_BYTES: u64 = 4 << 10;

/// The session that the cookie carries.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "access",
    responses((status = 200, body = Session), (status = 401, body = ErrorBody))
)]
pub(crate) async fn session(State(app): TheApp, Extension(caller): Who) -> Answer<Session> {
    Ok(Json(app.session(&caller)?))
}

/// Signs in: exchanges a key for the cookie `meuse_session`. Needs no key in a header.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "access", security(()), request_body = NewSession,
    responses(
        (status = 200, body = Session), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn sign_in(State(server): State<ServerState>, request: Request) -> Result<impl IntoResponse, Failure> {
    let (parts, body) = request.into_parts();
    refuse_forms(&parts.headers)?;
    let limit = Limit::keyless(&server.options, MOST_BYTES, "send a key and no more");
    let chunks: Vec<_> = body::open(&parts.headers, body, limit)?.try_collect().await?;
    let new: NewSession = crate::json::parse(&chunks.concat())?;
    let signed_in = server.app.sign_in(new.key.trim()).await?;
    let cookie = cookie::set(&signed_in.token, signed_in.lasts, &parts.headers)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(signed_in.session)))
}

/// A form of another site can post JSON, but cannot say that it is: so nobody is signed in by a page that they visit.
fn refuse_forms(headers: &HeaderMap) -> Result<(), Error> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::invalid("Content-Type", "is not `application/json`", "send `Content-Type: application/json`"))
}

/// Signs out: ends the session that the cookie carries.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "access",
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(crate) async fn sign_out(
    State(app): TheApp,
    Extension(caller): Who,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Failure> {
    app.sign_out(&caller).await?;
    let cookie = cookie::set("", std::time::Duration::ZERO, &headers)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}
