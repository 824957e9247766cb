//! From a network's graph and rows to trained weights, and from these to ONNX; the computing is libtorch's.
//!
//! [`fit`] trains, with checkpoints from which it goes on to the same weights bit for bit; [`onnx::emit`] writes the
//! network for serving; [`parity::check`] compares both. Architectures are data ([`meuse_core::recipe::network`]):
//! names and shapes are known before anything is computed here. Nothing here reads a dataset, waits, or knows a server.
//!
//! A call into libtorch panics when libtorch refuses it. Shapes are inferred and checked before, so what is left is
//! memory, and that ends the process that trains, as running out of memory does anyway.

pub mod checkpoint;
mod crew;
mod detection;
mod divergence;
mod error;
mod evaluation;
mod folded;
mod forward;
pub mod gpu;
mod heap;
mod initialise;
mod lesson;
mod loader;
mod lstm;
pub mod onnx;
mod optimizer;
pub mod parity;
pub mod pretrained;
mod scale;
mod stack;
pub mod tensors_file;
mod trainer;
mod vector;
mod weights;
pub mod words;

pub use error::Error;
pub use evaluation::outputs;
pub use heap::give_back as give_back_memory;
pub use loader::{Rows, Samples};
pub use scale::Scale;
pub use trainer::{Fit, Fitted, fingerprint, fit};
pub use weights::Weights;

/// The version of libtorch that this crate is linked with.
pub const LIBTORCH_VERSION: &str = "2.13.0";

/// What computes a training.
pub use tch::Device;

/// Threads that libtorch computes with for the thread that says so, and for those that come to it later and say nothing.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(threads.clamp(1, 1024) as i32);
}
