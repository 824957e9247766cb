//! Jobs: asked for here, run by children of `executor`, followed by events, ended once by `finish`.
//!
//! `scheduler` claims queued jobs for the slots of this server; `attempt` stays with one child until it has ended.

mod attempt;
mod events;
mod executor;
mod finish;
pub mod gpus;
mod handed;
pub(crate) mod kept;
mod outputs;
mod scheduler;
mod tail;
pub(crate) mod task;
mod train;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meuse_core::api::{Job, Progress};
use meuse_core::events::Failure;
use meuse_core::job::JobState;
use meuse_store::Tx;
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::records::jobs::{self, JobRow, Lane, NewJob};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, watch};

use crate::access::{Action, Caller};
use crate::home::Home;
use crate::{App, AppConfig, Error};
pub use events::After;
pub(crate) use executor::memory;
pub(crate) use scheduler::run;
use task::Task;
pub(crate) use words::NoWords;

/// How long a home may be believed to run a job after it last said so.
pub const LEASE: Duration = Duration::from_mins(1);
/// How many times a job is started before its crashes are believed.
pub(crate) const MAX_ATTEMPTS: i64 = 2;
/// The same for a job whose last attempt has written a checkpoint of its own: it comes further, and will end one day.
pub(crate) const MAX_ATTEMPTS_THAT_COME_FURTHER: i64 = 20;
/// The most jobs in a list.
const LIST: u32 = 500;

/// What this server knows about the jobs that it runs.
pub(crate) struct Compute {
    work: PathBuf,
    owner: String,
    data_slots: Arc<Semaphore>,
    training_slots: Arc<Semaphore>,
    gpus: gpus::Gpus,
    /// Wakes the scheduler.
    wake: Notify,
    /// Moves whenever a job has changed its state.
    changed: watch::Sender<u64>,
    /// Job id → wakes the attempt that runs it.
    attempts: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Compute {
    pub(crate) fn new(config: &AppConfig, home: &Home) -> Self {
        Self {
            work: home.work(),
            owner: home.name().to_owned(),
            data_slots: Arc::new(Semaphore::new(1)),
            training_slots: Arc::new(Semaphore::new(config.job_slots.max(1))),
            gpus: gpus::Gpus::new(config.gpus),
            wake: Notify::new(),
            changed: watch::Sender::new(0),
            attempts: Mutex::default(),
        }
    }

    /// Where uploads and jobs lie while they are worked on.
    pub(crate) fn work(&self) -> &PathBuf {
        &self.work
    }

    /// Tells everyone who waits for a job that one has changed its state.
    pub(crate) fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// [`Compute::tell`], and the scheduler looks for something to do.
    pub(crate) fn announce(&self) {
        self.tell();
        self.wake.notify_one();
    }

    /// Moves whenever a job of this server has changed its state.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn folder(&self, job: &str, attempt: i64) -> PathBuf {
        self.work.join(format!("{job}-{attempt}"))
    }

    fn slots(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Data => &self.data_slots,
            Lane::Training => &self.training_slots,
        }
    }
}

impl App {
    /// The newest jobs of the caller's project, newest first, at most 500.
    pub async fn jobs(&self, caller: &Caller) -> Result<Vec<Job>, Error> {
        caller.require(Action::ReadJobs)?;
        let rows = jobs::list(&self.store.db, caller.project_id(), LIST).await?;
        rows.iter().map(shown).collect()
    }

    /// One job.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn job(&self, caller: &Caller, id: &str) -> Result<Job, Error> {
        caller.require(Action::ReadJobs)?;
        shown(&self.job_row(caller, id).await?)
    }

    /// Asks a job to stop: a queued one has stopped when this returns, a running one within a second.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when the job has ended.
    pub async fn cancel_job(&self, caller: &Caller, id: &str) -> Result<Job, Error> {
        caller.require(Action::CancelJob)?;
        let row = self.job_row(caller, id).await?;
        // It was tried before, and waits to be tried again: nobody else will keep what it said.
        let waits_again = row.attempts > 0 && row.state == JobState::Queued.word();
        let events = if waits_again { Some(events::keep(self, &row).await?) } else { None };
        let (project, at) = (caller.project_id(), self.clock.now());
        let mut tx = self.store.begin().await?;
        let Some(row) = jobs::request_cancel(&mut tx, project, id, at, events.as_deref()).await? else {
            drop(tx);
            let row = self.job_row(caller, id).await?;
            return Err(Error::Conflict(format!("the job {id} has ended already: it {}", ended(&row.state))));
        };
        self.note(&mut tx, caller, "job.cancel", id, serde_json::json!({ "kind": row.kind, "subject": row.subject }));
        tx.commit().await?;
        if let Some(attempt) = self.compute.attempts.lock().get(id) {
            attempt.notify_one();
        }
        if row.state == JobState::Cancelled.word() {
            finish::remove_folders(self, &row).await;
        }
        self.compute.announce();
        shown(&row)
    }

    /// Queues a job and notes it in the audit trail, in one transaction.
    pub(crate) async fn queue(&self, caller: &Caller, action: &str, task: &Task) -> Result<JobRow, Error> {
        let mut tx = self.store.begin().await?;
        let new = NewJob {
            project_id: caller.project_id(),
            project: caller.project(),
            kind: task.kind(),
            subject: &task.subject(),
            task: &task.to_json()?,
            by: caller.principal(),
            at: self.clock.now(),
        };
        let row = jobs::queue(&mut tx, &new).await?;
        self.note(&mut tx, caller, action, &row.subject, serde_json::json!({ "job": row.id }));
        tx.commit().await?;
        self.compute.announce();
        Ok(row)
    }

    /// Notes in the audit trail what the caller does in this transaction.
    pub(crate) fn note(&self, tx: &mut Tx, caller: &Caller, action: &str, subject: &str, details: Value) {
        let entry = NewEntry {
            at: self.clock.now(),
            actor: caller.principal().to_owned(),
            project: caller.project().to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details,
        };
        audit::append(tx, entry);
    }

    async fn job_row(&self, caller: &Caller, id: &str) -> Result<JobRow, Error> {
        let row = jobs::find(&self.store.db, caller.project_id(), id).await?;
        row.ok_or_else(|| Error::not_found(format!("there is no job `{id}`"), "`meuse jobs list` shows what is there"))
    }
}

fn ended(state: &str) -> &str {
    match JobState::from_word(state) {
        Some(JobState::Cancelled) => "was cancelled",
        _ => state,
    }
}

/// A job as callers see it.
pub(crate) fn shown(row: &JobRow) -> Result<Job, Error> {
    let state = JobState::from_word(&row.state);
    let micros = |time: i64| meuse_core::time::Micros(time);
    Ok(Job {
        id: row.id.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        state: state.ok_or_else(|| Error::Internal(format!("job {} is in no known state", row.id)))?,
        cancel_requested: row.cancel_requested,
        attempts: row.attempts as u32,
        created_by: row.created_by.clone(),
        created_at: micros(row.created_at),
        started_at: row.started_at.map(micros),
        finished_at: row.finished_at.map(micros),
        result: row.result.clone(),
        failure: read::<Failure>(row, row.failure.as_deref())?,
        progress: read::<Progress>(row, row.progress.as_deref())?,
    })
}

fn read<T: DeserializeOwned>(row: &JobRow, text: Option<&str>) -> Result<Option<T>, Error> {
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|error| Error::Internal(format!("the record of job {} is damaged: {error}", row.id)))
}
