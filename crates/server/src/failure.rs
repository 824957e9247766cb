//! A request that failed, on its way out.
//!
//! Handlers and middleware return a [`Failure`]; it travels in the answer's extensions until `observe`, which knows the
//! request's id, has the protocol's own `error.rs` write it. So a key that is missing looks to each client as errors of
//! its protocol look, whichever middleware found it.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use meuse_app::Error;

/// The longest message, in characters.
const LONGEST: usize = 2000;

/// Why a request failed, and the status where HTTP has a finer word than the kind.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Kind and message.
    pub(crate) error: Error,
    /// The status.
    pub(crate) status: StatusCode,
}

impl Failure {
    /// A failure with a status of HTTP's own, such as 405.
    pub(crate) fn with_status(error: Error, status: StatusCode) -> Self {
        Self { error, status }
    }

    /// The message for a client. It may quote what the client sent, of which the beginning is enough.
    pub(crate) fn message(&self) -> String {
        if matches!(self.error, Error::Internal(_)) {
            // The log has the rest, which may name paths and statements of ours.
            return "a fault of the server: its log says more under this request's id".to_owned();
        }
        shortened(&self.error.to_string())
    }

    /// The field that is wrong.
    pub(crate) fn field(&self) -> Option<String> {
        self.error.field().map(shortened)
    }

    /// The headers that go with the error.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match &self.error {
            Error::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"meuse\""));
            }
            Error::Overloaded { retry_after, .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
            }
            // What was not read of the body would be taken for the next request.
            Error::TooLarge(_) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        headers
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status_of(&error);
        Self { error, status }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// At most [`LONGEST`] characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::AlreadyExists(_) | Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Invalid { .. } => StatusCode::BAD_REQUEST,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::DeadlineExceeded(_) => StatusCode::GATEWAY_TIMEOUT,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_send_everything_back() {
        let failure = Failure::from(Error::invalid("rows[0].age", "语".repeat(1_000_000), ""));
        assert_eq!(failure.message().chars().count(), LONGEST + 1);
        assert!(failure.message().starts_with("rows[0].age: 语语"));
    }
}
