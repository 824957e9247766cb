//! The request's id: the caller's own `x-request-id` when it is a decent one, else a new one. It goes back in the
//! header of that name, into bodies, and into the log.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header's name.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a caller.
const LONGEST: usize = 128;

/// The id of the present request, in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's id, or a new one. What could forge a line of a log is not taken.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let given = given.filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_decent));
        Self(given.map_or_else(|| Uuid::now_v7().simple().to_string().into(), Into::into))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }
}

fn is_decent(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> String {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_str(given).expect("a header"))]);
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_decent_id_is_kept_and_any_other_replaced() {
        assert_eq!(id_for("checkout-7f3a"), "checkout-7f3a");
        for given in ["", "a b", "a\tb", "{\"level\":\"ERROR\"}", &"x".repeat(129)] {
            assert_eq!(id_for(given).len(), 32, "{given:?}");
        }
    }
}
