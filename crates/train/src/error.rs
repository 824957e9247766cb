//! What can go wrong in training, and which of it is the fault of the input.

use std::path::PathBuf;

use meuse_core::events::Failure;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recipe or the data cannot be trained on; trying again does not help.
    #[error("{0}")]
    Input(Failure),
    /// A person asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// Preprocessing refused the rows, or could not be fitted.
    #[error(transparent)]
    Prep(#[from] meuse_prep::Error),
    /// ONNX Runtime is missing, or refused the model.
    #[error(transparent)]
    Engine(#[from] meuse_engine::Error),
    /// LightGBM is missing, is of another version, or refused a call.
    #[error("LightGBM: {0}")]
    Lightgbm(String),
    /// The ONNX model does not answer what the trainer's own model answers.
    #[error("parity check: {0}")]
    Parity(String),
    /// A file of the bundle could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// The input's fault: the field (or an empty text), what was wrong, what to do.
    pub fn input(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input(Failure { field: field.to_owned(), message: message.into(), hint: hint.into() })
    }

    /// The failure to report, when trying again does not help; `None` when it was cancelled or could not write.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Input(failure) => Some(failure.clone()),
            Self::Cancelled | Self::Write { .. } => None,
            Self::Prep(_) | Self::Engine(_) | Self::Lightgbm(_) | Self::Parity(_) => {
                Some(Failure { field: String::new(), message: self.to_string(), hint: String::new() })
            }
        }
    }
}
