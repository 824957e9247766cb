//! A server of one's own for each test, without the protocols: a home folder, a clock, and a caller.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use meuse_app::access::Caller;
use meuse_app::compute::{After, LEASE};
use meuse_app::data::ImportRequest;
use meuse_app::{App, AppConfig, Error};
use meuse_core::api::{EventLine, ImportAnswer, Job, NewProject};
use meuse_core::events::EventKind;
use meuse_core::job::ImportOptions;
use meuse_core::time::{Clock, Micros};
use tempfile::TempDir;

/// How often a condition is looked at that nobody announces.
const LOOK: Duration = Duration::from_millis(20);

/// A server with a home of its own.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) clock: Clock,
    key: String,
    home: TempDir,
}

/// A stand-in for `meuse-job`; see `tests/children/README.md`.
pub(crate) fn child(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/children").join(name)
}

/// The real `meuse-job`, which cargo puts two folders above this test binary's.
pub(crate) fn real_child() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its binary");
    let program = test.ancestors().nth(2).expect("it lies in target/debug/deps").join("meuse-job");
    assert!(program.is_file(), "{} is not there: run `cargo build -p meuse-job` first", program.display());
    program
}

/// The folder of native libraries.
pub(crate) fn native() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/lib");
    std::env::var_os("MEUSE_NATIVE_DIR").map_or(checkout, PathBuf::from)
}

/// The configuration of a server in this home, whose jobs are run by this program.
pub(crate) fn config(home: &Path, program: PathBuf, clock: &Clock) -> AppConfig {
    let mut config = AppConfig::new(home, program, native());
    config.clock = clock.clone();
    config.job_threads = 1;
    config
}

impl World {
    /// A server that works.
    pub(crate) async fn start(program: PathBuf) -> Self {
        let world = Self::open(program).await;
        world.app.start();
        world
    }

    /// A server that takes jobs but does not begin them.
    pub(crate) async fn open(program: PathBuf) -> Self {
        Self::open_with(program, |_| {}).await
    }

    /// As [`World::open`], configured otherwise.
    pub(crate) async fn open_with(program: PathBuf, change: impl FnOnce(&mut AppConfig)) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self::open_home(home, program, change).await
    }

    /// As [`World::open_with`], in a home that is there.
    pub(crate) async fn open_home(home: TempDir, program: PathBuf, change: impl FnOnce(&mut AppConfig)) -> Self {
        let clock = Clock::manual(Micros(1_800_000_000_000_000));
        let mut config = config(home.path(), program, &clock);
        change(&mut config);
        let app = App::open(config).await.expect("the app opens");
        let kept = home.path().join("admin.key");
        if let Some(key) = app.take_first_key() {
            std::fs::write(&kept, key).expect("the key is kept");
        }
        let key = std::fs::read_to_string(&kept).expect("the first start made a key");
        let caller = app.access.authenticate(&key, None).expect("the first key opens");
        Self { app, caller, clock, key, home }
    }

    /// Stops the server and starts another one on its home.
    pub(crate) async fn restart(self, program: PathBuf) -> Self {
        let Self { app, home, clock, .. } = self;
        app.shutdown().await;
        drop(app);
        let moved = clock.clone();
        let world = Self::open_home(home, program, |config| config.clock = moved).await;
        world.app.start();
        Self { clock, ..world }
    }

    /// The same person in a project of their own.
    pub(crate) async fn caller_of_another_project(&self) -> Caller {
        let new = NewProject { name: "other".into() };
        self.app.create_project(&self.caller, new).await.expect("the project is made");
        self.app.access.authenticate(&self.key, Some("other")).expect("its maker may see it")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The work folder of an attempt.
    pub(crate) fn folder(&self, job: &Job, attempt: u32) -> PathBuf {
        self.home.path().join("work").join(format!("{}-{attempt}", job.id))
    }

    /// What lies in the work folder.
    pub(crate) fn work(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path().join("work")).expect("the work folder is there");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Waits until the work folders of ended jobs are removed, which follows the end that is told.
    pub(crate) async fn no_work_is_left(&self) {
        until("no work folder is left", || self.work().is_empty()).await;
    }

    /// Imports a text as the dataset `credit`.
    pub(crate) async fn import(&self, text: &str) -> Result<ImportAnswer, Error> {
        let body = stream::iter([Ok(Bytes::copy_from_slice(text.as_bytes()))]);
        self.app.import(&self.caller, request("credit"), body).await
    }

    /// The job that imports a text.
    pub(crate) async fn job(&self, text: &str) -> Job {
        match self.import(text).await.expect("the upload is taken") {
            ImportAnswer::Started { job } => job,
            ImportAnswer::Unchanged { version } => panic!("it is {}:{} already", version.dataset, version.version),
        }
    }

    /// All event lines of a job from now to its end.
    pub(crate) async fn follow(&self, id: &str, after: After) -> impl Stream<Item = EventLine> + Unpin {
        let lines = self.app.events(&self.caller, id, after, true).await.expect("the job is there");
        lines.map(|line| line.expect("a line"))
    }

    /// Waits until the child of this attempt says that it is ready.
    pub(crate) async fn ready(&self, id: &str, attempt: u32) {
        let mut lines = self.follow(id, After::default()).await;
        while let Some(line) = lines.next().await {
            match line {
                EventLine::Event { attempt: found, event, .. } if found == attempt => {
                    if matches!(event.kind, EventKind::Log { message, .. } if message == "ready") {
                        return;
                    }
                }
                EventLine::Event { .. } => {}
                EventLine::End { job } => panic!("the job ended before it was ready: {job:?}"),
            }
        }
        panic!("the events ended before the job was ready");
    }

    /// Waits until a job has ended.
    pub(crate) async fn ended(&self, id: &str) -> Job {
        let lines: Vec<EventLine> = self.follow(id, After::default()).await.collect().await;
        match lines.into_iter().next_back() {
            Some(EventLine::End { job }) => job,
            other => panic!("the last line is no end: {other:?}"),
        }
    }

    /// Waits until a job has ended, while leases run out.
    pub(crate) async fn ended_as_time_flies(&self, id: &str) -> Job {
        let ended = self.ended(id);
        let mut ended = std::pin::pin!(ended);
        loop {
            if let Ok(job) = tokio::time::timeout(LOOK, &mut ended).await {
                return job;
            }
            self.clock.advance(LEASE + LEASE);
        }
    }
}

/// Says that these bytes become a version of a dataset.
pub(crate) fn request(dataset: &str) -> ImportRequest {
    ImportRequest {
        dataset: dataset.parse().expect("a name"),
        file: "credit.csv".into(),
        options: ImportOptions::default(),
        length: None,
    }
}

/// Waits for something that nobody announces.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting).await.expect(what);
}

/// All bytes of a stream.
pub(crate) async fn collect(stream: impl Stream<Item = Result<Bytes, std::io::Error>>) -> Vec<u8> {
    let chunks: Vec<Bytes> = stream.try_collect().await.expect("the stream is whole");
    chunks.concat()
}

/// Whether a process is at work in this folder.
pub(crate) fn is_at_work(folder: &Path) -> bool {
    process_in(folder).is_some()
}

/// Kills the process that works in this folder, as the kernel does when memory runs out.
pub(crate) fn kill(folder: &Path) {
    let process = process_in(folder).expect("a process is at work");
    let done = Command::new("sh").args(["-c", "kill -KILL \"$1\"", "sh", &process]).status();
    assert!(done.expect("sh runs").success());
}

fn process_in(folder: &Path) -> Option<String> {
    let argument = folder.to_str().expect("a path of UTF-8").as_bytes();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let mut working = processes.filter(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|part| part == argument)
    });
    Some(working.next()?.file_name().to_string_lossy().into_owned())
}
