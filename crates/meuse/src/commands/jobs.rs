//! `meuse train` and `meuse jobs`.

use std::path::Path;
use std::process::ExitCode;

use meuse_core::api::{Job, ModelVersion, Page, TrainRequest};
use meuse_core::job::JobState;
use ureq::http::Method;

use super::{Session, follow, models, read_text};
use crate::arguments::Jobs;
use crate::client::segment;
use crate::output;

pub(super) fn train(session: &Session, file: &Path, model: String, wait: bool) -> anyhow::Result<ExitCode> {
    let request = TrainRequest { recipe: read_text(file)?, model };
    let job: Job = session.client.call(Method::POST, "/api/v1/jobs/train", &request)?;
    if wait {
        return followed(session, &job.id);
    }
    if session.json {
        output::json(&job)?;
    } else {
        output::line(&format!("job {} is {}; watch it with `meuse jobs follow {0}`", job.id, job.state.word()));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(session: &Session, command: Jobs) -> anyhow::Result<ExitCode> {
    match command {
        Jobs::List => list(session)?,
        Jobs::Show { id } => show(session, &session.client.get(&format!("/api/v1/jobs/{}", segment(&id)))?)?,
        Jobs::Cancel { id } => {
            let path = format!("/api/v1/jobs/{}/cancel", segment(&id));
            show(session, &session.client.call(Method::POST, &path, &serde_json::json!({}))?)?;
        }
        Jobs::Follow { id } => return followed(session, &id),
    }
    Ok(ExitCode::SUCCESS)
}

fn followed(session: &Session, id: &str) -> anyhow::Result<ExitCode> {
    let job = follow::to_the_end(session, id)?;
    if job.state != JobState::Succeeded || job.kind != "train" {
        show(session, &job)?;
        return Ok(follow::outcome(&job));
    }
    let result = job.result.clone().unwrap_or_default();
    if session.json {
        output::json(&job)?;
    } else {
        let version: ModelVersion = session.client.get(&models::version_path(&result)?)?;
        models::print_headline(&version);
        eprintln!("next: meuse models show {result}, or meuse models deploy {result}");
    }
    Ok(follow::outcome(&job))
}

fn list(session: &Session) -> anyhow::Result<()> {
    let page: Page<Job> = session.client.get("/api/v1/jobs")?;
    if session.json {
        return output::json(&page);
    }
    let row = |job: &Job| {
        let result = job.result.clone().or_else(|| job.failure.as_ref().map(ToString::to_string));
        vec![
            job.id.clone(),
            job.kind.clone(),
            job.subject.clone(),
            job.state.word().to_owned(),
            job.attempts.to_string(),
            job.created_at.to_string(),
            result.unwrap_or_default(),
        ]
    };
    let head = ["job", "kind", "subject", "state", "attempts", "asked for", "result"];
    output::table(&head, &[4], page.items.iter().map(row).collect());
    Ok(())
}

fn show(session: &Session, job: &Job) -> anyhow::Result<()> {
    if session.json {
        return output::json(job);
    }
    output::line(&format!("{} {} {}: {}", job.id, job.kind, job.subject, job.state.word()));
    if let Some(progress) = job.progress.as_ref().filter(|_| !job.state.is_final()) {
        output::line(&format!("  {} {}/{}", progress.stage, progress.done, progress.total));
    }
    if job.cancel_requested && !job.state.is_final() {
        output::line("  asked to stop");
    }
    if let Some(result) = &job.result {
        output::line(&format!("  made {result}"));
    }
    Ok(())
}
