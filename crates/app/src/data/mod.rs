//! Datasets: imported from uploads into immutable versions, looked at, exported, and the ground that recipes stand on.
//!
//! What reads and writes files of cells is a job of [`crate::compute`]; no cell is touched here.

mod augment;
mod export;
mod import;
mod media;
mod recipes;
mod view;

pub use export::Export;
pub use import::ImportRequest;
pub use media::Medium;
pub(crate) use recipes::recipe_is_wrong;
