//! Clients that mean harm, or behave as if they did, against the real binary.
//!
//! Each attack runs beside callers whose answers must stay right. After it the server's memory has not grown past a
//! stated budget, its connections, requests, tasks and body memory are back at what they were, and its log has no
//! error. Everything stays on loopback and is bounded in number and time.

mod attack;
mod fuzz;
mod http1;
mod http2;
mod http2_frames;
mod json;
#[path = "../../../../tests/fuzz/mutate.rs"]
#[allow(dead_code)]
mod mutate;
mod silent;
mod slow;
#[allow(dead_code)]
#[path = "../meuse/support.rs"]
mod support;
