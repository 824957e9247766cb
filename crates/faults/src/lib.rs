//! Failpoints: named places in our programs at which the fault suite strikes, as a power cut or a full disk would.
//!
//! A program says [`reach`] (it can only be killed here) or [`pass`] (the file system may also refuse here) where
//! something becomes durable: before and after each commit, rename and upload. Nothing happens there unless the
//! environment asks for it, and in a release build nothing can: the functions are empty.
//!
//! - `MEUSE_FAILPOINT=POINT=ACTION` or `POINT@N=ACTION` strikes when POINT is reached for the Nth time in a process.
//!   Actions: `kill` (SIGKILL, nothing is tidied up), `enospc`, `eio`.
//! - `MEUSE_FAILPOINT_STRUCK=FILE` is made just before the strike; when it is there, nothing strikes any more. So one
//!   strike is one strike, however many processes there are, and a test sees that it happened.
//! - `MEUSE_FAILPOINT_TRACE=FILE` notes each point that is reached, one per line.
//!
//! `crates/meuse/tests/faults` strikes at each of them, and fails when one is never reached.

#[cfg(debug_assertions)]
#[path = "armed.rs"]
mod points;
#[cfg(not(debug_assertions))]
#[path = "inert.rs"]
mod points;

pub use points::{environment, pass, reach, reach_for};

/// The variables that a program hands on to a child whose environment it clears.
pub const VARIABLES: [&str; 3] = ["MEUSE_FAILPOINT", "MEUSE_FAILPOINT_STRUCK", "MEUSE_FAILPOINT_TRACE"];
