//! Lets the test binaries of this package find `libduckdb.so` where the build found it: cargo does not hand
//! `LD_LIBRARY_PATH` of its `[env]` table to tests.
//!
//! `rustc-link-arg` reaches the test binaries of this package only, never those that depend on it, so no path of the
//! building machine gets into `meuse-job`; that has a run path of its own (`crates/job/build.rs`).

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    let folder = std::env::var_os("DUCKDB_LIB_DIR").and_then(|folder| std::fs::canonicalize(folder).ok());
    if let Some(folder) = folder {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
