//! Claims queued jobs for the slots of this server, and takes up those that it ran before it was restarted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meuse_core::job::JobState;
use meuse_store::records::jobs::{self, JobRow, Lane, Lease};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::LEASE;
use super::attempt::{self, Begin};
use super::finish;
use crate::home::UPLOAD_PREFIX;
use crate::{App, Error};

/// How often other servers' jobs are looked after; our own wake us.
const LOOK: Duration = Duration::from_millis(500);

/// Runs until the app stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut trouble = Trouble::default();
    let mut cleaned = false;
    let mut elsewhere = Elsewhere::default();
    while !app.stop().is_cancelled() {
        let round = async {
            if !cleaned {
                remove_left_folders(&app).await?;
                cleaned = true;
            }
            adopt(&app).await?;
            take_abandoned(&app, &mut elsewhere).await?;
            fill(&app).await
        };
        trouble.tell(round.await);
        tokio::select! {
            () = app.stop().cancelled() => {}
            () = app.compute.wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Says once that claiming fails, and once that it works again.
#[derive(Default)]
struct Trouble {
    told: bool,
}

impl Trouble {
    fn tell(&mut self, round: Result<(), Error>) {
        match &round {
            Ok(()) if self.told => tracing::info!("jobs can be claimed again"),
            Err(error) if !self.told => tracing::warn!(%error, "no jobs can be claimed now; will try again"),
            _ => {}
        }
        self.told = round.is_err();
    }
}

/// Removes the work folders of jobs that have ended: a server that was killed may have left them.
async fn remove_left_folders(app: &App) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| Error::Unavailable(format!("the work folder cannot be read: {error}"));
    let mut entries = tokio::fs::read_dir(app.compute.work()).await.map_err(unreadable)?;
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Uploads that are just arriving have no attempt in their names.
        let Some((id, attempt)) = name.rsplit_once('-') else { continue };
        if name.starts_with(UPLOAD_PREFIX) || attempt.parse::<i64>().is_err() {
            continue;
        }
        let job = jobs::get(&app.store.db, id).await?;
        let state = job.and_then(|job| JobState::from_word(&job.state));
        if state.is_none_or(JobState::is_final) {
            finish::remove_folder(&entry.path()).await;
        }
    }
    Ok(())
}

/// Takes up the jobs of this home that nobody here stays with: those that ran when its server ended.
async fn adopt(app: &Arc<App>) -> Result<(), Error> {
    for job in jobs::running_of(&app.store.db, &app.compute.owner).await? {
        if app.compute.attempts.lock().contains_key(&job.id) {
            continue;
        }
        let permit = Arc::clone(app.compute.slots(lane(&job))).try_acquire_owned().ok();
        tracing::info!(job.id = job.id, job.attempt = job.attempts, "a running job is taken up");
        begin(app, job, Begin::Adopt, permit);
    }
    Ok(())
}

/// The leases of other servers' jobs: what they were, and since when they have not moved by our own monotonic clock.
/// So neither a clock that was set nor two clocks that differ make a living server look dead.
#[derive(Default)]
struct Elsewhere(HashMap<(String, i64), (Option<i64>, Instant)>);

impl Elsewhere {
    /// Takes note of the jobs that run elsewhere now; answers those whose lease has not moved for its whole time.
    fn stale(&mut self, running: Vec<JobRow>, now: Instant) -> Vec<JobRow> {
        let mut seen = HashMap::new();
        let mut stale = Vec::new();
        for job in running {
            let key = (job.id.clone(), job.attempts);
            let before = self.0.remove(&key).filter(|(lease, _)| *lease == job.lease_until);
            let since = before.map_or(now, |(_, since)| since);
            seen.insert(key, (job.lease_until, since));
            if now.saturating_duration_since(since) > LEASE {
                stale.push(job);
            }
        }
        self.0 = seen;
        stale
    }
}

/// Ends the attempts of servers that have not been heard of for the time of a lease.
async fn take_abandoned(app: &Arc<App>, elsewhere: &mut Elsewhere) -> Result<(), Error> {
    let running = jobs::running_elsewhere(&app.store.db, &app.compute.owner).await?;
    for job in elsewhere.stale(running, app.clock.monotonic()) {
        finish::conclude_abandoned(app, &job, "the server that ran it was not heard of any more").await?;
    }
    Ok(())
}

/// Claims as many jobs as there are free slots.
async fn fill(app: &Arc<App>) -> Result<(), Error> {
    for lane in [Lane::Data, Lane::Training] {
        while let Ok(permit) = Arc::clone(app.compute.slots(lane)).try_acquire_owned() {
            if app.stop().is_cancelled() || !jobs::any_queued(&app.store.db, lane).await? {
                break;
            }
            let Some(job) = claim(app, lane).await? else { break };
            begin(app, job, Begin::Fresh, Some(permit));
        }
    }
    Ok(())
}

async fn claim(app: &App, lane: Lane) -> Result<Option<JobRow>, Error> {
    let at = app.clock.now();
    let lease = Lease { owner: &app.compute.owner, at, until: at.plus(LEASE) };
    let mut tx = app.store.begin().await?;
    let job = jobs::claim(&mut tx, lane, &lease).await?;
    tx.commit().await?;
    if job.is_some() {
        meuse_faults::reach("attempt.claimed");
    }
    Ok(job)
}

fn begin(app: &Arc<App>, job: JobRow, how: Begin, permit: Option<OwnedSemaphorePermit>) {
    let stays = Stays::with(app, &job.id);
    app.compute.tell();
    app.spawn(async move {
        attempt::run(&stays.app, job, how, &stays.wake).await;
        // Before the scheduler looks: the slot and the job are free.
        drop(permit);
        let app = Arc::clone(&stays.app);
        drop(stays);
        app.compute.announce();
    });
}

/// Notes that somebody stays with a job, until it is dropped.
struct Stays {
    app: Arc<App>,
    job: String,
    wake: Arc<Notify>,
}

impl Stays {
    fn with(app: &Arc<App>, job: &str) -> Self {
        let wake = Arc::new(Notify::new());
        app.compute.attempts.lock().insert(job.to_owned(), Arc::clone(&wake));
        Self { app: Arc::clone(app), job: job.to_owned(), wake }
    }
}

impl Drop for Stays {
    fn drop(&mut self) {
        self.app.compute.attempts.lock().remove(&self.job);
    }
}

fn lane(job: &JobRow) -> Lane {
    if job.kind == "train" { Lane::Training } else { Lane::Data }
}
