//! The time of day may be set, back or forward: nobody is taken for dead, and nothing waits an hour longer.

use std::path::Path;
use std::time::Duration;

use meuse_app::compute::LEASE;
use meuse_app::{App, Error};
use meuse_core::api::NewKey;
use meuse_core::job::JobState;
use meuse_core::time::{Clock, Micros};

use crate::world::{World, child, config, until};

const TEXT: &str = "a\n1\n2\n";
/// About the bytes of one beat.
const BEAT: u64 = 48;
const HOUR: i64 = 3_600_000_000;

/// Waits until the child of an attempt has beaten many times, and so its server has looked as often: a child beats
/// every 50 ms, an attempt looks every 100 ms, a scheduler every 500 ms.
async fn looks(folder: &Path) {
    let events = folder.join("events.jsonl");
    let size = || std::fs::metadata(&events).map_or(0, |events| events.len());
    let begin = size();
    until("the child goes on", || size() > begin + 30 * BEAT).await;
}

#[tokio::test]
async fn a_clock_that_is_set_ends_no_job() {
    for micros in [HOUR, -HOUR] {
        let world = World::start(child("waits")).await;
        let job = world.job(TEXT).await;
        world.ready(&job.id, 1).await;
        world.clock.set_back(micros);
        looks(&world.folder(&job, 1)).await;
        let running = world.app.job(&world.caller, &job.id).await.expect("it is there");
        assert_eq!((running.state, running.attempts), (JobState::Running, 1), "set back by {micros}");
        std::fs::write(world.folder(&job, 1).join("go"), "").expect("the folder is there");
        let ended = world.ended(&job.id).await;
        assert_eq!((ended.state, ended.attempts), (JobState::Succeeded, 1));
    }
}

#[tokio::test]
async fn a_child_that_is_silent_is_ended_in_time_although_the_clock_was_set_back() {
    let world = World::start(child("silent")).await;
    let job = world.job(TEXT).await;
    world.ready(&job.id, 1).await;
    world.clock.set_back(HOUR);
    let ended = world.ended_as_time_flies(&job.id).await;
    assert_eq!((ended.state, ended.attempts), (JobState::Failed, 2));
    assert!(ended.failure.expect("a reason").message.contains("not heard of for 60 seconds"));
}

#[tokio::test]
async fn a_server_whose_clock_is_an_hour_ahead_takes_no_job_from_a_living_one() {
    let first = World::start(child("waits")).await;
    let job = first.job(TEXT).await;
    first.ready(&job.id, 1).await;
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(first.home().join("secret"), home.path().join("secret")).expect("the secret is shared");
    let ahead = Micros(first.clock.now().0 + HOUR);
    let mut config = config(home.path(), child("done"), &Clock::manual(ahead));
    config.database = Some(first.home().join("meuse.db").to_str().expect("UTF-8").to_owned());
    config.blobs = Some(first.home().join("blobs"));
    let second = App::open(config).await.expect("the second server opens");
    second.start();
    looks(&first.folder(&job, 1)).await;
    let running = first.app.job(&first.caller, &job.id).await.expect("it is there");
    assert_eq!((running.state, running.attempts), (JobState::Running, 1));
    std::fs::write(first.folder(&job, 1).join("go"), "").expect("the folder is there");
    assert_eq!(first.ended(&job.id).await.attempts, 1);
    second.shutdown().await;
}

#[tokio::test]
async fn a_key_expires_by_the_time_of_day_and_the_trail_stays_whole_when_that_is_set() {
    let world = World::open(child("done")).await;
    let new = NewKey { principal: None, note: "for a day".into(), expires_in_days: Some(1) };
    let made = world.app.create_key(&world.caller, new).await.expect("made");
    world.clock.advance(Duration::from_hours(25));
    let refused = world.app.access.authenticate(&made.secret, None).expect_err("it has expired");
    assert!(matches!(refused, Error::Unauthenticated(_)), "{refused}");
    // An administrator sets the clock right: it was a day ahead.
    world.clock.set_back(24 * HOUR);
    world.app.access.authenticate(&made.secret, None).expect("its day is not over yet");
    let new = NewKey { principal: None, note: "after".into(), expires_in_days: None };
    world.app.create_key(&world.caller, new).await.expect("made");
    let verification = world.app.audit_verify(&world.caller).await.expect("verified");
    assert!(verification.intact, "{verification:?}");
    assert!(LEASE < Duration::from_hours(1));
}
