//! One attempt of a job: starts its child, or finds it again, and stays with it until it has ended.
//!
//! The lease lives by the child's heartbeats. Records are written on changes of state, and once a second a summary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meuse_core::api::Progress;
use meuse_core::events::{Event, EventKind, Failure};
use meuse_core::time::Micros;
use meuse_store::records::jobs::{self, JobRow, Lease};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::LEASE;
use super::executor::local::{self, CannotStart, Order};
use super::executor::process::{Child, Ended, Process, signal_name};
use super::finish::{self, Outcome};
use super::tail::Tail;
use super::task::Task;
use crate::{App, Error};

/// How often the events are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often the record is written at most.
const SUMMARY: Duration = Duration::from_secs(1);
/// How many of the last lines that a crashed child printed are shown.
const LAST_WORDS: usize = 5;
/// The exit code of a child that has said why it failed.
const FAILED: i32 = 3;
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
}

impl Attempt<'_> {
    /// How the attempt ended; `None` when it has not, or is no longer ours to end.
    async fn outcome(&self, how: Begin) -> Option<Outcome> {
        if self.job.cancel_requested && how == Begin::Fresh {
            return Some(Outcome::Cancelled);
        }
        let mut child = match how {
            Begin::Adopt => Process::find(&self.folder).map(Child::Adopted),
            Begin::Fresh => match self.keeping(self.start()).await {
                Ok(child) => Some(child),
                Err(CannotStart::Never(failure)) => return Some(Outcome::Failed(failure)),
                Err(CannotStart::Now(reason)) => return Some(Outcome::Crashed(reason)),
            },
        };
        let mut watch = Watch::new(self.app.clock.now(), Tail::new(&self.folder));
        let Some(child) = child.as_mut() else {
            self.look(&mut watch).await;
            return Some(self.judge(Ended::Unseen, &watch));
        };
        match self.watch(child, &mut watch).await {
            Ok(ended) => Some(self.judge(ended, &watch)),
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
                let seconds = LEASE.as_secs();
                Some(Outcome::Crashed(format!("its process was not heard of for {seconds} seconds and was ended")))
            }
        }
    }

    async fn start(&self) -> Result<Child, CannotStart> {
        let task = Task::from_json(&self.job.task).map_err(|error| CannotStart::Now(error.to_string()))?;
        let order = Order { task: &task, by: &self.job.created_by };
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
                    self.look(watch).await;
                    return Ok(ended);
                }
                () = self.wake.notified() => watch.summary_due = true,
                _ = ticks.tick() => {}
            }
            self.look(watch).await;
            local::limit_output(&self.folder);
            self.summarise(watch).await?;
            if self.app.clock.now().since(watch.heard) > LEASE {
                return Err(Halt::Silent);
            }
        }
    }

    /// Reads what the child has said since the last look.
    async fn look(&self, watch: &mut Watch) {
        let mut tail = std::mem::replace(&mut watch.tail, Tail::new(&self.folder));
        let work = move || {
            let events = tail.read();
            (tail, events)
        };
        let Ok((tail, events)) = tokio::task::spawn_blocking(work).await else { return };
        watch.tail = tail;
        match events {
            Ok(events) => watch.hear(events, self.app.clock.now()),
            Err(error) => tracing::debug!(job.id = self.job.id, %error, "the events cannot be read now"),
        }
    }

    /// Once a second: prolongs the lease, notes the progress, and learns whether the job shall stop.
    async fn summarise(&self, watch: &mut Watch) -> Result<(), Halt> {
        if !watch.summary_due && watch.summarised.elapsed() < SUMMARY {
            return Ok(());
        }
        let progress = watch.progress.as_ref().and_then(|progress| serde_json::to_string(progress).ok());
        let kept = self.keep(watch.heard.plus(LEASE), progress.as_deref()).await;
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

    async fn keep(&self, until: Micros, progress: Option<&str>) -> Result<Option<bool>, Error> {
        let at = self.app.clock.now();
        let lease = Lease { owner: &self.app.compute.owner, at, until };
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
            if let Err(error) = self.keep(self.app.clock.now().plus(LEASE), None).await {
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
            (Ended::Code(code), _) if CANNOT_BEGIN.contains(&code) => return Outcome::Failed(self.cannot_begin()),
            (Ended::Code(0), _) => "its process ended without saying that it was done".to_owned(),
            (Ended::Code(code), _) => format!("its process ended with exit code {code}"),
            (Ended::Signal(signal), _) => format!("its process was ended by {}", signal_name(signal)),
            (Ended::Unseen, _) => "its process ended before it was done, and no server saw how".to_owned(),
        };
        Outcome::Crashed(self.with_last_words(how))
    }

    fn with_last_words(&self, how: String) -> String {
        let words = local::last_words(&self.folder, LAST_WORDS);
        if words.is_empty() { how } else { format!("{how}; the last it said: {words}") }
    }

    fn cannot_begin(&self) -> Failure {
        let words = local::last_words(&self.folder, 1);
        Failure {
            field: String::new(),
            message: format!("`meuse-job` cannot begin: {words}"),
            hint: "run `meuse doctor`, which tells what is missing".into(),
        }
    }
}

/// What is known of a child so far.
struct Watch {
    tail: Tail,
    heard: Micros,
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
    fn new(now: Micros, tail: Tail) -> Self {
        Self { tail, heard: now, progress: None, verdict: None, summarised: Instant::now(), summary_due: true }
    }

    fn hear(&mut self, events: Vec<(u64, Event)>, now: Micros) {
        if !events.is_empty() {
            self.heard = now;
        }
        for (_, event) in events {
            match event.kind {
                EventKind::Progress { stage, done, total } => self.progress = Some(Progress { stage, done, total }),
                EventKind::Done => self.verdict = Some(Verdict::Done),
                EventKind::Failed(failure) => self.verdict = Some(Verdict::Failed(failure)),
                EventKind::Heartbeat | EventKind::Metric { .. } | EventKind::Log { .. } => {}
            }
        }
    }
}
