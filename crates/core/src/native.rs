//! Where native libraries are looked for. Nothing is opened here.

use std::path::{Path, PathBuf};

/// The file name of ONNX Runtime in a native folder.
pub const ONNX_RUNTIME: &str = "libonnxruntime.so";
/// The version of ONNX Runtime that Meuse is built for.
pub const ONNX_RUNTIME_VERSION: &str = "1.31.1";
/// The file name of LightGBM in a native folder.
pub const LIGHTGBM: &str = "lib_lightgbm.so";
/// The version of LightGBM that Meuse is built for.
pub const LIGHTGBM_VERSION: &str = "4.7.0";
/// The file name of DuckDB in a native folder.
pub const DUCKDB: &str = "libduckdb.so";
/// The version of DuckDB that Meuse is built for.
pub const DUCKDB_VERSION: &str = "1.5.6";
/// The file name of what computes on a GPU for libtorch, in a native folder.
pub const TORCH_CUDA: &str = "libtorch_cuda.so";
/// The variable that names the native folder.
pub const VARIABLE: &str = "MEUSE_NATIVE_DIR";

/// The folders in which to look, first to last: the one that [`VARIABLE`] names, `lib` beside the executable, `../lib`.
pub fn folders(variable: Option<&str>, executable: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = variable.filter(|value| !value.is_empty()).map(PathBuf::from).into_iter().collect();
    if let Some(folder) = executable.parent() {
        folders.push(folder.join("lib"));
        folders.extend(folder.parent().map(|parent| parent.join("lib")));
    }
    folders
}
