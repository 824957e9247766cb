//! What the job tells: one JSON line per event, written whole.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use meuse_core::events::{Event, EventKind, FILE};
use meuse_core::time::Clock;

/// The lease of a job lives by this.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A person's eye needs no more progress than this.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(100);

/// The file `events.jsonl` of a work folder.
pub struct EventLog {
    state: Mutex<State>,
}

struct State {
    file: File,
    finished: bool,
    progress: Option<(String, Instant)>,
}

impl EventLog {
    /// Appends to the file, which is made when it is not there.
    pub(crate) fn append_to(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { state: Mutex::new(State { file, finished: false, progress: None }) })
    }

    /// Writes the event. One that cannot be written is lost: the work matters more than the telling.
    pub fn tell(&self, kind: EventKind) {
        let _ = self.lock().write(kind);
    }

    /// Writes the last event; nothing follows it, not even a heartbeat.
    pub(crate) fn finish(&self, kind: EventKind) -> anyhow::Result<()> {
        let mut state = self.lock();
        state.write(kind).context("cannot write the last event")?;
        state.finished = true;
        Ok(())
    }

    /// Writes that `done` of `total` units of the stage are done, unless that was told a moment ago.
    pub fn progress(&self, stage: &str, done: u64, total: u64) {
        let mut state = self.lock();
        if state.wants_progress(stage, done == total) {
            state.progress = Some((stage.to_owned(), Instant::now()));
            let _ = state.write(EventKind::Progress { stage: stage.to_owned(), done, total });
        }
    }

    // A thread that panicked while it held the lock has at most lost its own event.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wants_progress(&self, stage: &str, complete: bool) -> bool {
        let Some((last_stage, at)) = &self.progress else { return true };
        complete || last_stage != stage || at.elapsed() >= BETWEEN_PROGRESS
    }

    fn write(&mut self, kind: EventKind) -> std::io::Result<()> {
        if self.finished {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&Event { at: Clock::system().now(), kind })?;
        line.push(b'\n');
        meuse_faults::pass("child.event")?;
        self.file.write_all(&line)?;
        meuse_faults::reach("child.told");
        Ok(())
    }
}

/// Tells the first heartbeat, before any work does, and starts the thread of the others, which ends with the process; and
/// ends the process when its work folder is gone: its server has died and the home with it, so nobody would ever look at
/// what it makes.
pub(crate) fn beat(program: &'static str, events: Arc<EventLog>, folder: &Path) -> anyhow::Result<()> {
    events.tell(EventKind::Heartbeat);
    let file = folder.join(FILE);
    let beat = move || {
        loop {
            std::thread::sleep(HEARTBEAT);
            if !file.try_exists().unwrap_or(true) {
                break;
            }
            events.tell(EventKind::Heartbeat);
        }
        eprintln!("{program}: {} is gone, and whoever asked for this job with it", file.display());
        std::process::abort();
    };
    std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).context("cannot start the heartbeat")?;
    Ok(())
}
