//! Jobs are run by children that may crash, lie or not stop, under servers that may go away.

use std::time::{Duration, Instant};

use futures::StreamExt;
use meuse_app::compute::{After, LEASE};
use meuse_app::{App, Error};
use meuse_core::api::{EventLine, ImportAnswer};
use meuse_core::job::JobState;
use meuse_core::time::{Clock, Micros};

use crate::world::{World, child, config, is_at_work, kill, until};

const TEXT: &str = "a\n1\n2\n";

#[tokio::test]
async fn a_job_that_ends_well_registers_what_it_made() {
    let world = World::start(child("done")).await;
    let job = world.ended(&world.job(TEXT).await.id).await;
    assert_eq!((job.state, job.attempts, job.result.as_deref()), (JobState::Succeeded, 1, Some("credit:1")));
    world.no_work_is_left().await;
}

#[tokio::test]
async fn a_child_that_is_killed_is_tried_once_more_and_then_the_job_fails_with_the_reason() {
    let world = World::start(child("killed")).await;
    let job = world.ended(&world.job(TEXT).await.id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 2));
    let message = job.failure.expect("a reason").message;
    assert!(message.contains("SIGKILL") && message.contains("a last word"), "{message}");
    assert_eq!(world.app.datasets(&world.caller).await.expect("listed"), [], "nothing is half registered");
    world.no_work_is_left().await;
}

#[tokio::test]
async fn a_child_that_is_killed_once_is_done_at_the_second_attempt() {
    let world = World::start(child("killed-once")).await;
    let job = world.job(TEXT).await;
    let lines: Vec<EventLine> = world.follow(&job.id, After::default()).await.collect().await;
    let Some(EventLine::End { job }) = lines.last() else { panic!("{lines:?}") };
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
    let attempts = lines.iter().filter_map(|line| match line {
        EventLine::Event { attempt, .. } => Some(*attempt),
        EventLine::End { .. } => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 2], "the events of both attempts are told");
}

#[tokio::test]
async fn what_trying_again_does_not_change_is_not_tried_again() {
    let world = World::start(child("fails")).await;
    let job = world.ended(&world.job(TEXT).await.id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 1));
    assert_eq!(job.failure.expect("a reason").to_string(), "line 7: it has 3 cells instead of 2 (mend it)");
}

#[tokio::test]
async fn a_child_that_says_done_and_made_nothing_registers_nothing() {
    let world = World::start(child("liar")).await;
    let job = world.ended(&world.job(TEXT).await.id).await;
    assert_eq!(job.state, JobState::Failed);
    let message = job.failure.expect("a reason").message;
    assert!(message.starts_with("its output `schema.json` cannot be used"), "{message}");
}

#[tokio::test]
async fn a_missing_program_or_library_fails_the_job_in_one_sentence() {
    for (program, expected) in [("no such program", "set MEUSE_JOB"), ("no-library", "libduckdb.so")] {
        let world = World::start(child(program)).await;
        let job = world.ended(&world.job(TEXT).await.id).await;
        assert_eq!((job.state, job.attempts), (JobState::Failed, 1), "{program}");
        let message = job.failure.expect("a reason").message;
        assert!(message.contains(expected) && message.lines().count() == 1, "{program}: {message}");
    }
}

#[tokio::test]
async fn a_running_job_is_cancelled_at_once() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    let asked = Instant::now();
    let answer = world.app.cancel_job(&world.caller, &job.id).await.expect("it runs");
    assert!(answer.cancel_requested);
    let job = world.ended(&job.id).await;
    // It would never end by itself, and its lease is a minute: on a quiet machine this takes a tenth of a second.
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    assert_eq!((job.state, job.attempts, job.result), (JobState::Cancelled, 1, None));
    world.no_work_is_left().await;
    let again = world.app.cancel_job(&world.caller, &job.id).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
}

#[tokio::test]
async fn a_child_that_does_not_end_when_asked_is_ended() {
    let world = World::start(child("stubborn")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    let folder = world.folder(&job, 1);
    assert!(is_at_work(&folder));
    world.app.cancel_job(&world.caller, &job.id).await.expect("it runs");
    assert_eq!(world.ended(&job.id).await.state, JobState::Cancelled);
    assert!(!is_at_work(&folder));
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let world = World::open(child("done")).await;
    let job = world.job(TEXT).await;
    let cancelled = world.app.cancel_job(&world.caller, &job.id).await.expect("it waits");
    assert_eq!((cancelled.state, cancelled.attempts), (JobState::Cancelled, 0));
    assert_eq!(world.ended(&job.id).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn a_child_that_is_not_heard_of_is_ended_and_its_job_tried_again() {
    let world = World::start(child("silent")).await;
    let job = world.job(TEXT).await;
    let job = world.ended_as_time_flies(&job.id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 2));
    let message = job.failure.expect("a reason").message;
    assert!(message.contains("not heard of for 60 seconds"), "{message}");
}

#[tokio::test]
async fn a_restarted_server_finds_its_living_child() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    let world = world.restart(child("done")).await;
    let running = world.app.job(&world.caller, &job.id).await.expect("it is there");
    assert_eq!((running.state, running.attempts), (JobState::Running, 1));
    std::fs::write(world.folder(&job, 1).join("go"), "").expect("the folder is there");
    let job = world.ended(&job.id).await;
    assert_eq!((job.state, job.attempts, job.result.as_deref()), (JobState::Succeeded, 1, Some("credit:1")));
}

#[tokio::test]
async fn a_restarted_server_cancels_its_living_child() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    let world = world.restart(child("done")).await;
    world.app.cancel_job(&world.caller, &job.id).await.expect("it runs");
    assert_eq!(world.ended(&job.id).await.state, JobState::Cancelled);
    assert!(!is_at_work(&world.folder(&job, 1)));
}

#[tokio::test]
async fn a_child_that_was_done_while_no_server_was_there_is_registered_once() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    world.app.shutdown().await;
    let folder = world.folder(&job, 1);
    std::fs::write(folder.join("go"), "").expect("the folder is there");
    until("the child ends by itself", || !is_at_work(&folder)).await;
    let world = world.restart(child("no such program")).await;
    let job = world.ended(&job.id).await;
    assert_eq!((job.state, job.attempts, job.result.as_deref()), (JobState::Succeeded, 1, Some("credit:1")));
    let world = world.restart(child("no such program")).await;
    let versions = world.app.dataset_versions(&world.caller, &"credit".parse().expect("a name")).await;
    assert_eq!(versions.expect("listed").len(), 1);
}

#[tokio::test]
async fn a_child_that_died_while_no_server_was_there_is_tried_again() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    world.app.shutdown().await;
    let folder = world.folder(&job, 1);
    kill(&folder);
    until("the child is gone", || !is_at_work(&folder)).await;
    let world = world.restart(child("done")).await;
    let job = world.ended(&job.id).await;
    assert_eq!((job.state, job.attempts, job.result.as_deref()), (JobState::Succeeded, 2, Some("credit:1")));
}

#[tokio::test]
async fn a_late_twin_on_another_server_registers_nothing() {
    let first = World::start(child("waits")).await;
    let job = first.job(TEXT).await;
    first.ready(&job.id, 1).await;

    // A second server on the same database and blobs, which sees that the first one's lease is prolonged no more: a
    // summary is written once a second, and two leases pass between two looks.
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(first.home().join("secret"), home.path().join("secret")).expect("the secret is shared");
    let mut config = config(home.path(), child("done"), &Clock::manual(Micros(1_800_000_000_000_000)));
    config.database = Some(first.home().join("meuse.db").to_str().expect("UTF-8").to_owned());
    config.blobs = Some(first.home().join("blobs"));
    let clock = config.clock.clone();
    let second = App::open(config).await.expect("the second server opens");
    second.start();

    let ended = {
        let mut ended = std::pin::pin!(first.ended(&job.id));
        loop {
            if let Ok(job) = tokio::time::timeout(Duration::from_millis(20), &mut ended).await {
                break job;
            }
            // Once the second server has the job, its own child is to be heard of.
            if first.app.job(&first.caller, &job.id).await.expect("there").attempts == 1 {
                clock.advance(LEASE + LEASE);
            }
        }
    };
    assert_eq!((ended.state, ended.attempts, ended.result.as_deref()), (JobState::Succeeded, 2, Some("credit:1")));
    let folder = first.folder(&job, 1);
    until("the first server's child is ended", || !is_at_work(&folder) && !folder.exists()).await;
    let versions = first.app.dataset_versions(&first.caller, &"credit".parse().expect("a name")).await;
    assert_eq!(versions.expect("listed").len(), 1);
    assert_eq!(first.app.job(&first.caller, &job.id).await.expect("there"), ended);
    second.shutdown().await;
}

#[tokio::test]
async fn two_imports_of_the_same_bytes_at_once_make_one_version() {
    let world = World::open(child("done")).await;
    let (first, second) = (world.job(TEXT).await, world.job(TEXT).await);
    world.app.start();
    for job in [first, second] {
        assert_eq!(world.ended(&job.id).await.result.as_deref(), Some("credit:1"));
    }
    let answer = world.import(TEXT).await.expect("taken");
    assert!(matches!(answer, ImportAnswer::Unchanged { version } if version.version == 1));
}

#[tokio::test]
async fn a_stream_of_events_is_resumed_by_number() {
    let world = World::start(child("killed-once")).await;
    let job = world.ended(&world.job(TEXT).await.id).await;
    let all: Vec<EventLine> = world.follow(&job.id, After::default()).await.collect().await;
    for (index, line) in all.iter().enumerate() {
        let EventLine::Event { attempt, number, .. } = line else { continue };
        let after: After = format!("{attempt}.{number}").parse().expect("what a line says can be asked for");
        let rest: Vec<EventLine> = world.follow(&job.id, after).await.collect().await;
        assert_eq!(rest, all[index + 1..], "after {attempt}.{number}");
    }
    for text in ["", "1", "1.", "a.b", "-1.2"] {
        assert!(text.parse::<After>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_job_of_another_project_is_as_one_that_does_not_exist() {
    let world = World::open(child("done")).await;
    let job = world.job(TEXT).await;
    let other = world.caller_of_another_project().await;
    let none = "0190c0de-0000-7000-8000-000000000000";
    let message = |error: Error, id: &str| error.to_string().replace(id, "ID");
    for id in [job.id.as_str(), none] {
        let read = world.app.job(&other, id).await.expect_err("not there");
        let cancelled = world.app.cancel_job(&other, id).await.expect_err("not there");
        let followed = world.app.events(&other, id, After::default(), false).await.err().expect("not there");
        for error in [read, cancelled, followed] {
            assert_eq!(message(error, id), "there is no job `ID`");
        }
    }
    assert_eq!(world.app.jobs(&other).await.expect("listed"), []);
}

#[tokio::test]
async fn what_a_killed_server_left_of_ended_jobs_is_removed() {
    let world = World::start(child("waits")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    let living = world.folder(&job, 1);
    let left = world.home().join("work/0190c0de-0000-7000-8000-000000000000-1");
    std::fs::create_dir_all(left.join("out")).expect("a folder");
    let world = world.restart(child("done")).await;
    until("the folder of no job is removed", || !left.exists()).await;
    assert!(living.exists());
    std::fs::write(living.join("go"), "").expect("the folder is there");
    assert_eq!(world.ended(&job.id).await.attempts, 1);
}
