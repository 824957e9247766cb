//! Where attempts run: as child processes of this machine.

pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod process;
