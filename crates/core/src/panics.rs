//! Panics of libraries that are errors of ours. A program with a panic hook asks here whether a panic is one of these.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Does work of a library that meets some input with a panic instead of an error, on this thread.
///
/// # Errors
/// What the panic said.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = CATCHING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    done.map_err(|panic| {
        let words =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        words.unwrap_or("no reason given").to_owned()
    })
}

/// Whether a panic of this thread is [`caught`], so that a panic hook has nothing to do.
pub fn is_caught() -> bool {
    CATCHING.get()
}
