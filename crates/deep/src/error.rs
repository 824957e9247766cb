//! What can go wrong in the training of a network, and which of it is the fault of the input.

use std::path::PathBuf;

use meuse_core::events::Failure;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recipe or the data cannot be trained on; trying again does not help.
    #[error("{0}")]
    Input(Failure),
    /// A person asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A checkpoint or a file of weights is not what it should be.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint is of another training.
    #[error("{} is a checkpoint of another training (its recipe, data or threads differ)", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// ONNX Runtime is missing, or refused the model.
    #[error(transparent)]
    Engine(#[from] meuse_engine::Error),
    /// The ONNX model does not answer what the network answers.
    #[error("parity check: {0}")]
    Parity(String),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

impl Error {
    /// The input's fault: the field (or an empty text), what was wrong, what to do.
    pub fn input(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input(Failure { field: field.to_owned(), message: message.into(), hint: hint.into() })
    }
}
