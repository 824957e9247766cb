//! Memory that a training has let go, given back to the system.

#![allow(unsafe_code)] // a call of the C library

/// Gives back what is free. In a training tensors come and go in every step, so the server has glibc keep what they leave
/// (`app/src/compute/executor/local.rs`); what comes after a training would lie beside that.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
