//! What life does to a server, done to the real binaries: killed at each place where something becomes durable, out of
//! disk, with damaged files, with children that misbehave, with a clock that is set. `docs/concepts/faults.md` tells
//! what was struck and what holds.

mod changes;
mod children;
mod damage;
mod disk;
mod judging;
mod kill;
mod networks;
mod pictures;
mod points;
mod restore;
mod story;
mod striking;
#[allow(dead_code, reason = "shared with the other test binary, which uses the rest")]
#[path = "../meuse/support.rs"]
mod support;
mod survival;
