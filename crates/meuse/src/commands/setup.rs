//! `meuse setup`: fetches native libraries where there is no checkout. What does it is the script of the checkout, with the
//! list of this very build, both of which are in this program.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use meuse_app::compute::gpus;

use crate::arguments::{Libraries, Setup};
use crate::wiring;

const SCRIPT: &str = include_str!("../../../../scripts/lib/native.py");
const LOCK: &str = include_str!("../../../../native.lock");

pub(super) fn run(order: &Setup) -> anyhow::Result<ExitCode> {
    let folder = match &order.folder {
        Some(folder) => folder.clone(),
        None => usual_folder(&wiring::native_folders()?)?,
    };
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    // As in a checkout: the script looks for one two folders up.
    let beside = scratch.path().join("scripts/lib");
    std::fs::create_dir_all(&beside)?;
    let (script, lock) = (beside.join("native.py"), scratch.path().join("native.lock"));
    std::fs::write(&script, SCRIPT)?;
    std::fs::write(&lock, LOCK)?;
    let mut command = Command::new("python3");
    command.env("MEUSE_SETUP", "meuse setup");
    command.arg(&script).arg("--lock").arg(&lock).arg("--vendor").arg(&folder).arg("--copy");
    if order.gpu || order.what == Some(Libraries::Deep) {
        command.args(["--group", "deep"]);
        if order.gpu || gpus::present() > 0 {
            command.args(["--group", "cuda"]);
        }
    }
    let status = command.status().context("`python3` cannot be started: install Python 3.11 or later with pip")?;
    if !status.success() {
        bail!("the libraries are not all there; what to do stands above");
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder above the first `lib` in which libraries are looked for.
fn usual_folder(folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let lib = folders.iter().find(|folder| folder.file_name().is_some_and(|name| name == "lib"));
    let above = lib.and_then(|lib| lib.parent()).map(Path::to_owned);
    above.context("cannot tell where libraries belong: name a folder with --folder")
}
