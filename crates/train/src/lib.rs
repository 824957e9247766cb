//! From a recipe and a table to a bundle: split, preprocessing, a learner, evaluation, ONNX and its parity check.
//!
//! [`train`] is the whole walk; `job` calls it in a process of its own. Nothing here reads a dataset, waits, or knows
//! a server: rows come as a [`meuse_core::table::Table`], what happens is told to a [`Watch`], and the bundle is
//! written into a folder.

mod appraisal;
pub mod boxes;
mod cells;
mod detection;
mod duplicates;
mod embedding;
mod error;
pub mod evaluate;
mod fitting;
mod learner;
pub mod lightgbm;
pub mod linear;
mod mistakes;
pub mod onnx;
pub mod parity;
mod pipeline;
mod pretrained;
mod random;
mod report;
pub mod scorecard;
mod sentences;
pub mod skip_gram;
pub mod split;
pub mod target;
pub mod trees;

pub use cells::Cells;
pub use error::Error;
pub use learner::{Context, Learnt, Model, NetworkContext, NetworkLearner, NetworkModel, NetworkSample, Sample, Watch};
pub use pipeline::{train, train_with};
pub(crate) use pretrained::Pretrained;
