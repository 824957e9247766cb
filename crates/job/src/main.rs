//! `meuse-job DIR` runs the one job that `DIR/job.json` describes: an import, an export or a training.
//!
//! It tells how it goes in `DIR/events.jsonl` and writes its outputs into `DIR/out`. Exit code 0: done. 3: failed, and
//! trying again would not help; the last event says why. Anything else is a crash, which may be tried again.
//!
//! It handles no signal: SIGTERM ends it at once, in the middle of a query or a boosting round, and that is safe, since
//! nothing outside its work folder is written and a job without its last event `done` has made nothing. `meuse-job
//! --version` says which libraries it runs with.

mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let versions = || Ok(format!("duckdb {}", meuse_data::duckdb_version()?));
    meuse_child::main("meuse-job", versions, |_| None, work::perform)
}
