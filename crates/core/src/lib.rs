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
pub mod profile;
pub mod recipe;
pub mod schema;
pub mod suggest;
pub mod table;
pub mod tensor;
pub mod time;
