//! Follows a job to its end, with a progress bar and its log.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use meuse_core::api::{EventLine, Job, Page};
use meuse_core::events::EventKind;
use meuse_core::job::JobState;

use super::Session;
use crate::client::segment;
use crate::output;

/// For how long a job may be queued that begins at once.
const MOMENTS: usize = 10;
const MOMENT: Duration = Duration::from_millis(100);

/// Follows the job; a stream that breaks off is resumed where it stopped.
pub(super) fn to_the_end(session: &Session, id: &str) -> anyhow::Result<Job> {
    let bar = output::step_bar();
    let mut after = String::from("0.0");
    let mut failures_in_a_row = 0;
    tell_waiting(session, id, &bar);
    loop {
        let before = after.clone();
        match read(session, id, &mut after, &bar) {
            Ok(Some(job)) => {
                bar.finish_and_clear();
                return Ok(job);
            }
            Ok(None) => {}
            Err(error) if failures_in_a_row >= 10 => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
        failures_in_a_row = if before == after { failures_in_a_row + 1 } else { 0 };
    }
}

/// Says so where a job waits for others: nothing else is heard of it until they have ended.
fn tell_waiting(session: &Session, id: &str, bar: &indicatif::ProgressBar) {
    let path = format!("/api/v1/jobs/{}", segment(id));
    let waits = || session.client.get::<Job>(&path).is_ok_and(|job| job.state == JobState::Queued);
    // One that has just been asked for is queued for a moment, whoever else runs.
    for _ in 0..MOMENTS {
        if !waits() {
            return;
        }
        std::thread::sleep(MOMENT);
    }
    let Ok(jobs) = session.client.get::<Page<Job>>("/api/v1/jobs") else { return };
    let running = jobs.items.iter().filter(|job| job.state == JobState::Running).count();
    if running > 0 && waits() {
        bar.set_message("queued");
        let jobs = if running == 1 { "one job runs".to_owned() } else { format!("{running} jobs run") };
        bar.suspend(|| eprintln!("queued: {jobs} already; this one begins when a slot is free"));
    }
}

/// Reads the stream until it ends; the job when the stream said that it has ended.
fn read(session: &Session, id: &str, after: &mut String, bar: &indicatif::ProgressBar) -> anyhow::Result<Option<Job>> {
    let path = format!("/api/v1/jobs/{}/events?after={after}&follow=true", segment(id));
    for line in session.client.get_lines(&path)? {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_str(&line).context("the event stream is not what this version of meuse expects")? {
            EventLine::End { job } => return Ok(Some(job)),
            EventLine::Event { attempt, number, event } => {
                *after = format!("{attempt}.{number}");
                show(bar, &event.kind);
            }
        }
    }
    Ok(None)
}

fn show(bar: &indicatif::ProgressBar, event: &EventKind) {
    match event {
        EventKind::Progress { stage, done, total } => output::show_step(bar, stage, *done, *total),
        EventKind::Log { message, .. } => bar.suspend(|| eprintln!("{message}")),
        EventKind::Heartbeat | EventKind::Metric { .. } | EventKind::Done | EventKind::Failed(_) => {}
    }
}

/// How a followed job ended, as an exit code; a failure is told on standard error.
pub(super) fn outcome(job: &Job) -> ExitCode {
    match job.state {
        JobState::Succeeded => ExitCode::SUCCESS,
        JobState::Cancelled => {
            eprintln!("error: the job {} was cancelled", job.id);
            ExitCode::FAILURE
        }
        _ => {
            let reason = job.failure.as_ref().map_or_else(|| "no reason was recorded".to_owned(), ToString::to_string);
            eprintln!("error: the job {} failed: {reason}", job.id);
            ExitCode::FAILURE
        }
    }
}
