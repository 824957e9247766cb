//! Promises of the vocabulary: what a wrong recipe is told, that a first recipe can be trained, and that
//! nothing that others wrote is a panic.

mod edits;
mod fuzz;
#[path = "../../../../tests/fuzz/mutate.rs"]
#[allow(dead_code)]
mod mutate;
mod networks;
mod recipes;
mod starters;
