//! Promises of the product, kept by the real binaries: the walk from a file to an answer, what wrong input is told,
//! what survives a kill; and the floors of the house.

mod faults;
mod files;
mod floors;
mod start;
mod support;
mod walk;
