//! What the server promises to whoever speaks HTTP to it, models apart: those are asked in `tests/clients`, by the
//! real binaries.

#![allow(clippy::unwrap_used)]

mod access;
mod audit;
mod authorization;
mod calls;
mod connections;
mod console;
mod document;
mod harness;
mod recipes;
