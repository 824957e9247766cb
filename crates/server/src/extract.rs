//! What handlers take from a path and a query, with failures in our own words.

use std::str::FromStr;

use axum::extract::{FromRequestParts, rejection::PathRejection};
use axum::http::request::Parts;
use meuse_app::Error;
use meuse_core::names::NameError;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Parts of the path, by name.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| match rejection {
            PathRejection::FailedToDeserializePathParams(error) => Error::invalid("path", error.body_text(), "").into(),
            other => Error::Internal(other.body_text()).into(),
        })
    }
}

/// The query, by name. Fields that a handler does not know are refused by its type.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|rejection| {
            let whole = rejection.body_text();
            let reason = whole.rsplit_once("query string: ").map_or(whole.as_str(), |(_, reason)| reason);
            let hint = crate::json::hint(reason.rsplit_once(": ").map_or(reason, |(_, reason)| reason));
            Error::invalid("query", reason, hint).into()
        })
    }
}

/// A name or reference in a path.
pub(crate) fn parse<T: FromStr<Err = NameError>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error: NameError| Error::invalid(field, error.to_string(), ""))
}

/// A version's number in a path.
pub(crate) fn version(text: &str) -> Result<u32, Error> {
    let number = text.parse().ok().filter(|number| *number >= 1 && !text.starts_with('+'));
    number.ok_or_else(|| Error::invalid("version", NameError::Version(text.to_owned()).to_string(), ""))
}
