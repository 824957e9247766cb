//! `meuse doctor`: which native libraries and programs are present, in which version, and what to do about the others.
//!
//! It runs when any of them is missing: nothing here is linked, everything is looked for.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use meuse_app::compute::gpus;
use meuse_core::native;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::output;

/// One thing that Meuse needs.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    used_by: &'static str,
    wanted: String,
    found: Option<String>,
    path: Option<PathBuf>,
    ok: bool,
    remedy: Option<String>,
}

pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let folders = crate::wiring::native_folders()?;
    let always = [onnx_runtime(&folders), job_program(), duckdb(&folders), lightgbm(&folders)];
    let findings: Vec<Finding> = always.into_iter().chain(deep_program()).chain(gpus(&folders)).collect();
    let healthy = findings.iter().all(|finding| finding.ok);
    if json {
        output::json(&serde_json::json!({ "healthy": healthy, "folders": folders, "findings": findings }))?;
    } else {
        print(&folders, &findings);
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(folders: &[PathBuf], findings: &[Finding]) {
    output::line(&format!("meuse {}", env!("CARGO_PKG_VERSION")));
    for folder in folders {
        output::line(&format!("  looks for native libraries in {}", folder.display()));
    }
    let row = |finding: &Finding| {
        let state = if finding.ok { "ok" } else { "NOT OK" };
        let found = finding.found.clone().unwrap_or_else(|| "not found".into());
        vec![finding.name.to_owned(), state.to_owned(), found, finding.wanted.clone(), finding.used_by.to_owned()]
    };
    output::table(&["what", "state", "found", "wanted", "used by"], &[], findings.iter().map(row).collect());
    for finding in findings.iter().filter(|finding| !finding.ok) {
        output::line(&format!("{}: {}", finding.name, finding.remedy.as_deref().unwrap_or("run scripts/setup")));
    }
}

fn find(folders: &[PathBuf], file: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(file)).find(|path| path.exists())
}

fn setup(file: &str, folders: &[PathBuf]) -> String {
    let first = folders.first().map_or_else(|| "lib".into(), |folder| folder.display().to_string());
    format!("run scripts/setup, or put {file} into {first}")
}

fn onnx_runtime(folders: &[PathBuf]) -> Finding {
    let path = find(folders, native::ONNX_RUNTIME);
    let version = path.as_deref().and_then(Path::parent).map(meuse_engine::library_version);
    let (found, problem) = match version {
        Some(Ok(version)) => (Some(version), None),
        Some(Err(error)) => (Some("unreadable".to_owned()), Some(error.to_string())),
        None => (None, None),
    };
    let ok = found.as_deref() == Some(native::ONNX_RUNTIME_VERSION);
    let remedy = (!ok).then(|| problem.unwrap_or_else(|| setup(native::ONNX_RUNTIME, folders)));
    let wanted = native::ONNX_RUNTIME_VERSION.to_owned();
    Finding {
        name: "ONNX Runtime",
        used_by: "predictions, and the check of a trained model",
        wanted,
        found,
        path,
        ok,
        remedy,
    }
}

/// What `PROGRAM --version` says of a child: its own version, and that of the library that it links.
fn versions_of(path: &Path) -> Result<String, String> {
    let mut command = Command::new(path);
    command.arg("--version");
    if let Ok(folder) = crate::wiring::native_folder() {
        // Behind it, what this process was told: a container may have a GPU's driver only there.
        let own = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&own));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap_or(own));
    }
    let output = command.output().map_err(|error| format!("{} does not start: {error}", path.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn job_program() -> Finding {
    let path = crate::wiring::job_program().ok();
    let answer = path.as_deref().map(versions_of);
    let first_line = |text: &str| text.lines().next().unwrap_or_default().trim_start_matches("meuse-job ").to_owned();
    let found = answer.as_ref().and_then(|answer| answer.as_ref().ok()).map(|text| first_line(text));
    let ok = found.as_deref() == Some(env!("CARGO_PKG_VERSION"));
    let remedy = (!ok).then(|| match answer {
        Some(Err(error)) => format!("{error} (run scripts/setup)"),
        Some(Ok(_)) => "put the meuse-job of the same build beside meuse".to_owned(),
        None => "put meuse-job beside meuse, or name it in MEUSE_JOB; `cargo build --workspace` makes both".to_owned(),
    });
    let wanted = env!("CARGO_PKG_VERSION").to_owned();
    Finding { name: "meuse-job", used_by: "imports and training", wanted, found, path, ok, remedy }
}

/// The program that learns networks, where it is there: not everybody has it.
fn deep_program() -> Option<Finding> {
    let path = crate::wiring::deep_program()?;
    let answer = versions_of(&path);
    let found = answer.as_ref().ok().map(|text| {
        let mut lines = text.lines().map(|line| line.trim_start_matches("meuse-deep ").to_owned());
        [lines.next(), lines.next()].into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    let ok = found.as_deref().and_then(|text| text.split(", ").next()) == Some(env!("CARGO_PKG_VERSION"));
    let remedy = (!ok).then(|| match answer {
        Err(error) => format!("{error} (run scripts/setup --deep, which fetches the libtorch that it was built with)"),
        Ok(_) => "put the meuse-deep of the same build beside meuse".to_owned(),
    });
    let wanted = env!("CARGO_PKG_VERSION").to_owned();
    Some(Finding { name: "meuse-deep", used_by: "networks", wanted, found, path: Some(path), ok, remedy })
}

/// What computes on a GPU, where there is one.
fn gpus(folders: &[PathBuf]) -> Option<Finding> {
    let present = gpus::present();
    let program = crate::wiring::deep_program().filter(|_| present > 0)?;
    let path = find(folders, native::TORCH_CUDA);
    let used = versions_of(&program).ok();
    let used = used.and_then(|text| text.lines().nth(1)?.split_once(", ").map(|(_, gpus)| gpus.to_owned()));
    let ok = path.is_some() && used.is_some();
    let remedy = (!ok).then(|| match path {
        Some(_) => "the driver must be that of CUDA 13 (580 or later), and meuse-deep of the same build".to_owned(),
        None => "run scripts/setup --gpu, or `meuse setup deep`; without it the processor trains networks".to_owned(),
    });
    let wanted = if present == 1 { "1 GPU".to_owned() } else { format!("{present} GPUs") };
    Some(Finding { name: "CUDA", used_by: "networks on a GPU", wanted, found: used, path, ok, remedy })
}

fn duckdb(folders: &[PathBuf]) -> Finding {
    let path = find(folders, native::DUCKDB);
    let answer = crate::wiring::job_program().ok().and_then(|program| versions_of(&program).ok());
    let said = answer.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.to_lowercase().starts_with("duckdb"))?;
        Some(line.split_whitespace().nth(1)?.trim_start_matches('v').to_owned())
    });
    let found = path.as_ref().and(said).or_else(|| path.as_ref().map(|_| "unreadable".to_owned()));
    let ok = found.as_deref() == Some(native::DUCKDB_VERSION);
    let remedy = (!ok).then(|| setup(native::DUCKDB, folders));
    Finding { name: "DuckDB", used_by: "data sets", wanted: native::DUCKDB_VERSION.to_owned(), found, path, ok, remedy }
}

/// LightGBM has no call that tells its version, so the file is recognised by the hash that `native.lock` pins.
fn lightgbm(folders: &[PathBuf]) -> Finding {
    let path = find(folders, native::LIGHTGBM);
    let found = path.as_deref().map(|path| match sha256(path) {
        Ok(hash) if pinned_hashes().contains(&hash) => native::LIGHTGBM_VERSION.to_owned(),
        Ok(_) => "another build".to_owned(),
        Err(_) => "unreadable".to_owned(),
    });
    let ok = found.as_deref() == Some(native::LIGHTGBM_VERSION);
    let remedy = (!ok).then(|| setup(native::LIGHTGBM, folders));
    Finding { name: "LightGBM", used_by: "trees", wanted: native::LIGHTGBM_VERSION.to_owned(), found, path, ok, remedy }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    Ok(hex::encode(Sha256::digest(std::fs::read(path)?)))
}

/// The hashes of the LightGBM files that this program was built for.
fn pinned_hashes() -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Lock {
        library: Vec<Library>,
    }
    #[derive(serde::Deserialize)]
    struct Library {
        name: String,
        file: Vec<Pinned>,
    }
    #[derive(serde::Deserialize)]
    struct Pinned {
        sha256: String,
    }
    let lock: Lock = toml::from_str(include_str!("../../../../native.lock")).unwrap_or(Lock { library: Vec::new() });
    let lightgbm = lock.library.into_iter().filter(|library| library.name == "lightgbm");
    lightgbm.flat_map(|library| library.file).map(|file| file.sha256).collect()
}
