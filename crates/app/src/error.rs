//! The twelve ways in which a request can fail. Each protocol turns them into its own shape, in its own `error.rs`.

use std::time::Duration;

/// Why the product could not do what was asked: a kind, and a message that names what was wrong with this input and
/// what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The thing does not exist, or the caller may not know that it does.
    #[error("{message}")]
    NotFound {
        /// What is not there.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A thing of that name is there already.
    #[error("{0}")]
    AlreadyExists(String),
    /// The input is wrong.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as the caller knows it.
        field: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The input is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// The present state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// No key, or one that is not valid.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller's role does not allow it.
    #[error("{0}")]
    Forbidden(String),
    /// Too much is asked at once.
    #[error("{message}")]
    Overloaded {
        /// What is full.
        message: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// It took too long.
    #[error("{0}")]
    DeadlineExceeded(String),
    /// Something that this needs is not there now.
    #[error("{0}")]
    Unavailable(String),
    /// This server cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// A fault of ours; the log says more under the request's id.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The input is wrong: field, reason, what to do.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into(), hint: hint.into() }
    }

    /// The thing does not exist: message, what to do.
    pub fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::NotFound { message: message.into(), hint: hint.into() }
    }

    /// The kind in snake case, for bodies, logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::Invalid { .. } => "invalid",
            Self::TooLarge(_) => "too_large",
            Self::Conflict(_) => "conflict",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::Overloaded { .. } => "overloaded",
            Self::DeadlineExceeded(_) => "deadline_exceeded",
            Self::Unavailable(_) => "unavailable",
            Self::Unsupported(_) => "unsupported",
            Self::Internal(_) => "internal",
        }
    }

    /// What to do, where the message does not say it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { hint, .. } | Self::Invalid { hint, .. } if !hint.is_empty() => Some(hint),
            _ => None,
        }
    }

    /// The field that is wrong.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } if !field.is_empty() => Some(field),
            _ => None,
        }
    }
}

impl From<meuse_store::Error> for Error {
    fn from(error: meuse_store::Error) -> Self {
        use meuse_store::Error as Store;
        let message = error.to_string();
        match error {
            Store::Duplicate(_) | Store::Referenced(_) => {
                Self::Conflict(format!("{message}; look again, then try again"))
            }
            Store::Busy(_) => Self::Unavailable(format!("{message}; try again")),
            Store::Database(_) | Store::Record { .. } => Self::Internal(message),
            _ => Self::Unavailable(message),
        }
    }
}
