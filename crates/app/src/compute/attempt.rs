//! One attempt of a job: starts its child, or finds it again, and stays with it until it has ended.
//!
//! The lease lives by the child's heartbeats, whose silence is measured by a clock that nobody can set. Records are
//! written on changes of state, and once a second a summary. A child that takes too much, of memory or of our disk, is
//! ended here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meuse_core::api::Progress;
use meuse_core::events::{EventKind, FILE, Failure};
use meuse_core::recipe::network::Device;
use meuse_store::records::jobs::{self, JobRow, Lease};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::LEASE;
use super::executor::local::{self, CannotStart, Order};
use super::executor::memory;
use super::executor::process::{self, Child, Ended, Process, signal_name};
use super::finish::{self, Outcome};
use super::gpus::Taken;
use super::handed;
use super::tail::{Look, Tail};
use super::task::Task;
use crate::{App, Error, disk};

/// How often the events are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often the record is written at most.
const SUMMARY: Duration = Duration::from_secs(1);
/// How often the memory of a child is looked at: it takes a look at every process of the machine.
const WEIGH: Duration = Duration::from_millis(300);
/// How many of the last lines that a crashed child printed are shown.
const LAST_WORDS: usize = 5;
/// How many mebibytes of events are read between two looks at everything else.
const LOOKS_AT_ONCE: usize = 8;
/// How many bytes of events a child may tell.
const MAX_EVENTS: u64 = 256 << 20;
/// How many bytes a child may print that nobody will read.
const MAX_PRINTED: u64 = 256 << 20;
/// The longest name of a stage in a record, in characters.
const MAX_STAGE: usize = 200;
/// The exit code of a child that has said why it failed.
const FAILED: i32 = 3;
/// What programs say when a disk is full.
const NO_SPACE: &str = "No space left on device";
/// The exit codes of the dynamic loader and of shells for a program that cannot begin.
const CANNOT_BEGIN: [i32; 2] = [126, 127];

/// How an attempt comes to its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It starts one.
    Fresh,
    /// An earlier server started one.
    Adopt,
}

/// Runs an attempt to its end; `wake` tells it that a person has asked for something. When the app stops first, the
/// child is left running.
pub(crate) async fn run(app: &Arc<App>, job: JobRow, how: Begin, wake: &Notify) {
    let folder = app.compute.folder(&job.id, job.attempts);
    let attempt = Attempt { app, job: &job, folder, wake };
    if let Some(outcome) = attempt.outcome(how).await {
        attempt.keeping(finish::conclude(app, &job, outcome)).await;
    }
}

struct Attempt<'a> {
    app: &'a App,
    job: &'a JobRow,
    folder: PathBuf,
    wake: &'a Notify,
}

/// Why an attempt goes on no longer although its child has not ended.
enum Halt {
    /// The app stops.
    Stop,
    /// A person asked for it.
    Cancel,
    /// Somebody else holds the job now.
    Lost,
    /// The child was not heard of for too long.
    Silent,
    /// The child took more than it may.
    TooMuch(Failure),
}

impl Attempt<'_> {
    /// How the attempt ended; `None` when it has not, or is no longer ours to end.
    async fn outcome(&self, how: Begin) -> Option<Outcome> {
        if self.job.cancel_requested && how == Begin::Fresh {
            return Some(Outcome::Cancelled);
        }
        let mut gpu = None;
        let mut child = match how {
            Begin::Adopt => Process::find(&self.folder).map(Child::Adopted),
            Begin::Fresh => match self.keeping(self.start(&mut gpu)).await {
                Ok(child) => Some(child),
                Err(CannotStart::Never(failure)) => return Some(Outcome::Failed(failure)),
                Err(CannotStart::Now(reason)) => return Some(Outcome::Crashed(reason)),
            },
        };
        let mut watch = Watch::new(self.app.clock.monotonic(), Tail::new(&self.folder));
        let Some(child) = child.as_mut() else {
            self.look_to_the_end(&mut watch).await;
            return Some(self.judge(Ended::Unseen, &watch));
        };
        let outcome = self.stay(child, &mut watch).await;
        if !self.app.stop().is_cancelled() {
            self.end_remains().await;
        }
        outcome
    }

    /// Stays with a child until it has ended, or may go on no longer.
    async fn stay(&self, child: &mut Child, watch: &mut Watch) -> Option<Outcome> {
        match self.watch(child, watch).await {
            Ok(ended) => Some(self.judge(ended, watch)),
            Err(Halt::Stop) => None,
            Err(Halt::Cancel) => {
                child.stop().await;
                Some(Outcome::Cancelled)
            }
            Err(Halt::Lost) => {
                child.stop().await;
                finish::remove_folder(&self.folder).await;
                None
            }
            Err(Halt::Silent) => {
                child.stop().await;
                // One that tells nothing because it has nowhere to write it is not at fault.
                if disk::is_full(&self.folder) {
                    return Some(Outcome::Failed(self.no_room()));
                }
                let seconds = LEASE.as_secs();
                Some(Outcome::Crashed(format!("its process was not heard of for {seconds} seconds and was ended")))
            }
            Err(Halt::TooMuch(failure)) => {
                child.stop().await;
                Some(Outcome::Failed(failure))
            }
        }
    }

    /// What a child has started must not outlive it.
    async fn end_remains(&self) {
        let folder = self.folder.clone();
        let ended = tokio::task::spawn_blocking(move || process::end_remains(&folder)).await.unwrap_or_default();
        if ended > 0 {
            tracing::info!(job.id = self.job.id, processes = ended, "what a child had left running was ended");
        }
    }

    /// Starts the child; one that may compute on a GPU has that one for as long as it is kept in `gpu`.
    async fn start(&self, gpu: &mut Option<Taken>) -> Result<Child, CannotStart> {
        let task = Task::from_json(&self.job.task).map_err(|error| CannotStart::Now(error.to_string()))?;
        *gpu = local::device(&task).filter(|device| *device != Device::Cpu).and_then(|_| self.app.compute.gpus.take());
        let gpu = gpu.as_ref().map(|taken| taken.number);
        let order = Order { task: &task, by: &self.job.created_by, gpu };
        local::start(&self.app.config, &self.app.store.blobs, &self.folder, &order).await
    }

    async fn watch(&self, child: &mut Child, watch: &mut Watch) -> Result<Ended, Halt> {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.app.stop().cancelled() => return Err(Halt::Stop),
                ended = child.ended() => {
                    self.look_to_the_end(watch).await;
                    return Ok(ended);
                }
                () = self.wake.notified() => watch.summary_due = true,
                _ = ticks.tick() => {}
            }
            // A child that tells faster than this is behind, not silent.
            for _ in 0..LOOKS_AT_ONCE {
                if self.look(watch).await {
                    break;
                }
            }
            self.limit(child, watch).await?;
            self.summarise(watch).await?;
            if self.silence(watch) > LEASE {
                return Err(Halt::Silent);
            }
        }
    }

    fn silence(&self, watch: &Watch) -> Duration {
        self.app.clock.monotonic().saturating_duration_since(watch.heard)
    }

    /// Reads what the child has said since the last look, or a part of it; answers whether that was all.
    async fn look(&self, watch: &mut Watch) -> bool {
        let mut tail = std::mem::replace(&mut watch.tail, Tail::new(&self.folder));
        let work = move || {
            let look = tail.read();
            (tail, look)
        };
        let Ok((tail, look)) = tokio::task::spawn_blocking(work).await else { return true };
        watch.tail = tail;
        match look {
            Ok(look) => watch.hear(look, self.app.clock.monotonic()),
            Err(error) => {
                tracing::debug!(job.id = self.job.id, %error, "the events cannot be read now");
                true
            }
        }
    }

    /// Reads what is left once the child has ended.
    async fn look_to_the_end(&self, watch: &mut Watch) {
        while !self.look(watch).await && watch.tail.bytes_read() <= MAX_EVENTS {}
    }

    /// Whether the child may go on, for what it takes of memory and disk.
    async fn limit(&self, child: &Child, watch: &mut Watch) -> Result<(), Halt> {
        let is_due = watch.weighed.is_none_or(|weighed| weighed.elapsed() >= WEIGH);
        if is_due {
            watch.weighed = Some(Instant::now());
        }
        let (folder, group) = (self.folder.clone(), child.group().filter(|_| is_due));
        let look = move || {
            let told = handed::open(&folder, FILE).and_then(|file| file.metadata());
            let told = told.map_or(0, |file| file.len());
            (local::limit_output(&folder), told, group.map_or(0, memory::taken_mib))
        };
        let Ok((printed, told, taken)) = tokio::task::spawn_blocking(look).await else { return Ok(()) };
        watch.printed += printed;
        if taken > self.app.config.job_max_memory_mib as u64 {
            return Err(Halt::TooMuch(self.too_much_memory(&format!("its process took {taken} MiB of memory"))));
        }
        let too_much = |what: &str, most: u64| {
            let message = format!("its process {what} more than {} MiB and was ended", most >> 20);
            let hint = "that is a fault of the program: look at what it said first, and tell its makers";
            Halt::TooMuch(Failure { field: String::new(), message, hint: hint.into() })
        };
        if watch.printed > MAX_PRINTED {
            return Err(too_much("printed", MAX_PRINTED));
        }
        if told > MAX_EVENTS {
            return Err(too_much("told events of", MAX_EVENTS));
        }
        Ok(())
    }

    fn too_much_memory(&self, what: &str) -> Failure {
        Failure {
            field: String::new(),
            message: format!("{what}, more than the {} MiB that one job may", self.app.config.job_max_memory_mib),
            hint: "let it learn from fewer rows or columns, or raise `compute.max_memory_mib` of the server".into(),
        }
    }

    /// Once a second: prolongs the lease, notes the progress, and learns whether the job shall stop.
    async fn summarise(&self, watch: &mut Watch) -> Result<(), Halt> {
        if !watch.summary_due && watch.summarised.elapsed() < SUMMARY {
            return Ok(());
        }
        let progress = watch.progress.as_ref().and_then(|progress| serde_json::to_string(progress).ok());
        let kept = self.keep(LEASE.saturating_sub(self.silence(watch)), progress.as_deref()).await;
        watch.summarised = Instant::now();
        match kept {
            Ok(Some(false)) => watch.summary_due = false,
            Ok(Some(true)) => return Err(Halt::Cancel),
            Ok(None) => return Err(Halt::Lost),
            // The child goes on: what it does will be noted when the database answers again.
            Err(error) => tracing::debug!(job.id = self.job.id, %error, "the progress cannot be noted now"),
        }
        Ok(())
    }

    async fn keep(&self, left: Duration, progress: Option<&str>) -> Result<Option<bool>, Error> {
        let at = self.app.clock.now();
        let lease = Lease { owner: &self.app.compute.owner, at, until: at.plus(left) };
        let mut tx = self.app.store.begin().await?;
        let kept = jobs::keep(&mut tx, &self.job.id, self.job.attempts, &lease, progress).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Does work of the server itself, during which there are no heartbeats that the lease could live by.
    async fn keeping<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(LEASE / 6) => {}
            }
            if let Err(error) = self.keep(LEASE, None).await {
                tracing::debug!(job.id = self.job.id, %error, "the lease cannot be prolonged now");
            }
        }
    }

    fn judge(&self, ended: Ended, watch: &Watch) -> Outcome {
        let how = match (ended, &watch.verdict) {
            (Ended::Code(0) | Ended::Unseen, Some(Verdict::Done)) => return Outcome::Done,
            (Ended::Code(FAILED) | Ended::Unseen, Some(Verdict::Failed(failure))) => {
                return Outcome::Failed(failure.clone());
            }
            (Ended::Code(_) | Ended::Signal(_) | Ended::Unseen, _) if disk::is_full(&self.folder) => {
                return Outcome::Failed(self.no_room());
            }
            (Ended::Code(code), _) if CANNOT_BEGIN.contains(&code) => return Outcome::Failed(self.cannot_begin()),
            (Ended::Code(0), _) => "its process ended without saying that it was done".to_owned(),
            (Ended::Code(code), _) => format!("its process ended with exit code {code}"),
            (Ended::Signal(signal), _) => format!("its process was ended by {}", signal_name(signal)),
            (Ended::Unseen, _) => "its process ended before it was done, and no server saw how".to_owned(),
        };
        let words = local::last_words(&self.folder, LAST_WORDS);
        if words.contains(NO_SPACE) {
            return Outcome::Failed(self.no_room());
        }
        if memory::ran_out(&words) {
            return Outcome::Failed(self.too_much_memory(&format!("{how} when it asked for more memory ({words})")));
        }
        Outcome::Crashed(if words.is_empty() { how } else { format!("{how}; the last it said: {words}") })
    }

    fn no_room(&self) -> Failure {
        let message = format!("its process ended because {}", disk::full(&self.folder));
        Failure { field: String::new(), message, hint: String::new() }
    }

    fn cannot_begin(&self) -> Failure {
        let words = local::last_words(&self.folder, 1);
        let learns_network = Task::from_json(&self.job.task).is_ok_and(|task| local::device(&task).is_some());
        let (program, hint) = if learns_network {
            let hint = "libtorch is missing, or is not the one that it was built with: run scripts/setup --deep, then \
                        `meuse doctor`";
            ("meuse-deep", hint)
        } else {
            ("meuse-job", "run `meuse doctor`, which tells what is missing")
        };
        Failure { field: String::new(), message: format!("`{program}` cannot begin: {words}"), hint: hint.into() }
    }
}

/// What is known of a child so far.
struct Watch {
    tail: Tail,
    heard: Instant,
    weighed: Option<Instant>,
    printed: u64,
    progress: Option<Progress>,
    verdict: Option<Verdict>,
    summarised: Instant,
    summary_due: bool,
}

enum Verdict {
    Done,
    Failed(Failure),
}

impl Watch {
    fn new(now: Instant, tail: Tail) -> Self {
        let summarised = Instant::now();
        Self {
            tail,
            heard: now,
            weighed: None,
            printed: 0,
            progress: None,
            verdict: None,
            summarised,
            summary_due: true,
        }
    }

    /// Takes note of what was said; answers whether that was all.
    fn hear(&mut self, look: Look, now: Instant) -> bool {
        if !look.events.is_empty() {
            self.heard = now;
        }
        for (_, event) in look.events {
            match event.kind {
                EventKind::Progress { stage, done, total } => {
                    let stage = stage.chars().take(MAX_STAGE).collect();
                    self.progress = Some(Progress { stage, done, total });
                }
                EventKind::Done => self.verdict = Some(Verdict::Done),
                EventKind::Failed(failure) => self.verdict = Some(Verdict::Failed(failure)),
                EventKind::Heartbeat | EventKind::Metric { .. } | EventKind::Log { .. } => {}
            }
        }
        look.at_end
    }
}
