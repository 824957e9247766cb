//! Packs the dictionary that lies in jieba-rs's source: its own way to embed it needs a C library, and 5 MB are no file
//! for a repository.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let dictionary = jieba().join("src/data/dict.txt");
    println!("cargo::rerun-if-changed={}", dictionary.display());
    let mut source = File::open(&dictionary).unwrap_or_else(|error| panic!("{}: {error}", dictionary.display()));
    let out = Path::new(&variable("OUT_DIR")).join("jieba.gz");
    let packed = File::create(&out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let mut packed = GzEncoder::new(packed, Compression::best());
    std::io::copy(&mut source, &mut packed).expect("the dictionary can be packed");
    packed.finish().expect("the dictionary can be written");
}

/// The folder of jieba-rs's source, wherever cargo keeps it. Not `--offline`: cargo tells of no package before it has
/// all of them, and where only binaries were built so far it lacks those that are for tests.
fn jieba() -> PathBuf {
    let output = Command::new(variable("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &variable("TARGET")])
        .arg("--manifest-path")
        .arg(Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo can be asked where its packages are");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata = String::from_utf8(output.stdout).expect("cargo answers in UTF-8");
    let package = metadata.split("\"name\":\"jieba-rs\",\"version\"").nth(1).expect("a dependency of this crate");
    let manifest = package.split("\"manifest_path\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let manifest = manifest.expect("a package has the path of its manifest");
    Path::new(manifest).parent().expect("a manifest lies in a folder").to_owned()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
