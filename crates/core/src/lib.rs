//! The vocabulary that every floor of Meuse shares: names, times, tables, recipes, bundles, events, and the words of
//! our own API.
//!
//! Nothing here does I/O, waits, or computes a model. A crate that needs a word which two floors use puts it here.

pub mod api;
pub mod bundle;
pub mod evaluation;
pub mod events;
pub mod job;
pub mod media;
pub mod names;
pub mod native;
pub mod panics;
pub mod profile;
pub mod recipe;
pub mod schema;
mod side_by_side;
pub mod suggest;
pub mod table;
pub mod tensor;
pub mod time;

pub use side_by_side::side_by_side;
