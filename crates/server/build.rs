//! Puts the built console, `console/dist`, into the binary: writes the table of its files that `src/console.rs`
//! includes, with content types, ETags, and compressed copies where these are smaller.
//!
//! A checkout without a built console gives an empty table. The folder is made then, because cargo runs a build script
//! again on every build while a path that it watches is missing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let dist = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../console/dist");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", dist.display());
    // A checkout that cannot be written to is built all the same.
    let _ = std::fs::create_dir_all(&dist);
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist.canonicalize()?, &mut files)?;
    }
    files.sort();
    let mut table = String::from("static FILES: &[File] = &[\n");
    for (number, file) in files.iter().enumerate() {
        let name = text(file.strip_prefix(dist.canonicalize()?)?)?;
        table.push_str(&entry(file, &format!("/{name}"), &out.join(format!("{number}.gz")))?);
    }
    table.push_str("];\n");
    Ok(std::fs::write(out.join("console.rs"), table)?)
}

fn text(path: &Path) -> Result<&str> {
    Ok(path.to_str().ok_or("a path is no UTF-8")?)
}

/// Every file below the folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// One line of the table.
fn entry(file: &Path, path: &str, compressed: &Path) -> Result<String> {
    let bytes = std::fs::read(file)?;
    let mut etag = String::new();
    for byte in &Sha256::digest(&bytes)[..12] {
        write!(etag, "{byte:02x}")?;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    let gzip = encoder.finish()?;
    let gzip = if gzip.len() < bytes.len() {
        std::fs::write(compressed, gzip)?;
        format!("Some(include_bytes!({:?}))", text(compressed)?)
    } else {
        "None".to_owned()
    };
    let (kind, etag, file) = (content_type(path)?, format!("W/\"{etag}\""), text(file)?);
    Ok(format!(
        "File {{ path: {path:?}, content_type: {kind:?}, etag: {etag:?}, plain: include_bytes!({file:?}), gzip: {gzip} }},\n"
    ))
}

fn content_type(path: &str) -> Result<&'static str> {
    Ok(match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        other => return Err(format!("console/dist{path}: write the content type of .{other} into build.rs").into()),
    })
}
