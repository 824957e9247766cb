//! Loading ONNX Runtime: once per process, from a named folder, and only the version that Meuse is built for.
//!
//! The one process-wide state of this crate lives here because the library allows only one environment per process.
#![allow(unsafe_code)] // opening a shared library and asking it for its version

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use meuse_core::native;
use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::Error;

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Loads `libonnxruntime.so` from the folder. Later calls, from any folder, find it loaded and do nothing.
///
/// The shared thread pool has a thread per core and does not spin while it waits; a session opened with one thread
/// does not use it. No telemetry is sent.
///
/// # Errors
/// [`Error::LibraryMissing`] or [`Error::LibraryVersion`]; calling again with another folder is allowed then.
pub fn init(folder: &Path) -> Result<(), Error> {
    let _one_at_a_time = LOADING.lock();
    if ENVIRONMENT.get().is_some() {
        return Ok(());
    }
    check(folder)?;
    let path = path_in(folder);
    let missing = |reason: String| Error::LibraryMissing { path: path.clone(), reason };
    let builder = ort::init_from(&path).map_err(|error| missing(error.to_string()))?;
    let environment = thread_pool()
        .and_then(|pool| builder.with_name("meuse").with_telemetry(false).with_global_thread_pool(pool).build())
        .map_err(|error| missing(error.to_string()))?;
    // `ort` starts at the most talkative level, and every line would be formatted before `tracing` drops it.
    environment.set_log_level(LogLevel::Warning);
    // Cannot be taken: this is the only place that sets it, under the lock.
    let _ = ENVIRONMENT.set(environment);
    Ok(())
}

/// Whether the folder has the library that [`init`] wants. It is closed again, for those who need it an hour later only.
///
/// # Errors
/// [`Error::LibraryMissing`] or [`Error::LibraryVersion`].
pub fn check(folder: &Path) -> Result<(), Error> {
    let path = path_in(folder);
    let found = version_of(&path)?;
    if found != native::ONNX_RUNTIME_VERSION {
        return Err(Error::LibraryVersion { path, found });
    }
    Ok(())
}

/// The version that the library in the folder calls itself, whichever it is; what `meuse doctor` shows.
///
/// # Errors
/// [`Error::LibraryMissing`].
pub fn library_version(folder: &Path) -> Result<String, Error> {
    version_of(&path_in(folder))
}

/// The process's environment, when the library is loaded.
pub(crate) fn environment() -> Result<&'static Environment, Error> {
    ENVIRONMENT.get().ok_or(Error::NotLoaded)
}

/// An absolute path: `ort` looks for a relative one beside the executable.
fn path_in(folder: &Path) -> PathBuf {
    let path = folder.join(native::ONNX_RUNTIME);
    std::path::absolute(&path).unwrap_or(path)
}

fn thread_pool() -> ort::Result<GlobalThreadPoolOptions> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    GlobalThreadPoolOptions::default().with_intra_threads(cores)?.with_inter_threads(1)?.with_spin_control(false)
}

/// The head of the table that `OrtGetApiBase` returns; its layout has been the same since ONNX Runtime 1.0.
#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const std::ffi::c_void,
    get_version_string: unsafe extern "C" fn() -> *const c_char,
}

/// `ort` would accept any version from 1.24 on, so the library is asked before `ort` sees it.
fn version_of(path: &Path) -> Result<String, Error> {
    let missing = |reason: String| Error::LibraryMissing { path: path.to_owned(), reason };
    if !path.is_file() {
        return Err(missing("there is no such file".into()));
    }
    // SAFETY: loading runs the library's initialisers; ONNX Runtime's do nothing but construct its own statics.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| missing(words(&error, path)))?;
    // SAFETY: `OrtGetApiBase` has this signature in every version that exports it, takes nothing and cannot fail.
    let base = unsafe {
        let get_api_base = library
            .get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0")
            .map_err(|_| missing("it is not ONNX Runtime (no `OrtGetApiBase`)".into()))?;
        get_api_base()
    };
    if base.is_null() {
        return Err(missing("`OrtGetApiBase` returned nothing".into()));
    }
    // SAFETY: a non-null base is a static table of the library, which is still loaded; its version is a static text.
    let version = unsafe { CStr::from_ptr(((*base).get_version_string)()) };
    Ok(version.to_string_lossy().into_owned())
}

/// The system's own words, which `libloading` keeps one level down, without the path that our message names.
fn words(error: &libloading::Error, path: &Path) -> String {
    let words = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    words.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&words).to_owned()
}
