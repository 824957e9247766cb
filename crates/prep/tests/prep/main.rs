//! What preprocessing promises: one code path for columns and rows, training rows only, errors that name the cell.

mod fitting;
mod images;
mod long_texts;
#[path = "../../../../tests/fuzz/mutate.rs"]
mod mutate;
mod properties;
mod serving;
mod support;
mod tokenizers;
mod training;
