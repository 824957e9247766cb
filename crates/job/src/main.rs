//! `meuse-job DIR` runs the one job that `DIR/job.json` describes: an import, an export or a training.
//!
//! It tells how it goes in `DIR/events.jsonl` and writes its outputs into `DIR/out`. Exit code 0: done. 3: failed, and
//! trying again would not help; the last event says why. Anything else is a crash, which may be tried again.
//!
//! It handles no signal: SIGTERM ends it at once, in the middle of a query or a boosting round, and that is safe, since
//! nothing outside its work folder is written and a job without its last event `done` has made nothing. `meuse-job
//! --version` says which libraries it runs with.

mod events;
mod work;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use meuse_core::events::{EventKind, FILE, Level};

use crate::events::EventLog;
use crate::work::Ended;

/// Failed for a reason that trying again does not change.
const FAILED: u8 = 3;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = match arguments.as_slice() {
        [only] if only == "--version" => print_versions(),
        [folder] => run(Path::new(folder)),
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

fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    let events = Arc::new(EventLog::append_to(&folder.join(FILE))?);
    events::beat(Arc::clone(&events), folder)?;
    end_on_panic(Arc::clone(&events));
    meuse_faults::reach("child.started");
    match work::perform(folder, &events) {
        Ok(()) => {
            meuse_faults::reach("child.synced");
            events.finish(EventKind::Done)?;
            meuse_faults::reach("child.done");
            Ok(ExitCode::SUCCESS)
        }
        Err(Ended::Failed(failure)) => {
            events.finish(EventKind::Failed(failure))?;
            meuse_faults::reach("child.failed");
            Ok(ExitCode::from(FAILED))
        }
        Err(Ended::Crashed(error)) => {
            events.tell(EventKind::Log { level: Level::Warning, message: format!("{error:#}") });
            Err(error)
        }
    }
}

/// A panic of any thread ends the process as a crash, and leaves a line that says what it was.
fn end_on_panic(events: Arc<EventLog>) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        events.tell(EventKind::Log { level: Level::Warning, message: format!("the job crashed: {panic}") });
        std::process::abort();
    }));
}
