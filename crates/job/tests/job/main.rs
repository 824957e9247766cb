//! What the server may rely on, seen from outside: the real binary, a work folder, its events and its exit code.

mod fuzz;
#[path = "../../../../tests/fuzz/mutate.rs"]
#[allow(dead_code)]
mod mutate;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use meuse_core::bundle;
use meuse_core::events::{self, Event, EventKind};
use meuse_core::job::{self, DatasetIdentity, ExportSpec, ImportOptions, ImportSpec, JobSpec, Limits, TrainSpec};
use meuse_core::native;
use meuse_core::recipe::{StarterOptions, parse, starter};
use meuse_core::schema::Schema;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const LIMITS: Limits = Limits { threads: 2, memory_mib: 256 };
const FAILED: i32 = 3;

/// The folder of native libraries; cargo sets the variable.
fn native_folder() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/lib");
    std::env::var_os(native::VARIABLE).map_or(usual, PathBuf::from)
}

fn meuse_job(argument: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meuse-job"));
    command.arg(argument).env("LD_LIBRARY_PATH", native_folder());
    command
}

/// A work folder with a job in it.
struct Work(TempDir);

impl Work {
    fn new(spec: &JobSpec) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let text = serde_json::to_vec(spec).expect("a job is JSON");
        std::fs::write(folder.path().join(job::FILE), text).expect("job.json is written");
        Self(folder)
    }

    fn import(source: &[u8]) -> Self {
        let spec =
            ImportSpec { source: "source.csv".into(), begins_at: 0, options: ImportOptions::default(), limits: LIMITS };
        let work = Self::new(&JobSpec::Import(spec));
        std::fs::write(work.path("source.csv"), source).expect("the source is written");
        work
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self) -> Output {
        meuse_job(self.0.path()).output().expect("meuse-job starts")
    }

    fn run_well(&self) {
        let output = self.run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said} {:?}", self.events());
        assert_eq!(self.events().last(), Some(&EventKind::Done));
    }

    fn events(&self) -> Vec<EventKind> {
        let text = std::fs::read_to_string(self.path(events::FILE)).expect("there are events");
        text.lines().map(|line| event(line).kind).collect()
    }
}

fn event(line: &str) -> Event {
    serde_json::from_str(line).expect("every line is an event")
}

fn germancredit() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/germancredit.csv");
    std::fs::read(file).expect("the example is there")
}

#[test]
fn an_import_tells_its_progress_and_leaves_its_outputs() {
    let work = Work::import(&germancredit());
    work.run_well();
    let events = work.events();
    assert_eq!(events[0], EventKind::Heartbeat, "the first sign of life comes before the work");
    let stages: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            EventKind::Progress { stage, .. } => Some(stage.as_str()),
            _ => None,
        })
        .collect();
    for stage in ["find types", "write table", "profile"] {
        assert!(stages.contains(&stage), "{stage}: {stages:?}");
    }
    for output in ["data.parquet", "schema.json", "profile.json", "preview.json"] {
        assert!(work.path("out").join(output).exists(), "{output}");
    }
}

#[test]
fn an_export_gives_the_file_back() {
    let import = Work::import(b"a,b\n1,x\n2,\"y, z\"\n");
    import.run_well();
    let export = Work::new(&JobSpec::Export(ExportSpec { data: import.path("out/data.parquet"), limits: LIMITS }));
    export.run_well();
    let written = std::fs::read_to_string(export.path("out/data.csv")).expect("the export is there");
    assert_eq!(written, "a,b\n1,x\n2,\"y, z\"\n");
}

#[test]
fn a_file_that_cannot_be_imported_fails_for_good_and_says_why() {
    let work = Work::import(b"a,b\n1,2\n3\n");
    assert_eq!(work.run().status.code(), Some(FAILED));
    let events = work.events();
    let Some(EventKind::Failed(failure)) = events.last() else { panic!("{events:?}") };
    assert_eq!((failure.field.as_str(), failure.hint.is_empty()), ("line 3", false));
    assert!(!work.path("out/data.parquet").exists() || !work.path("out/schema.json").exists());
}

#[test]
fn a_job_that_no_one_knows_fails_for_good() {
    let work = Work::import(b"a\n1\n");
    std::fs::write(work.path(job::FILE), r#"{"kind": "fly"}"#).expect("job.json is written");
    assert_eq!(work.run().status.code(), Some(FAILED));
    assert!(matches!(work.events().last(), Some(EventKind::Failed(_))));
}

#[test]
fn what_is_not_the_inputs_fault_may_be_tried_again() {
    let work = Work::import(b"a\n1\n");
    std::fs::remove_file(work.path("source.csv")).expect("the source goes");
    let output = work.run();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("source.csv"));
    assert!(!work.events().iter().any(|event| matches!(event, EventKind::Failed(_) | EventKind::Done)));
}

/// A job that waits for its source for ever: the source is a pipe that nobody writes.
fn waiting_job() -> (Work, Child, impl Iterator<Item = EventKind>) {
    let work = Work::import(b"");
    std::fs::remove_file(work.path("source.csv")).expect("the source goes");
    for pipe in ["source.csv", events::FILE] {
        mknodat(CWD, work.path(pipe), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe is made");
    }
    let child = meuse_job(work.0.path()).stderr(Stdio::null()).spawn().expect("meuse-job starts");
    let events = BufReader::new(File::open(work.path(events::FILE)).expect("the events are read"));
    let events = events.lines().map(|line| event(&line.expect("a line is text")).kind);
    (work, child, events)
}

#[test]
fn the_heart_beats_while_the_work_waits_and_sigterm_ends_both_at_once() {
    let (_work, mut child, events) = waiting_job();
    let beats = events.take(3).filter(|event| *event == EventKind::Heartbeat).count();
    assert_eq!(beats, 3);

    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).expect("the signal is sent");
    let status = child.wait().expect("the child ends");
    // It would wait for ever.
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn a_job_whose_folder_is_gone_ends_itself() {
    let (work, mut child, mut events) = waiting_job();
    // By now it waits for its source, and would for ever.
    let beats = events.by_ref().take(3).filter(|event| *event == EventKind::Heartbeat).count();
    assert_eq!(beats, 3);
    drop(work);
    let status = child.wait().expect("the child ends");
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
}

#[test]
fn versions_are_printed_for_the_doctor() {
    let output = meuse_job("--version").output().expect("meuse-job starts");
    let said = String::from_utf8(output.stdout).expect("versions are text");
    let expected = format!("meuse-job {}\nduckdb {}\n", env!("CARGO_PKG_VERSION"), native::DUCKDB_VERSION);
    assert_eq!(said, expected);
}

#[test]
fn a_missing_library_is_named_before_anything_happens() {
    let work = Work::import(b"a\n1\n");
    let output = meuse_job(work.0.path()).env("LD_LIBRARY_PATH", work.0.path()).output().expect("the loader starts");
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains(native::DUCKDB));
    assert!(!work.path(events::FILE).exists());
}

#[test]
fn a_training_makes_a_bundle() {
    let import = Work::import(&germancredit());
    import.run_well();
    let read = |name: &str| std::fs::read(import.path("out").join(name)).expect("the output is there");
    let schema: Schema = serde_json::from_slice(&read("schema.json")).expect("a schema");
    let profile = serde_json::from_slice(&read("profile.json")).expect("a profile");
    let options = StarterOptions {
        dataset: "credit:1".to_owned(),
        target: "creditability".to_owned(),
        algorithm: Some("logistic_regression".to_owned()),
        split_column: None,
        positive: None,
    };
    let recipe_text = starter(&options, &schema, &profile).expect("a first recipe");
    let work = Work::new(&JobSpec::Train(Box::new(TrainSpec {
        recipe: parse(&recipe_text).expect("the first recipe is valid").recipe,
        recipe_text,
        data: import.path("out/data.parquet"),
        media: None,
        schema,
        dataset: DatasetIdentity { name: "credit".to_owned(), version: 1, sha256: "0".repeat(64) },
        model: "credit".to_owned(),
        operator: "test".to_owned(),
        pretrained: PathBuf::new(),
        words: Vec::new(),
        gpu: None,
        native: native_folder(),
        limits: LIMITS,
    })));
    work.run_well();
    for file in bundle::FILES {
        assert!(work.path("out").join(file).exists(), "{file}");
    }
}
