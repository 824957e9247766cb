//! Opens what computes on a GPU. libtorch's part for that is opened at run time and not linked, so that one program
//! serves machines with a GPU and without, and the two gigabytes are fetched only for those that have one.

#![allow(unsafe_code)] // the opening of a library, whose initialisers make it known to libtorch

use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use meuse_core::native::TORCH_CUDA;
use tch::{Cuda, Device, Kind, Tensor};

/// How many GPUs libtorch can compute on here. It is to be asked before anything else of libtorch, which looks for what
/// computes on GPUs once and for all.
///
/// # Errors
/// Why there is none: the library is not there or cannot be opened, or CUDA finds no GPU.
pub fn count() -> Result<usize, String> {
    // It stays open: libtorch keeps pointers into it.
    static OPENED: OnceLock<Result<Library, String>> = OnceLock::new();
    OPENED.get_or_init(open).as_ref().map_err(Clone::clone)?;
    match usize::try_from(Cuda::device_count()) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("CUDA finds no GPU, or its driver is older than CUDA 13".to_owned()),
    }
}

/// Whether a GPU has so many bytes free.
///
/// # Errors
/// What CUDA says of it, with its numbers.
pub fn try_memory(gpu: Device, bytes: u64) -> Result<(), String> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let taken = Tensor::f_empty([bytes], (Kind::Uint8, gpu));
    taken.map(drop).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

fn open() -> Result<Library, String> {
    // SAFETY: it is the library that `native.lock` pins for this libtorch. Its initialisers tell libtorch of it and do
    // nothing else; they run before any thread computes.
    let opened = unsafe { Library::open(Some(TORCH_CUDA), RTLD_NOW | RTLD_GLOBAL) };
    opened.map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        format!("{reason} (run scripts/setup --gpu)")
    })
}
