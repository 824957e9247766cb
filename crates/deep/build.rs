//! Lets `meuse-deep` find its native libraries in the folder `lib` beside it, which is how a release is laid out. In a
//! checkout the server starts it with `LD_LIBRARY_PATH`, so no path of the building machine is needed or kept.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/lib");
}
