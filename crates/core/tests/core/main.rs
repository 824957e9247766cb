//! Promises of the vocabulary: what a wrong recipe is told, and that a first recipe can be trained.

mod edits;
mod recipes;
mod starters;
