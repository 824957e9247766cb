//! Promises of the product, kept by the real binaries: the walk from a file to an answer, what wrong input is told,
//! and the floors of the house.

mod files;
mod floors;
mod start;
#[allow(dead_code, reason = "shared with the other test binary, which uses the rest")]
mod support;
mod walk;
