//! The events of a job as a stream of lines that can be resumed: from the work folders while it runs, from a blob once
//! it has ended. Heartbeats are not shown; their numbers are left out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use meuse_core::api::EventLine;
use meuse_core::events::EventKind;
use meuse_core::job::JobState;
use meuse_store::Digest;
use meuse_store::records::jobs::{self, JobRow};
use tokio::sync::mpsc;

use super::tail::Tail;
use crate::access::{Action, Caller};
use crate::{App, Error};

/// How often a follower looks for new events.
const LOOK: Duration = Duration::from_millis(200);
/// How many lines wait for a slow reader.
const QUEUE: usize = 256;

/// Where to resume a stream: after this event of this attempt. The default is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct After {
    /// The attempt, from 1.
    pub attempt: u32,
    /// The event's number within it.
    pub number: u64,
}

impl FromStr for After {
    type Err = Error;

    /// Reads `ATTEMPT.NUMBER`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parts =
            text.split_once('.').and_then(|(attempt, number)| Some((attempt.parse().ok()?, number.parse().ok()?)));
        let (attempt, number) = parts.ok_or_else(|| {
            let hint = "write ATTEMPT.NUMBER of the last event that you have, as in 1.12";
            Error::invalid("after", format!("`{text}` names no event"), hint)
        })?;
        Ok(Self { attempt, number })
    }
}

impl App {
    /// The events of a job after `after`, then, for a job that has ended, the job itself. With `follow` the stream
    /// goes on until the job has ended.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn events(
        self: &Arc<Self>,
        caller: &Caller,
        id: &str,
        after: After,
        follow: bool,
    ) -> Result<impl Stream<Item = Result<EventLine, Error>> + Send + Unpin + use<>, Error> {
        caller.require(Action::ReadJobs)?;
        let row = self.job_row(caller, id).await?;
        let (lines, mut receiver) = mpsc::channel(QUEUE);
        let pump = Pump { app: Arc::clone(self), id: row.id, after, tails: BTreeMap::new(), lines };
        tokio::spawn(async move {
            let lines = pump.lines.clone();
            if let Err(error) = pump.run(follow).await {
                // The reader may be gone, which is why there is no one to tell.
                let _ = lines.send(Err(error)).await;
            }
        });
        Ok(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
    }
}

struct Pump {
    app: Arc<App>,
    id: String,
    after: After,
    tails: BTreeMap<u32, Tail>,
    lines: mpsc::Sender<Result<EventLine, Error>>,
}

impl Pump {
    async fn run(mut self, follow: bool) -> Result<(), Error> {
        let mut changed = self.app.compute.changed.subscribe();
        while !self.lines.is_closed() {
            changed.mark_unchanged();
            let row = jobs::get(&self.app.store.db, &self.id).await?;
            let row = row.ok_or_else(|| Error::Internal(format!("the record of job {} is gone", self.id)))?;
            if JobState::from_word(&row.state).is_some_and(JobState::is_final) {
                return self.finish(&row).await;
            }
            self.read_folders(&row).await?;
            if !follow {
                return Ok(());
            }
            self.wait(&mut changed, &row).await?;
        }
        Ok(())
    }

    /// Reads events until the job may have changed its state, which its records tell.
    async fn wait(&mut self, changed: &mut tokio::sync::watch::Receiver<u64>, row: &JobRow) -> Result<(), Error> {
        // Other servers' changes are not announced here: so the records are read now and then in any case.
        for _ in 0..5 {
            tokio::select! {
                _ = changed.changed() => return Ok(()),
                () = self.app.stop().cancelled() => {
                    return Err(Error::Unavailable("the server is shutting down; the job goes on: follow it again".into()));
                }
                () = self.lines.closed() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
            self.read_folders(row).await?;
        }
        Ok(())
    }

    async fn read_folders(&mut self, row: &JobRow) -> Result<(), Error> {
        for attempt in self.after.attempt.max(1)..=row.attempts as u32 {
            let folder = self.app.compute.folder(&row.id, i64::from(attempt));
            let tail = self.tails.remove(&attempt).unwrap_or_else(|| Tail::new(&folder));
            let (tail, events) = read(tail).await?;
            self.tails.insert(attempt, tail);
            for (number, event) in events {
                if event.kind != EventKind::Heartbeat {
                    self.send(EventLine::Event { attempt, number, event }).await;
                }
            }
        }
        Ok(())
    }

    /// Sends a line unless the reader has it already.
    async fn send(&mut self, line: EventLine) {
        if let EventLine::Event { attempt, number, .. } = line {
            let this = After { attempt, number };
            if this <= self.after {
                return;
            }
            self.after = this;
        }
        // A reader that has gone is noticed by the loop.
        let _ = self.lines.send(Ok(line)).await;
    }

    async fn finish(mut self, row: &JobRow) -> Result<(), Error> {
        if let Some(digest) = &row.events_blob {
            let digest: Digest = digest.parse()?;
            let text = self.app.store.blobs.read(&digest).await?;
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line = serde_json::from_slice(line);
                self.send(line.map_err(|error| Error::Internal(format!("kept events are damaged: {error}")))?).await;
            }
        }
        self.send(EventLine::End { job: super::shown(row)? }).await;
        Ok(())
    }
}

async fn read(mut tail: Tail) -> Result<(Tail, Vec<(u64, meuse_core::events::Event)>), Error> {
    let work = move || tail.read().map(|events| (tail, events));
    let read = tokio::task::spawn_blocking(work).await;
    let read = read.map_err(|_| Error::Internal("reading events panicked".into()))?;
    read.map_err(|error| Error::Unavailable(format!("the events cannot be read: {error}")))
}

/// Keeps the events of all attempts of a job as a blob of lines; answers its digest.
pub(crate) async fn keep(app: &App, job: &JobRow) -> Result<String, Error> {
    let mut text = Vec::new();
    for attempt in 1..=job.attempts {
        let folder: PathBuf = app.compute.folder(&job.id, attempt);
        let (_, events) = read(Tail::new(&folder)).await?;
        for (number, event) in events.into_iter().filter(|(_, event)| event.kind != EventKind::Heartbeat) {
            let line = EventLine::Event { attempt: attempt as u32, number, event };
            serde_json::to_writer(&mut text, &line).map_err(|error| Error::Internal(error.to_string()))?;
            text.push(b'\n');
        }
    }
    Ok(app.store.blobs.put_bytes(text).await?.to_string())
}
