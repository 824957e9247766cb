//! The events of a job as a stream of lines that can be resumed: from the work folders while it runs, from a blob once
//! it has ended. Heartbeats are not shown; their numbers are left out.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use meuse_core::api::EventLine;
use meuse_core::events::{Event, EventKind, Level};
use meuse_core::job::JobState;
use meuse_store::Digest;
use meuse_store::records::jobs::{self, JobRow};
use tokio::sync::mpsc;

use super::tail::{Look, Tail};
use crate::access::{Action, Caller};
use crate::{App, Error};

/// How often a follower looks for new events.
const LOOK: Duration = Duration::from_millis(200);
/// How many bytes of the first, and of the last, events of a job are kept once it has ended.
const KEPT: usize = 4 << 20;
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
            let mut tail = self.tails.remove(&attempt).unwrap_or_else(|| Tail::new(&folder));
            loop {
                let look;
                (tail, look) = read(tail).await?;
                for (number, event) in look.events {
                    if event.kind != EventKind::Heartbeat {
                        self.send(EventLine::Event { attempt, number, event }).await;
                    }
                }
                if look.at_end || self.lines.is_closed() {
                    break;
                }
            }
            self.tails.insert(attempt, tail);
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

async fn read(mut tail: Tail) -> Result<(Tail, Look), Error> {
    let work = move || tail.read().map(|look| (tail, look));
    let read = tokio::task::spawn_blocking(work).await;
    let read = read.map_err(|_| Error::Internal("reading events panicked".into()))?;
    read.map_err(|error| Error::Unavailable(format!("the events cannot be read: {error}")))
}

/// Keeps the events of all attempts of a job as a blob of lines; answers its digest. Of a job that told very much, the
/// beginning and the end are kept, and a line in between says so.
pub(crate) async fn keep(app: &App, job: &JobRow) -> Result<String, Error> {
    let mut kept = Kept::default();
    for attempt in 1..=job.attempts {
        let folder: PathBuf = app.compute.folder(&job.id, attempt);
        let mut tail = Tail::new(&folder);
        loop {
            let look;
            (tail, look) = match read(tail).await {
                Ok(read) => read,
                Err(error) => {
                    // What a child put in the place of its events must not keep the job from ending.
                    tracing::warn!(job.id = job.id, attempt, %error, "the events of an attempt cannot be kept");
                    break;
                }
            };
            for (number, event) in look.events.into_iter().filter(|(_, event)| event.kind != EventKind::Heartbeat) {
                kept.take(EventLine::Event { attempt: attempt as u32, number, event })?;
            }
            if look.at_end {
                break;
            }
        }
    }
    Ok(app.store.blobs.put_bytes(kept.text()?).await?.to_string())
}

/// The first and the last lines of a stream, each up to [`KEPT`] bytes.
#[derive(Default)]
struct Kept {
    first: Vec<u8>,
    last: VecDeque<(Vec<u8>, EventLine)>,
    last_bytes: usize,
    left_out: u64,
    newest_left_out: Option<EventLine>,
}

impl Kept {
    fn take(&mut self, line: EventLine) -> Result<(), Error> {
        let text = as_line(&line)?;
        if self.last.is_empty() && self.first.len() + text.len() <= KEPT {
            self.first.extend(text);
            return Ok(());
        }
        self.last_bytes += text.len();
        self.last.push_back((text, line));
        while self.last_bytes > KEPT
            && let Some((text, line)) = self.last.pop_front()
        {
            self.last_bytes -= text.len();
            self.left_out += 1;
            self.newest_left_out = Some(line);
        }
        Ok(())
    }

    fn text(self) -> Result<Vec<u8>, Error> {
        let mut text = self.first;
        if let Some(EventLine::Event { attempt, number, event }) = self.newest_left_out {
            let message = format!("{} events were told here that are not kept", self.left_out);
            let kind = EventKind::Log { level: Level::Info, message };
            text.extend(as_line(&EventLine::Event { attempt, number, event: Event { at: event.at, kind } })?);
        }
        text.extend(self.last.into_iter().flat_map(|(text, _)| text));
        Ok(text)
    }
}

fn as_line(line: &EventLine) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec(line).map_err(|error| Error::Internal(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use meuse_core::time::Micros;

    use super::*;

    #[test]
    fn of_very_many_events_the_first_and_the_last_are_kept_and_a_line_says_so() {
        let mut kept = Kept::default();
        let many = (3 * KEPT / 100) as u64;
        for number in 1..=many {
            let kind = EventKind::Log { level: Level::Info, message: format!("{number:0>50}") };
            kept.take(EventLine::Event { attempt: 1, number, event: Event { at: Micros(0), kind } }).expect("taken");
        }
        let left_out = kept.left_out;
        let text = kept.text().expect("text");
        assert!(left_out > 0 && text.len() < 2 * KEPT + 1000, "{left_out} {}", text.len());
        let lines: Vec<EventLine> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len() as u64, many - left_out + 1);
        let numbers: Vec<u64> = lines
            .iter()
            .map(|line| match line {
                EventLine::Event { number, .. } => *number,
                EventLine::End { .. } => panic!("no end was taken"),
            })
            .collect();
        assert!(numbers.is_sorted() && numbers.first() == Some(&1) && numbers.last() == Some(&many));
        assert!(String::from_utf8_lossy(&text).contains(&format!("{left_out} events were told here")));
    }
}
