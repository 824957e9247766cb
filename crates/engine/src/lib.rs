//! Runs a bundle's `model.onnx`: a matrix in, scores out, by ONNX Runtime.
//!
//! [`init`] loads the library once per process, [`Session::open`] a model, [`Session::scores`] answers, from as many
//! threads at once as there are callers; [`constant`] reads numbers of a model without running it. What a value means before it is a matrix is `prep`'s business; queues and
//! limits are `app`'s.

mod constant;
mod library;
mod run;
mod session;

pub use constant::constant;
pub use library::{check, init, library_version};
pub use session::{Scores, Session};

use std::path::PathBuf;

use meuse_core::native;

/// What can go wrong between a model's bytes and its scores.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library is not in the folder, or does not load.
    #[error("cannot load ONNX Runtime from {}: {reason}; run `scripts/setup` or set {} to the folder that holds it", path.display(), native::VARIABLE)]
    LibraryMissing {
        /// The file that was tried.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The library is another version.
    #[error("{} is ONNX Runtime {found}, and this Meuse needs {}; run `scripts/setup`", path.display(), native::ONNX_RUNTIME_VERSION)]
    LibraryVersion {
        /// The file that was tried.
        path: PathBuf,
        /// The version that it calls itself.
        found: String,
    },
    /// [`init`] was not called, or failed.
    #[error("ONNX Runtime is not loaded: call `engine::init` first")]
    NotLoaded,
    /// The bytes are not a model that this engine can open.
    #[error("the file is not a model that ONNX Runtime can open: {0}")]
    Unreadable(String),
    /// The model opens, but does not take or give what a bundle's model takes and gives.
    #[error("the model is not one of a bundle: {0}")]
    Shape(String),
    /// The matrix has another width than the model.
    #[error("the model takes {expected} features and was given {found}")]
    Width {
        /// The model's width.
        expected: usize,
        /// The matrix's width.
        found: usize,
    },
    /// The model takes terms and the matrix has none, or the reverse.
    #[error("the model and its preprocessing disagree on whether texts become terms")]
    Terms,
    /// ONNX Runtime refused or failed the call.
    #[error("ONNX Runtime could not run the model: {0}")]
    Run(String),
}
