//! `meuse-job DIR` runs the one job that `DIR/job.json` describes: an import, an export or a training.
//!
//! It tells how it goes in `DIR/events.jsonl` and writes its outputs into `DIR/out`. Exit code 0: done. 3: failed, and
//! trying again would not help; the last event says why. Anything else is a crash, which may be tried again.
//!
//! It handles no signal: SIGTERM ends it at once, in the middle of a query or a boosting round, and that is safe, since
//! nothing outside its work folder is written and a job without its last event `done` has made nothing. `meuse-job
//! --version` says which libraries it runs with.

mod work;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = match arguments.as_slice() {
        [only] if only == "--version" => print_versions(),
        [folder] => {
            let folder = Path::new(folder);
            meuse_child::run("meuse-job", folder, |spec, out, events| work::perform(folder, spec, out, events))
        }
        _ => {
            eprintln!("usage: meuse-job DIR, where DIR holds job.json; or meuse-job --version");
            return ExitCode::from(USAGE);
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("meuse-job: {error:#}");
        ExitCode::FAILURE
    })
}

fn print_versions() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    writeln!(out, "meuse-job {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "duckdb {}", meuse_data::duckdb_version()?)?;
    Ok(ExitCode::SUCCESS)
}
