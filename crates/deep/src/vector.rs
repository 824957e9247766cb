//! Arithmetic by the vector instructions of the processor that this program happens to run on.

#![allow(unsafe_code)] // the call of a function that is compiled for instructions which were looked for

/// Arithmetic whose `run`, and everything below it, is `#[inline(always)]`, so that it is compiled for the instructions of
/// the function that calls it.
pub(crate) trait Task {
    type Output;

    fn run(self) -> Self::Output;
}

/// Whether this processor has the instructions that the arithmetic is made for: AVX2 and FMA, or ARM's, which every one
/// of 64 bits has.
pub(crate) fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

/// Runs a task. It is right on every processor, and slow where [`is_wide`] says no.
pub(crate) fn run<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    if is_wide() {
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { with_avx2(task) };
    }
    task.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<T: Task>(task: T) -> T::Output {
    task.run()
}
