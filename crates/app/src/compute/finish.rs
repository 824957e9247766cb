//! Ends an attempt: registers what it made and marks the job, in one transaction that checks once more whether the
//! attempt still holds the job. A late twin registers nothing.

use std::path::Path;
use std::time::Duration;

use meuse_core::events::Failure;
use meuse_core::job::JobState;
use meuse_store::Tx;
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::records::jobs::{self, Ending, JobRow, Lease};
use meuse_store::records::{datasets, models};
use serde_json::{Value, json};

use super::outputs::{self, Made, NotCollected};
use super::task::{self, Task};
use super::{LEASE, MAX_ATTEMPTS, MAX_ATTEMPTS_THAT_COME_FURTHER, events, kept};
use crate::{App, Error};

/// How long to wait before trying again when the database or the disk refuses.
const AGAIN: Duration = Duration::from_secs(1);

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its outputs are there.
    Done,
    /// For a reason that trying again does not change.
    Failed(Failure),
    /// For a reason that may not be there the next time.
    Crashed(String),
    /// A person asked for it.
    Cancelled,
}

/// What an attempt's end means for the job.
enum Verdict {
    Made(Box<(Task, Made)>),
    Failed(Failure),
    Again,
    Cancelled,
}

/// Ends an attempt of this home, trying until the records say so, or the app stops.
pub(crate) async fn conclude(app: &App, job: &JobRow, outcome: Outcome) {
    let mut told = false;
    loop {
        let Err(error) = try_to_conclude(app, job, &outcome).await else { break };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(job.id = job.id, %error, "the end of a job cannot be recorded now; will try again");
        }
        show_waiting(app, job, &error).await;
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
    app.compute.announce();
}

/// Shows in the job's progress what it waits for, where the database takes it.
async fn show_waiting(app: &App, job: &JobRow, reason: &Error) {
    let at = app.clock.now();
    let lease = Lease { owner: &app.compute.owner, at, until: at.plus(LEASE) };
    let progress = json!({ "stage": format!("its end waits: {reason}"), "done": 0, "total": 0 }).to_string();
    let noted = async {
        let mut tx = app.store.begin().await?;
        jobs::keep(&mut tx, &job.id, job.attempts, &lease, Some(&progress)).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::debug!(job.id = job.id, %error, "what a job waits for cannot be noted now");
    }
}

async fn try_to_conclude(app: &App, job: &JobRow, outcome: &Outcome) -> Result<(), Error> {
    let verdict = match outcome {
        Outcome::Done => {
            let task = Task::from_json(&job.task)?;
            match outputs::collect(app, &task, &app.compute.folder(&job.id, job.attempts)).await {
                Ok(made) => Verdict::Made(Box::new((task, made))),
                Err(NotCollected::Unusable(reason)) => crashed(job, &reason, MAX_ATTEMPTS),
                Err(NotCollected::NotNow(error)) => return Err(error),
            }
        }
        Outcome::Failed(failure) => Verdict::Failed(failure.clone()),
        Outcome::Crashed(reason) => {
            let further = job.attempts >= MAX_ATTEMPTS && kept::came_further(app, job).await;
            crashed(job, reason, if further { MAX_ATTEMPTS_THAT_COME_FURTHER } else { MAX_ATTEMPTS })
        }
        Outcome::Cancelled => Verdict::Cancelled,
    };
    meuse_faults::reach("finish.collected");
    let events = events::keep(app, job).await?;
    meuse_faults::reach("finish.events");
    let mut tx = app.store.begin().await?;
    let Some(held) = jobs::hold(&mut tx, &job.id, job.attempts, &app.compute.owner).await? else {
        drop(tx);
        tracing::info!(job.id = job.id, job.attempt = job.attempts, "an attempt ended that holds its job no longer");
        remove_folder(&app.compute.folder(&job.id, job.attempts)).await;
        return Ok(());
    };
    end(app, tx, &held, verdict, &events).await
}

/// Ends an attempt of another home, unless that home has prolonged its lease since.
pub(crate) async fn conclude_abandoned(app: &App, job: &JobRow, reason: &str) -> Result<(), Error> {
    let mut tx = app.store.begin().await?;
    let Some(held) = jobs::hold_abandoned(&mut tx, &job.id, job.attempts, job.lease_until).await? else {
        return Ok(());
    };
    let verdict = crashed(&held, reason, MAX_ATTEMPTS);
    let events = app.store.blobs.put_bytes(Vec::new()).await?;
    end(app, tx, &held, verdict, &events.to_string()).await?;
    app.compute.announce();
    Ok(())
}

fn crashed(job: &JobRow, reason: &str, most: i64) -> Verdict {
    if job.attempts < most {
        tracing::info!(
            job.id = job.id,
            job.attempt = job.attempts,
            reason,
            "an attempt failed; the job is tried again"
        );
        return Verdict::Again;
    }
    let message = format!("{reason} (attempt {} of {})", job.attempts, job.attempts.max(most));
    Verdict::Failed(Failure { field: String::new(), message, hint: String::new() })
}

async fn end(app: &App, mut tx: Tx, job: &JobRow, verdict: Verdict, events: &str) -> Result<(), Error> {
    // Whoever asked for a job to stop was told that it will.
    let verdict = if job.cancel_requested { Verdict::Cancelled } else { verdict };
    if matches!(verdict, Verdict::Again) {
        jobs::requeue(&mut tx, &job.id, job.attempts).await?;
        tx.commit().await?;
        meuse_faults::reach("attempt.requeued");
        return Ok(());
    }
    let state = match &verdict {
        Verdict::Made(_) => JobState::Succeeded,
        Verdict::Failed(_) | Verdict::Again => JobState::Failed,
        Verdict::Cancelled => JobState::Cancelled,
    };
    let mut ending = Ending { state: state.word(), events: Some(events), ..Ending::default() };
    let (result, failure);
    match verdict {
        Verdict::Made(made) => {
            let (task, made) = *made;
            result = register(app, &mut tx, job, &task, &made).await?;
            ending.result = Some(&result);
        }
        Verdict::Failed(mut why) => {
            if let Some(place) = kept::keep(app, job).await {
                why.hint = with_place(&why.hint, &place);
            }
            failure = serde_json::to_string(&why).map_err(|error| Error::Internal(error.to_string()))?;
            ending.failure = Some(&failure);
            // The audit trail holds no cell of a table, and a failure may name one.
            note(app, &mut tx, job, "job.fail", &job.subject, json!({}));
        }
        Verdict::Cancelled | Verdict::Again => note(app, &mut tx, job, "job.cancelled", &job.subject, json!({})),
    }
    jobs::end(&mut tx, &job.id, job.attempts, app.clock.now(), &ending).await?;
    tx.commit().await?;
    tracing::info!(job.id = job.id, job.kind = job.kind, job.state = state.word(), "a job has ended");
    after(app, job).await;
    Ok(())
}

/// What to do, and where the weights of before are.
fn with_place(hint: &str, place: &Path) -> String {
    let separator = if hint.is_empty() { "" } else { "; " };
    format!("{hint}{separator}the server keeps the last checkpoint for a week: {}", place.display())
}

/// What need not be part of the transaction: what is lost here is made good by the next look, or the next start.
async fn after(app: &App, job: &JobRow) {
    if job.kind == "train"
        && let Err(error) = app.models.reload(&app.store).await
    {
        tracing::debug!(%error, "the models cannot be read again now");
    }
    meuse_faults::reach("finish.told");
    remove_folders(app, job).await;
    meuse_faults::reach("finish.cleaned");
}

/// Removes the work folders of all attempts of a job that has ended.
pub(crate) async fn remove_folders(app: &App, job: &JobRow) {
    for attempt in 1..=job.attempts {
        remove_folder(&app.compute.folder(&job.id, attempt)).await;
    }
}

/// Registers what was made; answers its name.
async fn register(app: &App, tx: &mut Tx, job: &JobRow, task: &Task, made: &Made) -> Result<String, Error> {
    match (task, made) {
        (Task::Import { dataset, file, source, bytes, options }, Made::Data(contents)) => {
            let (_, options) = task::canonical(options)?;
            let source = datasets::SourceRow { file: file.clone(), sha256: source.clone(), bytes: *bytes, options };
            let new = datasets::NewVersion {
                project: &job.project_id,
                dataset: dataset.as_str(),
                at: app.clock.now(),
                by: &job.created_by,
                job: &job.id,
                contents,
                source: &source,
            };
            let result = format!("{dataset}:{}", datasets::register(tx, &new).await?);
            let details =
                json!({ "rows": contents.rows, "sha256": contents.data.to_string(), "source": source.sha256 });
            note(app, tx, job, "dataset.register", &result, details);
            Ok(result)
        }
        (Task::Export { dataset, version, .. }, Made::Csv(csv)) => {
            datasets::note_csv(tx, &job.project_id, dataset.as_str(), *version, csv).await?;
            let result = format!("{dataset}:{version}");
            note(app, tx, job, "dataset.exported", &result, json!({ "sha256": csv.to_string() }));
            Ok(result)
        }
        (Task::Train { model, dataset, version, .. }, Made::Model(made)) => {
            let learnt_from = format!("{dataset}:{version}");
            let files: serde_json::Map<String, Value> =
                made.bundle.files.iter().map(|(name, digest)| (name.clone(), digest.to_string().into())).collect();
            let new = models::NewVersion {
                project: &job.project_id,
                model: model.as_str(),
                at: app.clock.now(),
                by: &job.created_by,
                job: &job.id,
                digest: &made.bundle.digest,
                files: &Value::Object(files).to_string(),
                dataset: &learnt_from,
                task: made.manifest.task.word(),
                algorithm: &made.manifest.algorithm,
                metric: &made.metric,
                validation: made.validation,
                test: made.test,
            };
            let result = format!("{model}:{}", models::register(tx, &new).await?);
            let details = json!({ "digest": made.bundle.digest, "dataset": learnt_from });
            note(app, tx, job, "model.register", &result, details);
            Ok(result)
        }
        _ => Err(Error::Internal(format!("job {} made something that was not asked for", job.id))),
    }
}

/// Notes what the server does by itself for whoever asked for the job.
fn note(app: &App, tx: &mut Tx, job: &JobRow, action: &str, subject: &str, mut details: Value) {
    details["job"] = job.id.clone().into();
    details["for"] = job.created_by.clone().into();
    let entry = NewEntry {
        at: app.clock.now(),
        actor: "meuse".into(),
        project: job.project.clone(),
        action: action.into(),
        subject: subject.into(),
        details,
    };
    audit::append(tx, entry);
}

/// Removes a work folder; one that cannot be removed takes room and harms nothing.
pub(crate) async fn remove_folder(folder: &Path) {
    if let Err(error) = tokio::fs::remove_dir_all(folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a work folder cannot be removed");
    }
}
