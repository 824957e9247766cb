//! What the children of a server do alike, `meuse-job` and `meuse-deep`: they read `job.json`, tell how it goes in
//! `events.jsonl` with a heartbeat of its own thread, bring their outputs to the disk, and end with an exit code that
//! says whether trying again would help. What the work is, is theirs.

mod events;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use meuse_core::events::{EventKind, FILE, Failure, Level};
use meuse_core::job::{self, JobSpec};
use meuse_core::panics;

pub use events::EventLog;

/// Failed for a reason that trying again does not change.
const FAILED: u8 = 3;
/// Called in another way than a child is.
const USAGE: u8 = 2;

/// How a job ends that does not end well.
pub enum Ended {
    /// Trying again does not help.
    Failed(Failure),
    /// Trying again may help.
    Crashed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self::Crashed(error)
    }
}

/// Which panics are no fault of the program, by what they say: libraries panic where they are refused memory.
pub type Known = fn(&str) -> Option<Failure>;

/// The program of a child: `PROGRAM DIR` does the work of the folder, `PROGRAM --version` prints what `versions` says.
/// A panic is a crash, unless it is `known` as a failure.
pub fn main(
    program: &'static str,
    versions: impl FnOnce() -> anyhow::Result<String>,
    known: Known,
    work: impl FnOnce(&Path, JobSpec, &Path, &EventLog) -> Result<(), Ended>,
) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = match arguments.as_slice() {
        [only] if only == "--version" => versions().and_then(|text| {
            writeln!(std::io::stdout(), "{program} {}\n{text}", env!("CARGO_PKG_VERSION"))?;
            Ok(ExitCode::SUCCESS)
        }),
        [folder] => {
            let folder = Path::new(folder);
            run(program, folder, known, |spec, out, events| work(folder, spec, out, events))
        }
        _ => {
            eprintln!("usage: {program} DIR, where DIR holds job.json; or {program} --version");
            return ExitCode::from(USAGE);
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("{program}: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs the one job of a work folder: `work` is given what to do and the folder for outputs. Exit code 0: done. 3:
/// failed, and trying again would not help; the last event says why. Anything else is a crash.
///
/// # Errors
/// What made it crash.
fn run(
    program: &'static str,
    folder: &Path,
    known: Known,
    work: impl FnOnce(JobSpec, &Path, &EventLog) -> Result<(), Ended>,
) -> anyhow::Result<ExitCode> {
    let log = Arc::new(EventLog::append_to(&folder.join(FILE))?);
    events::beat(program, Arc::clone(&log), folder)?;
    let failure = end_on_panic(Arc::clone(&log), known);
    meuse_faults::reach("child.started");
    let ended = catch_unwind(AssertUnwindSafe(|| perform(folder, &log, work)));
    let ended = match (failure.get(), ended) {
        (Some(failure), _) => Err(Ended::Failed(failure.clone())),
        (None, ended) => ended.unwrap_or_else(|_| Err(anyhow::anyhow!("the job panicked").into())),
    };
    match ended {
        Ok(()) => {
            meuse_faults::reach("child.synced");
            log.finish(EventKind::Done)?;
            meuse_faults::reach("child.done");
            Ok(ExitCode::SUCCESS)
        }
        Err(Ended::Failed(failure)) => {
            log.finish(EventKind::Failed(failure))?;
            meuse_faults::reach("child.failed");
            Ok(ExitCode::from(FAILED))
        }
        Err(Ended::Crashed(error)) => {
            log.tell(EventKind::Log { level: Level::Warning, message: format!("{error:#}") });
            Err(error)
        }
    }
}

/// A panic of any thread ends the process as a crash, and leaves a line that says what it was; but for one that its thread
/// catches as an error. One that is known unwinds instead, and so do the panics of those that waited for its thread; then
/// the failure is here.
fn end_on_panic(events: Arc<EventLog>, known: Known) -> Arc<OnceLock<Failure>> {
    let failure = Arc::new(OnceLock::new());
    let found = Arc::clone(&failure);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panics::is_caught() {
            return;
        }
        if let Some(failure) = panic.payload_as_str().and_then(known) {
            let _ = found.set(failure);
        }
        if found.get().is_some() {
            return;
        }
        usual(panic);
        events.tell(EventKind::Log { level: Level::Warning, message: format!("the job crashed: {panic}") });
        std::process::abort();
    }));
    failure
}

fn perform(
    folder: &Path,
    events: &EventLog,
    work: impl FnOnce(JobSpec, &Path, &EventLog) -> Result<(), Ended>,
) -> Result<(), Ended> {
    let spec = read_spec(folder)?;
    let out = folder.join(job::OUT);
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    work(spec, &out, events)?;
    meuse_faults::reach("child.worked");
    sync(&out)?;
    Ok(())
}

fn read_spec(folder: &Path) -> Result<JobSpec, Ended> {
    let file = folder.join(job::FILE);
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| {
        Ended::Failed(Failure {
            field: job::FILE.to_owned(),
            message: format!("it describes no job that this program knows: {error}"),
            hint: "use the programs of the same release as the server".to_owned(),
        })
    })
}

/// Brings every output to the disk, so that `done` is true after a power cut too.
fn sync(out: &Path) -> anyhow::Result<()> {
    let paths = std::fs::read_dir(out)?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    for path in paths.iter().map(PathBuf::as_path).chain([out]) {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.with_context(|| format!("cannot sync {}", path.display()))?;
        meuse_faults::reach("child.output");
    }
    Ok(())
}
